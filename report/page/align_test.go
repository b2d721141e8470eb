package page

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/diff"
)

// sides joins the texts of both columns.
func sides(rows []row) (blue, green string) {
	var b, g strings.Builder
	for i := range rows {
		b.WriteString(rows[i].blue)
		g.WriteString(rows[i].green)
	}
	return b.String(), g.String()
}

var bodies = []struct {
	name, blue, green string
	want              []string // the rows that are not the same on both sides
}{
	{"nothing differs", `{"a":1,"b":[1,2]}`, `{"a":1,"b":[1,2]}`, nil},
	{"value", `{"a":1,"b":2}`, `{"a":1,"b":3}`, []string{`changed "b": 2 | "b": 3`}},
	{"type", `{"a":1.50}`, `{"a":"1.50"}`, []string{`changed "a": 1.50 | "a": "1.50"`}},
	{"only green", `{"a":1}`, `{"n":{"x":0},"a":1}`, []string{`added  | "n": {`, `added  | "x": 0`, `added  | },`}},
	{"only blue", `{"a":1,"z":[]}`, `{"a":1}`, []string{`removed "z": [] | `}},
	{"element in the middle", `{"l":[{"id":"a"},{"id":"c"}]}`, `{"l":[{"id":"a"},{"id":"b"},{"id":"c"}]}`, []string{`added  | {`, `added  | "id": "b"`, `added  | },`}},
	{"big numbers stay as written", `{"n":9223372036854775808}`, `{"n":9223372036854775809}`, []string{`changed "n": 9223372036854775808 | "n": 9223372036854775809`}},
}

func TestAlignJSON(t *testing.T) {
	for _, tt := range bodies {
		t.Run(tt.name, func(t *testing.T) {
			result := diff.Compare([]byte(tt.blue), []byte(tt.green), nil)
			b, ok1 := parseJSON([]byte(tt.blue))
			g, ok2 := parseJSON([]byte(tt.green))
			if !ok1 || !ok2 {
				t.Fatal("a body is not JSON")
			}
			var got []string
			rows := alignJSON(b, g, result.Differences, result.Hidden)
			for _, r := range rows {
				if r.mark != rowSame {
					got = append(got, [...]string{"", "changed", "added", "removed", "ignored", "moved", "", ""}[r.mark]+" "+r.blue+" | "+r.green)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("blue %s, green %s (-want +got)\n%s", tt.blue, tt.green, d)
			}
		})
	}
}

// FuzzAlign: whatever the bodies, each column holds its own body whole, and
// folding loses no row that differs.
func FuzzAlign(f *testing.F) {
	for _, tt := range bodies {
		f.Add(tt.blue, tt.green)
	}
	f.Add(`{"a~b/c":[1,{"x":[]}]}`, `{"a~b/c":[{"x":[1]},1]}`)
	f.Add(`[[1,2],[3]]`, `[[3],[1,2]]`)
	f.Fuzz(func(t *testing.T, blue, green string) {
		b, ok1 := parseJSON([]byte(blue))
		g, ok2 := parseJSON([]byte(green))
		if !ok1 || !ok2 {
			t.Skip("not a pair of JSON bodies: shown as text, not aligned")
		}
		result := diff.Compare([]byte(blue), []byte(green), nil)
		rows := alignJSON(b, g, result.Differences, result.Hidden)
		gotBlue, gotGreen := sides(rows)
		if want := strings.ReplaceAll(pretty(b, nil), "\n", ""); strip(gotBlue) != strip(want) {
			t.Errorf("blue's column: got %s, want %s", gotBlue, want)
		}
		if len(b.kids) == len(g.kids) && blue == green && gotGreen != gotBlue {
			t.Errorf("equal bodies: blue's column %s, green's %s", gotBlue, gotGreen)
		}
		differ := 0
		for _, r := range rows {
			if r.mark != rowSame {
				differ++
			}
		}
		for _, r := range fold(rows) {
			if r.mark != rowSame && r.mark != rowFold {
				differ--
			}
		}
		if differ != 0 {
			t.Errorf("folding changed the number of rows that differ by %d", -differ)
		}
	})
}

func strip(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == ',' {
			return -1
		}
		return r
	}, s)
}

func TestAlignLines(t *testing.T) {
	rows := alignLines("a\nb\nc\nd\n", "a\nB\nc\nx\nd\n")
	var got []string
	for _, r := range rows {
		got = append(got, [...]string{"", "changed", "only green"}[r.mark]+" "+r.blue+"|"+r.green)
	}
	want := []string{" a|a", "changed b|B", " c|c", "only green |x", " d|d"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
