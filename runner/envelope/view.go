package envelope

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/bgverify/bgverify/diff/path"
)

// A view is a value of a tree with its name and place.
type view struct {
	r      gjson.Result
	parent *view  // nil: the root
	key    string // of the member, as written
	index  int    // of the element; -1 for a member
	name   string // the key without @ and #
	depth  int    // below the root
	single int    // how many lists of one were taken off
	// nested: lists of one value stand for the value, as in the trees of XML and
	// of forms, where every name can be repeated.
	nested bool
}

func (v view) isObject() bool { return v.r.IsObject() }

func (v view) finding(c Class) Finding {
	return Finding{Class: c, Path: string(v.path(nil)), Value: strings.TrimSpace(v.r.Raw)}
}

// path appends to at the path that leads to the value.
func (v view) path(at []byte) []byte {
	switch {
	case v.parent == nil:
		at = append(at, '$')
	case v.index >= 0:
		at = path.AppendIndex(v.parent.path(at), v.index)
	default:
		at = path.AppendName(v.parent.path(at), []byte(v.key))
	}
	for range v.single {
		at = path.AppendIndex(at, 0)
	}
	return at
}

// some reports whether a member or element meets a condition. It stops at the first.
func (v view) some(f func(view) bool) bool {
	found, index, object := false, 0, v.r.IsObject()
	v.r.ForEach(func(key, r gjson.Result) bool {
		e := view{r: r, parent: &v, index: index, depth: v.depth + 1, nested: v.nested}
		if object {
			e.key, e.index = key.String(), -1
			if v.nested && (e.key == "#order" || strings.HasPrefix(e.key, "@xmlns")) {
				return true // of the notation
			}
			if e.name = e.key; v.nested {
				e.name = strings.TrimLeft(e.key, "@#")
			}
			e = e.unwrapped()
		}
		index++
		found = f(e)
		return !found
	})
	return found
}

// unwrapped is the only element of a list of one, in a nested tree.
func (v view) unwrapped() view {
	for v.nested && v.r.IsArray() {
		n, first := 0, gjson.Result{}
		v.r.ForEach(func(_, r gjson.Result) bool {
			if n++; n == 1 {
				first = r
			}
			return n < 2
		})
		if n != 1 {
			break
		}
		v.r = first
		v.single++
	}
	return v
}

// text is a string as it is, and any other scalar as written.
func (v view) text() string {
	switch {
	case v.r.Type == gjson.String:
		return strings.TrimSpace(v.r.Str)
	case v.r.Type == gjson.Number, v.r.Type == gjson.True, v.r.Type == gjson.False:
		return v.r.Raw
	}
	return ""
}

func (v view) isScalar() bool { return v.r.Type != gjson.JSON && v.r.Type != gjson.Null }

// deepest is how deep a value is looked into for something that it holds: each level
// reads what is below it once more. Deeper values count as holding something.
const deepest = 24

// hollow reports whether a value holds nothing: null, false, 0, white space, and
// lists and objects of these.
func (v view) hollow() bool {
	switch {
	case v.r.Type == gjson.String:
		return strings.TrimSpace(v.r.Str) == ""
	case v.r.Type == gjson.Number:
		n, err := strconv.ParseFloat(v.r.Raw, 64)
		return err == nil && n == 0
	case v.r.IsArray() || v.isObject():
		return v.depth < deepest && !v.some(func(e view) bool { return !e.hollow() })
	}
	return v.r.Type != gjson.True
}

// holds reports whether there is content in a value: lists and objects are
// content unless hollow, pages and counts of them are not, and envelopes and
// errors in them are not either.
func (v view) holds() bool {
	switch {
	case v.r.IsArray():
		return !v.hollow()
	case v.isObject():
		return v.some(func(m view) bool {
			role := roleOf(m.name)
			switch {
			case role&(wrap|data) != 0 && role&aside == 0:
				return m.holds()
			case role&^soft != 0:
				return false
			}
			return !m.hollow()
		})
	}
	return !v.hollow()
}
