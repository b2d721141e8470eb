package perf

import "testing"

// Of two walks one may fail at a step that the other did not come to.
func TestWalkFailuresWithoutPartner(t *testing.T) {
	s := NewStage(Design{Rate: 10, PerWalk: 2, Routes: []Route{{Name: "a", Share: 0.5}, {Name: "b", Share: 0.5}}})
	b := s.collect(0, []Record{
		{Pair: 1, Step: 0},
		{Pair: 1, Step: 0, Green: true},
		{Pair: 1, Step: 1, Green: true, Failure: BadStatus},
		{Pair: 2, Step: 0},
		{Pair: 2, Step: 0, Green: true, Failure: BadStatus},
		{Pair: 2, Step: 1},
		{Pair: 1, Walk: true},
		{Pair: 1, Walk: true, Green: true, Failure: BadStatus},
	})
	if b.pairs != 3 || b.only != [2]int{0, 2} || b.sent != [2]int{3, 3} || b.walks != [2]int{1, 1} {
		t.Errorf("pairs %d, only %v, sent %v, walks %v", b.pairs, b.only, b.sent, b.walks)
	}
}
