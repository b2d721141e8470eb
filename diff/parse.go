package diff

import (
	"bytes"
	"fmt"

	"github.com/bgverify/bgverify/diff/literal"
)

// limits are Options' bounds with the defaults filled in. Two bodies that were read
// under equal limits have trees that can be compared with each other.
type limits struct {
	// body is in bytes; depth is the nesting, nodes the values, keys the members of one object.
	body, depth, nodes, keys int
	// duplicates is the first letter of the policy: error, last, first, keep both.
	duplicates byte
	// typed: numbers hash by value and notation.
	typed bool
}

// A memberEntry is a member of an object that is still being read. Members of all
// open objects are on one stack, of which an object owns the top.
type memberEntry struct {
	// name is half of the hash of the member's name.
	name uint32
	// node is the value.
	node uint32
}

// A parser reads one body in one pass: grammar, UTF-8, duplicate names, bounds,
// subtree hashes, and the rules' automaton next to it.
type parser struct {
	// src is the body being read.
	src []byte
	// t takes the nodes.
	t *tree
	// auto is nil without rules.
	auto *automaton
	// prog is the automaton's program: it says what the rules of a state do.
	prog *program
	// visits are the places read in each state.
	visits []uint32
	// members is the stack of the open objects' members.
	members []memberEntry
	// table finds duplicates in objects with many members.
	table []uint32
	// buf is a string without its escapes, valid until the next one.
	buf []byte
	// lim are the bounds.
	lim limits
	// err is the first mistake; nothing is read after it.
	err *SyntaxError
}

// parse reads src into t, rules starting in state st. The memory of t is used again;
// src is kept, and must not change while t is in use. A mistake is in t.err, and the
// nodes of t are then not to be used.
func (p *parser) parse(t *tree, src []byte, st int32) {
	*t = tree{src: src, typed: p.lim.typed, lim: p.lim, nodes: t.nodes[:0], ruled: t.ruled[:0], dups: t.dups[:0]}
	p.src, p.t, p.err, p.members = src, t, nil, p.members[:0]
	p.run(st)
	if p.err == nil && t.nDups > 0 && p.lim.duplicates == 'e' {
		p.err = t.repeated(0)
	}
	t.err = p.err
	p.src, p.t = nil, nil
	p.forget()
}

// forget gives back the room that an unusual body took.
func (p *parser) forget() {
	if cap(p.members) > maxKept {
		p.members = nil
	}
	if cap(p.table) > maxKept {
		p.table = nil
	}
	if cap(p.buf) > maxKept {
		p.buf = nil
	}
}

// run reads one value with nothing around it but white space.
func (p *parser) run(st int32) {
	// Offsets are 32 bits wide, whatever the options say.
	if len(p.src) > p.lim.body || len(p.src) > 1<<31-2 {
		p.fail(Limit, p.lim.body, "a body of more than %d bytes", p.lim.body)
		return
	}
	p.reserve()
	if bytes.HasPrefix(p.src, []byte("\xef\xbb\xbf")) {
		p.fail(Invalid, 0, "a byte order mark before the value")
		return
	}
	i := p.space(0)
	if i == len(p.src) {
		p.fail(Invalid, i, "no value")
		return
	}
	i, ok := p.value(i, 0, st)
	if !ok {
		return
	}
	if i = p.space(i); i < len(p.src) {
		p.fail(Invalid, i, "bytes after the value")
	}
	if p.auto != nil { // marks the root; it has no parent to contribute to
		p.contribution(0, st, new(uint8))
	}
}

// reserve sizes the arena of a large body once: a value follows a comma, a
// bracket or nothing, so their count bounds the number of nodes.
func (p *parser) reserve() {
	if len(p.src) < 1<<12 || cap(p.t.nodes) >= len(p.src)/16 {
		return // small, or there is room from an earlier body
	}
	n := 1
	for _, c := range []string{",", "[", "{"} {
		n += bytes.Count(p.src, []byte(c))
	}
	if n = min(n, p.lim.nodes); n > cap(p.t.nodes) {
		p.t.nodes = make([]node, 0, n)
	}
}

// fail keeps the first mistake: what comes after it follows from it.
func (p *parser) fail(k Kind, at int, format string, args ...any) {
	if p.err == nil {
		p.err = &SyntaxError{Kind: k, Offset: at, Msg: fmt.Sprintf(format, args...)}
	}
}

// space is literal.SpaceEnd, short for the usual body without white space.
func (p *parser) space(i int) int {
	if i < len(p.src) && p.src[i] > ' ' {
		return i
	}
	return literal.SpaceEnd(p.src, i)
}

// value reads the value at i into a new node and returns the offset behind it.
func (p *parser) value(i, depth int, st int32) (int, bool) {
	at := uint32(len(p.t.nodes))
	if int(at) >= p.lim.nodes {
		p.fail(Limit, i, "more than %d values", p.lim.nodes)
		return i, false
	}
	if st != deadState && p.auto.Ruled(st) {
		p.visit(st)
	}
	if i >= len(p.src) {
		p.fail(Invalid, i, "the body ends where a value is expected")
		return i, false
	}
	p.t.nodes = append(p.t.nodes, node{start: uint32(i), next: at + 1})
	switch c := p.src[i]; {
	case c == '"':
		return p.stringValue(at, i)
	case c == '{':
		return p.object(at, i, depth, st)
	case c == '[':
		return p.array(at, i, depth, st)
	case c == '-' || c-'0' <= 9:
		return p.number(at, i)
	default:
		return p.word(at, i)
	}
}

// visit counts a place read in a state; states appear while parsing.
func (p *parser) visit(st int32) {
	for int(st) >= len(p.visits) {
		p.visits = append(p.visits, 0)
	}
	p.visits[st]++
}

// array reads an array. Its hash is made of the hashes of its elements in order; the
// hash under the rules of what the rules leave of them, without order where a rule says
// that order does not count. The two are added up apart only from the first element on
// in which they differ.
func (p *parser) array(at uint32, i, depth int, st int32) (int, bool) {
	if depth >= p.lim.depth {
		p.fail(Limit, i, "nested deeper than %d", p.lim.depth)
		return i, false
	}
	if i = p.space(i + 1); i < len(p.src) && p.src[i] == ']' {
		p.close(at, ArrayType, mix(kArray, kValue), 0)
		p.t.leaves++
		return i + 1, true
	}
	// The elements of most arrays are all in one state.
	bag, indexed, cst := false, false, deadState
	if st != deadState {
		bag, indexed = p.auto.Effects(st).orderFree, p.auto.Indexed(st)
		cst = p.auto.Element(st, 0)
	}
	var flags uint8
	var h, ruled uint64
	apart := bag // the ruled hash goes its own way
	count := 0
	for {
		if indexed {
			cst = p.auto.Element(st, count)
		}
		child := uint32(len(p.t.nodes))
		end, ok := p.value(i, depth+1, cst)
		if !ok {
			return i, false
		}
		n := &p.t.nodes[child]
		v, r := n.hash, n.hash
		if p.auto != nil && (n.flags&(flagRuled|flagSoft) != 0 || p.auto.Ruled(cst)) {
			v, r = p.contribution(child, cst, &flags)
		}
		if v != r && !apart { // so far both were the same
			apart, ruled = true, h
		}
		h = hashElement(h, v)
		switch {
		case bag:
			ruled += mix(r^kBag, kValue) // a sum: in any order
		case apart:
			ruled = hashElement(ruled, r)
		}
		count++
		if i = p.space(end); i >= len(p.src) || p.src[i] != ',' {
			break
		}
		i = p.space(i + 1)
	}
	if i >= len(p.src) || p.src[i] != ']' {
		p.unexpected(i, ", or ]")
		return i, false
	}
	if apart {
		p.t.setRuled(at, mix(ruled^kArray, uint64(count)^kValue))
	}
	p.close(at, ArrayType, mix(h^kArray, uint64(count)^kValue), flags)
	return i + 1, true
}

// close completes the node of a container: its subtree ends with the last node so far.
func (p *parser) close(at uint32, typ ValueType, hash uint64, flags uint8) {
	n := &p.t.nodes[at]
	n.typ, n.hash, n.next = typ, hash, uint32(len(p.t.nodes))
	n.flags |= flags
}

// contribution is what a child adds to its parent's hash, by itself and under the rules of its
// state. Whether equal values need a second look goes into the parent's flags. It need not be
// asked of a child that no rule has marked, in a state in which none matches.
func (p *parser) contribution(child uint32, st int32, flags *uint8) (hash, ruled uint64) {
	n := &p.t.nodes[child]
	ruled = p.t.ruledHash(child)
	if p.auto.Ruled(st) {
		eff := p.auto.Effects(st)
		if r := eff.ruled(p.t, child); r != ruled {
			ruled = r
			p.t.setRuled(child, r)
		}
		// The flags say how leaves are counted where equal subtrees are skipped, and that a
		// subtree must not be skipped.
		switch {
		case p.prog.Maybe() || eff.strict():
			n.flags |= flagSoft
		case eff.drop != 0:
			n.flags |= flagDropped
			p.t.hides = true
		case eff.ignore != 0, eff.lets(p.prog, p.t, child):
			n.flags |= flagIgnored
			p.t.hides = true
		}
	}
	*flags |= n.flags & flagSoft
	return n.hash, ruled
}

// An openObject is what is known of an object while its members are read.
type openObject struct {
	// base is where its members begin on the stack.
	base int
	// sum adds up the members, and flags what they say of the object.
	sum   memberSum
	flags uint8
}

// object reads an object. Its hash is a sum over its members, so that their order does
// not count. Names are compared when all members are there, see duplicates.
func (p *parser) object(at uint32, i, depth int, st int32) (int, bool) {
	if depth >= p.lim.depth {
		p.fail(Limit, i, "nested deeper than %d", p.lim.depth)
		return i, false
	}
	if i = p.space(i + 1); i < len(p.src) && p.src[i] == '}' {
		p.close(at, ObjectType, mix(kObject, kValue), 0)
		p.t.leaves++
		return i + 1, true
	}
	o := openObject{base: len(p.members)}
	for {
		end, ok := p.member(&o, i, depth, st)
		if !ok {
			return i, false
		}
		if i = p.space(end); i >= len(p.src) || p.src[i] != ',' {
			break
		}
		i = p.space(i + 1)
	}
	if i >= len(p.src) || p.src[i] != '}' {
		p.unexpected(i, ", or }")
		return i, false
	}
	p.duplicates(o.base, &o.sum)
	p.members = p.members[:o.base]
	hash, ruled := o.sum.hashes()
	p.close(at, ObjectType, hash, o.flags)
	if ruled != hash {
		p.t.setRuled(at, ruled)
	}
	return i + 1, true
}

// member reads one member, adds it to its object and returns the offset behind it.
func (p *parser) member(o *openObject, i, depth int, st int32) (int, bool) {
	if i >= len(p.src) || p.src[i] != '"' {
		p.unexpected(i, "a member's name")
		return i, false
	}
	if len(p.members)-o.base >= p.lim.keys {
		p.fail(Limit, i, "an object of more than %d members", p.lim.keys)
		return i, false
	}
	// The name, as written and without its escapes, and the rules' state below it.
	key := i + 1
	end, escaped, ok := p.str(key)
	if !ok {
		return i, false
	}
	name := p.src[key:end]
	klen, mark := uint16(min(len(name), longName)), flagMember
	if escaped {
		mark |= flagKeyEscaped
		p.buf = literal.Unescape(p.buf[:0], name)
		name = p.buf
	}
	kh := hashBytes(name)
	cst := deadState
	if st != deadState {
		if cst = p.auto.Other(st, kh); cst < 0 {
			cst = p.auto.Member(st, kh, name)
		}
	}
	if i = p.space(end + 1); i >= len(p.src) || p.src[i] != ':' {
		p.unexpected(i, ":")
		return i, false
	}
	// The value, whose node keeps where the name is.
	child := uint32(len(p.t.nodes))
	if end, ok = p.value(p.space(i+1), depth+1, cst); !ok {
		return i, false
	}
	n := &p.t.nodes[child]
	n.key, n.klen = uint32(key), klen
	n.flags |= mark
	v, r := n.hash, n.hash
	if p.auto != nil && (n.flags&(flagRuled|flagSoft) != 0 || p.auto.Ruled(cst)) {
		v, r = p.contribution(child, cst, &o.flags)
	}
	o.sum.add(kh, v, r)
	p.members = append(p.members, memberEntry{uint32(kh >> 32), child})
	return end, true
}
