package envelope

import (
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
)

// A view is a value of a tree with its name and place.
type view struct {
	v      diff.Value
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

// rootOf is the view of a whole tree.
func rootOf(tree diff.Value) view { return view{v: tree, index: -1} }

// is reports whether the value has a type.
func (v view) is(t diff.ValueType) bool { return v.v.Type() == t }

// isObject reports whether the value is an object.
func (v view) isObject() bool { return v.is(diff.ObjectType) }

// isArray reports whether the value is a list.
func (v view) isArray() bool { return v.is(diff.ArrayType) }

// isBool reports whether the value is true, or false, as yes says.
func (v view) isBool(yes bool) bool { return v.is(diff.BoolType) && (v.v.JSON()[0] == 't') == yes }

// finding is what the value shows, with its path and text.
func (v view) finding(c Class) Finding {
	return Finding{Class: c, Path: string(v.path(nil)), Value: string(v.v.JSON())}
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
	index, object := 0, v.isObject()
	for child := range v.v.Children() {
		e := view{v: child, parent: &v, index: index, depth: v.depth + 1, nested: v.nested}
		index++
		if object {
			// Members have names and no index; of XML the signs of attributes and texts are taken off
			// for comparing names.
			e.key, e.index = child.Name(), -1
			if v.nested && (e.key == "#order" || strings.HasPrefix(e.key, "@xmlns")) {
				continue // of the notation
			}
			if e.name = e.key; v.nested {
				e.name = strings.TrimLeft(e.key, "@#")
			}
			e = e.unwrapped()
		}
		if f(e) {
			return true
		}
	}
	return false
}

// unwrapped is the only element of a list of one, in a nested tree.
func (v view) unwrapped() view {
	for v.nested && v.isArray() && v.v.Element(0).Exists() && !v.v.Element(1).Exists() {
		// A list of one is left for its element, and the path remembers that.
		v.v = v.v.Element(0)
		v.single++
	}
	return v
}

// text is a string as it is, and any other scalar as written; "" for all else.
func (v view) text() string {
	if !v.isScalar() {
		return ""
	}
	return strings.TrimSpace(v.v.Text())
}

// isScalar reports whether the value is a string, a number or a boolean.
func (v view) isScalar() bool {
	return v.is(diff.StringType) || v.is(diff.NumberType) || v.is(diff.BoolType)
}

// deepest is how deep a value is looked into for something that it holds: each level
// reads what is below it once more. Deeper values count as holding something.
const deepest = 24

// hollow reports whether a value holds nothing: null, false, 0, white space, and
// lists and objects of these.
func (v view) hollow() bool {
	switch {
	case v.is(diff.StringType):
		return v.text() == ""
	case v.is(diff.NumberType):
		// 0.0 and -0 are zero too. A number that no float holds is not.
		n, err := strconv.ParseFloat(v.text(), 64)
		return err == nil && n == 0
	// Both count as holding nothing only where all that is in them does, to a bounded depth.
	case v.isArray() || v.isObject():
		return v.depth < deepest && !v.some(func(e view) bool { return !e.hollow() })
	}
	return !v.isBool(true)
}

// holds reports whether there is content in a value: lists and objects are
// content unless hollow, pages and counts of them are not, and envelopes and
// errors in them are not either.
func (v view) holds() bool {
	switch {
	case v.isArray():
		return !v.hollow()
	case v.isObject():
		return v.some(func(m view) bool {
			role := roleOf(m.name)
			switch {
			// An envelope, or the place of content, holds what is in it.
			case role&(wrap|data) != 0 && role&aside == 0:
				return m.holds()
			// Codes, messages and pages are not content, whatever they say.
			case role&^soft != 0:
				return false
			}
			return !m.hollow()
		})
	}
	return !v.hollow()
}
