package mutate_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/internal/gen"
	"github.com/bgverify/bgverify/diff/mutate"
	"github.com/bgverify/bgverify/diff/notation"
)

// Every mutant of a body is valid, differs from it, and is found.
func TestMutantsAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := gen.JSON(t, "body")
		for _, m := range mutate.Mutants(body, rapid.Uint64().Draw(t, "seed"), 12) {
			if err := diff.Validate(m.Body); err != nil {
				t.Fatalf("%s mutant at %s is not JSON: %v\nbody   %s\nmutant %s", m.Class, m.Path, err, body, m.Body)
			}
			if r := diff.Compare(body, m.Body, nil); r.Equal() {
				t.Fatalf("%s mutant at %s is not found\nbody   %s\nmutant %s", m.Class, m.Path, body, m.Body)
			}
			if _, err := diff.ParsePath(m.Path); err != nil {
				t.Fatalf("path %s: %v", m.Path, err)
			}
		}
	})
}

func TestMutantsAreReproducible(t *testing.T) {
	body := []byte(`{"a":[1,2,3],"b":{"c":"x","d":null},"e":true}`)
	first, second := mutate.Mutants(body, 7, 8), mutate.Mutants(body, 7, 8)
	if len(first) != 8 {
		t.Fatalf("got %d mutants, want 8", len(first))
	}
	for i := range first {
		if !bytes.Equal(first[i].Body, second[i].Body) || first[i].Path != second[i].Path {
			t.Errorf("mutant %d: %s and %s from one seed", i, first[i].Body, second[i].Body)
		}
	}
}

func TestMutantsHaveAllClasses(t *testing.T) {
	count := map[string]int{}
	for _, m := range mutate.Mutants([]byte(`{"a":[1,2,3],"b":{"c":"x","d":null},"e":true}`), 1, 16) {
		count[m.Class]++
	}
	if count[mutate.Value] < 6 || count[mutate.Structure] == 0 || count[mutate.Type] == 0 {
		t.Errorf("classes %v, want all three and a majority of values", count)
	}
}

func read(t *testing.T, body []byte) diff.Value {
	t.Helper()
	v, err := diff.ReadStrict(body)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestForeignHasNoFormat(t *testing.T) {
	body := []byte(`{"id":"9b2c6f4e-6f0a-4d6e-9a55-0d8a3f0f7c11","n":1,"rows":["x",{"at":"2026-11-25T21:00:00Z"}]}`)
	paths := map[string]bool{}
	for m := range mutate.Foreign(read(t, body), 7, 10) {
		paths[m.Path] = true
		if err := diff.Validate(m.Body); err != nil {
			t.Errorf("%s: %v", m.Body, err)
		}
	}
	for _, want := range []string{"$.id", "$.rows[0]", "$.rows[1].at"} {
		if !paths[want] {
			t.Errorf("no mutant at %s: %v", want, paths)
		}
	}
	for _, name := range notation.Formats() {
		if ok, known := notation.Match(name, "\u0001~"); ok && known {
			t.Errorf("the foreign text has format %s", name)
		}
	}
	for body, want := range map[string]int{string(body): 2, `{"n":1}`: 0, ``: 0} {
		n := 0
		v, _ := diff.ReadStrict([]byte(body)) // absent for ""
		for range mutate.Foreign(v, 7, 2) {
			n++
		}
		if n != want {
			t.Errorf("%d mutants of %s, want %d", n, body, want)
		}
	}
}

func TestMutantsOfNothing(t *testing.T) {
	for _, body := range []string{"", "{", "[1,2", "{\"a\":1,\"a\":2}"} {
		if got := mutate.Mutants([]byte(body), 1, 8); got != nil {
			t.Errorf("Mutants(%q) = %v, want none", body, got)
		}
	}
	if got := mutate.Mutants([]byte(`1`), 1, 0); got != nil {
		t.Errorf("max 0 gives %v", got)
	}
}

// Of a body with more values than can be changed, those at the beginning are, and
// the mutants are sound all the same.
func TestMutantsOfMillions(t *testing.T) {
	body := []byte(`{"a":[` + strings.Repeat("1,", 3<<19) + `1],"b":{"c":[` + strings.Repeat("[2],", 3<<18) + `[]],"d":"x"},"e":{}}`)
	n := 0
	for m := range mutate.Each(read(t, body), 3, 8) {
		n++
		if err := diff.Validate(m.Body); err != nil {
			t.Errorf("%s at %s: %v", m.Class, m.Path, err)
		}
		if bytes.Equal(body, m.Body) {
			t.Errorf("%s at %s changes nothing", m.Class, m.Path)
		}
	}
	if n != 8 {
		t.Errorf("%d mutants, want 8", n)
	}
}
