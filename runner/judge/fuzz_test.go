package judge

import (
	"encoding/json"
	"testing"

	"github.com/bgverify/bgverify/diff"
)

// FuzzLocator holds captures to one law: in a body that the engine takes, a
// capture finds the value that Value.Select finds, and nothing where that finds
// nothing.
func FuzzLocator(f *testing.F) {
	for _, path := range []string{"$", "$.a", "$['a.b']", "$.a[0].b", `$["@this"]`, "$.a..b", "$.*", "$[-1]", "$.#", "$.a|b", `$['\u0061']`, "$.한"} {
		f.Add(path, []byte(`{"a":[{"b":1e400},null],"a.b":"x","@this":2,"a|b":true,"#":3,"한":"글"}`))
		f.Add(path, []byte(`[{"a":1},[2]]`))
	}
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		if len(path) > 1<<10 || len(body) > 1<<14 || !json.Valid(body) {
			return
		}
		l, err := newLocator(path)
		if err != nil {
			return
		}
		pattern, err := diff.ParsePath(path)
		if err != nil {
			t.Fatalf("%q is a locator and no path: %v", path, err)
		}
		root, err := diff.ReadStrict(body)
		if err != nil { // not I-JSON: a capture never sees it
			return
		}
		want := root.Select(pattern)
		got := l.find(root)
		ok := got.Exists()
		if ok != (len(want) == 1) {
			t.Fatalf("%q in %s: found %t, Select finds %d", path, body, ok, len(want))
		}
		if ok && (string(got.JSON()) != string(want[0].JSON) || got.Type() != want[0].Type) {
			t.Fatalf("%q in %s: %s, Select finds %s", path, body, got.JSON(), want[0].JSON)
		}
	})
}
