package judge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/literal"
	jsonpath "github.com/bgverify/bgverify/diff/path"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// names are members that other path languages give a meaning.
var names = []string{"a", "b", "0", "1", "-1", "#", "@this", "a.b", "a|b", "*", "a*", "?", "!", "..", "한글", `"q"`, "a b", "", "[0]", "{x}", "(", "a:1", `c\d`, "<", "@", "~", "$", "'", "é"}

// genValue draws a JSON value whose names are dangerous.
func genValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 6).Draw(t, "kind")
		if depth == 0 {
			kind %= 5
		}
		switch kind {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return json.Number(rapid.SampledFrom([]string{"0", "1", "-1", "1.50", "1e5", "9007199254740993"}).Draw(t, "number"))
		case 3, 4:
			return rapid.SampledFrom(append(names, "text")).Draw(t, "string")
		case 5:
			return rapid.SliceOfN(genValue(depth-1), 0, 3).Draw(t, "array")
		default:
			out := map[string]any{}
			for range rapid.IntRange(0, 4).Draw(t, "members") {
				out[rapid.SampledFrom(names).Draw(t, "name")] = genValue(depth-1).Draw(t, "member")
			}
			return out
		}
	})
}

// quotePath writes a name as a bracketed segment.
func quotePath(name string) string {
	return "['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(name) + "']"
}

// secondReading walks a body by gjson, one name or index at a time; empty where a
// step finds nothing.
func secondReading(body []byte, steps []jsonpath.Step) string {
	v := gjson.ParseBytes(body)
	for _, s := range steps {
		var next gjson.Result
		i := 0
		v.ForEach(func(key, member gjson.Result) bool {
			if s.Member && v.IsObject() && key.String() == s.Name || !s.Member && v.IsArray() && i == s.Index {
				next = member
				return false
			}
			i++
			return true
		})
		v = next
	}
	return v.Raw
}

// TestLocatorFindsWhatSelectFinds is the law of captures: the locator, the rules'
// Select and a reader of other people find the same value.
func TestLocatorFindsWhatSelectFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body, err := json.Marshal(genValue(4).Draw(t, "body"))
		if err != nil {
			t.Fatal(err)
		}
		var path strings.Builder
		path.WriteString("$")
		for range rapid.IntRange(0, 4).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "step")
			switch rapid.IntRange(0, 2).Draw(t, "form") {
			case 0:
				path.WriteString(fmt.Sprintf("[%d]", rapid.IntRange(0, 3).Draw(t, "index")))
			case 1:
				path.WriteString(quotePath(name))
			default:
				if !strings.ContainsAny(name, `.|*#?!"'[]{}()@:\<~$ -0123456789`) && name != "" {
					path.WriteString("." + name)
				}
			}
		}
		pattern, err := diff.ParsePath(path.String())
		if err != nil {
			t.Fatalf("%s: %v", path.String(), err)
		}
		root, err := diff.ReadStrict(body)
		if err != nil {
			t.Fatal(err)
		}
		want := root.Select(pattern)
		l, err := newLocator(path.String())
		if err != nil {
			t.Fatalf("%s: %v", path.String(), err)
		}
		got := l.find(readText(string(body)))
		ok := got.Exists()
		if ok != (len(want) == 1) {
			t.Fatalf("%s in %s: found %t, Select finds %d", path.String(), body, ok, len(want))
		}
		if ok && (string(got.JSON()) != string(want[0].JSON) || got.Type() != want[0].Type) {
			t.Fatalf("%s in %s: %s, Select finds %s", path.String(), body, got.JSON(), want[0].JSON)
		}
		if raw := secondReading(body, l.steps); string(got.JSON()) != raw {
			t.Fatalf("%s in %s: %s, gjson finds %q", path.String(), body, got.JSON(), raw)
		}
	})
}

func TestLocatorRefusesManyResults(t *testing.T) {
	for _, path := range []string{"$.a[*]", "$..a", "$.*", "$.a[1:2]", "$['a','b']"} {
		if _, err := newLocator(path); err == nil {
			t.Errorf("%s: accepted for a capture", path)
		}
	}
}

func TestCapture(t *testing.T) {
	x := &wire.Exchange{Status: 201, Headers: []wire.Field{{Name: "Location", Value: "/o/7"}, {Name: "Set-Cookie", Value: "sid=abc; Path=/"}, {Name: "Link", Value: "</p/1>; rel=prev"}, {Name: "Link", Value: "</p/2>; rel=next"}}, Answer: []byte(`{"id":7,"deep":{"list":[{"k":"v"}]},"keyed":[{"k":"a","v":1},{"k":"b","v":2},{"k":"a","v":3}],"none":null}`)}
	tests := []struct {
		name    string
		capture scenarios.Capture
		want    scenarios.Value
		err     string
	}{
		{"number keeps its type", scenarios.Capture{At: "$.id"}, scenarios.Value{Text: "7", JSON: "7"}, ""},
		{"string", scenarios.Capture{At: "$.deep.list[0].k"}, scenarios.Value{Text: "v", JSON: `"v"`}, ""},
		{"object whole", scenarios.Capture{At: "$.deep.list[0]"}, scenarios.Value{Text: `{"k":"v"}`, JSON: `{"k":"v"}`}, ""},
		{"element by its key", scenarios.Capture{At: "$.keyed[?@.k=='b'].v"}, scenarios.Value{Text: "2", JSON: "2"}, ""},
		{"a key that is not there", scenarios.Capture{At: "$.keyed[?@.k=='z'].v"}, scenarios.Value{}, "$.keyed[?@.k=='z'].v finds nothing"},
		{"a key that is there twice", scenarios.Capture{At: "$.keyed[?@.k=='a'].v"}, scenarios.Value{}, "finds 2 values: $.keyed[0].v, $.keyed[2].v"},
		{"null is an empty text", scenarios.Capture{At: "$.none"}, scenarios.Value{JSON: "null"}, ""},
		{"header", scenarios.Capture{Header: "location"}, scenarios.Value{Text: "/o/7", JSON: `"/o/7"`}, ""},
		{"cookie", scenarios.Capture{Cookie: "sid"}, scenarios.Value{Text: "abc", JSON: `"abc"`}, ""},
		{"status", scenarios.Capture{Status: true}, scenarios.Value{Text: "201", JSON: "201"}, ""},
		{"regex group", scenarios.Capture{Regex: `"k":"(.)"`}, scenarios.Value{Text: "v", JSON: `"v"`}, ""},
		{"regex without a group", scenarios.Capture{Regex: `deep`}, scenarios.Value{Text: "deep", JSON: `"deep"`}, ""},
		{"nearest names", scenarios.Capture{At: "$.deep.lst[0]"}, scenarios.Value{}, `$.deep.lst[0] finds nothing: $.deep is an object with "list"`},
		{"beyond an array", scenarios.Capture{At: "$.deep.list[4]"}, scenarios.Value{}, "$.deep.list is an array of 1"},
		{"no header", scenarios.Capture{Header: "etag"}, scenarios.Value{}, "no header etag"},
		{"no cookie", scenarios.Capture{Cookie: "x"}, scenarios.Value{}, "no cookie x"},
		{"regex of a header", scenarios.Capture{Header: "location", Regex: "/o/([0-9]+)"}, scenarios.Value{Text: "7", JSON: `"7"`}, ""},
		{"regex of a repeated header", scenarios.Capture{Header: "link", Regex: "<([^>]+)>; rel=next"}, scenarios.Value{Text: "/p/2", JSON: `"/p/2"`}, ""},
		{"regex of a cookie", scenarios.Capture{Cookie: "sid", Regex: "b.$"}, scenarios.Value{Text: "bc", JSON: `"bc"`}, ""},
		{"regex of a value", scenarios.Capture{At: "$.deep.list[0].k", Regex: "."}, scenarios.Value{Text: "v", JSON: `"v"`}, ""},
		{"regex of a number", scenarios.Capture{At: "$.id", Regex: "[0-9]"}, scenarios.Value{Text: "7", JSON: `"7"`}, ""},
		{"regex of no value", scenarios.Capture{At: "$.nowhere", Regex: "."}, scenarios.Value{}, "$.nowhere finds nothing"},
		{"regex of a header that does not match", scenarios.Capture{Header: "location", Regex: "zzz"}, scenarios.Value{}, "/zzz/ matches nothing in header location"},
		{"regex of no header", scenarios.Capture{Header: "etag", Regex: "."}, scenarios.Value{}, "no header etag"},
		{"a group that takes no part", scenarios.Capture{Regex: `"zz":(.)|"k"`}, scenarios.Value{}, "its first group took no part"},
		{"a group that is empty", scenarios.Capture{Regex: `"k":"(x*)`}, scenarios.Value{JSON: `""`}, ""},
		{"no match", scenarios.Capture{Regex: "zzz"}, scenarios.Value{}, "matches nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NewCapture(&tt.capture).Find(NewAnswer(x))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestDecimalOrder(t *testing.T) {
	// In ascending order; equal ones share a line.
	ladder := [][]string{
		{"-1e999999999"},
		{"-12", "-12.0", "-1.2e1"},
		{"-1", "-10e-1"},
		{"-0.5"},
		{"0", "-0", "0.000", "0e5"},
		{"1e-999999999999999999999"},
		{"0.1", "1e-1"},
		{"0.12"},
		{"1", "1.0", "100e-2"},
		{"9007199254740992"},
		{"9007199254740993"},
		{"1e400"},
		{"1e401"},
		{"1e99999999999999999999"},
	}
	for i, a := range ladder {
		for j, b := range ladder {
			for _, x := range a {
				for _, y := range b {
					dx, okx := literal.ParseNumber(x)
					dy, oky := literal.ParseNumber(y)
					if !okx || !oky {
						t.Fatalf("%q or %q is refused", x, y)
					}
					want := 0
					if i < j {
						want = -1
					} else if i > j {
						want = 1
					}
					if got := dx.Compare(dy); got != want {
						t.Errorf("compare(%s, %s) = %d, want %d", x, y, got, want)
					}
				}
			}
		}
	}
	for _, bad := range []string{"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "NaN", "1 ", "1e++1", "--1"} {
		if _, ok := literal.ParseNumber(bad); ok {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// An expression reads the text of any type, as the comparison reads it.
func TestCaptureTextOfAnyType(t *testing.T) {
	for _, c := range []struct{ contentType, body, regex, want string }{
		{"text/plain", "id: 7", "id: ([0-9])", "7"},
		{"text/html", `<input name="csrf" value="t0k">`, `value="([^"]+)"`, "t0k"},
		{"text/plain; charset=euc-kr", "\xc0\xcc\xb8\xa7=\xc7\xd1\xba\xfb", "이름=(.+)", "한빛"},
		{"application/xml", "<a><b>x</b></a>", "<b>(.)</b>", "x"},
		{"application/x-www-form-urlencoded", "a=1&b=2", "b=([0-9])", "2"},
		{"application/vnd.apple.mpegurl", "#EXTM3U\n#EXTINF:6,\nseg-7.ts\n", `(?m)^(seg-[0-9]+)\.ts$`, "seg-7"},
		{"application/octet-stream", "\x00\x01id=7\x00", "id=([0-9])", "7"},
		{"application/json", `{"next":"/p?cursor=abc"}`, "cursor=([a-z]+)", "abc"},
		{"", "id=9", "id=([0-9])", "9"},
	} {
		x := &wire.Exchange{Status: 200, Headers: []wire.Field{{Name: "Content-Type", Value: c.contentType}}, Answer: []byte(c.body)}
		got, err := NewCapture(&scenarios.Capture{Regex: c.regex}).Find(NewAnswer(x))
		if err != nil || got.Text != c.want {
			t.Errorf("%s: %q, %v, want %q", c.contentType, got.Text, err, c.want)
		}
	}
}

// newLocator is the locator of a capture at a path.
func newLocator(path string) (*locator, error) {
	c := NewCapture(&scenarios.Capture{At: path})
	if c.err != nil {
		return nil, c.err
	}
	return c.where.one, nil
}
