// Package claim says what must hold of an answer. In come claims, which the scripts of a
// collection make about parts of it: a Subject and a test. Out come expectations of the
// scenario language and JSON Schemas that hold where the claims do, or the reason why there
// are none.
//
// One rule stands above all: what is written here may ask more of an answer than the script
// does, never less. Where JavaScript or chai fails on a value that a matcher of the language
// takes, a second matcher is written next to the first (guard.go). What a script asserts
// under a condition becomes a schema with if, then and else (branch.go).
//
// The package knows no JavaScript: how a script came to a claim is the business of the
// package script.
package claim

import (
	"reflect"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A Kind is what a subject is of an answer. Zero is nothing that can be expected.
type Kind uint8

// The kinds of subject.
const (
	Body     Kind = iota + 1 // the value at the path of the body
	Text                     // the body as text
	Status                   // the status code
	Reason                   // its words: OK
	Time                     // milliseconds until the answer
	Header                   // the header that Text names
	Cookie                   // the cookie that Text names
	Length                   // the length of the value at the path
	Type                     // typeof the value at the path
	KeyCount                 // how many members the value at the path has
	Variable                 // the template in Text: a condition can be about it, an expectation cannot
)

// A Subject is what a claim is about. Two claims with equal subjects are about one value.
type Subject struct {
	Kind Kind
	// Path of the body; with a mark before it, see Owner, that of the answer to another request.
	Path string
	Text string
	// Number is set where the script makes a number of a value that may be text.
	Number bool
	// Or is set where another value takes the place of one that is not there: nothing is
	// certain of it.
	Or bool
	// Loose is set in claims of ==, which reads lists and objects as text.
	Loose bool
	// Sheltered is set where the script looks for the member only if there is a value that may
	// have one: !(a && a.b).
	Sheltered bool
	// Within is set in claims of "name" in value, which fails for scalars.
	Within bool
}

// A Claim is a test of a subject.
type Claim struct {
	Subject
	model.Matcher
}

// Falsy is the operation of a claim that a value of the body is not there or counts as
// false. The language has no test for it; a schema says it.
const Falsy = "falsy"

// Templates are the path and every operand in one text, to find the variables in it.
func (c Claim) Templates() string {
	b := strings.Builder{}
	b.WriteString(c.Path + "\n")
	var walk func(list ...*model.Node)
	walk = func(list ...*model.Node) {
		for _, n := range list {
			b.WriteString(n.Text + "\n")
			walk(n.Items...)
		}
	}
	for _, m := range append([]model.Matcher{c.Matcher}, c.Sub...) {
		if m.Value != nil {
			walk(m.Value)
		}
		walk(m.List...)
	}
	return b.String()
}

// Needed leaves out that a value counts as true where another claim is about a member of it:
// what has a member is an object.
func Needed(claims []Claim) []Claim {
	return slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool {
		return reflect.DeepEqual(c.Matcher, Truthy()) && slices.ContainsFunc(claims, func(o Claim) bool {
			rest, below := strings.CutPrefix(o.Path, c.Path)
			below = below && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "["))
			return (below || o.Kind == Length && o.Path == c.Path) && needsValue([]model.Matcher{o.Matcher})
		})
	})
}

// Truthy is the test that a value is none of those that count as false.
func Truthy() model.Matcher {
	list := []*model.Node{model.Bool(false), model.Literal("0"), model.String(""), model.Literal("null")}
	return model.Matcher{Op: "not", Sub: []model.Matcher{{Op: "in", List: list}}}
}

// opposites are the comparisons that hold where others do not.
var opposites = map[string]string{"eq": "ne", "ne": "eq", "lt": "gte", "lte": "gt", "gt": "lte", "gte": "lt"}

// Negated is the opposite of a claim, where the language has it.
func (c Claim) Negated() (Claim, bool) {
	switch {
	case c.Op == Falsy:
		c.Matcher = Truthy()
	case c.Kind == Body && reflect.DeepEqual(c.Matcher, Truthy()):
		c.Matcher = model.Matcher{Op: Falsy}
	case opposites[c.Op] != "":
		c.Op = opposites[c.Op]
	case c.Op == "exists" || c.Op == "empty":
		c.Value = model.Bool(c.Value.Is("false"))
	case c.Op == "contains" || c.Op == "matches" || c.Op == "in":
		c.Matcher = model.Matcher{Op: "not", Sub: []model.Matcher{c.Matcher}}
	case c.Op == "not" && len(c.Sub) == 1:
		c.Matcher = c.Sub[0]
	default:
		return c, false
	}
	return c, true
}

// IsNumber reports whether a value is a number, or a variable that may be one.
func IsNumber(n *model.Node) bool {
	return n != nil && (n.Kind == model.LiteralNode && template.IsNumber(n.Text) || n.Kind == model.StringNode &&
		strings.HasPrefix(n.Text, "{{") && strings.HasSuffix(n.Text, "}}"))
}
