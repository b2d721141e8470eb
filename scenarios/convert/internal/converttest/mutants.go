package converttest

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// wrong are values of every kind, to stand where another is expected.
var wrong = []any{
	nil, true, json.Number("5"), json.Number("-1e400"), "", "x", "{{a}}", "\u0000\ud7ff\u2028",
	[]any{},
	[]any{[]any{nil}},
	map[string]any{},
	map[string]any{"key": map[string]any{}, "value": []any{}, "name": 1},
}

// Mutants are damaged copies of a JSON document, with what was done to each: a value of
// another kind at every place, members left out, members twice, the text cut at every
// 97th byte, and nesting without end.
func Mutants(doc string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		var top any
		d := json.NewDecoder(strings.NewReader(doc))
		d.UseNumber()
		if err := d.Decode(&top); err != nil {
			panic(err) // the test's own document
		}
		whole := func() []byte {
			data, err := json.Marshal(top)
			if err != nil {
				panic(err)
			}
			return data
		}
		if !mutate(top, "$", func(v any) { top = v }, func(what string) bool { return yield(what, whole()) }) {
			return
		}
		for i := 0; i < len(doc); i += 97 {
			if !yield("cut at "+strconv.Itoa(i), []byte(doc[:i])) || !yield("a byte lost at "+strconv.Itoa(i),
				[]byte(doc[:i]+doc[min(i+1, len(doc)):])) {
				return
			}
		}
		for _, c := range []string{"[", `{"item":[`, `{"a":`} {
			if !yield("nesting of "+c, []byte(strings.Repeat(c, 200_000))) {
				return
			}
		}
		i := strings.IndexByte(doc, '{')
		yield("members twice", []byte(doc[:i+1]+strings.TrimSuffix(strings.TrimSpace(doc[i+1:]), "}")+","+doc[i+1:]))
	}
}

// mutate puts every wrong value at every place below a value; set replaces the value
// itself. It reports whether to go on.
func mutate(v any, path string, set func(any), yield func(string) bool) bool {
	for i, w := range wrong {
		set(w)
		if !yield(path + " is wrong value " + strconv.Itoa(i)) {
			return false
		}
	}
	set(v)
	switch x := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			was := x[k]
			if !mutate(was, path+"."+k, func(v any) { x[k] = v }, yield) {
				return false
			}
			delete(x, k)
			if !yield(path + "." + k + " is missing") {
				return false
			}
			x[k] = was
		}
	case []any:
		for i := range x {
			if !mutate(x[i], path+"["+strconv.Itoa(i)+"]", func(v any) { x[i] = v }, yield) {
				return false
			}
		}
	}
	return true
}
