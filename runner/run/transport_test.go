package run

import (
	"slices"
	"testing"

	"github.com/bgverify/bgverify/scenarios"
)

// Every fact that a suite can allow is one that a run can report, and has words.
func TestTransportFactsAreThoseOfTheLanguage(t *testing.T) {
	var got []string
	for fact, words := range transportWords {
		if got = append(got, string(fact)); words == "" {
			t.Errorf("fact %s has no words", fact)
		}
	}
	want := slices.Sorted(slices.Values(scenarios.TransportFacts))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("facts %v, the language has %v", got, want)
	}
}
