// Package mutate makes copies of a JSON body with one thing changed, for the
// negative control: a comparison that does not find a mutant would not have
// found the same change in green.
package mutate

// A Mutant is a copy of a body with one change.
type Mutant struct {
	Class string // "value", "structure" or "type"
	Path  string // normalized path of what was changed
	Body  []byte
}

// Mutants makes at most max mutants of body, drawn from seed.
func Mutants(body []byte, seed uint64, max int) []Mutant {
	return nil
}
