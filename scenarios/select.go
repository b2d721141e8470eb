package scenarios

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/rows"
)

// A Selection says which cases run. The zero Selection is all of them.
// The criteria narrow each other: tags and globs and ids and the shard.
type Selection struct {
	// Tag is an expression: smoke and not (write or slow).
	Tag string
	// Case are globs over suite/case, suite/case[row] or case alone.
	Case []string
	// IDs are exact ids, rows included (--rerun-failed).
	IDs []string
	// Shard is 1..Of; both are 0 for the whole.
	Shard int
	Of    int
}

// Select picks cases and rows in the order of the suites and returns copies of
// the suites with only those; suites left with nothing are dropped.
//
//  1. A case or row is kept when it passes the tags, and any of the globs, and any of the
//     ids; a criterion that is not given passes everything.
//  2. The id of a case stands for all of its rows.
//  3. Shards split the rows that the other criteria leave: the union of all shards is the
//     whole, and no two share a row. Rows are counted over all suites.
//  4. A glob, or a tag that is asked for, that fits no case is an error: what it was to
//     choose would be missed unseen.
//  5. Load stages run only when neither tags, globs nor ids narrow the run, each in one shard.
func Select(suites []*Suite, sel Selection) ([]*Suite, error) {
	if sel.Of != 0 && (sel.Shard < 1 || sel.Shard > sel.Of) || sel.Of < 0 || sel.Of == 0 && sel.Shard != 0 {
		return nil, fmt.Errorf("select shard %d/%d: want i/n with i from 1 to n", sel.Shard, sel.Of)
	}
	// Rule 1 is compiled once for all cases.
	match, tags, err := parseTags(sel.Tag)
	if err != nil {
		return nil, fmt.Errorf("select tags %q: %w", sel.Tag, err)
	}
	// Rule 4.
	if err := unmatched(suites, sel.Case, tags); err != nil {
		return nil, err
	}
	// One picker walks all suites: shards are cut over the whole run.
	p := &picker{sel: sel, tags: match, ids: map[string]bool{}}
	for _, id := range sel.IDs {
		p.ids[id] = true
	}
	for _, g := range sel.Case {
		p.globs = append(p.globs, newCaseGlob(g))
	}
	var out []*Suite
	for _, s := range suites {
		// The suites themselves stay whole, for load stages that name their cases.
		picked := *s
		picked.Cases = nil
		for _, c := range s.Cases {
			if c, err := p.pickCase(c); err != nil {
				return nil, err
			} else if c != nil {
				picked.Cases = append(picked.Cases, c)
			}
		}
		picked.Loads = p.pickLoads(s.Loads)
		if len(picked.Cases) > 0 || len(picked.Loads) > 0 {
			out = append(out, &picked)
		}
	}
	return out, nil
}

// A picker counts what it picks, so that shards can be cut over all suites.
// Its counters go on from suite to suite.
type picker struct {
	sel  Selection
	tags func(tags []string) bool
	ids  map[string]bool
	// globs are those of the selection; none: every id.
	globs []caseGlob
	// place counts the rows that passed the criteria so far, and stage the load stages: a
	// shard takes every Of-th of them.
	place int
	stage int
}

// inShard reports whether the shard takes the thing at a place.
func (p *picker) inShard(place int) bool { return p.sel.Of == 0 || place%p.sel.Of == p.sel.Shard-1 }

// pickLoads is rule 5.
func (p *picker) pickLoads(stages []*LoadStage) []*LoadStage {
	if p.sel.Tag != "" || len(p.sel.Case) > 0 || len(p.sel.IDs) > 0 {
		return nil
	}
	var out []*LoadStage
	for _, l := range stages {
		if p.inShard(p.stage) {
			out = append(out, l)
		}
		p.stage++
	}
	return out
}

// pickCase returns the case with its picked rows; nil when there are none. Rows stay an iterator
// that reads the file again: what is counted here is read and dropped.
func (p *picker) pickCase(c *Case) (*Case, error) {
	if !p.tags(c.Tags) {
		return nil, nil
	}
	// Rule 2: the case's own id takes all rows.
	whole := p.wants(c.ID)
	if c.Data == nil {
		if !whole {
			return nil, nil
		}
		if p.place++; !p.inShard(p.place - 1) {
			return nil, nil
		}
		return c, nil
	}
	// Without a criterion that names rows they need not be read to be counted.
	kept, count := c.Data.Rows, c.Data.Count
	if !whole {
		// Ids of rows are asked one by one, which reads the file.
		want := func(_ int, row Row) bool { id, _ := c.RowID(row); return p.wants(id) }
		kept, count = rows.Pick(kept, want), 0
		for _, err := range kept {
			if err != nil {
				return nil, fmt.Errorf("select rows of %s: %w", c.ID, err)
			}
			count++
		}
	}
	// Rule 3: the places of this case's rows among all rows, then those of the shard.
	base := p.place
	p.place += count
	if p.sel.Of > 1 {
		mine := 0
		for i := range count {
			if p.inShard(base + i) {
				mine++
			}
		}
		kept, count = rows.Pick(kept, func(i int, _ Row) bool { return p.inShard(base + i) }), mine
	}
	if count == 0 {
		return nil, nil
	}
	data, picked := *c.Data, *c
	data.Rows, data.Count = kept, count
	picked.Data = &data
	return &picked, nil
}

// wants reports whether an id passes globs and exact ids (rules 1 and 2).
func (p *picker) wants(id string) bool {
	if len(p.ids) > 0 && !p.ids[id] {
		return false
	}
	return len(p.globs) == 0 || slices.ContainsFunc(p.globs, func(g caseGlob) bool { return g.matches(id) })
}

// A caseGlob is a glob of cases: of suite/case or suite/case[row] or, without a slash, of the
// case in every suite.
type caseGlob struct {
	text *regexp.Regexp
	bare bool
}

func newCaseGlob(pattern string) caseGlob {
	return caseGlob{glob(pattern), !strings.Contains(pattern, "/")}
}

// matches reports whether the glob fits an id.
func (g caseGlob) matches(id string) bool {
	if g.bare {
		_, id, _ = strings.Cut(id, "/")
	}
	return g.text.MatchString(id)
}

// unmatched names every glob, and every tag that is asked for, that fits no case and
// no row, whatever the other criteria choose.
// All of them are named in one error, as all problems of a file are.
func unmatched(suites []*Suite, globs, tags []string) error {
	var all []string
	for _, g := range globs {
		// All globs are looked at, to report all of those that fit nothing.
		some, glob := false, newCaseGlob(g)
		for _, s := range suites {
			for _, c := range s.Cases {
				ok, err := c.matchesGlob(glob)
				if err != nil {
					return err
				}
				some = some || ok
			}
		}
		if !some {
			all = append(all, fmt.Sprintf("case %q", g))
		}
	}
	for _, tag := range tags {
		has := func(c *Case) bool { return slices.Contains(c.Tags, tag) }
		if !slices.ContainsFunc(suites, func(s *Suite) bool { return slices.ContainsFunc(s.Cases, has) }) {
			all = append(all, fmt.Sprintf("tag %q", tag))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%s: no case matches", strings.Join(all, ", "))
}

// matchesGlob reports whether a glob matches the case or one of its rows, which may read them all.
func (c *Case) matchesGlob(g caseGlob) (bool, error) {
	if g.matches(c.ID) || c.Data == nil {
		return g.matches(c.ID), nil
	}
	for row, err := range c.Data.Rows {
		if err != nil {
			return false, fmt.Errorf("select rows of %s: %w", c.ID, err)
		}
		if id, _ := c.RowID(row); g.matches(id) {
			return true, nil
		}
	}
	return false, nil
}

// glob compiles a pattern in which * is any text and ? is one character; nothing else is
// special, since ids hold brackets. path.Match was rejected for that reason.
func glob(pattern string) *regexp.Regexp {
	text := regexp.QuoteMeta(strings.ToValidUTF8(pattern, "\ufffd"))
	return regexp.MustCompile(`(?s)\A` + strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(text) + `\z`)
}

// A tagParser reads tag expressions by recursive descent:
//
//	or  = and { "or" and }
//	and = not { "and" not }
//	not = "not" not | "(" or ")" | tag
type tagParser struct {
	text   string
	tokens []tagToken
	depth  int
	// inside is set below an odd number of not.
	inside bool
	// asked are the tags that a case must or may have, without those that are left out.
	asked []string
}

// A tagToken is a word or a parenthesis, with its place for messages.
type tagToken struct {
	word string
	at   int // rune offset
}

// parseTags compiles an expression, and lists the tags that it asks for; the empty
// one takes everything.
func parseTags(text string) (match tagMatch, asked []string, err error) {
	if strings.TrimSpace(text) == "" {
		return func([]string) bool { return true }, nil, nil
	}
	p := &tagParser{text: text}
	// Words end at space and parentheses; offsets count characters, as people do.
	word := []rune{}
	flush := func(end int) {
		if len(word) > 0 {
			p.tokens = append(p.tokens, tagToken{string(word), end - len(word)})
			word = nil
		}
	}
	runes := []rune(text)
	for i, r := range runes {
		switch {
		case r == ' ' || r == '\t':
			flush(i)
		case r == '(' || r == ')':
			flush(i)
			p.tokens = append(p.tokens, tagToken{string(r), i})
		case keys.BadNameAt(string(r)) >= 0:
			return nil, nil, fmt.Errorf("unexpected %q at offset %d; write: smoke and not write", r, i)
		default:
			word = append(word, r)
		}
	}
	flush(len(runes))
	if match, err = p.parseOr(); err != nil {
		return nil, nil, err
	}
	if len(p.tokens) > 0 {
		return nil, nil, fmt.Errorf("unexpected %q at offset %d; write and or or between tags", p.tokens[0].word, p.tokens[0].at)
	}
	return match, p.asked, nil
}

// A tagMatch reports whether the tags of a case satisfy an expression.
type tagMatch = func([]string) bool

// accept takes the next token when it is word.
func (p *tagParser) accept(word string) bool {
	if len(p.tokens) > 0 && p.tokens[0].word == word {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

// parseOr reads the loosest of the operators; it is also what parentheses hold.
func (p *tagParser) parseOr() (tagMatch, error) {
	return p.parseList("or", p.parseAnd, func(a, b bool) bool { return a || b })
}

// parseAnd reads operands that must all hold.
func (p *tagParser) parseAnd() (tagMatch, error) {
	return p.parseList("and", p.parseNot, func(a, b bool) bool { return a && b })
}

// parseList reads operands with a word between them.
func (p *tagParser) parseList(word string, operand func() (tagMatch, error), join func(a, b bool) bool) (tagMatch, error) {
	x, err := operand()
	for err == nil && p.accept(word) {
		a := x
		var b tagMatch
		b, err = operand()
		x = func(t []string) bool { return join(a(t), b(t)) }
	}
	return x, err
}

// parseNot reads a negation, parentheses or a tag. It counts how deep it is called, and
// below how many negations.
func (p *tagParser) parseNot() (tagMatch, error) {
	// The text comes from a flag; a thousand parentheses must not end the process.
	if p.depth++; p.depth > 100 {
		return nil, fmt.Errorf("nested too deep")
	}
	defer func() { p.depth-- }()
	if p.accept("not") {
		p.inside = !p.inside
		x, err := p.parseNot()
		p.inside = !p.inside
		if err != nil {
			return nil, err
		}
		return func(t []string) bool { return !x(t) }, nil
	}
	if p.accept("(") {
		x, err := p.parseOr()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("a ( is not closed")
		}
		return x, err
	}
	if len(p.tokens) == 0 {
		return nil, fmt.Errorf("a tag is missing at the end")
	}
	t := p.tokens[0]
	if slices.Contains([]string{"and", "or", ")"}, t.word) {
		return nil, fmt.Errorf("a tag is missing before %q at offset %d", t.word, t.at)
	}
	p.tokens = p.tokens[1:]
	// A tag below not is left out, not asked for: that none has it is no mistake.
	if !p.inside && !slices.Contains(p.asked, t.word) {
		p.asked = append(p.asked, t.word)
	}
	return func(tags []string) bool { return slices.Contains(tags, t.word) }, nil
}
