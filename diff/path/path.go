// Package path reads the paths of rules and says where in a document they match. The
// text of a path goes in, a Pattern comes out; a Program puts the Patterns of many
// rules together, and an Automaton follows a document through it in one pass. Normalized
// paths, those that differences have, are written, split, generalised and narrowed here
// too.
//
// It never sees a document: whoever walks one says which member or element comes next,
// so that paths know neither values nor rules.
package path

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A Pattern is a compiled path: RFC 9535 JSONPath without functions and with one filter form.
// Its zero value is the path $ without a text; others come from Parse. A Pattern is not changed
// after that and may be shared. Its rules:
//
//  1. A path is `$` and segments; white space may be between segments and
//     inside brackets, not around the path.
//  2. `.name`, `['name']` and `["name"]` select a member; `[n]` an element,
//     counted from the end when negative; `[a:b:c]` a slice; `.*` and `[*]`
//     every child; `[s,t]` what either selector selects.
//  3. `..` before a selector selects at every depth, the place itself included.
//  4. `[?@.key=='value']`, joined by && where a key is composite, selects the
//     elements of an array whose scalar members have these values.
//  5. Extension: a shorthand name with `*` next to other characters is a glob on
//     member names: `..*Url`, `.x_*`. A quoted name is never a glob.
//  6. The places selected are a set, in document order: `[0,0]` names one place.
type Pattern struct {
	// text is the path as written, for messages.
	text string
	// segs are the segments after $.
	segs []segment
}

// A segment is one step of a pattern. It selects a place if one of its selectors does.
type segment struct {
	deep bool // written with ..
	// sels has at least one selector.
	sels []selector
}

// A selKind is the form of a selector; the zero value is not valid.
type selKind uint8

const (
	selName selKind = iota + 1
	selGlob
	selWild
	selIndex
	selSlice
	selFilter
)

// A selector is one of the ways into a value that a segment offers. Which fields it uses depends
// on its kind: name for names and globs, index for an index, the
// bounds and the step for a slice, terms for a filter.
type selector struct {
	kind             selKind
	name             string // name or glob
	index            int
	start, end, step int
	// hasStart and hasEnd tell a bound that was left out from a bound of 0.
	hasStart, hasEnd bool
	terms            []Term
}

// A Term is one comparison of a filter: @.Name == Literal. Literal is the JSON text of a
// string, a number, true, false or null. A filter selects an element only if all its terms
// hold.
type Term struct {
	Name    string
	Literal string
}

// A Error says what is wrong with a path, and at which byte of it. Offset counts bytes from 0
// in the path, not in the file that the path is in. It is made for people: Msg says what is
// wrong and Hint, where there is one, what to write.
type Error struct {
	Offset    int
	Msg, Hint string
}

// Error gives one line with all three parts.
func (e *Error) Error() string {
	s := fmt.Sprintf("path, at byte %d: %s", e.Offset, e.Msg)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Parse parses a path; every error is a *Error. A pattern that was parsed needs no further
// check by those who run it.
func Parse(path string) (*Pattern, error) {
	p := &parser{text: path}
	segs, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Pattern{text: path, segs: segs}, nil
}

// String is the path as written.
func (p *Pattern) String() string { return p.text }

// Single reports whether the path names at most one place of any body: only names and indices,
// none of them deep. $ alone is one as well: it names the root.
func (p *Pattern) Single() bool {
	return p.each(selName, selIndex)
}

// each reports whether each segment has one selector, of one of the kinds, and is not deep.
func (p *Pattern) each(kinds ...selKind) bool {
	return !slices.ContainsFunc(p.segs, func(s segment) bool {
		return s.deep || len(s.sels) != 1 || !slices.Contains(kinds, s.sels[0].kind)
	})
}

// Keyed reports whether each segment of the path names one place, or elements by the
// values of their members ([?@.key=='value']), which are one where the key is.
func (p *Pattern) Keyed() bool {
	return p.each(selName, selIndex, selFilter)
}

// A Step is one segment of a Single path: a member's name, or an element's index.
type Step struct {
	Name   string // "" for an index
	Index  int    // counted from the end when negative; 0 for a name
	Member bool   // it is a name
}

// Steps are the names and indices of a path in order; nil and false for a path that is
// not Single.
func (p *Pattern) Steps() ([]Step, bool) {
	if !p.Single() {
		return nil, false
	}
	steps := make([]Step, len(p.segs))
	for i, s := range p.segs {
		steps[i] = Step{Name: s.sels[0].name, Index: s.sels[0].index, Member: s.sels[0].kind == selName}
	}
	return steps, true
}

// A Branch is a part of a path in which each place that Head names leads to at most one that
// Tail names. Tail is Head with the names and indices that follow it. It serves to ask whether
// each element of a list has the member that a path asks for.
type Branch struct{ Head, Tail *Pattern }

// Branches returns the parts of the path after each segment that can name several places: of
// $.list[*].tags[*].id they are $.list[*] to $.list[*].tags and $.list[*].tags[*] to the whole
// path. A path with .. has none, as it asks nothing of the places on its way. Parts are
// patterns with the text of the whole path, which messages then show.
func (p *Pattern) Branches() []Branch {
	if slices.ContainsFunc(p.segs, func(s segment) bool { return s.deep }) {
		return nil
	}
	part := func(end int) *Pattern { return &Pattern{text: p.text, segs: p.segs[:end]} }
	var branches []Branch
	for i, head := 0, 0; i < len(p.segs); i++ {
		several := !(&Pattern{segs: p.segs[i : i+1]}).Single()
		// A branch ends in front of the next segment that can name several places, or with the
		// path.
		switch last := i == len(p.segs)-1; {
		case head > 0 && several && i > head:
			branches = append(branches, Branch{part(head), part(i)})
		case head > 0 && !several && last:
			branches = append(branches, Branch{part(head), p})
		}
		if several {
			head = i + 1
		}
	}
	return branches
}

// Broad reports whether the last segment takes children that it does not name one by one. It is
// asked of rules that ignore, as such a rule may hide more than its author sees. $ alone is not
// broad: see Everything.
func (p *Pattern) Broad() bool {
	if len(p.segs) == 0 {
		return false
	}
	last := p.segs[len(p.segs)-1]
	return slices.ContainsFunc(last.sels, func(s selector) bool {
		return s.kind == selWild || s.kind == selGlob || s.kind == selSlice
	})
}

// Everything reports whether the pattern covers the whole body: $ or $..*. Globs of nothing but
// * count as wildcards. A path of several deep segments leaves out the values at the top and
// does not cover everything.
func (p *Pattern) Everything() bool {
	if len(p.segs) != 1 {
		return len(p.segs) == 0
	}
	s := p.segs[0]
	return s.deep && slices.ContainsFunc(s.sels, func(sel selector) bool {
		return sel.kind == selWild || sel.kind == selGlob && strings.Trim(sel.name, "*") == ""
	})
}

// Specificity orders patterns where rules conflict: a path without .. beats one with it, then
// more names and indices, then more slices and globs, then more wildcards. The larger number
// wins. The four parts are packed into one number, the most important in the highest bits, so
// that patterns can be compared with <. Names, indices and filters count as exact.
func (p *Pattern) Specificity() int {
	exact, partial, wild, deep := 0, 0, 0, 0
	for _, s := range p.segs {
		if s.deep {
			deep = 1
		}
		best := selWild
		for _, sel := range s.sels {
			// A list of several selectors counts as partial, unless a wildcard is its last one.
			if len(s.sels) > 1 && sel.kind != selWild {
				best = selGlob
			} else {
				best = sel.kind
			}
		}
		switch best {
		case selName, selIndex, selFilter:
			exact++
		case selGlob, selSlice:
			partial++
		default:
			wild++
		}
	}
	return (1-deep)<<24 | min(exact, 255)<<16 | min(partial, 255)<<8 | min(wild, 255)
}

// needsLength reports whether the slice cannot be decided without the length. Everything that
// counts from the end does.
func (s *selector) needsLength() bool {
	return s.step < 0 || s.hasStart && s.start < 0 || s.hasEnd && s.end < 0
}

// inSlice reports whether index is in the slice of an array of n elements (RFC 9535,
// 2.3.4.2.2). n may be larger than the array, where its length is not known yet. A step of 0
// selects nothing, as the RFC says.
func (s *selector) inSlice(index, n int) bool {
	if s.step == 0 {
		return false
	}
	norm := func(i int) int {
		if i < 0 {
			return n + i
		}
		return i
	}
	// The defaults of the bounds depend on the direction: a negative step runs from the last
	// element to the first.
	start, end := 0, n
	if s.step < 0 {
		start, end = n-1, -n-1
	}
	if s.hasStart {
		start = s.start
	}
	if s.hasEnd {
		end = s.end
	}
	start, end = norm(start), norm(end)
	// Bounds outside the array are moved to its ends before elements are counted from them.
	if s.step > 0 {
		lower, upper := min(max(start, 0), n), min(max(end, 0), n)
		return index >= lower && index < upper && (index-lower)%s.step == 0
	}
	upper, lower := min(max(start, -1), n-1), min(max(end, -1), n-1)
	return index <= upper && index > lower && (upper-index)%-s.step == 0
}

// Below reports whether the path begins with all segments of another and goes on, and whether
// it goes on with an index or a slice. The comparison is of selectors as parsed, so that .a and
// ['a'] are the same. Their order matters: [1,2] and [2,1] are taken for different, which only
// costs a message.
func (p *Pattern) Below(above *Pattern) (below, indexed bool) {
	n := len(above.segs)
	if len(p.segs) <= n || !slices.EqualFunc(above.segs, p.segs[:n], func(a, b segment) bool { return reflect.DeepEqual(a, b) }) {
		return false, false
	}
	next := p.segs[n]
	return true, !next.deep && (next.sels[0].kind == selIndex || next.sels[0].kind == selSlice)
}
