package diff

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/bgverify/bgverify/diff/literal"
)

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

// hashMember combines a member's name and value; an object sums its members,
// so that their order does not matter.
func hashMember(name, value uint64) uint64 { return mix(name^kMember, value^kValue) }

// hashElement appends an element to an array's hash.
func hashElement(h, value uint64) uint64 { return mix(h^value, kArray) + value }

// A memberSum adds up an object's members, by themselves and under the rules, in
// any order.
type memberSum struct{ sum, apart, count, absent uint64 }

func (s *memberSum) add(name, value, ruled uint64) {
	h := hashMember(name, value)
	s.sum += h
	s.count++
	if ruled == value {
		return
	}
	s.apart -= h
	if ruled == 0 {
		s.absent++
	} else {
		s.apart += hashMember(name, ruled)
	}
}

// remove takes back a member that was added.
func (s *memberSum) remove(name, value, ruled uint64) {
	var one memberSum
	one.add(name, value, ruled)
	s.sum -= one.sum
	s.apart -= one.apart
	s.count -= one.count
	s.absent -= one.absent
}

func (s *memberSum) hashes() (hash, ruled uint64) {
	return mix(s.sum^kObject, s.count^kValue), mix((s.sum+s.apart)^kObject, (s.count-s.absent)^kValue)
}
