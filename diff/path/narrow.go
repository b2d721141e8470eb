package path

import (
	"slices"
	"strings"
)

// maxUnion bounds the elements or members that a proposed path lists one by one; what differs
// in more of them differs in all of them: [*]. It keeps a proposed rule readable, and bounds
// the memory of a Narrowing.
const maxUnion = 12

// Narrow is the narrowest path that covers normalized paths with one generalised path: at each
// segment the one that all of them have, else [*]. Where at most few different elements or
// members are at one place they are listed: [?@.id=='a',?@.id=='b']. The proposal should hide
// the differences seen and as little else as possible. few of 0 or 1 allows no list at all.
func Narrow(paths []string, few int) string {
	var n Narrowing
	for _, p := range paths {
		n.See(p)
	}
	for i := range n {
		n[i].many = n[i].many || len(n[i].seen) > max(few, 1)
	}
	return n.Path()
}

// A Narrowing finds the narrowest path that covers all paths seen: at each segment the one that
// all of them have, else a list of those seen, else [*]. The paths have equally many segments.
// The result does not depend on the order in which they are seen. The zero value has seen
// nothing and is ready for use.
type Narrowing []choice

// A choice is the different segments seen at one place of paths.
type choice struct {
	// seen has each segment once.
	seen []string // sorted
	// many drops the list: the choice has become [*] and stays so.
	many bool // more than maxUnion
}

// See adds one path. Segments beyond the first path's number are ignored, which does not happen
// for paths with one generalised path.
func (n *Narrowing) See(path string) {
	segs := Segments(path)
	if *n == nil {
		*n = make(Narrowing, len(segs))
	}
	for i := range min(len(segs), len(*n)) {
		(*n)[i].add(segs[i])
	}
}

// add keeps a copy of the segment, so that the path it is a part of can be freed.
func (c *choice) add(seg string) {
	if c.many {
		return
	}
	at, known := slices.BinarySearch(c.seen, seg)
	if known {
		return
	}
	if len(c.seen) == maxUnion {
		*c = choice{many: true}
		return
	}
	c.seen = slices.Insert(c.seen, at, strings.Clone(seg))
}

// Merge adds what another one has seen, as if all its paths had been seen here. The other one
// does not change. Merging in any order gives the same.
func (n *Narrowing) Merge(o Narrowing) {
	if *n == nil {
		*n = make(Narrowing, len(o))
	}
	for i := range min(len(o), len(*n)) {
		if o[i].many {
			(*n)[i] = choice{many: true}
			continue
		}
		for _, seg := range o[i].seen {
			(*n)[i].add(seg)
		}
	}
}

// Path writes the first segments of the paths seen.
// A list of selectors is valid in rules (rule 2 of Pattern), names among them in quotes.
func (n Narrowing) Path() string {
	var b strings.Builder
	for _, c := range n {
		switch {
		case c.many:
			b.WriteString("[*]")
		case len(c.seen) == 1:
			b.WriteString(c.seen[0])
		default:
			var list []string
			for _, seg := range c.seen {
				list = append(list, selectorText(seg))
			}
			b.WriteString("[" + strings.Join(list, ",") + "]")
		}
	}
	return b.String()
}

// selectorText is a segment as one of several between brackets: 'name' of .name.
func selectorText(seg string) string {
	if name, ok := strings.CutPrefix(seg, "."); ok {
		return string(AppendQuoted(nil, []byte(name)))
	}
	return seg[1 : len(seg)-1]
}
