package diff

import "math/bits"

// smallObject is the size up to which names are compared pairwise.
const smallObject = 16

// duplicates looks for names that the object's members share, and takes hidden
// members out of the sum.
func (p *parser) duplicates(base int, sum *memberSum) {
	ms := p.members[base:]
	if len(ms) <= smallObject {
		var seen uint64
		for i := range ms {
			bit := uint64(1) << (ms[i].name >> 26)
			if seen&bit != 0 {
				for j := range i {
					if ms[j].name == ms[i].name && p.t.nodes[ms[j].node].flags&flagShadow == 0 && p.shadow(ms, j, i, sum) {
						break
					}
				}
			}
			seen |= bit
		}
		return
	}
	size := 1 << bits.Len(uint(2*len(ms)))
	if cap(p.table) < size {
		p.table = make([]uint32, size)
	}
	table := p.table[:size]
	clear(table)
	for i := range ms {
		slot := int(ms[i].name) & (size - 1)
		for table[slot] != 0 {
			j := int(table[slot] - 1)
			if ms[j].name == ms[i].name && p.shadow(ms, j, i, sum) {
				break
			}
			slot = (slot + 1) & (size - 1)
		}
		table[slot] = uint32(i + 1)
	}
}

// maxDuplicates bounds the duplicate names that are kept; all are counted.
const maxDuplicates = 100

// shadow handles the members j and i (later) of the same name by the policy.
func (p *parser) shadow(ms []memberEntry, j, i int, sum *memberSum) bool {
	if !sameKey(p.t, ms[j].node, p.t, ms[i].node) {
		return false
	}
	p.t.nDups++
	if len(p.t.dups) < maxDuplicates {
		p.t.dups = append(p.t.dups, dupKey{ms[i].node})
	}
	if p.lim.duplicates == 'k' {
		return true
	}
	hidden := j
	if p.lim.duplicates == 'f' {
		hidden = i
	}
	at := ms[hidden].node
	if n := &p.t.nodes[at]; n.flags&flagShadow == 0 {
		sum.remove(hashBytes(p.t.keyText(at)), n.hash, p.t.ruledHash(at))
		p.t.leaves -= p.t.countLeaves(at)
		n.flags |= flagShadow
	}
	return true
}
