package diff

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff/path"
	"github.com/bgverify/bgverify/internal/text"
)

// Patch is the JSON Patch (RFC 6902) that turns blue into green, but for what
// the rules hide, and the number of differences it settles. A body that Compare
// cannot read is an error. Its rules:
//
//  1. Numbers, strings and whole values are green's own text.
//  2. An array whose elements have moved is replaced whole: a sequence of moves would
//     be shorter only where few of many elements have moved.
//  3. Inside a document that is in a string (rule `embedded`) the string is replaced.
//  4. Operations are in an order in which every pointer is right when its turn comes.
func Patch(blue, green []byte, rules *Rules) (patch []byte, total int, err error) {
	w := rules.begin(nil)
	defer w.release()
	e := &w.engine
	e.patch = &patcher{arrays: map[string]*arrayChange{}}
	w.compare(source{text: blue}, source{text: green})
	if e.b.err != nil {
		return nil, 0, e.b.err
	}
	if e.g.err != nil {
		return nil, 0, e.g.err
	}
	return e.patch.write(), e.out.total, nil
}

// A patcher collects the operations of a patch while the engine compares.
type patcher struct {
	// ops are those that shift no index.
	ops []patchOp
	// arrays are the changed ones, by their pointer in blue.
	arrays map[string]*arrayChange
}

// A patchOp is one operation: add, remove or replace. value is nil for remove.
type patchOp struct {
	op, path string
	value    []byte
}

// An arrayChange is what happens to the elements of one array.
type arrayChange struct {
	// pointer is the array's in blue.
	pointer string
	// depth is the number of segments of the pointer.
	depth int
	// removed are indices in blue.
	removed []int
	// added are elements that only green has.
	added []arrayAdd
	// whole is green's array, when elements moved.
	whole []byte
}

// An arrayAdd is an element that only green has.
type arrayAdd struct {
	index int // in green
	value []byte
}

// record notes the difference at the engine's current place.
func (p *patcher) record(e *engine, k Kind, b, g uint32) {
	path := e.path
	switch {
	case e.embedded > 0: // Rule 3
		p.replace(bluePointer(path[:e.pointer]), e.greenAt(e.pointer))
	case k == Moved: // Rule 2; the place is the element, and the array is above it
		p.array(path[:len(path)-1]).whole = e.greenAt(len(path) - 1)
	case k == Order:
		p.array(path).whole = e.greenAt(len(path))
	case b != noNode && g != noNode:
		p.replace(bluePointer(path), e.g.text(g))
	default:
		p.oneSided(e, path, b, g)
	}
}

// oneSided records a value that one side lacks: a member at once, an element with the
// others of its array, as it shifts those after it.
func (p *patcher) oneSided(e *engine, steps []step, b, g uint32) {
	if len(steps) == 0 {
		return // a body that one side lacks is no JSON body
	}
	last := steps[len(steps)-1]
	member := last.blue.i < 0 && last.green.i < 0
	switch {
	case member && b != noNode:
		p.ops = append(p.ops, patchOp{op: "remove", path: bluePointer(steps)})
	case member:
		at := path.AppendPointerToken([]byte(bluePointer(steps[:len(steps)-1])), e.g.keyText(g))
		p.ops = append(p.ops, patchOp{op: "add", path: string(at), value: e.g.text(g)})
	case b != noNode:
		a := p.array(steps[:len(steps)-1])
		a.removed = append(a.removed, int(last.blue.i))
	default:
		a := p.array(steps[:len(steps)-1])
		a.added = append(a.added, arrayAdd{int(last.green.i), e.g.text(g)})
	}
}

// replace records a new value. Several differences in one embedded document come one
// after the other and replace the same string.
func (p *patcher) replace(path string, value []byte) {
	if n := len(p.ops); n > 0 && p.ops[n-1].op == "replace" && p.ops[n-1].path == path {
		return
	}
	p.ops = append(p.ops, patchOp{"replace", path, value})
}

// array is what happens to the array at a place of blue's body.
func (p *patcher) array(path []step) *arrayChange {
	ptr := bluePointer(path)
	a := p.arrays[ptr]
	if a == nil {
		a = &arrayChange{pointer: ptr, depth: len(path)}
		p.arrays[ptr] = a
	}
	return a
}

// greenAt is green's text at the place n hops below the root of the body.
func (e *engine) greenAt(n int) []byte {
	if n == 0 {
		return cmp.Or(e.outer, e.g).text(0)
	}
	at := &e.path[n-1].green
	return at.t.text(at.n)
}

// bluePointer is the JSON Pointer of a place in blue's body.
func bluePointer(steps []step) string { return string(appendPointer(nil, steps, true)) }

// write is rule 4: first what shifts no index, then the arrays, the deepest first, each
// with its removals from the last on and its additions from the first on. What is inside
// an array that is replaced whole is left out.
func (p *patcher) write() []byte {
	changed := make([]*arrayChange, 0, len(p.arrays))
	var whole []string
	for _, a := range p.arrays {
		changed = append(changed, a)
		if a.whole != nil {
			whole = append(whole, a.pointer)
		}
	}
	slices.SortFunc(changed, func(a, b *arrayChange) int {
		return cmp.Or(-cmp.Compare(a.depth, b.depth), cmp.Compare(a.pointer, b.pointer))
	})
	within := func(path string) bool {
		return slices.ContainsFunc(whole, func(w string) bool { return strings.HasPrefix(path, w+"/") })
	}
	var lines []string
	put := func(op, path string, value []byte) {
		line := `{"op":"` + op + `","path":` + text.Quote(path)
		if value != nil {
			line += `,"value":` + string(value)
		}
		lines = append(lines, line+"}")
	}
	for _, op := range p.ops {
		if !within(op.path) {
			put(op.op, op.path, op.value)
		}
	}
	for _, a := range changed {
		switch {
		case within(a.pointer):
		case a.whole != nil:
			put("replace", a.pointer, a.whole)
		default:
			slices.Sort(a.removed)
			for _, i := range slices.Backward(a.removed) {
				put("remove", a.pointer+"/"+strconv.Itoa(i), nil)
			}
			slices.SortFunc(a.added, func(x, y arrayAdd) int { return cmp.Compare(x.index, y.index) })
			for _, x := range a.added {
				put("add", a.pointer+"/"+strconv.Itoa(x.index), x.value)
			}
		}
	}
	return []byte("[" + strings.Join(lines, ",\n ") + "]\n")
}
