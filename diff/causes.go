package diff

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"
)

// Causes merge the differences of many pairs by what made them. Two
// differences have one cause when they have the same kind, the same part and
// generalised path, and one edit that explains both. Not for concurrent use.
type Causes struct {
	groups map[groupKey]*causeGroup
	// renames counts the pairs of a removed and an added member that are one
	// member under a new name.
	renames map[renameKey]*bucket
	listed  []Cause
	finder  *Finder
}

type groupKey struct {
	kind  Kind
	where Where
	path  string
}

type renameKey struct{ from, to string } // generalised paths

// A causeGroup holds the differences of one kind at one path, by the edits that
// may explain them.
type causeGroup struct {
	buckets map[string]*bucket
	count   int
}

// A bucket counts the differences that the same edits explain.
type bucket struct {
	edits    []string
	severity Severity
	count    int
	cases    map[uint64]struct{}
	examples []example
	silence  silencer
}

// An example is a case with its place in the plan.
type example struct {
	index int
	id    string
}

// maxBuckets bounds the different edits that are told apart at one path; what
// comes after them is only "other values".
const maxBuckets = 4096

// NewCauses is empty.
func NewCauses() *Causes {
	return &Causes{groups: map[groupKey]*causeGroup{}, renames: map[renameKey]*bucket{}}
}

// Add adds the differences of one pair, which belongs to a case. Examples are
// the cases with the smallest ids.
func (c *Causes) Add(caseID string, diffs []Difference) { c.AddAt(0, caseID, diffs) }

// AddAt is Add for a case with a place in the plan: examples are the cases with
// the smallest places, so that List does not depend on the order of adding.
func (c *Causes) AddAt(index int, caseID string, diffs []Difference) {
	c.finder = nil
	at := example{index, caseID}
	for i := range diffs {
		d := &diffs[i]
		c.group(d).add(at, d, edits(d))
	}
	c.addRenames(at, diffs)
}

func keyOf(d *Difference) groupKey {
	path := d.Path
	if d.Where == InBody {
		path = generalise(path)
	}
	return groupKey{d.Kind, d.Where, path}
}

func (c *Causes) group(d *Difference) *causeGroup {
	k := keyOf(d)
	g := c.groups[k]
	if g == nil {
		g = &causeGroup{buckets: map[string]*bucket{}}
		c.groups[k] = g
	}
	return g
}

func (g *causeGroup) add(at example, d *Difference, edits []string) {
	g.count++
	if len(g.buckets) >= maxBuckets {
		if _, known := g.buckets[strings.Join(edits, "\n")]; !known {
			edits = edits[len(edits)-1:]
		}
	}
	key := strings.Join(edits, "\n")
	b := g.buckets[key]
	if b == nil {
		b = &bucket{edits: edits}
		g.buckets[key] = b
	}
	b.add(at, d)
	b.silence.see(d)
}

func (b *bucket) add(at example, d *Difference) {
	b.count++
	b.severity = max(b.severity, d.Severity)
	if b.cases == nil {
		b.cases = map[uint64]struct{}{}
	}
	id := maphash.String(hashSeed, at.id)
	if _, known := b.cases[id]; !known {
		b.cases[id] = struct{}{}
		b.example(at)
	}
}

// maxExamples bounds the cases that a cause names.
const maxExamples = 3

// example keeps the cases with the smallest places.
func (b *bucket) example(at example) {
	if slices.Contains(b.examples, at) {
		return
	}
	b.examples = append(b.examples, at)
	slices.SortFunc(b.examples, func(x, y example) int { return cmp.Or(cmp.Compare(x.index, y.index), cmp.Compare(x.id, y.id)) })
	b.examples = b.examples[:min(len(b.examples), maxExamples)]
}

func (b *bucket) exampleIDs() []string {
	ids := make([]string, len(b.examples))
	for i, x := range b.examples {
		ids[i] = x.id
	}
	return ids
}

// addRenames looks for a member that one object lost and another name gained
// with the same value.
func (c *Causes) addRenames(at example, diffs []Difference) {
	type place struct{ parent, value string }
	var added map[place][]*Difference
	for i := range diffs {
		d := &diffs[i]
		if d.Kind != Added || d.Where != InBody || d.Green.Cut {
			continue
		}
		if added == nil {
			added = map[place][]*Difference{}
		}
		p := place{parentOf(d.Path), d.Green.JSON}
		added[p] = append(added[p], d)
	}
	if added == nil {
		return
	}
	for i := range diffs {
		d := &diffs[i]
		if d.Kind != Removed || d.Where != InBody || d.Blue.Cut || strings.HasSuffix(d.Path, "]") && !strings.HasSuffix(d.Path, "']") {
			continue
		}
		p := place{parentOf(d.Path), d.Blue.JSON}
		if len(added[p]) == 0 {
			continue
		}
		to := added[p][0]
		added[p] = added[p][1:]
		k := renameKey{generalise(d.Path), generalise(to.Path)}
		b := c.renames[k]
		if b == nil {
			b = &bucket{}
			c.renames[k] = b
		}
		b.add(at, d)
		b.severity = max(b.severity, to.Severity)
		b.silence.see(d)
	}
}

// parentOf is a path without its last segment.
func parentOf(path string) string {
	last := 0
	for i := 0; i < len(path); {
		last = i
		i = segmentEnd(path, i)
	}
	return path[:last]
}

// List is the causes: the gravest first, then those with the most differences,
// then by kind, part, path and edit. Ids are places in the list. It does not
// depend on the order of adding.
func (c *Causes) List() []Cause {
	if c.finder != nil {
		return c.listed
	}
	var out []Cause
	taken := map[groupKey]bool{}
	out = append(out, c.renamed(taken)...)
	for k := range c.groups {
		if !taken[k] {
			out = append(out, c.groups[k].causes(k)...)
		}
	}
	slices.SortFunc(out, func(a, b Cause) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), -cmp.Compare(a.Count, b.Count), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Where, b.Where),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Edit, b.Edit))
	})
	for i := range out {
		out[i].ID = i
	}
	c.listed, c.finder = out, NewFinder(out)
	return out
}

// Find is the cause of a difference that was added.
func (c *Causes) Find(d *Difference) (id int, ok bool) {
	c.List()
	return c.finder.Find(d)
}

// renamed makes one cause of each pair of groups that a renamed member
// explains, and marks the groups as taken.
func (c *Causes) renamed(taken map[groupKey]bool) []Cause {
	keys := make([]renameKey, 0, len(c.renames))
	for k := range c.renames {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b renameKey) int {
		return cmp.Or(-cmp.Compare(c.renames[a].count, c.renames[b].count), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	var out []Cause
	for _, k := range keys {
		b := c.renames[k]
		from, to := groupKey{Removed, InBody, k.from}, groupKey{Added, InBody, k.to}
		gone, come := c.groups[from], c.groups[to]
		if gone == nil || come == nil || taken[from] || taken[to] || b.count*10 < 8*max(gone.count, come.count) {
			continue
		}
		taken[from], taken[to] = true, true
		out = append(out, Cause{
			Kind: Removed, Where: InBody, Path: k.from, Edit: editRename + k.to, Severity: b.severity,
			Count: gone.count + come.count, Cases: len(b.cases), Examples: b.exampleIDs(),
			Rule: RuleYAML(Rule{At: k.from, Do: DoAllow, Kind: Removed.String(), Why: whyRule, Until: farUntil}) + "\n" +
				RuleYAML(Rule{At: k.to, Do: DoAllow, Kind: Added.String(), Why: whyRule, Until: farUntil}),
		})
	}
	return out
}

// causes covers the buckets of a group with as few edits as possible: the edit
// that explains the most differences first. An edit that explains a single
// difference among many is no explanation.
func (g *causeGroup) causes(k groupKey) []Cause {
	open := slices.Sorted(maps.Keys(g.buckets))
	var out []Cause
	for len(open) > 0 {
		best := g.telling(open)
		var rest []string
		merged := bucket{cases: map[uint64]struct{}{}}
		for _, key := range open {
			if b := g.buckets[key]; slices.Contains(b.edits, best) {
				merged.merge(b)
			} else {
				rest = append(rest, key)
			}
		}
		out = append(out, Cause{
			Kind: k.kind, Where: k.where, Path: k.path, Edit: best, Severity: merged.severity,
			Count: merged.count, Cases: len(merged.cases), Examples: merged.exampleIDs(), Rule: merged.silence.rule(k, best),
		})
		open = rest
	}
	return out
}

// telling is the edit that explains the most differences of the open buckets; of
// edits that explain equally many the one that says more. The last edit of a
// bucket, which fits everything, is taken only when no other explains two.
func (g *causeGroup) telling(open []string) string {
	type score struct{ count, rank int }
	scores := map[string]score{}
	for _, key := range open {
		b := g.buckets[key]
		for i, e := range b.edits {
			if i == len(b.edits)-1 && len(b.edits) > 1 {
				continue
			}
			s := scores[e]
			scores[e] = score{s.count + b.count, max(s.rank, i)}
		}
	}
	best := ""
	for _, e := range slices.Sorted(maps.Keys(scores)) {
		s, m := scores[e], scores[best]
		if m.count == 0 || s.count > m.count || s.count == m.count && s.rank < m.rank {
			best = e
		}
	}
	if first := g.buckets[open[0]].edits; len(first) > 1 && scores[best].count < 2 && g.count > 1 && len(open) > 1 {
		return first[len(first)-1]
	}
	return best
}

func (b *bucket) merge(o *bucket) {
	b.count += o.count
	b.severity = max(b.severity, o.severity)
	for id := range o.cases {
		b.cases[id] = struct{}{}
	}
	for _, x := range o.examples {
		b.example(x)
	}
	b.silence.merge(&o.silence)
}

// A Finder finds the cause of a difference among listed causes, without the
// differences that made them.
type Finder struct {
	causes map[groupKey][]Cause
	rename map[groupKey]int
}

// NewFinder reads a list as Causes.List gives it.
func NewFinder(causes []Cause) *Finder {
	f := &Finder{causes: map[groupKey][]Cause{}, rename: map[groupKey]int{}}
	for _, c := range causes {
		if to, ok := strings.CutPrefix(c.Edit, editRename); ok {
			f.rename[groupKey{Removed, c.Where, c.Path}] = c.ID
			f.rename[groupKey{Added, c.Where, to}] = c.ID
			continue
		}
		k := groupKey{c.Kind, c.Where, c.Path}
		f.causes[k] = append(f.causes[k], c)
	}
	return f
}

// Find is the id of a difference's cause: of those at its place the first
// whose edit explains it.
func (f *Finder) Find(d *Difference) (id int, ok bool) {
	k := keyOf(d)
	if id, ok := f.rename[k]; ok {
		return id, true
	}
	list := f.causes[k]
	if len(list) == 0 {
		return 0, false
	}
	es := edits(d)
	for _, c := range list {
		if slices.Contains(es, c.Edit) {
			return c.ID, true
		}
	}
	return 0, false
}

const whyRule = "say why this may differ"

// farUntil is the until of a proposed allow rule: the proposal knows no clock,
// and whoever pastes it sets the real date.
var farUntil = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
