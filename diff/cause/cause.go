// Package cause groups the differences of many pairs of answers by what made them. The
// differences of one pair after another go in; a list of causes comes out, each with the
// number of its differences, the cases it was seen in and, where one was found that
// holds, a rule that hides it.
//
// A cause belongs to package diff's differences and knows how they are compared again
// under a proposed rule, so that it imports package diff and not the other way round.
// Nothing here decides whether two answers are equal.
package cause

import (
	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
)

// A Cause is differences of many pairs that one edit explains.
type Cause struct {
	// ID is the place in the list, from 0. It is only valid together with the list that it is
	// in.
	ID int `json:"id"`
	// Kind and Where are those of all its differences; a renamed member is of kind removed.
	Kind  diff.Kind  `json:"kind"`
	Where diff.Where `json:"where"`
	Path  string     `json:"path"` // indices and key values generalised to [*]
	Edit  string     `json:"edit"` // number -> string; x1000; "blue" -> "green"
	// Severity is the gravest of the differences.
	Severity diff.Severity `json:"severity"`
	Count    int           `json:"count"` // differences
	// Cases counts each case once, however many of its steps have the difference.
	Cases int `json:"cases"`
	// Parts says which of setup and teardown have the difference too. They are not cases.
	Parts    []string `json:"parts,omitempty"`
	Examples []string `json:"examples"` // the first three case ids
	// Rule is the YAML of rules that hide the cause's differences and little else:
	// tried on the answers they were seen in. Empty where none is proposed.
	Rule string `json:"rule"`
	// Scope says where the rule belongs: "case ID" or "suite NAME"; empty where
	// the cause was seen in several suites, or nothing is known of them.
	Scope string `json:"scope,omitempty"`
	// NoRule says why no rule is proposed.
	NoRule string `json:"no_rule,omitempty"`
	// Leak is the name of blue that green's answers mention, where that is the edit.
	Leak string `json:"leak,omitempty"`
	// RenamedTo is the generalised path of a removed member's new name, where that
	// is the edit.
	RenamedTo string `json:"renamed_to,omitempty"`
}

// Place is what two differences share when they disagree about the same thing, whatever the
// values: their kind, their part of the message, and their path with indices and keys
// generalised. Two differences with one place may still have different causes, as their edits
// may differ.
func Place(d *diff.Difference) string {
	k := keyOf(d)
	return k.kind.String() + " " + k.where.String() + " " + k.path
}

// Place is the place of the differences that the cause stands for. It equals the Place of every
// difference that was added for the cause, except for those of the new name of a renamed
// member.
func (c *Cause) Place() string { return c.Kind.String() + " " + c.Where.String() + " " + c.Path }

// Seen says where the differences were seen, in words: 2 cases, setup, or 2 cases and setup.
func (c *Cause) Seen() string { return text.CountAnd(c.Cases, "case", c.Parts...) }
