// Package second is the second opinion: it judges with encoding/json and go-cmp
// whether two bodies are equal under rules, and shares no code with the engine.
package second

import (
	"github.com/bgverify/bgverify/diff"
)

// An Opinion is a yes or no, or the reason why there is none.
type Opinion struct {
	Equal   bool
	Skipped string // why the pair lies outside the common domain; empty when judged
}

// Equal judges a pair again.
func Equal(blue, green []byte, rules []diff.Rule, mode diff.Mode) Opinion {
	return Opinion{Skipped: "not judged yet"}
}
