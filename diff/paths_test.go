package diff

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff/path"
	"github.com/bgverify/bgverify/internal/text"
)

// Every path that is printed is one that a rule can be written with, and names
// the place it was printed for.
func TestPrintedPathsSelect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SampledFrom([]string{"a", "@id", "a b", "it's", `back\slash`, "[x]", "서울", "\u202eevil", "k\u009b31m", "9", "a.b", "]"})
		scalar := rapid.SampledFrom([]string{`"x"`, `"y'z"`, `"]"`, `"[1]"`, `"\u009b"`, "1", "2.50", "true"})
		row := rapid.Custom(func(t *rapid.T) string {
			var b []string
			for _, n := range rapid.SliceOfNDistinct(names, 1, 4, rapid.ID).Draw(t, "names") {
				b = append(b, text.Quote(n)+":"+scalar.Draw(t, n))
			}
			return `{"@id":` + fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "id")) + `,"k":` + scalar.Draw(t, "k") + "," + strings.Join(b, ",") + "}"
		})
		body := rapid.Custom(func(t *rapid.T) string {
			return `{"l":[` + strings.Join(rapid.SliceOfN(row, 1, 3).Draw(t, "rows"), ",") + `]}`
		})
		blue, green := body.Draw(t, "blue"), body.Draw(t, "green")
		rules, errs := Compile([]Rule{{At: "$.l", Do: DoMatch, By: []string{"@id", "k"}}}, Options{DuplicateKeys: "last"})
		if errs != nil {
			t.Fatal(errs)
		}
		r := Compare([]byte(blue), []byte(green), rules)
		for i := range r.Differences {
			d := &r.Differences[i]
			p, err := ParsePath(d.Path)
			if err != nil {
				t.Fatalf("the path %s cannot be pasted: %v", d.Path, err)
			}
			if _, err := ParsePath(path.Generalise(d.Path)); err != nil {
				t.Fatalf("%s generalises to %s: %v", d.Path, path.Generalise(d.Path), err)
			}
			side := blue
			if d.Blue.Type == AbsentType {
				side = green
			}
			nodes, err := Select([]byte(side), p)
			if err == nil && len(nodes) == 0 {
				t.Fatalf("%s selects nothing of %s", d.Path, side)
			}
		}
	})
}

// A key that changed its type pairs its element all the same.
func TestKeyOfAnotherType(t *testing.T) {
	for _, tt := range []struct{ name, blue, green, by, want string }{
		{"number to string", `{"l":[{"id":1,"v":"a"},{"id":2,"v":"b"}]}`, `{"l":[{"id":"1","v":"a"},{"id":"2","v":"b"}]}`, "id", "type $.l[?@.id==1].id, type $.l[?@.id==2].id"},
		{"string to number, one of two", `{"l":[{"id":"1"},{"id":"2"}]}`, `{"l":[{"id":1},{"id":"2"}]}`, "id", "type $.l[?@.id=='1'].id"},
		{"in another order", `{"l":[{"id":1},{"id":2}]}`, `{"l":[{"id":"2"},{"id":"1"}]}`, "id", "moved $.l[?@.id==1], type $.l[?@.id==1].id, type $.l[?@.id==2].id"},
		{"one member of two", `{"l":[{"a":1,"b":true}]}`, `{"l":[{"a":"1","b":true}]}`, "a b", "type $.l[?@.a==1 && @.b==true].a"},
		{"another key", `{"l":[{"id":1}]}`, `{"l":[{"id":"3"}]}`, "id", "removed $.l[?@.id==1], added $.l[?@.id=='3']"},
		{"both types on one side", `{"l":[{"id":1,"v":1}]}`, `{"l":[{"id":"1","v":2},{"id":1,"v":1}]}`, "id", "added $.l[?@.id=='1']"},
		{"null is not a text", `{"l":[{"id":null}]}`, `{"l":[{"id":"null"}]}`, "id", "removed $.l[?@.id==null], added $.l[?@.id=='null']"},
	} {
		rules := mustCompile(t, Options{}, Rule{At: "$.l", Do: DoMatch, By: strings.Fields(tt.by)})
		r := Compare([]byte(tt.blue), []byte(tt.green), rules)
		if got := brief(r.Differences); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
