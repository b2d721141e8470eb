package diff_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/conformance"
)

// apply is a plain reading of RFC 6902 for the operations that Patch writes.
func apply(doc any, patch []byte) (any, error) {
	var ops []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if err := json.Unmarshal(patch, &ops); err != nil {
		return nil, err
	}
	for _, op := range ops {
		var v any
		if op.Value != nil {
			v = decode(op.Value)
		}
		var tokens []string
		if op.Path != "" {
			for t := range strings.SplitSeq(op.Path[1:], "/") {
				tokens = append(tokens, strings.NewReplacer("~1", "/", "~0", "~").Replace(t))
			}
		}
		var err error
		if doc, err = edit(doc, tokens, op.Op, v); err != nil {
			return nil, fmt.Errorf("%s %s: %w", op.Op, op.Path, err)
		}
	}
	return doc, nil
}

func edit(doc any, tokens []string, op string, v any) (any, error) {
	if len(tokens) == 0 {
		return v, nil
	}
	t := tokens[0]
	switch doc := doc.(type) {
	case map[string]any:
		old, ok := doc[t]
		switch {
		case len(tokens) > 1 && ok:
			x, err := edit(old, tokens[1:], op, v)
			doc[t] = x
			return doc, err
		case len(tokens) > 1 || op != "add" && !ok:
			return nil, fmt.Errorf("no member %q", t)
		case op == "remove":
			delete(doc, t)
		default:
			doc[t] = v
		}
		return doc, nil
	case []any:
		i, err := strconv.Atoi(t)
		if err != nil || i < 0 || i > len(doc) || i == len(doc) && (op != "add" || len(tokens) > 1) {
			return nil, fmt.Errorf("no element %q", t)
		}
		switch {
		case len(tokens) > 1:
			doc[i], err = edit(doc[i], tokens[1:], op, v)
			return doc, err
		case op == "remove":
			return slices.Delete(doc, i, i+1), nil
		case op == "add":
			return slices.Insert(doc, i, v), nil
		}
		doc[i] = v
		return doc, nil
	}
	return nil, fmt.Errorf("%q below a scalar", t)
}

// An applied patch turns blue into green.
func TestPatchTurnsBlueIntoGreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bv, gv := drawPair(t)
		blue, green := []byte(bv.String()), []byte(gv.Respelled(t))
		patch, total, err := diff.Patch(blue, green, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := diff.Compare(blue, green, nil).Total; total != want {
			t.Fatalf("total %d, want %d", total, want)
		}
		got, err := apply(decode(blue), patch)
		if err != nil {
			t.Fatalf("%v\n%s\n%s\n%s", err, blue, green, patch)
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if !plainlyEqual(text, green) {
			t.Fatalf("got %s\nwant %s\nblue %s\npatch %s", text, green, blue, patch)
		}
	})
}

// The documents of json-patch-tests, each pair as blue and green: what Patch writes
// makes one of the other, whatever operations the suite does it by.
func TestJSONPatchSuite(t *testing.T) {
	dir := conformance.Dir(t, "json-patch")
	pairs := 0
	for _, name := range []string{"tests.json", "spec_tests.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var suite []struct {
			Comment       string
			Doc, Expected json.RawMessage
		}
		if err := json.Unmarshal(text, &suite); err != nil {
			t.Fatal(err)
		}
		for _, c := range suite {
			if c.Expected == nil || diff.Validate(c.Doc) != nil {
				continue // expects an error of its patch
			}
			pairs++
			patch, _, err := diff.Patch(c.Doc, c.Expected, nil)
			if err != nil {
				t.Errorf("%s: %v", c.Comment, err)
				continue
			}
			got, err := apply(decode(c.Doc), patch)
			text, _ := json.Marshal(got)
			if err != nil || !plainlyEqual(text, c.Expected) {
				t.Errorf("%s: %s with %s is %s, want %s (%v)", c.Comment, c.Doc, patch, text, c.Expected, err)
			}
		}
	}
	if pairs < 50 {
		t.Errorf("%d pairs: the suite is not whole", pairs)
	}
}

// Under rules the patched body is equal to green under the same rules.
func TestPatchUnderRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bv, gv := drawPair(t)
		blue, green := []byte(bv.String()), []byte(gv.String())
		rules := compileOrSkip(t, []diff.Rule{
			{At: "$..a", Do: diff.DoIgnore, Why: "w"},
			{At: "$..b", Do: diff.DoNull, As: "absent"},
			{At: "$..c", Do: diff.DoEmbedded, As: "json"},
			{At: "$..title", Do: diff.DoMatch, By: []string{"id"}},
		}, diff.Strict)
		patch, _, err := diff.Patch(blue, green, rules)
		if err != nil {
			t.Fatal(err)
		}
		got, err := apply(decode(blue), patch)
		if err != nil {
			t.Fatalf("%v\n%s\n%s\n%s", err, blue, green, patch)
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if r := diff.Compare(text, green, rules); !r.Equal() {
			t.Fatalf("%v\ngot %s\nwant %s\nblue %s\npatch %s", r.Differences, text, green, blue, patch)
		}
	})
}

func TestPatchOfBrokenBody(t *testing.T) {
	for _, pair := range [][2]string{{"{", "{}"}, {"{}", "{"}, {"{", "{"}} {
		if p, _, err := diff.Patch([]byte(pair[0]), []byte(pair[1]), nil); err == nil {
			t.Errorf("Patch(%s, %s) = %s without an error", pair[0], pair[1], p)
		}
	}
}
