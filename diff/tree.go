package diff

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/bgverify/bgverify/diff/literal"
)

// A node is one value of a parsed body. Nodes lie in preorder: the subtree of
// node i is nodes[i:nodes[i].next], its first child is i+1.
//
// It is 24 bytes: a body of 64 MiB may have eight million of them, and the
// collector must not let the trees of two bodies outgrow the bodies by much.
// Where a value ends is not kept, for the text itself says so (tree.end).
type node struct {
	// hash is equal for equal values, however they are written.
	hash  uint64
	start uint32 // first byte of the value
	next  uint32 // node behind the subtree
	key   uint32 // first byte of the member's name, behind its quote; 0 for an element
	klen  uint16 // bytes of the name as written, at most longName
	typ   ValueType
	flags uint8
}

// longName in node.klen is a name of so many bytes or more.
const longName = 1<<16 - 1

const (
	flagEscaped    uint8 = 1 << iota // the string has escapes
	flagKeyEscaped                   // the member's name has escapes
	flagSoft                         // a rule here or below looks at equal values too
	flagShadow                       // hidden by another member of the same name
	flagMember                       // a member of an object
	flagRuled                        // tree.ruled holds another hash for it
	flagIgnored                      // a rule ignores the value
	flagDropped                      // a rule drops the value
)

// A tree is a parsed body, or the reason why there is none.
type tree struct {
	src   []byte
	nodes []node
	// ruled holds hashes as the rules see values: what they hide is left out. It
	// guides the pairing of elements and decides nothing. Parallel to nodes, as
	// far as it goes.
	ruled  []uint64
	leaves int
	// typed: hash tells 1 from 1.0, see Options.Numbers.
	typed bool
	lim   limits // that it was read under
	err   *SyntaxError
	dups  []dupKey
	nDups int
}

// repeated is the error for the i-th member whose name its object has used before.
func (t *tree) repeated(i int) *SyntaxError {
	at := t.dups[i].node
	return &SyntaxError{Kind: DuplicateKey, Offset: int(t.nodes[at].key) - 1, Msg: fmt.Sprintf("the member %q is listed twice", t.keyText(at))}
}

// A dupKey is a member whose name its object has used before.
type dupKey struct{ node uint32 }

// A SyntaxError says why a body could not be read as JSON, and at which byte.
type SyntaxError struct {
	Kind   Kind // Invalid, DuplicateKey or Limit
	Offset int
	Msg    string
}

func (e *SyntaxError) Error() string {
	return e.Kind.String() + " JSON at byte " + strconv.Itoa(e.Offset) + ": " + e.Msg
}

// ruledHash is the hash of what the rules leave of a value.
func (t *tree) ruledHash(i uint32) uint64 {
	if t.nodes[i].flags&flagRuled != 0 {
		return t.ruled[i]
	}
	return t.nodes[i].hash
}

func (t *tree) setRuled(i uint32, h uint64) {
	for int(i) >= len(t.ruled) {
		t.ruled = append(t.ruled, 0)
	}
	t.ruled[i] = h
	t.nodes[i].flags |= flagRuled
}

// text is the value as written.
func (t *tree) text(i uint32) []byte { return t.src[t.nodes[i].start:t.end(i)] }

// end is the offset behind a value. It costs the length of a scalar, and of a
// container the number of its elements and of those of the last one in it.
func (t *tree) end(i uint32) int {
	depth, last := 0, t.nodes[i].next-1 // a leaf: the last one below i
	for c := i; c != last; depth++ {
		for c++; t.nodes[c].next <= last; {
			c = t.nodes[c].next
		}
	}
	at := t.leafEnd(last)
	for ; depth > 0; depth-- {
		at = literal.SpaceEnd(t.src, at) + 1
	}
	return at
}

// leafEnd is the offset behind a scalar or an empty container.
func (t *tree) leafEnd(i uint32) int {
	at := int(t.nodes[i].start)
	switch t.nodes[i].typ {
	case StringType:
		return literal.QuoteEnd(t.src, at+1) + 1
	case ArrayType, ObjectType:
		return literal.SpaceEnd(t.src, at+1) + 1
	case NumberType:
		_, at, _ = literal.ScanNumber(t.src, at)
		return at
	case BoolType:
		if t.src[at] == 'f' {
			return at + len("false")
		}
	}
	return at + len("true") // or null
}

// isLeaf reports whether a node is a scalar, an empty array or an empty object.
func (t *tree) isLeaf(i uint32) bool { return t.nodes[i].next == i+1 }

// countLeaves counts the leaves of a subtree.
func (t *tree) countLeaves(i uint32) int {
	n, end := 0, t.nodes[i].next
	for ; i < end; i++ {
		x := &t.nodes[i]
		if x.flags&flagShadow != 0 {
			i = x.next - 1
			continue
		}
		if x.next == i+1 {
			n++
		}
	}
	return n
}

// children appends the child nodes of i, shadowed members left out.
func (t *tree) children(i uint32, out []uint32) []uint32 {
	end := t.nodes[i].next
	for c := i + 1; c < end; c = t.nodes[c].next {
		if t.nodes[c].flags&flagShadow == 0 {
			out = append(out, c)
		}
	}
	return out
}

// member finds the member of an object by its plain name; 0 when there is none.
func (t *tree) member(i uint32, name string) uint32 {
	return t.memberNamed(i, []byte(name))
}

func (t *tree) memberNamed(i uint32, name []byte) uint32 {
	if t.nodes[i].typ != ObjectType {
		return 0
	}
	end, size := t.nodes[i].next, min(len(name), longName)
	for c := i + 1; c < end; c = t.nodes[c].next {
		x := &t.nodes[c]
		if x.flags&flagShadow == 0 && (x.flags&flagKeyEscaped != 0 || int(x.klen) == size) && bytes.Equal(t.keyText(c), name) {
			return c
		}
	}
	return 0
}

// rawKey is a member's name as written.
func (t *tree) rawKey(i uint32) []byte {
	n := &t.nodes[i]
	if n.klen == longName {
		return t.src[n.key:literal.QuoteEnd(t.src, int(n.key))]
	}
	return t.src[n.key : n.key+uint32(n.klen)]
}

// keyText is a member's name.
func (t *tree) keyText(i uint32) []byte {
	if t.nodes[i].flags&flagKeyEscaped == 0 {
		return t.rawKey(i)
	}
	return literal.Unescape(nil, t.rawKey(i))
}

// sameKey reports whether two members have the same name.
func sameKey(a *tree, i uint32, b *tree, j uint32) bool {
	if (a.nodes[i].flags|b.nodes[j].flags)&flagKeyEscaped == 0 {
		return bytes.Equal(a.rawKey(i), b.rawKey(j))
	}
	return bytes.Equal(a.keyText(i), b.keyText(j))
}

// stringText is a string's content.
func (t *tree) stringText(i uint32) []byte {
	from := int(t.nodes[i].start) + 1
	raw := t.src[from:literal.QuoteEnd(t.src, from)]
	if t.nodes[i].flags&flagEscaped == 0 {
		return raw
	}
	return literal.Unescape(nil, raw)
}
