package cause

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
)

// A Set merges the differences of many pairs by what made them. Two differences have one cause
// when they have the same kind, the same part and generalised path, and one edit that explains
// both. Not for concurrent use. Memory grows with the number of different places and edits,
// which are bounded for each place, and with one hash for each case of a bucket, and not with
// the differences themselves.
type Set struct {
	// groups are the differences by place.
	groups map[groupKey]*causeGroup
	// renames counts the pairs of a removed and an added member that are one
	// member under a new name.
	renames map[renameKey]*rename
	// samples keeps pairs to try rules on.
	samples samples
	// listed and finder are what List has made; adding a difference drops finder, and with it
	// both.
	listed []Cause
	finder *Finder
}

// A groupKey is a place; see Place.
type groupKey struct {
	kind  diff.Kind
	where diff.Where
	path  string
}

// A causeGroup holds the differences of one kind at one path, by the edits that
// may explain them.
type causeGroup struct {
	// buckets are by the texts of their edits at the group's level.
	buckets map[string]*bucket
	// count is the number of differences.
	count int
	most  int // the most of them in one pair
	// level says how much of an edit's text is kept distinct: see reduce.
	// It only rises, and buckets made later are made at the same level.
	level spelling
}

// A bucket counts the differences that the same edits explain.
type bucket struct {
	// edits are common to all its differences.
	edits    []edit
	severity diff.Severity
	count    int
	most     int // the most of them in one pair
	// cases has a hash for each case id, so that a case with many differences counts once.
	cases    map[uint64]struct{}
	parts    map[uint64]string // those of them that are no cases of the plan: their Site.Part
	suite    string            // that they were seen in
	suites   bool              // in more than one
	examples []Site            // the first three cases
	values   uint64            // hash of the first pair of values
	varied   bool              // other pairs of values came after it
	// places finds the narrowest path for a rule.
	places path.Narrowing
	// silence collects what a rule would have to accept.
	silence silencer
}

// A Site is where differences were seen.
type Site struct {
	Index int    // the case's place in the plan
	Case  string // its id
	Part  string // setup or teardown, which are not counted as cases; empty: a case
	Suite string // "": not known
	Step  string
	// Sample is the pair of answers, to try a proposed rule on; nil: not kept.
	Sample *Sample
}

// compare gives the order of the plan, then that of steps by name.
func (a *Site) compare(b *Site) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Case, b.Case), cmp.Compare(a.Step, b.Step))
}

// maxBuckets bounds the different edits that are distinguished at one path. Where
// there are more, edits are distinguished by their class alone; see reduce.
const maxBuckets = 4096

// hashSeed is of the hashes of values and case ids; they never reach the output. The seed
// differs from process to process.
var hashSeed = maphash.MakeSeed()

// NewSet is a set without differences.
func NewSet() *Set {
	return &Set{groups: map[groupKey]*causeGroup{}, renames: map[renameKey]*rename{}}
}

// Add adds the differences of one pair, which belongs to a case. Examples are the cases with
// the smallest ids. It suits callers without a plan, such as a comparison of two files. Without
// a sample a rule is proposed untried.
func (c *Set) Add(caseID string, diffs []diff.Difference) { c.AddAt(Site{Case: caseID}, diffs) }

// AddAt adds the differences of one pair. Examples are the cases with the smallest places in
// the plan, so that List does not depend on the order of adding. The differences are read and
// not kept; paths that are needed later are copied.
func (c *Set) AddAt(at Site, diffs []diff.Difference) {
	// What was listed no longer holds.
	c.finder = nil
	if len(diffs) > 0 {
		c.samples.put(&at)
	}
	at.Sample = nil
	// The numbers in this one pair are counted here first, as a rule's bound is for one answer.
	groups, buckets := map[*causeGroup]int{}, map[*bucket]int{}
	for i := range diffs {
		d := &diffs[i]
		g := c.group(d)
		b := g.bucket(edits(d))
		g.count++
		b.add(&at, d)
		groups[g]++
		buckets[b]++
	}
	for g, n := range groups {
		g.most = max(g.most, n)
	}
	for b, n := range buckets {
		b.most = max(b.most, n)
	}
	// A group may have passed its bound, but it is only reduced when the pair is complete: its
	// buckets are replaced by that.
	for g := range groups {
		g.reduce()
	}
	c.addRenames(&at, diffs)
}

// keyOf is the group that a difference belongs to. Paths of headers are kept as they are, since their brackets name a cookie or a value.
func keyOf(d *diff.Difference) groupKey {
	at := d.Path
	if d.Where == diff.InBody {
		at = path.Generalise(at)
	}
	return groupKey{d.Kind, d.Where, at}
}

// group finds the group of a difference, or makes it.
func (c *Set) group(d *diff.Difference) *causeGroup {
	k := keyOf(d)
	g := c.groups[k]
	if g == nil {
		g = &causeGroup{buckets: map[string]*bucket{}}
		c.groups[k] = g
	}
	return g
}

// bucket is the bucket of differences with these edits.
func (g *causeGroup) bucket(all []edit) *bucket {
	all = g.level.keep(all)
	key := keyOfEdits(all)
	b := g.buckets[key]
	if b == nil {
		b = &bucket{edits: all}
		g.buckets[key] = b
	}
	return b
}

func keyOfEdits(all []edit) string {
	var b strings.Builder
	for _, e := range all {
		b.WriteString(e.text)
		b.WriteByte('\n')
	}
	return b.String()
}

// keep drops the edits that spell out more than the level allows; the last one, which fits
// everything, stays. Level values keeps all, fixed the fewest. Edits of a leak stay at every
// level, because it matters which name leaks.
func (level spelling) keep(all []edit) []edit {
	level = values - level
	if level == values {
		return all
	}
	out := all[:0:0]
	for i, e := range all {
		if e.spell <= level || i == len(all)-1 || e.leak != "" {
			out = append(out, e)
		}
	}
	return out
}

// reduce merges buckets that differ only in what their edits spell out, where
// there are too many: first those that differ in the values themselves, then
// those that differ in any part of them. What is left does not depend on the
// order of adding, because a bucket's key at a level follows from its edits.
// Each level merges at least as much as the one before, and at the last one the number of edits
// is that of a few words.
func (g *causeGroup) reduce() {
	for len(g.buckets) > maxBuckets && g.level < values {
		g.level++
		before := g.buckets
		g.buckets = make(map[string]*bucket, len(before)/2)
		for _, b := range before {
			g.bucket(b.edits).merge(b)
		}
	}
}

// add counts one difference. The hash tells pairs of values apart without keeping them.
func (b *bucket) add(at *Site, d *diff.Difference) {
	b.seen(at)
	b.count++
	b.severity = max(b.severity, d.Severity)
	v := maphash.String(hashSeed, d.Blue.JSON) ^ maphash.String(hashSeed, "\x00"+d.Green.JSON)
	if b.count == 1 {
		b.values = v
	}
	b.varied = b.varied || v != b.values
	if d.Where == diff.InBody {
		b.places.See(d.Path)
	}
	b.silence.see(d)
}

// seen counts the case once. A case is an example again if it was seen at an earlier step. It
// is called once for each difference.
func (b *bucket) seen(at *Site) {
	if b.cases == nil {
		b.cases = map[uint64]struct{}{}
		b.suite = at.Suite
	}
	b.suites = b.suites || at.Suite != b.suite
	id := maphash.String(hashSeed, at.Case)
	earlier := func(x Site) bool { return x.Case == at.Case && at.compare(&x) < 0 }
	if _, known := b.cases[id]; !known || slices.ContainsFunc(b.examples, earlier) {
		b.cases[id] = struct{}{}
		if at.Part != "" {
			b.parts = withPart(b.parts, id, at.Part)
		}
		b.example(at)
	}
}

// withPart adds a part to a map that few buckets need.
func withPart(parts map[uint64]string, id uint64, part string) map[uint64]string {
	if parts == nil {
		parts = map[uint64]string{}
	}
	parts[id] = part
	return parts
}

// partNames are the kinds of the parts, each once, sorted.
func (b *bucket) partNames() []string {
	return slices.Compact(slices.Sorted(maps.Values(b.parts)))
}

// maxExamples bounds the cases that a cause names.
const maxExamples = 3

// example keeps the cases with the smallest places, each with its first step. The list is
// sorted by place and has at most maxExamples cases.
func (b *bucket) example(at *Site) {
	if i := slices.IndexFunc(b.examples, func(x Site) bool { return x.Case == at.Case }); i >= 0 {
		if at.compare(&b.examples[i]) < 0 {
			b.examples[i] = *at
		}
	} else {
		b.examples = append(b.examples, *at)
	}
	slices.SortFunc(b.examples, func(x, y Site) int { return x.compare(&y) })
	b.examples = b.examples[:min(len(b.examples), maxExamples)]
}

// exampleIDs are the cases of the examples, in the order of the plan.
func (b *bucket) exampleIDs() []string {
	ids := make([]string, len(b.examples))
	for i, x := range b.examples {
		ids[i] = x.Case
	}
	return ids
}

// scope is where a rule for what was seen belongs. It is empty where the suites are unknown or
// several.
func (b *bucket) scope() string {
	switch {
	case b.suites || b.suite == "":
		return ""
	case len(b.cases) == 1 && len(b.parts) == 0:
		return "case " + b.examples[0].Case
	default:
		return "suite " + b.suite
	}
}

// merge adds another bucket, which is not changed. The most in one pair becomes a sum, which is
// an upper bound: the buckets may have been seen in different pairs.
func (b *bucket) merge(o *bucket) {
	if b.cases == nil {
		b.cases = map[uint64]struct{}{}
	}
	if b.count == 0 {
		b.values, b.suite = o.values, o.suite
	}
	b.varied = b.varied || o.varied || b.values != o.values
	b.suites = b.suites || o.suites || b.suite != o.suite
	b.count += o.count
	b.most += o.most // at most that many in one pair
	b.severity = max(b.severity, o.severity)
	for id := range o.cases {
		b.cases[id] = struct{}{}
	}
	for id, part := range o.parts {
		b.parts = withPart(b.parts, id, part)
	}
	for i := range o.examples {
		b.example(&o.examples[i])
	}
	b.places.Merge(o.places)
	b.silence.merge(&o.silence)
}
