package media_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
)

// documents are of every kind, with what services of this trade send.
var documents = []struct {
	name, contentType, body string
}{
	{"json", "application/json", "{\"id\": 7, \"price\": 12.50, \"t\": \"a\\u00e9\\/\\n\\u001f\\\"한\", \"l\": [true, null, -0, 1e3],\n \"o\": {\"a\": {}, \"b\": [] } }\n"},
	{"json with a mark", "application/json; charset=utf-8", "\xef\xbb\xbf{\"a\":[1,2.0]}"},
	{"json in euc-kr", "application/json;charset=euc-kr", "{\"a\":\"\xb0\xa1\"}"},
	{"json in utf-16", "application/json; charset=utf-16le", "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00"},
	{"ndjson", "application/x-ndjson", "{\"a\":1, \"b\":\"x\\/\"}\n{\"a\":2.0}\n\n[]\n"},
	{"ndjson, CRLF, last line open", "application/x-ndjson", "{\"a\":1}\r\n{\"a\":2}"},
	{"xml", "application/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n<!-- guide -->\n<tv date='1'>\n  <channel id=\"c1\"><name lang=\"ko\">KBS&amp;1</name></channel>\n  <programme start=\"1\" channel=\"c1\"/>\n  <channel id=\"c2\"></channel>\n  <programme start=\"2\" channel=\"c2\"><title><![CDATA[a<b]]></title></programme>\n</tv>\n"},
	{"xml mixed", "application/ttml+xml", "<tt xml:lang=\"ko\"><body><div><p begin=\"0s\">one<br/>two <span>three</span> <span>four</span></p>\n<p><span>a</span>\n<span>b</span></p></div></body></tt>"},
	{"xml namespaces", "application/soap+xml", "<s:Envelope xmlns:s=\"urn:s\" xmlns:x='http://www.w3.org/2001/XMLSchema-instance' xmlns:d=\"urn:d\">\n<s:Body><d:r x:type=\"d:T\" d:k=\"v\">d:q</d:r><f xmlns=\"urn:f\"><g/></f></s:Body></s:Envelope>"},
	{"xml, no namespaces used", "text/xml", "<a xmlns:q=\"urn:q\" b=\"x\ty&#10;z\" c='\"'>t&#x41;<?go a b?><?go c?></a><?end?>"},
	{"xml in euc-kr", "text/xml", "<?xml version='1.0' encoding='EUC-KR'?><a>\xb0\xa1</a>"},
	{"html", "text/html", "<!doctype html>\n<html><head><meta charset=\"euc-kr\"><title>\xb0\xa1</title></head>\n<body>a</body></html>\n"},
	{"text", "text/plain; charset=utf-8", "line 1\nline 2\n\n  line 4  \nlast"},
	{"text, CRLF", "text/plain", "a\r\nb\r\n"},
	{"text, mixed ends", "text/plain", "a\r\nb\nc\rd\n"},
	{"text in cp949", "text/plain; charset=cp949", "\xb0\xa1\nb\n"},
	{"csv", "text/csv; charset=utf-8", "\xef\xbb\xbfid,name\r\n1,\"a,b\"\r\n2,\"x\"\"y\"\r\n"},
	{"sse", "text/event-stream", "retry: 10\n\nid: 1\nevent: e\ndata: {\"a\": 1}\ndata: b\n\n: ping\n\n"},
	{"form", "application/x-www-form-urlencoded", "a=1&b=x+y%20z&a=2&c=%ea%b0%80&d&e="},
	{"multipart", "multipart/byteranges; boundary=B", "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\na\nb\r\n--B \r\nX-A:b\r\nX-A: c\r\n\r\n\r\n--B--\r\n"},
	{"multipart with text around", "multipart/mixed; boundary=\"b b\"", "pre\r\n--b b\r\n\r\n{\"a\": 1}\r\n--b b--\r\nepilogue"},
	{"binary", "application/octet-stream", "a\r\nb\x00\n"},
	{"protobuf", "application/x-protobuf", "\x0a\x03abc"},
	{"image", "image/png", "\x89PNG\r\n\x1a\n\x00"},
	{"master playlist", "application/vnd.apple.mpegurl", "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n## made by x\n#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI=\"skd://k\"\n#EXT-X-SESSION-DATA:DATA-ID=\"t\",VALUE=\"News\"\n#EXT-X-SESSION-DATA:DATA-ID=\"u\",VALUE=\"x\"\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"/s\",PATHWAY-ID=\"A\"\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"한\",DEFAULT=YES\n#EXT-X-STREAM-INF:BANDWIDTH=2000000,FRAME-RATE=25.000,CODECS=\"avc1,mp4a\",RESOLUTION=1280x720,X-V=q\nhi.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=800000\nlo.m3u8\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"i.m3u8\"\n"},
	{"media playlist", "application/x-mpegURL", "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x01\n#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"7@0\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-28T00:00:00Z\n#EXTINF:6.006,one\na.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:.5,\n#EXT-X-BYTERANGE:75@0\nb.ts\n#EXTINF:6.,\n\nc.ts\n#EXT-X-ENDLIST\n"},
	{"low-latency playlist", "application/vnd.apple.mpegurl", "#EXTM3U\r\n#EXT-X-DEFINE:NAME=\"h\",VALUE=\"x\"\r\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.0\r\n#EXT-X-PART-INF:PART-TARGET=1.0\r\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\r\n#EXTINF:4.0,\r\ns1.mp4\r\n#EXT-X-DATERANGE:ID=\"ad\",START-DATE=\"2026-11-28T00:00:00Z\",DURATION=30,SCTE35-OUT=0xFC\r\n#EXT-X-PART:DURATION=1.0,URI=\"p0.mp4\",INDEPENDENT=YES\r\n#EXT-X-PART:DURATION=1.0,URI=\"p1.mp4\"\r\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p2.mp4\"\r\n#EXT-X-RENDITION-REPORT:URI=\"../hi.m3u8\",LAST-MSN=100,LAST-PART=1"},
	{"channel list", "audio/x-mpegurl", "#EXTM3U x-tvg-url=\"http://o/epg.xml\" tvg-shift=9\n#PLAYLIST:Korea\n#EXTINF:-1 tvg-id=\"kbs1\" tvg-logo=\"k.png\" group-title=\"지상파, 뉴스\",KBS 1\n#KODIPROP:inputstream=hls\n#EXTVLCOPT:http-user-agent=x\nhttp://o/1.m3u8\n#EXTINF:0,MBC, HD\n#EXTGRP:News\nhttp://o/2.m3u8\n"},
}

// mutants are copies of a body with one byte or one line changed: every byte
// and every line; with -short every fourth byte.
func mutants(body string, yield func(what, mutant string)) {
	step := 1
	if testing.Short() {
		step = 4
	}
	for i := 0; i < len(body); i += step {
		yield(fmt.Sprintf("byte %d deleted", i), body[:i]+body[i+1:])
		for n, c := range "\n\r\t \"'<&=,;:#%+.0Ax/\x00" {
			if (i+n)%3 > 0 {
				yield(fmt.Sprintf("byte %d is %q", i, c), body[:i]+string(c)+body[i+1:])
			} else {
				yield(fmt.Sprintf("%q before byte %d", c, i), body[:i]+string(c)+body[i:])
			}
		}
		yield(fmt.Sprintf("byte %d in another case", i), body[:i]+string(body[i]^0x20)+body[i+1:])
		if i > 0 {
			yield(fmt.Sprintf("bytes %d and %d swapped", i-1, i), body[:i-1]+body[i:i+1]+body[i-1:i]+body[i+1:])
		}
	}
	for _, c := range []string{" ", "\n", "\r\n", "\x00", "x", "#x\n", "<!---->"} {
		yield(fmt.Sprintf("%q at the end", c), body+c)
	}
	lines := strings.SplitAfter(body, "\n")
	join := func(parts ...[]string) string { return strings.Join(slices.Concat(parts...), "") }
	for i := range lines {
		yield(fmt.Sprintf("line %d deleted", i), join(lines[:i], lines[i+1:]))
		yield(fmt.Sprintf("line %d twice", i), join(lines[:i+1], lines[i:]))
		for j := range lines {
			if j != i {
				moved := slices.Delete(slices.Clone(lines), i, i+1)
				yield(fmt.Sprintf("line %d moved to %d", i, j), strings.Join(slices.Insert(moved, j, lines[i]), ""))
			}
		}
	}
	yield("LF", strings.ReplaceAll(body, "\r\n", "\n"))
	yield("CRLF", strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\n", "\r\n"))
	yield("a byte order mark more", "\xef\xbb\xbf"+body)
	yield("a byte order mark less", strings.TrimPrefix(body, "\xef\xbb\xbf"))
}

// TestNothingIsLost is the law of the readers: a body that differs from another
// in any byte has another tree or other facts, cannot be read, or is another
// form of the same content that the table of harmless forms names for its kind.
func TestNothingIsLost(t *testing.T) {
	for _, tt := range documents {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			whole, err := media.Read([]byte(tt.body), tt.contentType)
			if err != nil {
				t.Fatal(err)
			}
			if err := diff.Validate(whole.JSON); err != nil {
				t.Fatalf("the tree is not JSON: %v: %s", err, whole.JSON)
			}
			seen, hidden := 0, 0
			mutants(tt.body, func(what, mutant string) {
				if mutant == tt.body {
					return
				}
				seen++
				d, err := media.Read([]byte(mutant), tt.contentType)
				if err != nil || d.Kind != whole.Kind || len(media.CompareFacts(&whole, &d)) > 0 {
					return
				}
				if !bytes.Equal(d.JSON, whole.JSON) {
					if r := diff.Compare(whole.JSON, d.JSON, nil); !r.Equal() {
						return
					}
				}
				hidden++
				forms := media.Met(&whole, &d)
				if len(forms) == 0 || len(forms) == 1 && forms[0].Name == "byte order mark" {
					t.Errorf("%s is not seen:\n%q\n%q\n%s", what, tt.body, mutant, d.JSON)
				}
				for _, f := range forms {
					if !slices.Contains(f.Kinds, d.Kind) {
						t.Errorf("%s meets %q, which is not a form of %v", what, f.Name, d.Kind)
					}
				}
			})
			t.Logf("%d mutants, %d in harmless forms", seen, hidden)
		})
	}
}
