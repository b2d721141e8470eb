package media_test

import (
	"slices"
	"testing"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
)

func read(t *testing.T, contentType, body string) media.Doc {
	t.Helper()
	d, err := media.Read([]byte(body), contentType)
	if err != nil {
		t.Fatalf("%s %q: %v", contentType, body, err)
	}
	return d
}

func names(forms []media.Harmless) []string {
	out := []string{}
	for _, f := range forms {
		out = append(out, f.Name)
	}
	return out
}

// Each form of the table has a pair that differs in it and in nothing else.
func TestHarmlessForms(t *testing.T) {
	const (
		xmlType = "application/xml"
		hlsType = "application/vnd.apple.mpegurl"
		form    = "application/x-www-form-urlencoded"
	)
	met := map[string]bool{}
	for _, tt := range []struct{ form, contentType, blue, green string }{
		{"white space", "application/json", `{"a":1,"b":[2]}`, "{\"a\": 1,\n\"b\":[2] }"},
		{"white space", "application/x-ndjson", "{\"a\":1}\n[2]\n", "{\"a\":1}\r\n\n[ 2]\n"},
		{"member order", "application/json", `{"a":1,"b":2}`, `{"b":2,"a":1}`},
		{"escapes", "application/json", `["a/b","é","\n"]`, `["a\/b","\u00e9","\u000A"]`},
		{"number notation", "application/json", `[1,100,0.5,0]`, `[1.0,1e2,5E-1,-0]`},
		{"number notation", hlsType, "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.,\na\n", "#EXTM3U\n#EXT-X-TARGETDURATION:6.0\n#EXTINF:6,\na\n"},
		{"blank lines", hlsType, "#EXTM3U\n#EXTINF:6,\na\n", "#EXTM3U\n\n#EXTINF:6,\n \na\n"},
		{"line ends", hlsType, "#EXTM3U\n#EXTINF:6,\na\n", "#EXTM3U\r\n#EXTINF:6,\r\na\r\n"},
		{"line ends", xmlType, "<a>\nb\n</a>", "<a>\r\nb\r</a>"},
		{"last line", hlsType, "#EXTM3U\n#EXTINF:6,\na\n", "#EXTM3U\n#EXTINF:6,\na"},
		{"attribute order", hlsType, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"a\"\na\n", "#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"a\",BANDWIDTH=1\na\n"},
		{"attribute order", xmlType, `<a b="1" c="2"/>`, `<a c="2" b="1"/>`},
		{"order of head tags", hlsType, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na\n", "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-VERSION:3\n#EXTINF:6,\na\n"},
		{"comments", hlsType, "#EXTM3U\n## packager 1.13\n#EXTINF:6,\na\n", "#EXTM3U\n## packager 1.14\n#EXTINF:6,\na\n"},
		{"comments", xmlType, "<a>x<!-- 1 -->y</a>", "<a>xy<!-- 2 --></a>"},
		{"XML declaration", xmlType, `<?xml version="1.0" encoding="UTF-8"?><a/>`, `<?xml version='1.0' standalone="no"?><a/>`},
		{"namespace prefixes", xmlType, `<p:a xmlns:p="urn:1" p:b="1"/>`, `<q:a xmlns:q="urn:1" xmlns:r="urn:2" q:b="1"/>`},
		{"white space and quotes in tags", xmlType, `<a b="1"></a>`, "<a\n b = '1' ></a >"},
		{"empty elements", xmlType, `<a/>`, `<a></a>`},
		{"character references and CDATA", xmlType, `<a b="&amp;">1&lt;2</a>`, `<a b="&#38;">1<![CDATA[<]]>2</a>`},
		{"white space in attribute values", xmlType, "<a b=\"x y\"/>", "<a b=\"x\ty\"/>"},
		{"layout", xmlType, `<a><b/><b>1</b></a>`, "<a>\n  <b/>\n  <b>1</b>\n</a>\n"},
		{"field order", form, "a=1&b=2&a=3", "b=2&&a=1&a=3"},
		{"percent-encoding", form, "a=x+y&b=&c=ab", "a=x%20y&b&c=%61b"},
		{"boundary", "multipart/mixed", "--b1\r\nA: x\r\n\r\nabc\r\n--b1--\r\n", "--b2\r\nA: x\r\n\r\nabc\r\n--b2--\r\n"},
		{"headers of parts", "multipart/mixed", "--b\r\nA: x\r\nB: y\r\n\r\nabc\r\n--b--\r\n", "--b\r\nb:y\r\na:  x\r\n\r\nabc\r\n--b--\r\n"},
		{"byte order mark", "application/json", "\xef\xbb\xbf[1]", "\xef\xbb\xbf[1]"},
	} {
		blue, green := read(t, tt.contentType, tt.blue), read(t, tt.contentType, tt.green)
		if r := diff.Compare(blue.JSON, green.JSON, nil); !r.Equal() || len(media.CompareFacts(&blue, &green)) > 0 {
			t.Errorf("%s: %q and %q differ: %s, %s, %v", tt.form, tt.blue, tt.green, blue.JSON, green.JSON, media.CompareFacts(&blue, &green))
		}
		if got := names(media.Met(&blue, &green)); !slices.Equal(got, []string{tt.form}) {
			t.Errorf("%q and %q meet %q, want %q alone", tt.blue, tt.green, got, tt.form)
		}
		met[tt.form] = true
	}
	blue := read(t, "text/xml", "<?xml version='1.0' encoding='EUC-KR'?><a>\xb0\xa1</a>")
	green := read(t, "text/xml", "<?xml version='1.0' encoding='UTF-8'?><a>가</a>")
	if got := names(media.Met(&blue, &green)); !slices.Contains(got, "charset") || string(blue.JSON) != string(green.JSON) {
		t.Errorf("one text in two charsets meets %q: %s, %s", got, blue.JSON, green.JSON)
	}
	met["charset"] = true
	for _, f := range media.HarmlessForms() {
		if !met[f.Name] {
			t.Errorf("the harmless form %q has no example", f.Name)
		}
		if f.What == "" || f.Why == "" || f.Source == "" || len(f.Kinds) == 0 {
			t.Errorf("the harmless form %q does not say what, why, by which source and for which kinds", f.Name)
		}
	}
}

// Near to each harmless form lies a difference.
func TestNotHarmless(t *testing.T) {
	const (
		xmlType = "application/xml"
		hlsType = "application/vnd.apple.mpegurl"
		xsi     = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
	)
	for _, tt := range []struct{ why, contentType, blue, green string }{
		{"a mark on one side", "application/json", `[1]`, "\xef\xbb\xbf[1]"},
		{"a mark on one side", "text/csv", "\xef\xbb\xbfa\n", "a\n"},
		{"a mark on one side", hlsType, "#EXTM3U\n", "\xef\xbb\xbf#EXTM3U\n"},
		{"line ends of text", "text/plain", "a\nb\n", "a\r\nb\r\n"},
		{"the end of one line", "text/plain", "a\nb\n", "a\nb\r\n"},
		{"the last line", "text/plain", "a\nb\n", "a\nb"},
		{"a stream cut before its last line end", "application/x-ndjson", "{}\n{}\n", "{}\n{}"},
		{"events", "text/event-stream", "data: a\n\ndata: b\n\n", "data: a\ndata: b\n\n"},
		{"text as bytes", "application/octet-stream", "a\r\nb", "a\nb"},
		{"protobuf as bytes", "application/x-protobuf", "\x10\r\n\x01a", "\x10\n\x01a"},
		{"one order of fields of a name", "application/x-www-form-urlencoded", "a=1&a=2", "a=2&a=1"},
		{"the end of a form", "application/x-www-form-urlencoded", "a=1", "a=1\n"},
		{"bytes of a part", "multipart/byteranges; boundary=b", "--b\r\n\r\nG\r\na\r\n--b--\r\n", "--b\r\n\r\nG\na\r\n--b--\r\n"},
		{"headers of a part", "multipart/byteranges; boundary=b", "--b\r\nContent-Range: bytes 0-1/9\r\n\r\nab\r\n--b--\r\n", "--b\r\nContent-Range: bytes 1-2/9\r\n\r\nab\r\n--b--\r\n"},
		{"a part more", "multipart/mixed; boundary=b", "--b\r\n\r\na\r\n--b--\r\n", "--b\r\n\r\na\r\n--b\r\n\r\n\r\n--b--\r\n"},
		{"an element among others", xmlType, "<e><c/><p>1</p><p>2</p><c/><p>3</p></e>", "<e><c/><p>1</p><c/><p>2</p><p>3</p></e>"},
		{"a line break moved", "application/ttml+xml", "<p><span/><span/><br/><span/></p>", "<p><span/><br/><span/><span/></p>"},
		{"space between words", "application/ttml+xml", "<p><span>a</span> <span>b</span></p>", "<p><span>a</span><span>b</span></p>"},
		{"a line break between words", "application/ttml+xml", "<p><span>a</span>\n<span>b</span></p>", "<p><span>a</span><span>b</span></p>"},
		{"space in text", xmlType, "<p>a <b>c</b> d</p>", "<p>a<b>c</b>d</p>"},
		{"space at the end of text", xmlType, "<t>1<br/>  2 </t>", "<t>1 <br/>2</t>"},
		{"preserved space", xmlType, "<t xml:space='preserve'>\n<b/>\n</t>", "<t xml:space='preserve'><b/></t>"},
		{"space where the element has text elsewhere", xmlType, "<r><x>a<b/></x><x>\n<b/></x></r>", "<r><x>a<b/></x><x><b/></x></r>"},
		{"space as CDATA", xmlType, "<t><![CDATA[\n]]><b/></t>", "<t><b/></t>"},
		{"a type of another namespace", xmlType, `<a` + xsi + ` xmlns:p="urn:1" xsi:type="p:T"/>`, `<a` + xsi + ` xmlns:p="urn:2" xsi:type="p:T"/>`},
		{"a name in a value", xmlType, `<a xmlns:p="urn:1" ref="p:T"/>`, `<a xmlns:p="urn:2" ref="p:T"/>`},
		{"a name in text", xmlType, `<f xmlns:p="urn:1"><code>p:Client</code></f>`, `<f xmlns:p="urn:2"><code>p:Client</code></f>`},
		{"a prefix that is not declared", xmlType, `<m:a/>`, `<a xmlns="m"/>`},
		{"a line break as a reference", xmlType, "<a b=\"x&#10;y\"/>", "<a b=\"x\ny\"/>"},
		{"a declared encoding that is not the actual one", "application/xml; charset=utf-8", `<?xml version="1.0" encoding="UTF-8"?><a>가</a>`, `<?xml version="1.0" encoding="EUC-KR"?><a>가</a>`},
		{"a document type", xmlType, `<!DOCTYPE a SYSTEM "1"><a/>`, `<!DOCTYPE a SYSTEM "2"><a/>`},
		{"a processing instruction", xmlType, `<?xml-stylesheet href="1"?><a/>`, `<?xml-stylesheet href="2"?><a/>`},
		{"quotes of an attribute", hlsType, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"a\"\na\n", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=a\na\n"},
		{"quotes of an enumerated value", hlsType, "#EXTM3U\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\na\n", "#EXTM3U\n#EXT-X-KEY:METHOD=\"NONE\"\n#EXTINF:1,\na\n"},
		{"an attribute twice", hlsType, "#EXTM3U\n#EXT-X-KEY:METHOD=NONE,METHOD=AES-128\n#EXTINF:1,\na\n", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n#EXTINF:1,\na\n"},
		{"a tag twice", hlsType, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-VERSION:6\n", "#EXTM3U\n#EXT-X-VERSION:6\n"},
		{"a session key", hlsType, "#EXTM3U\n#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI=\"1\"\n", "#EXTM3U\n#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI=\"2\"\n"},
		{"session data", hlsType, "#EXTM3U\n#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"1\"\n#EXT-X-SESSION-DATA:DATA-ID=\"b\",VALUE=\"1\"\n", "#EXTM3U\n#EXT-X-SESSION-DATA:DATA-ID=\"b\",VALUE=\"1\"\n"},
		{"the tail of a live playlist", hlsType, "#EXTM3U\n#EXTINF:4,\na\n#EXT-X-PART:DURATION=1.0,URI=\"b0\"\n", "#EXTM3U\n#EXTINF:4,\na\n#EXT-X-PART:DURATION=1.0,URI=\"b1\"\n"},
		{"an ad at the live edge", hlsType, "#EXTM3U\n#EXTINF:4,\na\n#EXT-X-DATERANGE:ID=\"a\",DURATION=30\n", "#EXTM3U\n#EXTINF:4,\na\n#EXT-X-DATERANGE:ID=\"a\",DURATION=31\n"},
		{"a key after the map", hlsType, "#EXTM3U\n#EXT-X-KEY:METHOD=NONE\n#EXT-X-MAP:URI=\"i\"\n#EXTINF:1,\na\n", "#EXTM3U\n#EXT-X-MAP:URI=\"i\"\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\na\n"},
		{"a tag between a variant and its URI", hlsType, "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO\n#EXT-X-STREAM-INF:BANDWIDTH=1\na\n", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-MEDIA:TYPE=AUDIO\na\n"},
		{"a variable defined later", hlsType, "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"1\"\n#EXT-X-START:TIME-OFFSET=0\n", "#EXTM3U\n#EXT-X-START:TIME-OFFSET=0\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"1\"\n"},
		{"an unknown tag", hlsType, "#EXTM3U\n#EXT-X-VENDOR:1\n#EXTINF:1,\na\n", "#EXTM3U\n#EXT-X-VENDOR:2\n#EXTINF:1,\na\n"},
		{"a directive of a player", hlsType, "#EXTM3U\n#KODIPROP:a=1\n#EXTINF:1,\na\n", "#EXTM3U\n#KODIPROP:a=2\n#EXTINF:1,\na\n"},
		{"a logo of a channel list", "audio/mpegurl", "#EXTM3U\n#EXTINF:-1 tvg-logo=\"k.png\",KBS\na\n", "#EXTM3U\n#EXTINF:-1 tvg-logo=\"x.png\",KBS\na\n"},
		{"the guide of a channel list", "audio/mpegurl", "#EXTM3U x-tvg-url=\"1\"\n#EXTINF:-1,KBS\na\n", "#EXTM3U x-tvg-url=\"2\"\n#EXTINF:-1,KBS\na\n"},
		{"space before a URI", hlsType, "#EXTM3U\n#EXTINF:1,\na\n", "#EXTM3U\n#EXTINF:1,\n a\n"},
	} {
		blue := &diff.Message{Status: 200, ContentType: tt.contentType, Body: []byte(tt.blue)}
		green := &diff.Message{Status: 200, ContentType: tt.contentType, Body: []byte(tt.green)}
		r := diff.CompareMessages(blue, green, nil, nil)
		switch {
		case r.Equal():
			t.Errorf("%s: %q and %q are equal: %v", tt.why, tt.blue, tt.green, r.Notes)
		case r.Differences[0].Kind == diff.Invalid:
			t.Errorf("%s: %q or %q cannot be read: %s", tt.why, tt.blue, tt.green, r.Differences[0].Note)
		}
	}
}
