package media_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/encoding/korean"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
)

func cp949(t *testing.T, s string) string {
	t.Helper()
	out, err := korean.EUCKR.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRead(t *testing.T) {
	hangul := cp949(t, "안녕하세요\n채널")
	for _, tt := range []struct {
		name, contentType, body string
		kind                    media.Kind
		want, note, why         string
	}{
		{"empty", "application/json", "", media.Empty, "", "", "no bytes, no kind"},
		{"json", "application/json", `{"a":1}`, media.JSON, `{"a":1}`, "", "as it is"},
		{"problem json", "application/problem+json; charset=utf-8", `{}`, media.JSON, `{}`, "", "the suffix decides"},
		{"broken json stays json", "application/json", `{`, media.JSON, `{`, "", "the engine says what is wrong with it"},
		{"json as text", "text/plain", `{"a":1}`, media.JSON, `{"a":1}`, "declared as text, reads as json", "servers mislabel JSON"},
		{"json as html", "text/html", `{"a":1}`, media.JSON, `{"a":1}`, "declared as html, reads as json", "frameworks default to HTML"},
		{"json undeclared", "", ` [1]`, media.JSON, ` [1]`, "", "sniffed"},
		{"json as bytes", "application/octet-stream", `[1]`, media.Binary, `{"length":3,"sha256":"080a9ed428559ef602668b4c00f114f1a11c3f6b02a435f0bdc154578e4d7f22","type":""}`, "declared as binary, reads as json", "octet-stream means bytes"},
		{"json in cp949", "application/json; charset=euc-kr", cp949(t, `{"이름":"채널"}`), media.JSON, `{"이름":"채널"}`, "", "a declared charset is decoded"},
		{"number is text", "text/plain", "12", media.Text, `["12"]`, "", "a lone number is no document"},
		{"ndjson", "application/x-ndjson", "{\"a\":1}\n\n{\"a\":2}\n", media.NDJSON, `[{"a":1},{"a":2}]`, "", "one document a line"},
		{"ndjson sniffed", "", "{\"a\":1}\n{\"a\":2}", media.NDJSON, `[{"a":1},{"a":2}]`, "", "two objects on two lines"},
		{"text", "text/plain", "a\r\nb\n\nc", media.Text, `["a\r","b","","c"]`, "", "a line keeps its end where not all end alike"},
		{"text cp949", "text/plain; charset=cp949", hangul, media.Text, `["안녕하세요","채널"]`, "", "the name that people write"},
		{"text euc-kr", "text/plain; charset=EUC-KR", hangul, media.Text, `["안녕하세요","채널"]`, "", "the registered name"},
		{"html", "text/html", "<html>\n</html>", media.HTML, `["<html>","</html>"]`, "", "as lines"},
		{"form", "application/x-www-form-urlencoded", "b=2&a=1&b=%EA%B0%80", media.Form, `{"a":["1"],"b":["2","가"]}`, "", "by name, values in order"},
		{"xml", "text/xml", `<a/>`, media.XML, `{"a":[""]}`, "", "an empty element is empty text"},
		{"xml attributes", "application/xml", `<a y="2" x='1'/>`, media.XML, `{"a":[{"@x":"1","@y":"2"}]}`, "", "without order"},
		{"xml children", "application/rss+xml", "<a>\n <b>1</b><b>2</b>\n <c/></a>", media.XML, `{"a":[{"#order":"b c","b":["1","2"],"c":[""]}]}`, "", "always arrays, layout dropped"},
		{"xml mixed", "text/xml", `<p>one <b>two</b> three</p>`, media.XML, `{"p":[{"#text":["one "," three"],"b":["two"]}]}`, "", "runs of text keep their place"},
		{"xml namespaces", "text/xml", `<x:a xmlns:x="urn:1"><x:b z:q="1" xmlns:z="urn:2"/></x:a>`, media.XML, `{"a":[{"@xmlns":"urn:1","b":[{"@{urn:2}q":"1"}]}]}`, "", "prefixes are resolved"},
		{"xml same namespace", "text/xml", `<a xmlns="urn:1"><b xmlns:z="urn:2" z:q="1"/></a>`, media.XML, `{"a":[{"@xmlns":"urn:1","b":[{"@{urn:2}q":"1"}]}]}`, "", "the same document with other prefixes"},
		{"xml cdata", "text/xml", `<a><![CDATA[1<2]]>&amp;<!-- x --></a>`, media.XML, `{"a":["1<2&"]}`, "", "ways of writing"},
		{"xml cp949", "text/xml", `<?xml version="1.0" encoding="euc-kr"?><a>` + cp949(t, "채널") + `</a>`, media.XML, `{"a":["채널"]}`, "", "the prolog names the charset"},
		{"xml sniffed", "", `<?xml version="1.0"?><a/>`, media.XML, `{"a":[""]}`, "", "a prolog"},
		{
			"hls media", "application/vnd.apple.mpegurl", "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-KEY:METHOD=AES-128,URI=\"k?a=1,2\"\n#EXTINF:9.009,one\nseg1.ts\n#EXTINF:3,\nseg2.ts\n#EXT-X-ENDLIST\n", media.M3U8,
			`{"tags":{"EXT-X-ENDLIST":true,"EXT-X-MEDIA-SEQUENCE":7,"EXT-X-TARGETDURATION":10,"EXT-X-VERSION":3},"segments":[{"uri":"seg1.ts","duration":9.009,"title":"one","tags":{"EXT-X-KEY":[{"METHOD":"AES-128","URI":"k?a=1,2"}]}},{"uri":"seg2.ts","duration":3}]}`, "", "segments with their tags",
		},
		{
			"hls master", "text/plain", "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,NAME=\"한국어\"\n#EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS=\"avc1.4d401f,mp4a.40.2\"\nlow.m3u8\n", media.M3U8,
			`{"variants":[{"BANDWIDTH":800000,"CODECS":"avc1.4d401f,mp4a.40.2","uri":"low.m3u8"}],"media":[{"NAME":"한국어","TYPE":"AUDIO"}]}`, "declared as text, reads as m3u8", "variants and renditions",
		},
		{"binary", "image/png", "\x89PNG\r\n\x1a\n\x00", media.Binary, `{"length":9,"sha256":"843ac23b1736b4487ec81cf7c07ddd9bb46ae5b7818c2c3843d99d62fa75f3c9","type":"image/png"}`, "", "length, digest and what it looks like"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := media.Read([]byte(tt.body), tt.contentType)
			if err != nil {
				t.Fatalf("%v: %s", err, tt.why)
			}
			if got.Kind != tt.kind || string(got.JSON) != tt.want || got.Note != tt.note {
				t.Errorf("Read(%q, %q) = %v %s %q, want %v %s %q: %s", tt.body, tt.contentType, got.Kind, got.JSON, got.Note, tt.kind, tt.want, tt.note, tt.why)
			}
			if got.Kind != media.Empty && tt.name != "broken json stays json" {
				if err := diff.Validate(got.JSON); err != nil {
					t.Errorf("the tree is not JSON: %v", err)
				}
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	hangul := cp949(t, `{"a":"채널"}`)
	for _, tt := range []struct {
		name, contentType, body, want string
		offset                        int
	}{
		{"korean undeclared", "application/json", hangul, "charset=euc-kr", 8},
		{"not utf-8", "application/json; charset=utf-8", "{\"a\":\"\xff\"}", "not UTF-8", 6},
		{"wrong charset", "text/plain; charset=euc-kr", "ab\xff\xff", "not in its declared charset", 2},
		{"unknown charset", "text/plain; charset=klingon", "a", "unknown", 0},
		{"html as xml", "application/xml", "<html><br></html>", "not XML", 10},
		{"two roots", "application/xml", "<a/><b/>", "second root", 4},
		{"text around", "application/xml", "<a/>x", "outside the root", 4},
		{"no root", "application/xml", "<!-- -->", "no root", 0},
		{"deep xml", "application/xml", strings.Repeat("<a>", 1000), "too deep", 768},
		{"ndjson with two on a line", "application/x-ndjson", "{}\n{}{}\n", "not one JSON document", 3},
		{"ndjson with a smuggled comma", "application/x-ndjson", "1,2\n", "not one JSON document", 0},
		{"playlist without head", "application/vnd.apple.mpegurl", "seg.ts", "#EXTM3U", 0},
		{"playlist cut", "application/vnd.apple.mpegurl", "#EXTM3U\n#EXTINF:3,\n", "ends where a URI", 19},
		{"playlist without duration", "application/vnd.apple.mpegurl", "#EXTM3U\n#EXTINF:x,\na\n", "without a duration", 8},
		{"form", "application/x-www-form-urlencoded", "a=%zz", "not a form", 0},
		{"form not utf-8", "application/x-www-form-urlencoded", "a=%ff", "not UTF-8", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := media.Read([]byte(tt.body), tt.contentType)
			me, ok := errors.AsType[*media.Error](err)
			if !ok {
				t.Fatalf("Read = %s, %v; want an *Error", d.JSON, err)
			}
			if !strings.Contains(me.Msg, tt.want) || me.Offset != tt.offset {
				t.Errorf("got %d: %s, want %d: …%s…", me.Offset, me.Msg, tt.offset, tt.want)
			}
		})
	}
}

func TestSniff(t *testing.T) {
	for _, tt := range []struct {
		body string
		want media.Kind
	}{
		{"", media.Empty},
		{"{}", media.JSON},
		{"{", media.Text},
		{"<!DOCTYPE html><p>", media.HTML},
		{"<a></a>", media.XML},
		{"<a>", media.Text},
		{"#EXTM3U\n", media.M3U8},
		{"a\x00b", media.Binary},
		{"\xff\xfe\x00", media.Binary},
		{"plain", media.Text},
		{cp949(t, "한글"), media.Text},
		{"\xef\xbb\xbfplain", media.Text},
	} {
		if got := media.Sniff([]byte(tt.body)); got != tt.want {
			t.Errorf("Sniff(%q) = %v, want %v", tt.body, got, tt.want)
		}
	}
}

func TestKinds(t *testing.T) {
	for k := media.JSON; k <= media.Multipart; k++ {
		declared := media.TypeNamed(k.String())
		if d, _ := media.Read([]byte("#EXTM3U"), declared); k != media.Text && k != media.HTML && d.Kind != k {
			t.Errorf("%q does not declare %v but %v", declared, k, d.Kind)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{`{}`, "<a b='c'><d/>x</a>", "#EXTM3U\n#EXTINF:1,\na", "a=b&c", "{}\n{}", "\xb0\xa1", "#EXTM3U\n#EXT-X-STREAM-INF:A=\"\n"} {
		for _, t := range []string{"", "text/xml", "application/vnd.apple.mpegurl", "text/plain; charset=euc-kr", "application/x-www-form-urlencoded", "application/x-ndjson"} {
			f.Add([]byte(s), t)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		d, err := media.Read(body, contentType)
		if err != nil || d.Kind == media.JSON || d.Kind == media.NDJSON || d.Kind == media.Empty {
			return
		}
		if err := diff.Validate(d.JSON); err != nil && !strings.Contains(err.Error(), "nested deeper") {
			t.Errorf("%q (%s) becomes %s: %v", body, contentType, d.JSON, err)
		}
	})
}
