package diff

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
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
	hash uint64
	// start is the first byte of the value.
	start uint32
	// next is the node after the subtree.
	next uint32
	// key is the first byte of the member's name, after its quote; 0 for an element.
	key uint32
	// klen is the length of the name as written, at most longName.
	klen uint16
	// typ is the type of the value.
	typ ValueType
	// flags are the flag constants.
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
	// src is the body, which nodes point into.
	src []byte
	// nodes are in document order: a subtree is a run of them.
	nodes []node
	// ruled holds hashes as the rules see values: what they hide is left out. It
	// guides the pairing of elements and decides nothing. Parallel to nodes, as
	// far as it goes.
	ruled []uint64
	// hides: some nodes have flagIgnored or flagDropped.
	hides bool
	// leaves counts scalars, and arrays and objects without content.
	leaves int
	// typed: hash tells 1 from 1.0, see Options.Numbers.
	typed bool
	// lim is what the body was read under.
	lim limits
	// err says why the body could not be read; the nodes are then not to be used.
	err *SyntaxError
	// dups are the first names that an object has twice.
	dups []dupKey
	// nDups is how many there are in all.
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
	// Kind is Invalid, DuplicateKey or Limit.
	Kind Kind
	// Offset is in bytes from the beginning of the body.
	Offset int
	// Msg is what is wrong there.
	Msg string
}

// Error is the kind of mistake, its byte and what is wrong there, in one line.
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

// setRuled keeps a hash under the rules that is not the value's own.
func (t *tree) setRuled(i uint32, h uint64) {
	if n := int(i) + 1 - len(t.ruled); n > 0 {
		t.ruled = append(t.ruled, make([]uint64, n)...)
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

// typeOf is the type of a node; AbsentType where the side has nothing.
func (t *tree) typeOf(i uint32) ValueType {
	if i == noNode {
		return AbsentType
	}
	return t.nodes[i].typ
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
	return t.siblings(i+1, t.nodes[i].next, out)
}

// siblings appends the nodes from c up to end, shadowed members left out.
func (t *tree) siblings(c, end uint32, out []uint32) []uint32 {
	for ; c < end; c = t.nodes[c].next {
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

// memberNamed is member for a name that is bytes already. A name with escapes is compared by its
// characters, all others first by their length.
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

// numberHash is equal for numbers that a reading takes for equal.
func (t *tree) numberHash(i uint32, r NumberReading) uint64 {
	switch text := t.text(i); r {
	case Lexeme:
		return hashBytes(text) ^ kNumber
	case Float64:
		return mix(math.Float64bits(floatOf(text)+0)^kNumber, kValue) // + 0: -0 is 0
	case Typed:
		return typedHash(t.valueHash(i), text)
	}
	return t.valueHash(i)
}

// valueHash is the hash of a node by value, whatever the tree's reading of
// numbers: keys pair elements by it, so that an id that became 1.0 is one
// changed number and not an element removed and another one added.
func (t *tree) valueHash(i uint32) uint64 {
	if t.typed && t.nodes[i].typ == NumberType {
		return typedHash(t.nodes[i].hash, t.text(i))
	}
	return t.nodes[i].hash
}

// Hashes are seeded per process, so that no body can be made to collide. They
// never reach the output: equal values have equal hashes, and what differs is
// decided by comparing.
var (
	hashSeed  = maphash.MakeSeed()
	kString   = maphash.String(hashSeed, "string")
	kNumber   = maphash.String(hashSeed, "number")
	kFraction = maphash.String(hashSeed, "fraction")
	kBig      = maphash.String(hashSeed, "big number")
	kMember   = maphash.String(hashSeed, "member")
	kValue    = maphash.String(hashSeed, "value")
	kObject   = maphash.String(hashSeed, "object")
	kArray    = maphash.String(hashSeed, "array")
	kShort    = maphash.String(hashSeed, "short")
	kLength   = maphash.String(hashSeed, "length")
	kBag      = maphash.String(hashSeed, "bag")
	hashTrue  = maphash.String(hashSeed, "true")
	hashFals  = maphash.String(hashSeed, "false")
	hashNull  = maphash.String(hashSeed, "null")
	hashDrop  = maphash.String(hashSeed, "dropped")
	// hashType stands for any value of a type: what an ignored value hashes to.
	hashType = [...]uint64{
		AbsentType: 0,
		NullType:   maphash.String(hashSeed, "a null"),
		BoolType:   maphash.String(hashSeed, "a boolean"),
		NumberType: maphash.String(hashSeed, "a number"),
		StringType: maphash.String(hashSeed, "a string"),
		ArrayType:  maphash.String(hashSeed, "an array"),
		ObjectType: maphash.String(hashSeed, "an object"),
	}
)

// mix folds two words into one.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hashBytes hashes a name or a string. Short ones, which most are, are read in
// two words; the keys are as secret as maphash's seed.
func hashBytes(b []byte) uint64 {
	n := len(b)
	switch {
	case n > 16:
		return maphash.Bytes(hashSeed, b)
	case n >= 8:
		return shortHash(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:]), n)
	case n >= 4:
		return shortHash(uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:])), n)
	case n > 0:
		return shortHash(uint64(b[0])<<16|uint64(b[n/2])<<8|uint64(b[n-1]), 0, n)
	}
	return kShort
}

// shortHash mixes a text of at most 16 bytes, given as two words, with its length: two texts that
// share words differ in it.
func shortHash(a, b uint64, n int) uint64 {
	return mix(mix(a^kString, b^kShort), uint64(n)^kLength)
}

// hashDecimal hashes a small number, equal for equal values.
func hashDecimal(d literal.Decimal) uint64 {
	d = d.Normal()
	e := uint64(uint32(d.Exp)) << 1
	if d.Neg {
		e |= 1
	}
	return mix(d.Mant^kNumber, e^kValue)
}

// hashNumber hashes any JSON number, equal for equal values.
func hashNumber(text []byte, d literal.Decimal) uint64 {
	if !d.Big {
		return hashDecimal(d)
	}
	b := literal.ExactOf(text)
	if s, ok := b.Small(); ok {
		return hashDecimal(s)
	}
	h := mix(hashBytes(b.Digits)^kBig, hashBytes(b.Exp.Append(nil, 16))^kValue)
	if b.Neg {
		h = ^h
	}
	return h
}

// typedHash makes the hash of a number's value that of its value and notation.
// Applied twice it gives the value's hash back.
func typedHash(h uint64, text []byte) uint64 {
	if literal.Fractional(text) {
		return h ^ kFraction
	}
	return h
}

// hashMember combines a member's name and value; an object sums its members,
// so that their order does not matter.
func hashMember(name, value uint64) uint64 { return mix(name^kMember, value^kValue) }

// hashElement appends an element to an array's hash.
func hashElement(h, value uint64) uint64 { return mix(h^value, kArray) + value }
