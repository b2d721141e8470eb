package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bgverify/bgverify/diff"
)

// A hostile pair, made to cost time or memory.
type hostile struct {
	name        string
	blue, green []byte
	want        string // what the result must be: "equal", "different" or "limit"
}

func numbers(n int, value func(i int) int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(value(i)))
	}
	b.WriteByte(']')
	return b.Bytes()
}

func keys(n int, reverse bool) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		k := i
		if reverse {
			k = n - 1 - i
		}
		fmt.Fprintf(&b, `"k%d":%d`, k, k)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// alike are many objects that differ from each other in little.
func alike(n, salt int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"a":1,"b":[1,2,3],"c":{"d":"x","e":%d},"f":%d}`, i%7, (i*31+salt)%n)
	}
	b.WriteByte(']')
	return b.Bytes()
}

func hostiles() []hostile {
	const n = 100_000
	deep := []byte(strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000))
	long := []byte(`"` + strings.Repeat("x", 50<<20) + `"`)
	other := bytes.Clone(long)
	other[len(other)-2] = 'y'
	equal := numbers(n, func(int) int { return 1 })
	return []hostile{
		{"depth 1e6", deep, deep, "limit"},
		{"1e6 members, reversed", keys(1_000_000, false), keys(1_000_000, true), "equal"},
		{"1e5 elements, rotated by one", numbers(n, func(i int) int { return i }), numbers(n, func(i int) int { return (i + 1) % n }), "different"},
		{"1e5 elements, rotated by half", numbers(n, func(i int) int { return i }), numbers(n, func(i int) int { return (i + n/2) % n }), "different"},
		{"1e5 elements, reversed", numbers(n, func(i int) int { return i }), numbers(n, func(i int) int { return n - i }), "different"},
		{"1e5 equal elements, one changed", equal, append(bytes.Clone(equal[:n+1]), append([]byte("2"), equal[n+2:]...)...), "different"},
		{"1e5 elements of two values", numbers(n, func(i int) int { return i % 2 }), numbers(n, func(i int) int { return i / 3 % 2 }), "different"},
		{"1e5 elements, all others", numbers(n, func(i int) int { return i }), numbers(n, func(i int) int { return i + n }), "different"},
		{"50 MB string", long, other, "different"},
		{"3e4 near-equal objects", alike(30_000, 0), alike(30_000, 17), "different"},
		{"1e6 empty arrays", []byte("[" + strings.Repeat("[],", 1_000_000) + "1]"), []byte("[" + strings.Repeat("[],", 1_000_000) + "2]"), "different"},
	}
}

// worstCases measures hostile pairs as multiples of their own parse.
func worstCases() {
	fmt.Printf("### Worst cases\n\n")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| pair\t| bytes\t| result\t| differences\t| time\t| / two parses\t| memory / bodies\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, h := range hostiles() {
		runtime.GC()
		var r diff.Result
		us := &cell{engine: engine{run: func(b, g []byte) (int, error) { r = diff.Compare(b, g, noRules); return r.Total, nil }}}
		parses := &cell{engine: engine{run: func(b, g []byte) (int, error) { _, _ = twoParses(b, g); return 0, nil }}}
		interleave([]*cell{us, parses}, h.blue, h.green, time.Second)
		result := "equal"
		switch {
		case r.Total > 0 && r.Differences[0].Kind == diff.Limit:
			result = "limit"
		case r.Total > 0:
			result = "different"
		}
		if result != h.want {
			result += ", want " + h.want
		}
		_, peak := memory(h.blue, h.green, noRules)
		fmt.Fprintf(w, "| %s\t| %d\t| %s\t| %d\t| %v\t| %.1f\t| %.1f\t|\n", h.name, len(h.blue)+len(h.green), result, r.Total, round(us.best), float64(us.best)/float64(parses.best), peak)
	}
	w.Flush()
}
