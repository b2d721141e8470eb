package archive

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// A place is where a line is in a log.
type place struct{ offset, size int64 }

// A casePlace is where the result of a case is, with what orders and identifies it.
type casePlace struct {
	suite, index int32
	id           uint64 // hash of the case's id
	place
}

// A loadPlace is where the result of a load stage is.
type loadPlace struct {
	suite int
	name  string
	place
}

// An eventIndex says where the events of a run are in its log.
type eventIndex struct {
	// begins are those of the run itself and of every resumption, oldest first.
	begins []place
	// cases are the last result of each case, in the order of the plan once sorted.
	cases []casePlace
	// loads are the last result of each load stage.
	loads []loadPlace
	// end is the last End; its size is 0 where the run has none.
	end place
	// sides are what the probes found when the run began; size 0: not asked.
	sides place
	// torn says that the last line is not whole, as after a kill.
	torn bool
}

// clone copies the index, so that a reader does not see what a writer adds.
func (x *eventIndex) clone() eventIndex {
	c := *x
	c.begins, c.cases, c.loads = slices.Clone(x.begins), slices.Clone(x.cases), slices.Clone(x.loads)
	return c
}

// add notes a line that was read.
func (x *eventIndex) add(ln *line, at place) {
	switch ln.Kind {
	case kindBegin:
		x.begins = append(x.begins, at)
		x.end = place{} // a run that begins again is not over
	case kindCase:
		x.cases = append(x.cases, casePlace{int32(ln.Suite), int32(ln.Index), hashID(ln.Key), at})
	case kindLoad:
		x.loads = append(x.loads, loadPlace{ln.Suite, ln.Key, at})
	case kindEnd:
		x.end = at
	case kindSides:
		if x.sides.size == 0 { // the first one: a resumed run asks again
			x.sides = at
		}
	}
}

// plan puts the cases in plan order, stably. Of a case that was walked twice
// (resume) the later result counts; so it does for loads.
func (x *eventIndex) plan() {
	latest := make(map[uint64]int64, len(x.cases))
	for _, c := range x.cases {
		latest[c.id] = c.offset
	}
	x.cases = slices.DeleteFunc(x.cases, func(c casePlace) bool { return latest[c.id] != c.offset })
	slices.SortStableFunc(x.cases, func(a, b casePlace) int {
		return cmp.Or(cmp.Compare(a.suite, b.suite), cmp.Compare(a.index, b.index))
	})
	var loads []loadPlace
	for _, l := range x.loads {
		if i := slices.IndexFunc(loads, func(o loadPlace) bool { return o.suite == l.suite && o.name == l.name }); i >= 0 {
			loads[i] = l
			continue
		}
		loads = append(loads, l)
	}
	slices.SortStableFunc(loads, func(a, b loadPlace) int { return cmp.Compare(a.suite, b.suite) })
	x.loads = loads
}

// idSeed makes hashes of this process: none is written anywhere.
var idSeed = maphash.MakeSeed()

// hashID shortens an id or a key to eight bytes.
func hashID(id string) uint64 { return maphash.String(idSeed, id) }

// A pairIndex says where pairs are in exchanges.ndjson: 24 bytes a pair.
type pairIndex struct {
	list   []pairPlace
	sorted bool
}

// A pairPlace is where a pair is, by the hash of its key.
type pairPlace struct {
	hash uint64
	place
}

// add enters a pair. The list is sorted when it is searched.
func (x *pairIndex) add(key string, at place) {
	x.list = append(x.list, pairPlace{hashID(key), at})
	x.sorted = false
}

// find lists the places that may hold a key, the latest first.
func (x *pairIndex) find(key string) []place {
	if !x.sorted {
		slices.SortStableFunc(x.list, func(a, b pairPlace) int { return cmp.Compare(a.hash, b.hash) })
		x.sorted = true
	}
	h := hashID(key)
	i, _ := slices.BinarySearchFunc(x.list, h, func(p pairPlace, h uint64) int { return cmp.Compare(p.hash, h) })
	var places []place
	for ; i < len(x.list) && x.list[i].hash == h; i++ {
		places = append(places, x.list[i].place)
	}
	slices.Reverse(places)
	return places
}
