package envelope

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
)

// Others are trees that could have come in the place of one that is an error. What is
// expected of that error says something of it only where it refuses others.
type Others struct {
	Well  [][]byte // the same answer without the error
	Bare  [][]byte // the error alone, without the content that came with it
	Other [][]byte // another error: other codes and texts under the same names
}

// kinds is how many trees there are of each kind.
const kinds = 3

// OthersOf makes the others of a valid tree in which f was found. nested is set for
// trees of XML and forms. Members keep their order; white space between them is lost.
//
// Package judge holds what a file expects of the body against these trees. It refuses all of one
// kind only where the file knows of the error, and the finding is then settled; an expectation
// that any body would meet settles nothing.
func OthersOf(tree diff.Value, nested bool, f *Finding) Others {
	// Three trees of each kind, since a file may refuse one spelling of nothing and accept another.
	trees := func(how func(w *writer, v diff.Value, r role) (string, bool)) [][]byte {
		var out [][]byte
		for n := range kinds {
			w := &writer{how: how, n: n, nested: nested, at: f.Path}
			text, _ := w.value(tree, []byte("$"), code|text)
			out = append(out, []byte(text))
		}
		return out
	}
	return Others{Well: trees((*writer).well), Bare: trees((*writer).bare), Other: trees((*writer).other)}
}

// Written is a valid tree as the others are written.
func Written(tree diff.Value) []byte {
	w := &writer{how: func(*writer, diff.Value, role) (string, bool) { return "", false }, nested: true}
	text, _ := w.value(tree, []byte("$"), 0)
	return []byte(text)
}

// A writer writes a tree anew with other values in the members of its envelopes.
type writer struct {
	// how gives the value that takes the place of a member's or scalar's; "": there is
	// none. It reports whether it has decided that.
	how    func(w *writer, v diff.Value, r role) (string, bool)
	n      int // which of the trees of its kind
	nested bool
	at     string // path of the finding
	deep   int
}

// isContainer reports whether a value is an object or a list.
func isContainer(v diff.Value) bool { return v.Type() == diff.ObjectType || v.Type() == diff.ArrayType }

// value writes a value of a role; false: leave it out.
func (w *writer) value(v diff.Value, at []byte, r role) (string, bool) {
	object := v.Type() == diff.ObjectType
	// Scalars, and what is too deep to look into, are decided by their role alone.
	if !isContainer(v) || w.deep >= deepest {
		if text, ok := w.how(w, v, r); ok {
			return text, text != ""
		}
		return string(v.JSON()), true
	}
	var parts []string
	open, end := "[", "]"
	if object {
		open, end = "{", "}"
	}
	// Members and elements are written in their order, and what is left out leaves no gap.
	w.deep++
	index := 0
	for m := range v.Children() {
		if !object {
			if text, ok := w.value(m, path.AppendIndex(at, index), r); ok {
				parts = append(parts, text)
			}
		} else if text, ok := w.member(m.Name(), m, at); ok {
			parts = append(parts, string(m.NameJSON())+":"+text)
		}
		index++
	}
	w.deep--
	return open + strings.Join(parts, ",") + end, true
}

// member is a member of a foreign format as it is written for the rules of JSON envelopes. A
// nested one loses the signs that XML attributes and texts have.
func (w *writer) member(name string, m diff.Value, at []byte) (string, bool) {
	if w.nested && (name == "#order" || strings.HasPrefix(name, "@xmlns")) {
		return string(m.JSON()), true
	}
	at = path.AppendName(at, []byte(name))
	if w.nested {
		name = strings.TrimLeft(name, "@#")
	}
	r := roleOf(name)
	// The way to the finding is always walked into, as what is on it cannot be replaced whole.
	rest, inside := strings.CutPrefix(w.at, string(at))
	inside = inside && rest != ""
	if !inside || r&thing != 0 {
		if text, ok := w.how(w, m, r); ok {
			return text, text != ""
		}
	}
	if inside || w.nested || !isContainer(m) || r&(wrap|several|thing) != 0 {
		return w.value(m, at, r)
	}
	return string(m.JSON()), true
}

// nothing is how a value can say that there is none: by its absence, by null, and
// as an empty value of its type.
func (w *writer) nothing(v diff.Value) string {
	switch {
	case w.n == 0:
		return ""
	case w.n == 1:
		return "null"
	case v.Type() == diff.ObjectType:
		return "{}"
	case v.Type() == diff.ArrayType:
		return "[]"
	case v.Type() == diff.StringType:
		return `""`
	case v.Type() == diff.NumberType:
		return "0"
	}
	return "false"
}

// well takes errors away and turns codes and flags into those of successes.
func (w *writer) well(v diff.Value, r role) (string, bool) {
	if r&(thing|errText|errCode) != 0 {
		return w.nothing(v), true
	}
	if isContainer(v) || v.Type() == diff.NullType {
		return "", false
	}
	switch quoted := v.Type() == diff.StringType; {
	case r&(good|bad) != 0:
		// The other value is written in the notation of the one that is there.
		no, yes := "false", "true"
		switch text := strings.ToLower(v.Text()); {
		case v.Type() == diff.NumberType:
			no, yes = "0", "1"
		case text == "n" || text == "y":
			no, yes = `"N"`, `"Y"`
		case quoted:
			no, yes = `"false"`, `"true"`
		}
		if r&good != 0 {
			return yes, true
		}
		return no, true
	// Three spellings of a success, one for each tree.
	case r&(code|word|status) != 0 && quoted:
		return [kinds]string{`"0"`, `"OK"`, `"SUCCESS"`}[w.n], true
	case r&(code|word) != 0 && v.Type() == diff.NumberType && r&status != 0:
		return "200", true
	case r&(code|word) != 0 && v.Type() == diff.NumberType:
		return "0", true
	case r&word != 0:
		return "true", true
	case r&text != 0 && quoted:
		return [kinds]string{`"OK"`, `"success"`, `""`}[w.n], true
	}
	return "", false
}

// bare takes away what belongs to no envelope.
func (w *writer) bare(v diff.Value, r role) (string, bool) {
	switch {
	// No role of an envelope: this is what came with the error.
	case r&^(soft|loose) == 0:
		return "", true
	case r&data != 0 && (isContainer(v) || r&word == 0):
		return w.nothing(v), true
	}
	return "", false
}

// other gives codes and texts other values.
func (w *writer) other(v diff.Value, r role) (string, bool) {
	if r&(thing|errCode|errText|code|word|text|soft) == 0 {
		return "", false
	}
	switch v.Type() {
	case diff.StringType:
		quoted, err := json.Marshal(OtherTexts(v.Text())[min(w.n, 1)])
		return string(quoted), err == nil
	case diff.NumberType:
		n, _ := strconv.ParseFloat(v.Text(), 64) // as far as a float64 can tell
		// Numbers move away from zero, so that a code of an error does not become that of a success.
		step := [kinds]float64{1, 9*n + 7, 2}[w.n]
		if n < 0 {
			step = [kinds]float64{-1, 9*n - 7, -2}[w.n]
		}
		return strconv.FormatFloat(n+step, 'f', -1, 64), true
	}
	return "", false
}

// OtherTexts are texts that could be in the place of one: one that has nothing to do
// with it, and one that looks like it, of which every letter and digit is another.
func OtherTexts(s string) [2]string {
	shifted := strings.Map(func(r rune) rune {
		switch {
		case r == 'z' || r == 'Z':
			return r - 25
		case r == '9':
			return '0'
		case 'a' <= r && r < 'z', 'A' <= r && r < 'Z', '0' <= r && r < '9', '가' <= r && r < '힣':
			return r + 1
		}
		return r
	}, s)
	if shifted == s {
		shifted += "1"
	}
	return [2]string{"Another value: 7!", shifted}
}
