package diff_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/conformance"
)

// JSONTestSuite: every y_ is accepted and every n_ refused. The y_ files that
// name a member twice are refused by policy and accepted under another.
func TestJSONTestSuite(t *testing.T) {
	dir := conformance.Dir(t, "json/JSONTestSuite/test_parsing")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	last, errs := diff.Compile(nil, diff.Options{DuplicateKeys: "last"})
	if errs != nil {
		t.Fatal(errs)
	}
	count := map[string]int{}
	for _, f := range files {
		body, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		verdict := diff.Validate(body)
		count[f.Name()[:2]]++
		switch {
		case strings.HasPrefix(f.Name(), "y_object_duplicated_key"):
			if r := diff.Compare(body, body, last); verdict == nil || !r.Equal() {
				t.Errorf("%s: %v, and with the last member deciding: %v", f.Name(), verdict, r.Differences)
			}
		case strings.HasPrefix(f.Name(), "y_") && verdict != nil:
			t.Errorf("%s is refused: %v", f.Name(), verdict)
		case strings.HasPrefix(f.Name(), "n_") && verdict == nil:
			t.Errorf("%s is accepted", f.Name())
		case strings.HasPrefix(f.Name(), "y_"):
			// The arena holds what encoding/json reads.
			nodes, err := diff.Select(body, mustParse(t, "$"))
			if err != nil || len(nodes) != 1 || !cmp.Equal(decode(nodes[0].JSON), decode(body)) {
				t.Errorf("%s: root %v, %v", f.Name(), nodes, err)
			}
		}
	}
	if count["y_"] < 90 || count["n_"] < 180 {
		t.Errorf("the suite is not whole: %v", count)
	}
}

func mustParse(t testing.TB, path string) *diff.Pattern {
	t.Helper()
	p, err := diff.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// RFC 9535: the cases without filters select exactly the nodes that the suite
// names. A rule's places are a set, so order and repetition are left out.
func TestRFC9535(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(conformance.Dir(t, "json/jsonpath-compliance-test-suite"), "cts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Tests []struct {
			Name, Selector  string
			Document        json.RawMessage
			Result          []json.RawMessage
			Results         [][]json.RawMessage
			InvalidSelector bool `json:"invalid_selector"`
		}
	}
	if err := json.Unmarshal(text, &suite); err != nil {
		t.Fatal(err)
	}
	valid, invalid := 0, 0
	for _, c := range suite.Tests {
		if strings.Contains(c.Selector, "?") {
			continue
		}
		p, err := diff.ParsePath(c.Selector)
		if c.InvalidSelector {
			invalid++
			if err == nil {
				t.Errorf("%s: %q is accepted", c.Name, c.Selector)
			}
			continue
		}
		valid++
		if err != nil {
			t.Errorf("%s: %q is refused: %v", c.Name, c.Selector, err)
			continue
		}
		nodes, err := diff.Select(c.Document, p)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		want := c.Result
		if c.Results != nil {
			want = c.Results[0]
		}
		if got, want := nodeSet(t, nodes), valueSet(want); !cmp.Equal(got, want) {
			t.Errorf("%s: %q selects (-want +got) %s", c.Name, c.Selector, cmp.Diff(want, got))
		}
		for _, n := range nodes {
			again, err := diff.Select(c.Document, mustParse(t, n.Path))
			if err != nil || len(again) != 1 || !bytes.Equal(again[0].JSON, n.JSON) {
				t.Errorf("%s: the path %s of a node does not select it", c.Name, n.Path)
			}
		}
	}
	if valid < 150 || invalid < 100 {
		t.Errorf("%d valid and %d invalid selectors without filters: the suite is not whole", valid, invalid)
	}
}

// nodeSet counts values; the nodes of a Select are distinct places.
func nodeSet(t *testing.T, nodes []diff.Node) map[string]bool {
	seen, out := map[string]bool{}, map[string]bool{}
	for _, n := range nodes {
		if seen[n.Path] {
			t.Errorf("the place %s twice", n.Path)
		}
		seen[n.Path] = true
		out[canonical(n.JSON)] = true
	}
	return out
}

func valueSet(values []json.RawMessage) map[string]bool {
	out := map[string]bool{}
	for _, v := range values {
		out[canonical(v)] = true
	}
	return out
}

func canonical(v []byte) string {
	text, err := json.Marshal(decode(v))
	if err != nil {
		panic(err)
	}
	return string(text)
}
