package random

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// Source is a source of random numbers that is a pure function of the run's seed
// and the parts: the same parts give the same numbers, whatever ran before.
func Source(seed uint64, parts ...string) rand.Source {
	return rand.NewChaCha8(digest(seed, parts...))
}

// digest hashes the seed and the parts; each part is preceded by its length, so
// that ("ab", "c") and ("a", "bc") differ.
func digest(seed uint64, parts ...string) [32]byte {
	h := sha256.New()
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], seed)
	h.Write(n[:])
	for _, p := range parts {
		binary.LittleEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return [32]byte(h.Sum(nil))
}

// Number is the first 64 bits of the digest.
func Number(seed uint64, parts ...string) uint64 {
	d := digest(seed, parts...)
	return binary.LittleEndian.Uint64(d[:8])
}

// Chance says yes for the share of all parts.
func Chance(share float64, seed uint64, parts ...string) bool {
	return float64(Number(seed, parts...)>>11)/(1<<53) < share
}

// Traceparent makes a W3C trace context, the header and its trace id, out of the seed and the parts.
func Traceparent(seed uint64, parts ...string) (header, traceID string) {
	d := digest(seed, append([]string{"traceparent"}, parts...)...)
	d[0] |= 1 // neither id may be all zero
	d[16] |= 1
	traceID = hex.EncodeToString(d[:16])
	return "00-" + traceID + "-" + hex.EncodeToString(d[16:24]) + "-01", traceID
}
