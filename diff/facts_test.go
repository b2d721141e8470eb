package diff_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff"
)

const markedJSON = "\xef\xbb\xbf{\"a\":1}"

func messages(contentType, blue, green string) (*diff.Message, *diff.Message) {
	return &diff.Message{Status: 200, ContentType: contentType, Body: []byte(blue)}, &diff.Message{Status: 200, ContentType: contentType, Body: []byte(green)}
}

// What a tree does not hold differs by its own path, in every mode in which it
// can break a reader, and a rule can settle it.
func TestFacts(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, blue, green string
		mode                           diff.Mode
		rule                           diff.Rule
		want                           []string
	}{
		{"a mark on green", "application/json", `{"a":1}`, markedJSON, diff.Strict, diff.Rule{}, []string{`$['#bom'] "none" "UTF-8"`}},
		{"a mark on blue", "application/json", markedJSON, `{"a":1}`, diff.Strict, diff.Rule{}, []string{`$['#bom'] "UTF-8" "none"`}},
		{"green may add members, not a mark", "application/json", `{"a":1}`, markedJSON, diff.Subset, diff.Rule{}, []string{`$['#bom'] "none" "UTF-8"`}},
		{"a mark has no shape", "application/json", `{"a":1}`, markedJSON, diff.Shape, diff.Rule{}, []string{`$['#bom'] "none" "UTF-8"`}},
		{"line ends are style", "text/plain", "a\nb\n", "a\r\nb\r\n", diff.Shape, diff.Rule{}, nil},
		{"line ends", "text/plain", "a\nb\n", "a\r\nb\r\n", diff.Strict, diff.Rule{}, []string{`$['#line-ends'] "LF" "CRLF"`}},
		{"ignored", "application/json", `{"a":1}`, markedJSON, diff.Strict, diff.Rule{At: "$['#bom']", Do: diff.DoIgnore, Why: "w", Origin: "r"}, nil},
		{"dropped", "application/json", `{"a":1}`, markedJSON, diff.Strict, diff.Rule{At: "$['#bom']", Do: diff.DoDrop, Why: "w", Origin: "r"}, nil},
		{"allowed", "text/plain", "a\n", "a", diff.Strict, diff.Rule{At: "$['#last-line']", Do: diff.DoAllow, Kind: "changed", Why: "w", Until: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Origin: "r"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var list []diff.Rule
			if tt.rule.Do != "" {
				list = append(list, tt.rule)
			}
			rules, bad := diff.Compile(list, diff.Options{Mode: tt.mode, Now: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)})
			if bad != nil {
				t.Fatal(bad)
			}
			blue, green := messages(tt.contentType, tt.blue, tt.green)
			r := diff.CompareMessages(blue, green, rules, nil)
			var got []string
			for _, d := range r.Differences {
				got = append(got, d.Path+" "+d.Blue.JSON+" "+d.Green.JSON)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if len(list) > 0 && (r.HiddenTotal != 1 || r.Rules[0].Visits != 1 || r.Rules[0].Hits != 1) {
				t.Errorf("%d hidden, %+v; want one visit and one hit", r.HiddenTotal, r.Rules)
			}
		})
	}
}

// Bodies that are equal but not the same bytes say in which form they differ.
func TestFormsAreReported(t *testing.T) {
	rules, _ := diff.Compile([]diff.Rule{{At: "$.t", Do: diff.DoIgnore, Why: "clock"}}, diff.Options{})
	for _, tt := range []struct {
		name, blue, green string
		want              []diff.Form
	}{
		{"the same bytes", `{"a":1,"t":1}`, `{"a":1,"t":1}`, nil},
		{"white space and order", `{"a":1,"t":1}`, `{"t":1, "a":1}`, []diff.Form{{Kind: "json", Name: "white space"}, {Kind: "json", Name: "member order"}}},
		{"with a value that a rule ignores", `{"a":1,"t":1}`, `{"a":1, "t":2}`, []diff.Form{{Kind: "json", Name: "white space"}}},
		{"an ignored value alone", `{"a":1,"t":1}`, `{"a":1,"t":22}`, nil},
		{"a mark on both", markedJSON, markedJSON, []diff.Form{{Kind: "json", Name: "byte order mark"}}},
		{"different", `{"a":1}`, `{"a": 2}`, nil},
	} {
		blue, green := messages("application/json", tt.blue, tt.green)
		r := diff.CompareMessages(blue, green, rules, nil)
		if !slices.Equal(r.Forms, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, r.Forms, tt.want)
		}
		for _, f := range r.Forms {
			if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, f.Name) }) {
				t.Errorf("%s: no note says %q: %q", tt.name, f.Name, r.Notes)
			}
		}
	}
}

// A mutant of a body with a byte order mark is found for its own sake.
func TestProbeBehindAMark(t *testing.T) {
	blue, green := messages("application/json", markedJSON, markedJSON)
	p := diff.NewProbe(blue, green, nil)
	defer p.Close()
	if n := p.Total([]byte(markedJSON)); n != 0 {
		t.Errorf("the body itself has %d differences", n)
	}
	if n := p.Total([]byte("\xef\xbb\xbf{\"a\":2}")); n != 1 {
		t.Errorf("a mutant has %d differences, want 1", n)
	}
}

// A media type's parameters have no spacing, and their names no letter case.
func TestContentTypeMeansTheSame(t *testing.T) {
	for _, tt := range []struct {
		blue, green string
		equal       bool
	}{
		{"application/json; charset=utf-8", "application/json;charset=UTF-8", true},
		{"Application/JSON; Charset=\"utf-8\"", "application/json ; charset=utf-8", true},
		{"text/html; charset=utf-8; a=b", "text/html; a=b; charset=utf-8", true},
		{"multipart/byteranges; boundary=1", "multipart/byteranges; boundary=2", true},
		{"application/json", "application/json; charset=utf-8", false},
		{"application/json; charset=utf-8", "application/json; charset=utf-16", false},
		{"text/plain; format=Flowed", "text/plain; format=flowed", false},
		{"multipart/mixed; boundary=1", "multipart/mixed", false},
		{"text/plain; charset=utf-8; charset=x", "text/plain; charset=utf-8", false},
	} {
		blue := &diff.Message{Status: 200, Headers: []diff.Header{{Name: "Content-Type", Value: tt.blue}}}
		green := &diff.Message{Status: 200, Headers: []diff.Header{{Name: "content-type", Value: tt.green}}}
		if r := diff.CompareMessages(blue, green, nil, nil); r.Equal() != tt.equal {
			t.Errorf("%s and %s: equal %v, want %v", tt.blue, tt.green, r.Equal(), tt.equal)
		}
	}
}
