package page

import (
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/report/words"
)

// rowMark says what a row of the pane shows. The numbers are part of the data that the
// page's script reads: ROWS of pane.js names them in this order, with the sign and the
// word that a reader sees.
type rowMark int

const (
	// The marks of a row. Each has a sign and a class on the page, so that colour is not the only
	// difference.
	rowSame rowMark = iota
	rowChanged
	rowAdded   // only green
	rowRemoved // only blue
	rowIgnored // a rule hides it
	rowMoved
	rowFold  // replaces rows that are the same on both sides
	rowTitle // names a part of the answer
)

// A row is one line of the pane: blue's text next to green's.
type row struct {
	mark        rowMark
	depth       int
	blue, green string // the same text on both sides for rowSame; empty where a side has nothing
	note        string // the rule that hides it; what the difference says
	hidden      []row  // of a fold; nil when there are too many
	folded      int    // how many rows a fold replaces
}

// An aligner lays two bodies side by side. It decides nothing: which values
// belong together and which differ is what the run's differences say.
type aligner struct {
	blue, green map[string]*diff.Difference // by JSON Pointer
	pairs       map[string]map[int]int      // of array elements, by blue's and green's pointer
	rows        []row
}

// alignJSON lays two JSON bodies side by side under what was found between them.
func alignJSON(blue, green *jsonNode, found, ignored []diff.Difference) []row {
	a := &aligner{blue: map[string]*diff.Difference{}, green: map[string]*diff.Difference{}, pairs: map[string]map[int]int{}}
	for _, list := range [][]diff.Difference{ignored, found} { // a difference that counts wins
		for i := range list {
			a.addDifference(&list[i])
		}
	}
	a.alignPair(spot{}, blue, green, "", "")
	return a.rows
}

// addDifference remembers where a difference is, and which elements it pairs.
func (a *aligner) addDifference(d *diff.Difference) {
	if d.Where != diff.InBody || d.Kind == diff.Length {
		return
	}
	if d.Blue.Type != diff.AbsentType || d.BluePointer != "" || d.GreenPointer == "" {
		a.blue[d.BluePointer] = d
	}
	if d.Green.Type != diff.AbsentType || d.GreenPointer != "" || d.BluePointer == "" {
		a.green[d.GreenPointer] = d
	}
	if d.Kind == diff.Added || d.Kind == diff.Removed || d.BluePointer == d.GreenPointer {
		return
	}
	// Two pointers that differ in an index pair these elements, and those around them:
	// /items/3/price against /items/4/price pairs items 3 and 4.
	b, g := strings.Split(d.BluePointer, "/"), strings.Split(d.GreenPointer, "/")
	if len(b) != len(g) {
		return
	}
	for i := 1; i < len(b); i++ {
		if b[i] == g[i] {
			continue
		}
		bi, ok1 := index(b[i])
		gi, ok2 := index(g[i])
		if !ok1 || !ok2 {
			return
		}
		key := strings.Join(b[:i], "/") + "\n" + strings.Join(g[:i], "/")
		if a.pairs[key] == nil {
			a.pairs[key] = map[int]int{}
		}
		a.pairs[key][bi] = gi
	}
}

// index reads a pointer token that names an array element.
func index(token string) (int, bool) {
	n, err := strconv.ParseUint(token, 10, 31)
	return int(n), err == nil
}

// markOf is how a difference is shown.
func markOf(d *diff.Difference) rowMark {
	switch {
	case d == nil:
		return rowSame
	case d.Rule != "":
		return rowIgnored
	case d.Kind == diff.Added:
		return rowAdded
	case d.Kind == diff.Removed:
		return rowRemoved
	case d.Kind == diff.Moved, d.Kind == diff.Order:
		return rowMoved
	default:
		return rowChanged
	}
}

// noteOf is what a row says about its difference: the rule that hides it, or what the
// comparison noted.
func noteOf(d *diff.Difference) string {
	switch {
	case d == nil:
		return ""
	case d.Rule != "":
		return "ignored: " + d.Rule
	case d.Note == "" && d.Kind == diff.Moved:
		return words.Change(d)
	default:
		return d.Note
	}
}

// alignPair lays out two values that belong together.
func (a *aligner) alignPair(at spot, b, g *jsonNode, bp, gp string) {
	d := a.blue[bp]
	if d == nil {
		d = a.green[gp]
	}
	mark := markOf(d)
	// Two scalars share a row. A scalar against an object, or a list against an object, has
	// nothing in common: one after the other.
	if b.kind != g.kind || b.kind == 's' {
		if b.kind == 's' && g.kind == 's' {
			a.rows = append(a.rows, row{
				mark: mark, depth: at.depth, blue: at.label + b.text + at.tail, green: at.label + g.text + at.tail,
				note: noteOf(d),
			})
			return
		}
		a.addOneSided(blueSide, at, b, sideMark(d, rowRemoved), noteOf(d))
		a.addOneSided(greenSide, at, g, sideMark(d, rowAdded), "")
		return
	}
	if len(b.kids) == 0 && len(g.kids) == 0 {
		text := at.label + brackets(b.kind) + at.tail
		a.rows = append(a.rows, row{mark: mark, depth: at.depth, blue: text, green: text, note: noteOf(d)})
		return
	}
	open, end := brackets(b.kind)[:1], brackets(b.kind)[1:]
	a.rows = append(a.rows, row{mark: mark, depth: at.depth, blue: at.label + open, green: at.label + open, note: noteOf(d)})
	a.members(b, g, bp, gp, at.depth+1)
	a.rows = append(a.rows, row{depth: at.depth, blue: end + at.tail, green: end + at.tail})
}

// brackets are the signs around the members of a node.
func brackets(kind byte) string {
	if kind == 'o' {
		return "{}"
	}
	return "[]"
}

// members lays out what two objects or arrays hold, in blue's order, with what
// only green has before the next member that both have.
func (a *aligner) members(b, g *jsonNode, bp, gp string, depth int) {
	partner := a.match(b, g, bp, gp)
	taken := make([]bool, len(g.kids))
	for _, gi := range partner {
		if gi >= 0 {
			taken[gi] = true
		}
	}
	// Members of green alone are shown where they are in green's order: before the next member
	// that both have.
	next := 0 // of green
	flush := func(until int) {
		for ; next < until; next++ {
			if !taken[next] {
				d := a.green[gp+g.step(next)]
				a.addOneSided(greenSide, g.spot(next, depth), g.kids[next], sideMark(d, rowAdded), noteOf(d))
			}
		}
	}
	for i, kid := range b.kids {
		gi := partner[i]
		if gi < 0 {
			d := a.blue[bp+b.step(i)]
			a.addOneSided(blueSide, b.spot(i, depth), kid, sideMark(d, rowRemoved), noteOf(d))
			continue
		}
		if gi > next {
			flush(gi)
		}
		a.alignPair(b.spot(i, depth), kid, g.kids[gi], bp+b.step(i), gp+g.step(gi))
	}
	flush(len(g.kids))
}

// sideMark is how a value that one side alone has is shown: as a rule or the
// difference says, and as plainly one-sided where neither speaks of it.
func sideMark(d *diff.Difference, otherwise rowMark) rowMark {
	if d != nil && d.Rule != "" {
		return rowIgnored
	}
	return otherwise
}

// A spot is where a value is laid out: how deep, what is before it (the key of a member) and what is
// after it (the comma before the next member).
type spot struct {
	label, tail string
	depth       int
}

// spot is where the i-th member of a node is laid out.
func (n *jsonNode) spot(i, depth int) spot {
	s := spot{label: n.label(i), depth: depth}
	if i < len(n.kids)-1 {
		s.tail = ","
	}
	return s
}

// match pairs the members of two nodes: those of objects by key, those of arrays
// as the differences pair them, and the rest, which is equal, in order.
func (a *aligner) match(b, g *jsonNode, bp, gp string) []int {
	partner := make([]int, len(b.kids))
	for i := range partner {
		partner[i] = -1
	}
	if b.kind == 'o' {
		at := make(map[string]int, len(g.names))
		for i := len(g.names) - 1; i >= 0; i-- {
			at[g.names[i]] = i
		}
		for i, name := range b.names {
			if gi, ok := at[name]; ok {
				partner[i] = gi
				delete(at, name)
			}
		}
		return partner
	}
	// Elements that a difference pairs come first. What is left and not only on one side is equal,
	// and pairs in order.
	taken := make([]bool, len(g.kids))
	paired := a.pairs[bp+"\n"+gp]
	for bi := range b.kids {
		if gi, ok := paired[bi]; ok && gi < len(taken) && !taken[gi] {
			partner[bi], taken[gi] = gi, true
		}
	}
	free := 0
	for i := range b.kids {
		if partner[i] >= 0 {
			continue
		}
		if d := a.blue[bp+b.step(i)]; d != nil && d.Kind == diff.Removed {
			continue
		}
		for free < len(g.kids) && (taken[free] || a.onlyGreen(gp+g.step(free))) {
			free++
		}
		if free < len(g.kids) {
			partner[i], taken[free] = free, true
		}
	}
	return partner
}

// onlyGreen reports whether a difference says that green alone has the value at a
// pointer.
func (a *aligner) onlyGreen(pointer string) bool {
	d := a.green[pointer]
	return d != nil && d.Kind == diff.Added
}

// addOneSided lays out a value that only one side has.
func (a *aligner) addOneSided(side side, at spot, n *jsonNode, mark rowMark, note string) {
	put := func(text, note string) {
		r := row{mark: mark, depth: at.depth, note: note}
		if side == greenSide {
			r.green = text
		} else {
			r.blue = text
		}
		a.rows = append(a.rows, r)
	}
	if n.kind == 's' || len(n.kids) == 0 {
		text := n.text
		if n.kind != 's' {
			text = brackets(n.kind)
		}
		put(at.label+text+at.tail, note)
		return
	}
	put(at.label+brackets(n.kind)[:1], note)
	for i, kid := range n.kids {
		a.addOneSided(side, n.spot(i, at.depth+1), kid, mark, "")
	}
	put(brackets(n.kind)[1:]+at.tail, "")
}

// side tells blue's column from green's.
type side bool

const (
	// The sides of an aligner, as indices of its two columns.
	blueSide  side = false
	greenSide side = true
)
