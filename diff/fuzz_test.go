package diff_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/internal/oracle"
	"github.com/bgverify/bgverify/diff/mutate"
	"github.com/bgverify/bgverify/diff/path"
	"github.com/bgverify/bgverify/internal/conformance"
)

// seeds are bodies with something odd in each.
var seeds = []string{
	`{"a":[1,2,{"b":null}],"c":"x\u00e9\ud83d\ude00","d":1e400,"e":-0.10}`, `[[],{},"",0,null,true]`, `"\ud800"`, "\"\xff\"", `{"a":1,"a":2}`,
	`[1,1,1,2,2]`, `{"id":[{"id":1,"v":2},{"id":2,"v":[3]}]}`, `1E-9`, `{"p":"{\"q\":[1]}"}`, " [ 1 , 2 ] ", `{"\u0061":1}`, "\xef\xbb\xbf1", `[NaN]`, `12345678901234567890.000`,
}

// The parser accepts what encoding/json accepts, less what the standard decoder
// lets pass or mends in silence.
func FuzzValidate(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	if dir, ok := conformance.Find(".", "json/JSONTestSuite/test_parsing"); ok {
		files, _ := os.ReadDir(dir)
		for _, x := range files {
			if b, err := os.ReadFile(filepath.Join(dir, x.Name())); err == nil && len(b) < 1<<10 {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := diff.Validate(body)
		if err == nil {
			if err := diff.CheckTexts(body); err != nil {
				t.Errorf("%q: %v", body, err)
			}
		}
		std := json.Valid(body)
		switch {
		case err == nil && !std:
			t.Errorf("%q is accepted, encoding/json refuses it", body)
		case err != nil && std && utf8.Valid(body):
			se := err.(*diff.SyntaxError)
			if se.Kind == diff.Invalid && !strings.Contains(se.Msg, "surrogate") {
				t.Errorf("%q is refused: %v", body, err)
			}
		}
		if se, ok := err.(*diff.SyntaxError); ok && (se.Offset < 0 || se.Offset > len(body)) {
			t.Errorf("%q: offset %d", body, se.Offset)
		}
	})
}

// Two bodies, no rules: equal iff the oracle says so, accounting right,
// and the patch is one.
func FuzzCompare(f *testing.F) {
	for _, a := range seeds {
		for _, b := range seeds[:6] {
			f.Add([]byte(a), []byte(b))
		}
		for _, m := range mutate.Mutants([]byte(a), 1, 4) {
			f.Add([]byte(a), m.Body)
		}
	}
	f.Fuzz(func(t *testing.T, blue, green []byte) {
		r := diff.Compare(blue, green, nil)
		if l := r.Leaves; l.Seen != l.Compared+l.Ignored+l.Dropped+l.Absent {
			t.Errorf("leaves %+v of %q and %q", l, blue, green)
		}
		if back := diff.Compare(green, blue, nil); back.Equal() != r.Equal() {
			t.Errorf("equal one way only: %q and %q", blue, green)
		}
		if o := oracle.Equal(blue, green, nil, diff.Strict); o.Skipped == "" && o.Equal != r.Equal() {
			t.Errorf("%q and %q: engine %v, oracle %v", blue, green, r.Equal(), o.Equal)
		}
		if diff.Validate(blue) != nil || diff.Validate(green) != nil {
			return
		}
		patch, _, err := diff.Patch(blue, green, nil)
		if err != nil || !json.Valid(patch) {
			t.Errorf("patch of %q and %q: %s, %v", blue, green, patch, err)
		}
		for _, d := range r.Differences {
			if _, err := diff.ParsePath(d.Path); err != nil {
				t.Errorf("path %s: %v", d.Path, err)
			}
		}
	})
}

// A path that parses selects without failing, and what it selects has paths
// that select it.
func FuzzPath(f *testing.F) {
	for _, p := range append([]string{"$['a','b'][0]..*", "$[?@.a==1 && @['b']=='x']", "$[::-1]", "$.a*b", "$[\"\\u0061\"]"}, paths...) {
		f.Add(p, `{"a":[{"a":1,"b":"x"},[2]],"b":{"ab":{}}}`)
	}
	f.Fuzz(func(t *testing.T, text, body string) {
		p, err := diff.ParsePath(text)
		if err != nil {
			if pe := err.(*path.Error); pe.Offset < 0 || pe.Offset > len(text) {
				t.Errorf("%q: offset %d", text, pe.Offset)
			}
			return
		}
		nodes, err := diff.Select([]byte(body), p)
		if err != nil {
			return
		}
		if p.Single() && len(nodes) > 1 {
			t.Errorf("%q is single and selects %d places", text, len(nodes))
		}
		for _, n := range nodes[:min(len(nodes), 8)] {
			q, err := diff.ParsePath(n.Path)
			if err != nil {
				t.Errorf("the path %q: %v", n.Path, err)
				continue
			}
			if again, err := diff.Select([]byte(body), q); err != nil || len(again) != 1 || again[0].Path != n.Path {
				t.Errorf("the path %q selects %v, %v", n.Path, again, err)
			}
		}
	})
}

// Any rules on any bodies: no panic, leaves accounted for, a body equal to itself.
func FuzzRules(f *testing.F) {
	for _, s := range seeds[:8] {
		f.Add("$..a", "$..b", uint8(0), []byte(s), []byte(seeds[0]))
		f.Add("$[*]", "$..[?@.id==1]", uint8(9), []byte(s), []byte(seeds[6]))
	}
	f.Fuzz(func(t *testing.T, at1, at2 string, pick uint8, blue, green []byte) {
		one := 1.0
		kinds := []diff.Rule{
			{Do: diff.DoIgnore, Why: "w"},
			{Do: diff.DoDrop, Why: "w"},
			{Do: diff.DoTolerance, Abs: &one},
			{Do: diff.DoMatch, As: "set"},
			{Do: diff.DoMatch, By: []string{"id"}},
			{Do: diff.DoNull, As: "absent"},
			{Do: diff.DoEmpty, As: "absent"},
			{Do: diff.DoEmbedded, As: "json"},
			{Do: diff.DoString, AsList: []string{"nfc"}},
			{Do: diff.DoRewrite, Pattern: "[a-z]", As: "X"},
			{Do: diff.DoMatch, As: "multiset"},
		}
		a, b := kinds[int(pick)%len(kinds)], kinds[int(pick)/len(kinds)%len(kinds)]
		a.At, b.At = at1, at2
		rules, errs := diff.Compile([]diff.Rule{a, b}, diff.Options{})
		if errs != nil {
			return
		}
		for _, pair := range [][2][]byte{{blue, green}, {blue, blue}} {
			r := diff.Compare(pair[0], pair[1], rules)
			if l := r.Leaves; l.Seen != l.Compared+l.Ignored+l.Dropped+l.Absent {
				t.Errorf("leaves %+v of %q and %q under %v", l, pair[0], pair[1], []diff.Rule{a, b})
			}
		}
		if r := diff.Compare(blue, blue, rules); diff.Validate(blue) == nil && !r.Equal() {
			t.Errorf("%q differs from itself under %v: %v", blue, []diff.Rule{a, b}, r.Differences)
		}
	})
}
