package diff

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/notation"
)

// A ruleKind is all that the program knows of one value of `do`. Reading,
// validation, comparison, the judging of archived answers, the JSON Schema and
// the documentation come from the rows of ruleKinds: a new kind is one row, and
// a new word of Do.
type ruleKind struct {
	// do is the word in the file.
	do Do
	// doc is what it means, for the table in docs/rules.md.
	doc string
	// params are the keys that it takes besides place, reason, ticket and date.
	params []string
	// as are the words of the key `as`; none: it is a name or a list. One of them
	// has to be written where asRequired is set.
	as         []string
	asRequired bool
	// asList: `as` takes several words, applied in their order.
	asList bool
	// required are keys without which the rule is a mistake, with what to write.
	required []Required
	// places are those that the kind can be written for.
	places places
	// hides says that differences vanish whatever the values are: such a rule may
	// not be written for a whole body or for all headers.
	hides bool
	// check validates and prepares the parameters; nil: none needs it.
	check func(c *compiler, i int, r *compiledRule)
	// The effect at a place. Kinds with a slot are known to the engine itself, and
	// at each place the most specific rule of the kind is in force. Kinds with
	// several are applied all, in file order. All others accept pairs of values.
	slot    func(*effect) *ruleRef
	several bool
	// number and text report whether the rule accepts two different numbers or
	// texts; the rows are asked in the order of the table.
	number func(r *compiledRule, p *valuePair) bool
	text   func(r *compiledRule, p *valuePair) (same bool, why string)
	// instead says that a more specific rule of this kind takes the place of an
	// ignore or a drop: it says how to compare what they would hide.
	instead bool
	// byPartner says that the rule compares an element with its partner: it has no
	// place below an array that is compared as a set without a key.
	byPartner bool
	// lets reports whether the rule lets a scalar change to any other value of its
	// type, which then counts as not compared; nil: it never does.
	lets func(r *compiledRule, t *tree, i uint32) bool
	// needs says what of a value that the archive hid the rule asks for.
	needs func(r *Rule) Need
}

// places are the parts of an answer that a kind can be written for.
type places uint8

const (
	inBody      places = 1 << iota // at
	inHeader                       // header
	inStatus                       // where: status
	headersOnly                    // headers
)

// A Required is a key that a rule of some kind must have.
type Required struct {
	Key string
	// Hint is what to write in its place.
	Hint string
}

// String is the key with its article: a why, an until.
func (r Required) String() string {
	if strings.ContainsAny(r.Key[:1], "aeiou") {
		return "an " + r.Key
	}
	return "a " + r.Key
}

// Need is what a rule asks of a value, for answers in which the archive hid some.
type Need uint8

// The needs, from the least to the most.
const (
	NeedEquality Need = iota // presence, type, and whether the sides' values are equal
	NeedChanged              // the value, where the sides' differ
	NeedFormat               // the formats that the value has
	NeedValue                // the value
)

// needChanged: the rule asks only whether the value differs, which a mark shows too.
func needChanged(*Rule) Need { return NeedChanged }

// formatNeeds: a pattern needs the value, a named format what is known of it.
func formatNeeds(r *Rule) Need {
	if r.Is == "regex" || r.Pattern != "" {
		return NeedValue
	}
	return NeedFormat
}

// Needs says what the rule asks of a value at its place.
func (r *Rule) Needs() Need {
	if k := kindOf(r.Do); k != nil && k.needs != nil {
		return k.needs(r)
	}
	return NeedEquality
}

// whyHint is the hint for a rule that lacks its reason.
const whyHint = "the reason a colleague would accept"

// ruleKinds are the kinds of rules. The order counts for those that accept
// values: texts are normalised before they are rewritten, and what time and
// format say is about the texts as they were sent.
var ruleKinds = []*ruleKind{
	{
		do: DoIgnore, doc: "the value may differ; presence and type may not",
		places: inBody | inHeader | inStatus, hides: true, required: []Required{{Key: "why", Hint: whyHint}},
		slot: func(e *effect) *ruleRef { return &e.ignore },
	},
	{
		do: DoDrop, doc: "the value is not looked at",
		places: inBody | inHeader, hides: true, required: []Required{{Key: "why", Hint: whyHint}},
		slot: func(e *effect) *ruleRef { return &e.drop },
	},
	{
		do: DoAllow, doc: "an intended change is accepted until a date", params: []string{"kind", "max"},
		places: inBody | inHeader | inStatus,
		required: []Required{
			{Key: "why", Hint: whyHint},
			{Key: "until", Hint: "the day by which blue has the change too"},
			{Key: "kind", Hint: "added, removed, changed, type or order"},
		},
		check: (*compiler).allow, several: true, lets: (*compiledRule).letsChange,
	},
	{
		do: DoMatch, doc: "how the elements of an array are paired", params: []string{"by", "as"},
		as: []string{"list", "set", "multiset", "auto"}, places: inBody,
		check: (*compiler).match, slot: func(e *effect) *ruleRef { return &e.match },
	},
	{
		do: DoMap, doc: "ids of the two sides are partners, one to one, over the whole case", params: []string{"as"},
		places: inBody | inHeader, instead: true,
		check: (*compiler).mapName, slot: func(e *effect) *ruleRef { return &e.mapping },
	},
	{
		do: DoString, doc: "what is done to both texts first", params: []string{"as"},
		as: notation.Normalisers(), asRequired: true, asList: true, places: inBody | inHeader,
		check: (*compiler).normalisers, text: (*compiledRule).sameNormalised, needs: needChanged,
	},
	{
		do: DoRewrite, doc: "blue's text and green's mean the same, or what a pattern matches does",
		params: []string{"blue", "green", "pattern", "as"},
		places: inBody | inHeader, several: true,
		check: (*compiler).rewrite, text: (*compiledRule).sameRewritten, lets: (*compiledRule).letsText, needs: needChanged,
	},
	{
		do: DoNumber, doc: "how numbers are equal, see [Numbers](#numbers)", params: []string{"as"},
		as: readingWords, asRequired: true, places: inBody,
		check: (*compiler).reading, slot: func(e *effect) *ruleRef { return &e.number }, needs: needChanged,
	},
	{
		do: DoTolerance, doc: "numbers may differ by this much of blue's value", params: []string{"abs", "rel"},
		places: inBody | inHeader, instead: true, byPartner: true,
		check: (*compiler).tolerance, number: (*compiledRule).sameWithin, lets: (*compiledRule).letsNumber, needs: needChanged,
	},
	{
		do: DoTime, doc: "moments in one notation may be apart", params: []string{"within", "notation"},
		places: inBody | inHeader, instead: true,
		check: (*compiler).within, needs: needChanged,
		number: func(r *compiledRule, p *valuePair) bool { return r.sameTime(p.blue, p.green) },
		text:   func(r *compiledRule, p *valuePair) (bool, string) { return r.sameTime(p.blue, p.green), "" },
	},
	{
		do: DoFormat, doc: "both sides have this form", params: []string{"is", "pattern", "notation"},
		places: inBody | inHeader, instead: true,
		check: (*compiler).formatRule, lets: (*compiledRule).letsText, needs: formatNeeds,
		text: func(r *compiledRule, p *valuePair) (bool, string) { return r.sameFormat(p.blue, p.green, p.at) },
	},
	{
		do: DoNull, doc: "null is as good as absent", params: []string{"as"}, as: []string{"absent"}, asRequired: true, places: inBody,
		slot: func(e *effect) *ruleRef { return &e.null },
	},
	{
		do: DoEmpty, doc: "`\"\"`, `[]` and `{}` are as good as absent", params: []string{"as"},
		as: []string{"absent"}, asRequired: true, places: inBody,
		slot: func(e *effect) *ruleRef { return &e.empty },
	},
	{
		do: DoEmbedded, doc: "the text is a document; paths go on inside", params: []string{"as"},
		as: []string{"json", "base64-json"}, asRequired: true, places: inBody, instead: true,
		slot: func(e *effect) *ruleRef { return &e.embedded }, needs: needChanged,
	},
	{
		do: DoLeak, doc: "green may name blue here", params: []string{"allow"}, places: inBody | inHeader,
		required: []Required{{Key: "why", Hint: whyHint}}, check: (*compiler).leak,
		slot: func(e *effect) *ruleRef { return &e.leak },
	},
	{
		do: DoOnly, doc: "just these headers are compared", params: []string{"headers"}, places: headersOnly,
	},
}

// kindOf is the row of a word of `do`; nil for a word that names no kind.
func kindOf(do Do) *ruleKind {
	i := slices.IndexFunc(ruleKinds, func(k *ruleKind) bool { return k.do == do })
	if i < 0 {
		return nil
	}
	return ruleKinds[i]
}

// Requires are the keys without which a rule of this kind is a mistake: why,
// until, kind.
func (d Do) Requires() []Required {
	if k := kindOf(d); k != nil {
		return k.required
	}
	return nil
}

// A RuleKind is what readers and writers of rules need to know of a kind.
type RuleKind struct {
	Do  Do
	Doc string // what it means, a clause in Markdown
	// Params are the keys that it takes besides place, why, ticket and until, and
	// As the words of its key `as`; empty: it takes none, or any name.
	Params, As []string
	AsList     bool // `as` takes a list of its words, applied in order
}

// RuleKinds lists the kinds of rules in the order of the documentation.
func RuleKinds() []RuleKind {
	out := make([]RuleKind, len(ruleKinds))
	for i, k := range ruleKinds {
		out[i] = RuleKind{Do: k.do, Doc: k.doc, Params: k.params, As: k.as, AsList: k.asList}
	}
	return out
}

// doWords lists the words of `do` for a hint.
func doWords() string {
	words := make([]string, len(ruleKinds))
	for i, k := range ruleKinds {
		words[i] = string(k.do)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}
