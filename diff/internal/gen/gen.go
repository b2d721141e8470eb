// Package gen draws JSON bodies for the laws of the comparison. It is used by
// tests alone.
package gen

import (
	"encoding/json"
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// A Value is a JSON value that knows how to be written in several ways.
type Value struct {
	Kind    byte // 'n'ull, 't'rue, 'f'alse, '0' number, '"' string, '[' array, '{' object
	Text    string
	Items   []Value
	Names   []string
	Escaped bool
}

// Names are few, so that objects meet.
var names = []string{"id", "a", "b", "c", "price", "title", "x y", "it's", "가", ""}

var numbers = []string{
	"0", "-0", "1", "1.0", "1e0", "10e-1", "2", "-2", "0.1", "100", "1e2", "9007199254740992", "9007199254740993",
	"1e400", "1e401", "1.000000000000000005", "12345678901234567890123", "0e9", "1E+2", "0.10",
}

var texts = []string{
	"", "a", "b", "é", "e\u0301", "가나다", "a\nb", "\"", "\\", "/", "\u0000", "😀", "blue.example", "green.example",
	"2026-11-23T03:12:45Z", "2026-11-23T03:12:46Z",
}

// Draw draws a value at most depth deep.
func Draw(t *rapid.T, label string, depth int) Value {
	kinds := "nt0\"0\""
	if depth > 0 {
		kinds = "ntf0\"0\"[{[{[{"
	}
	k := kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, label)]
	v := Value{Kind: k}
	switch k {
	case '0':
		v.Text = rapid.SampledFrom(numbers).Draw(t, "number")
	case '"':
		v.Text = rapid.SampledFrom(texts).Draw(t, "text")
	case '[':
		for range rapid.IntRange(0, 4).Draw(t, "len") {
			v.Items = append(v.Items, Draw(t, "item", depth-1))
		}
	case '{':
		v.Names = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID[string]).Draw(t, "names")
		for range v.Names {
			v.Items = append(v.Items, Draw(t, "member", depth-1))
		}
	}
	return v
}

// JSON draws a body at most four deep.
func JSON(t *rapid.T, label string) []byte { return []byte(Draw(t, label, 4).String()) }

// String writes the value without white space.
func (v Value) String() string {
	var b strings.Builder
	v.write(&b, nil)
	return b.String()
}

// Respelled writes the value in another way: white space, member order,
// escapes and number notation change, the value does not.
func (v Value) Respelled(t *rapid.T) string {
	var b strings.Builder
	v.write(&b, t)
	return b.String()
}

func (v Value) write(b *strings.Builder, t *rapid.T) {
	space := func() {
		if t != nil {
			b.WriteString(rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space"))
		}
	}
	switch v.Kind {
	case 'n':
		b.WriteString("null")
	case 't':
		b.WriteString("true")
	case 'f':
		b.WriteString("false")
	case '0':
		b.WriteString(spell(v.Text, t))
	case '"':
		b.WriteString(quote(v.Text, t))
	case '[':
		b.WriteByte('[')
		for i, x := range v.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			space()
			x.write(b, t)
			space()
		}
		b.WriteByte(']')
	case '{':
		order := make([]int, len(v.Items))
		for i := range order {
			order[i] = i
		}
		if t != nil {
			order = rapid.Permutation(order).Draw(t, "order")
		}
		b.WriteByte('{')
		for k, i := range order {
			if k > 0 {
				b.WriteByte(',')
			}
			space()
			b.WriteString(quote(v.Names[i], t))
			space()
			b.WriteByte(':')
			space()
			v.Items[i].write(b, t)
		}
		b.WriteByte('}')
	}
}

// spell writes a number in another notation of the same value.
func spell(n string, t *rapid.T) string {
	if t == nil || strings.ContainsAny(n, "eE") {
		return n
	}
	switch rapid.IntRange(0, 3).Draw(t, "spelling") {
	case 0:
		return n + "e0"
	case 1:
		if strings.Contains(n, ".") {
			return n + "00"
		}
		return n + ".0"
	case 2:
		if !strings.Contains(n, ".") && strings.Trim(n, "-0") != "" {
			return n + "0E-1"
		}
	}
	return n
}

func quote(s string, t *rapid.T) string {
	if t != nil && rapid.Bool().Draw(t, "escape") {
		var b strings.Builder
		b.WriteByte('"')
		for _, r := range s {
			if r > 0xffff {
				r -= 0x10000
				fmt.Fprintf(&b, `\u%04x\u%04X`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		}
		return b.String() + `"`
	}
	q, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(q)
}
