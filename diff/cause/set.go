package cause

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
)

// A Set merges the differences of many pairs by what made them. Two
// differences have one cause when they have the same kind, the same part and
// generalised path, and one edit that explains both. Not for concurrent use.
type Set struct {
	groups map[groupKey]*causeGroup
	// renames counts the pairs of a removed and an added member that are one
	// member under a new name.
	renames map[renameKey]*rename
	samples samples
	listed  []Cause
	finder  *Finder
}

type groupKey struct {
	kind  diff.Kind
	where diff.Where
	path  string
}

type renameKey struct{ from, to string } // generalised paths

// A rename is a removed member that came back under another name.
type rename struct {
	bucket                // of what was removed
	to     path.Narrowing // where it was added
	most   int            // the most of them in one pair
}

// A causeGroup holds the differences of one kind at one path, by the edits that
// may explain them.
type causeGroup struct {
	buckets map[string]*bucket
	count   int
	most    int // the most of them in one pair
	// level says how much of an edit's text is kept distinct: see reduce.
	level spelling
}

// A bucket counts the differences that the same edits explain.
type bucket struct {
	edits    []edit
	severity diff.Severity
	count    int
	most     int // the most of them in one pair
	cases    map[uint64]struct{}
	suite    string // that they were seen in
	suites   bool   // in more than one
	examples []Site // the first three cases
	values   uint64 // hash of the first pair of values
	varied   bool   // other pairs of values came after it
	places   path.Narrowing
	silence  silencer
}

// A Site is where differences were seen.
type Site struct {
	Index int    // the case's place in the plan
	Case  string // its id
	Suite string // "": not known
	Step  string
	// Sample is the pair of answers, to try a proposed rule on; nil: not kept.
	Sample *Sample
}

func (a *Site) compare(b *Site) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Case, b.Case), cmp.Compare(a.Step, b.Step))
}

// maxBuckets bounds the different edits that are told apart at one path. Where
// there are more, edits are told apart by their class alone; see reduce.
const maxBuckets = 4096

// hashSeed is of the hashes of values and case ids; they never reach the output.
var hashSeed = maphash.MakeSeed()

// NewSet is a set without differences.
func NewSet() *Set {
	return &Set{groups: map[groupKey]*causeGroup{}, renames: map[renameKey]*rename{}}
}

// Add adds the differences of one pair, which belongs to a case. Examples are
// the cases with the smallest ids.
func (c *Set) Add(caseID string, diffs []diff.Difference) { c.AddAt(Site{Case: caseID}, diffs) }

// AddAt adds the differences of one pair. Examples are the cases with the
// smallest places in the plan, so that List does not depend on the order of
// adding.
func (c *Set) AddAt(at Site, diffs []diff.Difference) {
	c.finder = nil
	if len(diffs) > 0 {
		c.samples.put(&at)
	}
	at.Sample = nil
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
	for g := range groups {
		g.reduce()
	}
	c.addRenames(&at, diffs)
}

func keyOf(d *diff.Difference) groupKey {
	at := d.Path
	if d.Where == diff.InBody {
		at = path.Generalise(at)
	}
	return groupKey{d.Kind, d.Where, at}
}

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

// keep drops the edits that spell out more than the level allows; the last one,
// which fits everything, stays. Level values keeps all, fixed the fewest.
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

// seen counts the case once.
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
		b.example(at)
	}
}

// maxExamples bounds the cases that a cause names.
const maxExamples = 3

// example keeps the cases with the smallest places, each with its first step.
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

func (b *bucket) exampleIDs() []string {
	ids := make([]string, len(b.examples))
	for i, x := range b.examples {
		ids[i] = x.Case
	}
	return ids
}

// scope is where a rule for what was seen belongs.
func (b *bucket) scope() string {
	switch {
	case b.suites || b.suite == "":
		return ""
	case len(b.cases) == 1:
		return "case " + b.examples[0].Case
	default:
		return "suite " + b.suite
	}
}

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
	for i := range o.examples {
		b.example(&o.examples[i])
	}
	b.places.Merge(o.places)
	b.silence.merge(&o.silence)
}

// addRenames looks for a member that one object lost and another name gained
// with the same value.
func (c *Set) addRenames(at *Site, diffs []diff.Difference) {
	type place struct{ parent, value string }
	var added map[place][]*diff.Difference
	for i := range diffs {
		d := &diffs[i]
		if d.Kind != diff.Added || d.Where != diff.InBody || d.Green.Cut {
			continue
		}
		if added == nil {
			added = map[place][]*diff.Difference{}
		}
		p := place{parentOf(d.Path), d.Green.JSON}
		added[p] = append(added[p], d)
	}
	if added == nil {
		return
	}
	found := map[renameKey]int{}
	for i := range diffs {
		d := &diffs[i]
		if d.Kind != diff.Removed || d.Where != diff.InBody || d.Blue.Cut || strings.HasSuffix(d.Path, "]") && !strings.HasSuffix(d.Path, "']") {
			continue
		}
		p := place{parentOf(d.Path), d.Blue.JSON}
		if len(added[p]) == 0 {
			continue
		}
		to := added[p][0]
		added[p] = added[p][1:]
		k := renameKey{path.Generalise(d.Path), path.Generalise(to.Path)}
		r := c.renames[k]
		if r == nil {
			r = &rename{}
			c.renames[k] = r
		}
		r.add(at, d)
		r.to.See(to.Path)
		r.severity = max(r.severity, to.Severity)
		found[k]++
	}
	for k, n := range found {
		c.renames[k].most = max(c.renames[k].most, n)
	}
}

// parentOf is a path without its last segment.
func parentOf(at string) string {
	last := 0
	for i := 0; i < len(at); {
		last = i
		i = path.SegmentEnd(at, i)
	}
	return at[:last]
}
