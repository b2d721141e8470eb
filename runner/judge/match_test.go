package judge

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// checksOf loads an expectation as a file writes it.
func checksOf(t *testing.T, expect string) *Checks {
	t.Helper()
	return checksFor(t, "", expect)
}

// checksFor is checksOf in a suite with more keys.
func checksFor(t *testing.T, keys, expect string) *Checks {
	t.Helper()
	files := fstest.MapFS{
		"s.yaml":      {Data: []byte("suite: s\n" + keys + "cases: [{case: one, get: /a, expect: " + expect + "}]\n")},
		"schema.json": {Data: []byte(`{"type":"object","required":["name"],"properties":{"n":{"type":"integer"}}}`)},
		"snap.json":   {Data: []byte(`{"n":7,"list":[1,2,3]}`)},
	}
	suites, problems := scenarios.Load(files, []string{"s.yaml"}, scenarios.LoadOptions{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	c, err := NewChecks(&suites[0].Cases[0].Steps[0].Expect, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Where a suite compares numbers by type, expectations do.
func TestMatchersByType(t *testing.T) {
	for _, tt := range []struct {
		expect string
		ok     bool
	}{
		{`{body: {"$.n": 7}}`, true},
		{`{body: {"$.n": 7.0}}`, false},
		{`{body: {"$.n": {ne: 7.0}}}`, true},
		{`{body: {"$.n": {in: [6, 7.0]}}}`, false},
		{`{body: {"$.n": {not: {in: [7.0]}}}}`, true},
		{`{body: {"$.list": [3, 1.5]}}`, true},
		{`{body: {"$.list": [3.0, 1.5]}}`, false},
		{`{body: {"$.list": {contains: 3.0}}}`, false},
		{`{body: {"$.list": {contains: 1.50}}}`, true}, // two fractions
		{`{body: {"$.whole": {type: integer}}}`, false},
		{`{body: {"$.whole": {type: number, gte: 2, lte: 2}}}`, true}, // an order is of values
		{`{body: {"$.n": {type: integer}}}`, true},
	} {
		c := checksFor(t, "number: type\n", tt.expect)
		a := NewAnswer(&wire.Exchange{
			Method: "GET", Status: 200, Headers: []wire.Field{{Name: "Content-Type", Value: "application/json"}},
			Answer: []byte(`{"n":7,"list":[3,1.5],"whole":2.0}`),
		})
		ok := true
		for _, e := range c.Check(scenarios.Blue, a, nil) {
			ok = ok && e.OK
		}
		if ok != tt.ok {
			t.Errorf("%s: %v, want %v", tt.expect, ok, tt.ok)
		}
	}
}

func TestMatchers(t *testing.T) {
	const body = `{"n":7,"big":9007199254740993,"price":"1650","text":"한글 text","flag":true,"none":null,"empty":"","list":[3,1,2],"dup":[1,1.0],"objects":[{"id":"CH001","v":1},{"id":"CH002","v":2}],"o":{"a":1},"uuid":"7d444840-9dc0-11d1-b245-5ffdce74fad2","mail":"a@b.example","day":"2026-11-23","at":"2026-11-23T09:00:00+09:00"}`
	tests := []struct {
		expect string
		ok     bool
	}{
		{`{body: {"$.n": 7}}`, true},
		{`{body: {"$.n": 7.0}}`, true},
		{`{body: {"$.n": "7"}}`, false}, // a string is not a number
		{`{body: {"$.price": 1650}}`, false},
		{`{body: {"$.price": "1650"}}`, true},
		{`{body: {"$.big": 9007199254740993}}`, true},
		{`{body: {"$.big": 9007199254740992}}`, false},
		{`{body: {"$.n": {ne: 8}}}`, true},
		{`{body: {"$.n": {ne: 7}}}`, false},
		{`{body: {"$.n": {lt: 8, gt: 6, lte: 7, gte: 7}}}`, true},
		{`{body: {"$.n": {lt: 7}}}`, false},
		{`{body: {"$.price": {gt: 1}}}`, false}, // text has no order
		{`{body: {"$.n": {in: [6, 7]}}}`, true},
		{`{body: {"$.n": {in: [6, 8]}}}`, false},
		{`{body: {"$.text": {contains: 한글}}}`, true},
		{`{body: {"$.list": {contains: 2}}}`, true},
		{`{body: {"$.list": {contains: 9}}}`, false},
		{`{body: {"$.o": {contains: a}}}`, true},
		{`{body: {"$.text": {not: {contains: 영어}}}}`, true},
		{`{body: {"$.text": {not: {contains: 영어, matches: "^한글"}}}}`, false}, // none of them may hold
		{`{body: {"$.text": {not: [{contains: 영어}, {contains: 한글}]}}}`, false},
		{`{body: {"$.list": {not: {contains: 2}}}}`, false},
		{`{body: {"$.n": {not: {in: [6, 8], type: string}}}}`, true},
		{`{body: {"$.nothing": {not: {contains: a}}}}`, false}, // of nothing nothing is known
		{`{body: {"$.objects[*].id": {not: {matches: 2$}}}}`, false},
		{`{body: {"$.list": {each: {not: {in: [4, 5]}}}}}`, true},
		{`{text: {contains: '"big":9007199254740993', matches: "}$", not: {contains: "</html>"}}}`, true},
		{`{text: {not: {contains: dup}}}`, false},
		{`{text: {contains: nowhere}}`, false},
		{`{text: OK}`, false},
		{`{text: {count: {gt: 200}, exists: true, empty: false}}`, true},
		{`{text: {empty: true}}`, false},
		{`{body: {"$.text": {matches: "^한글"}}}`, true},
		{`{body: {"$.none": {matches: "null"}}}`, false},
		{`{body: {"$.flag": true}}`, true},
		{`{body: {"$.flag": "true"}}`, false},
		{`{body: {"$.none": {type: "null"}}}`, true},
		{`{body: {"$.n": {type: integer}}}`, true},
		{`{body: {"$.n": {type: string}}}`, false},
		{`{body: {"$.list": {type: array, count: 3}}}`, true},
		{`{body: {"$.list": {count: {gte: 4}}}}`, false},
		{`{body: {"$.text": {count: 7}}}`, true}, // characters
		{`{body: {"$.o": {count: 1}}}`, true},
		{`{body: {"$.objects[*]": {count: 2}}}`, true},
		{`{body: {"$.none": {count: 0}}}`, false}, // not a list of nothing
		{`{body: {"$.n": {count: {lte: 9}}}}`, false},
		{`{body: {"$.flag": {count: {gte: 0}}}}`, false},
		{`{body: {"$.none": {unique: true}}}`, false},
		{`{body: {"$.nothing[*]": {count: 0}}}`, true},
		{`{body: {"$.list": {unique: true}}}`, true},
		{`{body: {"$.dup": {unique: true}}}`, false}, // 1 and 1.0 are one number
		{`{body: {"$.objects[*].id": {unique: true, matches: "^CH[0-9]{3}$"}}}`, true},
		{`{body: {"$.objects[*].v": 1}}`, false}, // every value must pass
		{`{body: {"$.objects": {each: {type: object}}}}`, true},
		{`{body: {"$.list": {each: {gt: 1}}}}`, false},
		{`{body: {"$.none": {each: {type: "null"}}}}`, false}, // not a list
		{`{body: {"$.o": {each: {type: object}}}}`, false},
		{`{body: {"$.missing": {each: {gt: 1}}}}`, false},
		{`{body: {"$.objects[*].id": {each: {matches: "^CH"}}}}`, true},
		{`{body: {"$.objects[*].nothing": {each: {exists: true}}}}`, false},
		{`{body: {"$.missing": {exists: false}}}`, true},
		{`{body: {"$.missing": {exists: true}}}`, false},
		{`{body: {"$.missing": {ne: 1}}}`, false}, // nothing there fails
		{`{body: {"$.none": {exists: true}}}`, true},
		{`{body: {"$.empty": {empty: true}}}`, true},
		{`{body: {"$.list": {empty: true}}}`, false},
		{`{body: {"$.uuid": {format: uuid}}}`, true},
		{`{body: {"$.text": {format: uuid}}}`, false},
		{`{body: {"$.mail": {format: email}}}`, true},
		{`{body: {"$.day": {format: date}}}`, true},
		{`{body: {"$.at": {instant: "2026-11-23T00:00:00Z"}}}`, true}, // however both are written
		{`{body: {"$.at": {instant: "2026-11-23T00:00:00.000Z"}}}`, true},
		{`{body: {"$.at": {instant: "2026-11-23T00:00:00.001Z"}}}`, false}, // to the last digit
		{`{body: {"$.at": {instant: "2026-11-23T09:00:00Z"}}}`, false},     // the same text, another zone
		{`{body: {"$.day": {instant: "2026-11-23T00:00:00Z"}}}`, false},    // a day is not an instant
		{`{body: {"$.n": {instant: "1970-01-01T00:00:07Z"}}}`, false},      // nor is a number
		{`{body: {"$.missing": {instant: "2026-11-23T00:00:00Z"}}}`, false},
		{`{headers: {x-at: {instant: "2026-11-23T00:00:00Z"}}}`, true},
		{`{body: {"$.text": {all: [{contains: 한글}, {contains: text}]}}}`, true},
		{`{body: {"$.text": {all: [{contains: 한글}, {contains: 영어}]}}}`, false}, // each of them has to hold
		{`{body: {"$.text": {all: [{contains: 영어}, {contains: 한글}]}}}`, false},
		{`{body: {"$.text": {contains: 영어, all: [{contains: 한글}]}}}`, false}, // and those next to it
		{`{body: {"$.n": {all: [{gt: 6, lt: 8}, {ne: 8}]}}}`, true},
		{`{body: {"$.objects[*].id": {all: [{contains: CH}, {contains: "002"}]}}}`, false}, // of every value
		{`{body: {"$.list": {each: {all: [{gt: 0}, {lt: 3}]}}}}`, false},
		{`{body: {"$.missing": {all: [{ne: 1}]}}}`, false},
		{`{text: {all: [{contains: '"n":7'}, {contains: nowhere}]}}`, false},
		{`{headers: {x-two: {all: [{contains: a}, {contains: b}]}}}`, true},
		{`{body: {"$.list": [3, 1, 2]}}`, true},
		{`{body: {"$.list": [1, 2, 3]}}`, false},
		{`{body: {"$.o": {eq: {a: 1}}}}`, true},
		{`{headers: {content-type: {contains: json}, x-n: {gte: 5}}}`, true},
		{`{headers: {x-n: "7"}}`, true},
		{`{headers: {x-two: b}}`, true},
		{`{headers: {x-two: {ne: c}}}`, true},
		{`{headers: {x-two: {ne: b}}}`, false}, // one wrong value is enough
		{`{headers: {x-two: {not: {contains: a}}}}`, false},
		{`{headers: {x-none: {exists: false}}}`, true},
		{`{headers: {x-none: {contains: a}}}`, false},
		{`{cookies: {sid: abc}}`, true},
		{`{cookies: {other: {exists: true}}}`, false},
		{`{cookies: {twice: new}}`, true}, // clients keep the last
		{`{cookies: {twice: {exists: true}}}`, true},
		{`{cookies: {gone: {exists: true}}}`, false}, // forgotten at once
		{`{cookies: {gone: {exists: false, empty: true}}}`, true},
		{`{cookies: {old: {exists: false}}}`, true},
		{`{latency: {lt: 1s}}`, true},
		{`{latency: {lt: 1ms}}`, false},
		{`{status: 200}`, true},
		{`{status: [404, 2xx]}`, true},
		{`{status: 4xx}`, false},
		{`{schema: schema.json}`, false},
		{`{snapshot: snap.json}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.expect, func(t *testing.T) {
			x := &wire.Exchange{Method: "GET", Status: 200, Headers: []wire.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "X-N", Value: "7"}, {Name: "X-At", Value: "2026-11-23T09:00:00+09:00"}, {Name: "X-Two", Value: "a"}, {Name: "X-Two", Value: "b"}, {Name: "Set-Cookie", Value: "sid=abc"}}, Answer: []byte(body)}
			for _, v := range []string{
				"twice=old; Max-Age=0", "twice=new; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "gone=; Max-Age=0",
				"old=x; Path=/; expires=Thu, 01-Jan-1970 00:00:00 GMT",
			} {
				x.Headers = append(x.Headers, wire.Field{Name: "Set-Cookie", Value: v})
			}
			x.Started = time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
			x.Timing.Total = 20_000_000
			ok, said := true, ""
			for _, e := range checksOf(t, tt.expect).Check(scenarios.Blue, NewAnswer(x), nil) {
				if ok = ok && e.OK; !e.OK {
					said += e.What + " got " + e.Got + "; "
				}
			}
			if ok != tt.ok {
				t.Errorf("holds %t, want %t: %s", ok, tt.ok, said)
			}
		})
	}
}

// What is said of the body's text takes the place of the default, that the answer
// is an API's, where a login page or nothing at all would not do.
func TestTextExpectation(t *testing.T) {
	const page = "<html><body>Sign in</body></html>"
	for _, row := range []struct {
		body, expect string
		ok           bool
	}{
		{"", `{text: {empty: true}}`, true},
		{"", `{text: {exists: false}}`, true},
		{"", `{text: ""}`, false}, // write empty: true
		{"", `{text: {count: 0}}`, false},
		{"", `{text: {not: {contains: error}}}`, false},
		{"OK\n", `{text: {matches: "^OK$"}}`, false},
		{"OK", `{text: OK}`, true},
		{"42", `{text: "42"}`, true},
		{page, `{text: {contains: Sign in}}`, true},
		{page, `{text: {exists: true, not: {contains: error}}}`, false},
		{page, `{text: {ne: error, count: {gt: 3}}}`, false},
		{page, `{text: {type: string}}`, false},
	} {
		x := &wire.Exchange{Method: "GET", Status: 200, Headers: []wire.Field{{Name: "Content-Type", Value: "text/html"}}, Answer: []byte(row.body)}
		ok, said := true, ""
		for _, e := range checksOf(t, row.expect).Check(scenarios.Blue, NewAnswer(x), nil) {
			ok, said = ok && e.OK, said+e.What+" got "+e.Got+"; "
		}
		if ok != row.ok {
			t.Errorf("%q and %s: holds %t, want %t: %s", row.body, row.expect, ok, row.ok, said)
		}
	}
}

func TestPlaylistExpectation(t *testing.T) {
	const master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.4d401f,mp4a.40.2\"\nlow.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2,CODECS=\"avc1.640028\"\nhigh.m3u8\n"
	const media = "#EXTM3U\r\n#EXT-X-TARGETDURATION:6\r\n#EXTINF:6,\r\na.ts\r\n#EXTINF:6,\r\nb.ts\r\n"
	tests := []struct {
		body, expect string
		ok           bool
	}{
		{master, `{hls: {variants: {gte: 2}, codecs: {contains: avc1}}}`, true},
		{master, `{hls: {variants: {gte: 3}}}`, false},
		{media, `{hls: {segments: 2, target_duration: {lte: 6}}}`, true},
		{"<html>", `{hls: {segments: 2}}`, false},
		{"#EXTM3U\n#EXTINF:6,\n#EXTINF:6,\na.ts\n#EXTINF:6,\n", `{hls: {segments: 1}}`, true}, // what can be played
		{"#EXTM3U\n#EXT-X-STREAM-INF:SUPPLEMENTAL-CODECS=\"dvh1\",CODECS=\"mp4a\"\na.m3u8\n", `{hls: {codecs: mp4a}}`, true},
	}
	for _, tt := range tests {
		x := &wire.Exchange{Method: "GET", Status: 200, Headers: []wire.Field{{Name: "Content-Type", Value: "application/vnd.apple.mpegurl"}}, Answer: []byte(tt.body)}
		ok := true
		for _, e := range checksOf(t, tt.expect).Check(scenarios.Blue, NewAnswer(x), nil) {
			ok = ok && e.OK
		}
		if ok != tt.ok {
			t.Errorf("%s on %q holds %t, want %t", tt.expect, strings.SplitN(tt.body, "\n", 2)[0], ok, tt.ok)
		}
	}
}

// each holds for every element, and of nothing only where a count accepts that.
func TestEach(t *testing.T) {
	const gt0 = `{each: {gt: 0}}`
	for _, c := range []struct {
		reason, body, path, tests string
		ok                        bool
		got                       string
	}{
		{"all hold", `{"items":[{"price":1},{"price":2}]}`, "$.items[*].price", gt0, true, "2 elements"},
		{"one does not", `{"items":[{"price":1},{"price":0}]}`, "$.items[*].price", gt0, false, "$.items[1].price: 0"},
		{"one has none", `{"items":[{"price":1},{"name":"x"},{"price":2}]}`, "$.items[*].price", gt0, false, "$.items[1]: nothing there"},
		{"the last has none", `{"items":[{"price":1},{}]}`, "$.items[*].price", gt0, false, "$.items[1]: nothing there"},
		{"the tenth has none", `{"items":[{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{}]}`, "$.items[*].p", gt0, false, "$.items[11]: nothing there"},
		{"the first has none, the tenth has", `{"items":[{"p":1},{},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1},{"p":1}]}`, "$.items[*].p", gt0, false, "$.items[1]: nothing there"},
		{"an element that is no object", `{"items":[{"price":1},7]}`, "$.items[*].price", gt0, false, "$.items[1]: nothing there"},
		{"a name that begins alike", `{"items":[{"price":1},{"priceOld":1}]}`, "$.items[*].price", gt0, false, "$.items[1]: nothing there"},
		{"deeper", `{"a":[{"b":[{"c":{"d":1}},{"c":{}}]}]}`, "$.a[*].b[*].c.d", gt0, false, "$.a[0].b[1]: nothing there"},
		{"on the way", `{"a":[{"b":[{"c":1}]},{"x":[]}]}`, "$.a[*].b[*].c", gt0, false, "$.a[1]: nothing there"},
		{"an empty list on the way", `{"a":[{"b":[{"c":1}]},{"b":[]}]}`, "$.a[*].b[*].c", gt0, true, "1 element"},
		{"a path with .. asks nothing of its way", `{"a":[{"price":1},{"x":1}]}`, "$..price", gt0, true, "1 element"},
		{"a list is not its elements", `{"a":[{"tags":["x"]},{"tags":["y","z"]}]}`, "$.a[*].tags", `{each: {type: string}}`, false, `$.a[0].tags: ["x"]`},
		{"elements of lists", `{"a":[{"tags":["x"]},{"tags":["y","z"]}]}`, "$.a[*].tags[*]", `{each: {type: string}}`, true, "3 elements"},
		{"lists", `{"a":[{"tags":["x"]},{"tags":[]}]}`, "$.a[*].tags", `{each: {type: array, count: {lte: 1}}}`, true, "2 elements"},
		{"an empty list", `{"items":[]}`, "$.items", gt0, false, "[]"},
		{"an empty list by its elements", `{"items":[]}`, "$.items[*].price", gt0, false, "nothing there"},
		{"an empty list that is accepted", `{"items":[]}`, "$.items", `{count: {gte: 0}, each: {gt: 0}}`, true, "0 elements"},
		{"accepted by its elements", `{"items":[]}`, "$.items[*].price", `{count: {gte: 0}, each: {gt: 0}}`, true, "nothing there"},
		{"accepted, and still every element counts", `{"items":[{"price":0}]}`, "$.items[*].price", `{count: {gte: 0}, each: {gt: 0}}`, false, "$.items[0].price: 0"},
		{"a count that does not accept 0", `{"items":[]}`, "$.items", `{count: {lt: 5, gt: 0}, each: {gt: 0}}`, false, "[]"},
		{"no list is not an empty one", `{}`, "$.items", `{count: {gte: 0}, each: {gt: 0}}`, false, "nothing there"},
		{"not a list", `{"items":{"a":1}}`, "$.items", `{each: {type: object}}`, false, `not an array: {"a":1}`},
		{"lists in a list", `{"m":[[1,2],[3]]}`, "$.m", `{each: {each: {gt: 0}}}`, true, "2 elements"},
		{"an empty one in a list", `{"m":[[1,2],[]]}`, "$.m", `{each: {each: {gt: 0}}}`, false, "$.m[1]: []"},
		{"no list in a list", `{"m":[[1,2],3]}`, "$.m", `{each: {each: {gt: 0}}}`, false, "$.m[1]: 3"},
	} {
		x := &wire.Exchange{Method: "GET", Status: 200, Headers: []wire.Field{{Name: "Content-Type", Value: "application/json"}}, Answer: []byte(c.body)}
		ok, got := true, ""
		for _, e := range checksOf(t, fmt.Sprintf("{body: {%q: %s}}", c.path, c.tests)).Check(scenarios.Blue, NewAnswer(x), nil) {
			if ok = ok && e.OK; strings.Contains(e.What, " each ") {
				got = e.Got
			}
		}
		if ok != c.ok || got != c.got {
			t.Errorf("%s: %v, got %q, want %v, %q", c.reason, ok, got, c.ok, c.got)
		}
	}
}

// A scope of variables with their JSON.
type variables map[string]scenarios.Value

func (v variables) Lookup(name string) (scenarios.Value, bool, error) {
	got, ok := v[name]
	return got, ok, nil
}

func (v variables) Generate(string, []string, string, bool) (scenarios.Value, error) {
	return scenarios.Value{}, errors.New("nothing is generated")
}

// A variable in a filter is compared with its type. One of the wrong type finds nothing, and
// must not make exists: false hold.
func TestFilterOfOtherType(t *testing.T) {
	files := fstest.MapFS{"s.yaml": {Data: []byte("suite: s\nneeds: [id, kind]\ncases: [{case: one, get: /a, expect: {body: " +
		`{"$.list[?@.id=={{id}}]": {exists: false}, "$.list[?@.id=={{id}} && @.kind=={{kind}}]": {count: 0}}}}]` + "\n")}}
	suites, problems := scenarios.Load(files, []string{"s.yaml"}, scenarios.LoadOptions{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	text := func(s string) scenarios.Value { return scenarios.Value{Text: s, JSON: `"` + s + `"`} }
	number := func(s string) scenarios.Value { return scenarios.Value{Text: s, JSON: s} }
	for _, tt := range []struct {
		name, list string
		id         scenarios.Value
		ok         bool
	}{
		{"gone", `[{"id":6,"kind":"hd"}]`, number("5"), true},
		{"gone, a text", `[{"id":6,"kind":"hd"}]`, text("5"), true},
		{"no number", `[{"id":6,"kind":"hd"}]`, text("a"), true},
		{"there", `[{"id":5,"kind":"hd"}]`, number("5"), false},
		{"there, asked as text", `[{"id":5,"kind":"hd"}]`, text("5"), false},
		{"there as text, asked as number", `[{"id":"5","kind":"hd"}]`, number("5"), false},
		{"truth", `[{"id":true,"kind":"hd"}]`, text("true"), false},
	} {
		c, err := NewChecks(&suites[0].Cases[0].Steps[0].Expect, variables{"id": tt.id, "kind": text("hd")})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.Check(scenarios.Green, NewAnswer(exchange(200, `{"list":`+tt.list+`}`)), nil) {
			if strings.HasPrefix(e.What, "$") && e.OK != tt.ok {
				t.Errorf("%s: %s: %t, got %s", tt.name, e.What, e.OK, e.Got)
			}
		}
	}
}
