package cause

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
)

// A found is a cause with what its proposed rule is made from. The bucket has the counts,
// places and examples of all differences of the cause. Its most is a sum where buckets were
// merged, and most below is bounded by the group's.
type found struct {
	Cause
	bucket
	to   path.Narrowing // of a renamed member's new name
	most int            // of its differences in one pair
}

// List is the causes: those of the status and bodies before those of headers,
// then the gravest first, then those with the most differences, then by kind,
// part, path and edit. Ids are places in the list. It does not depend on the
// order of adding. Its rules:
//
//  1. At one path an edit is a cause by itself when it explains enough of the
//     path's differences; see cover. The others are one cause, "other values": a
//     path has at most maxPathCauses causes of a kind, however many values differ.
//  2. A removed member that comes back under another name is one cause.
//  3. Members of one object are one path, [*], where more than maxSiblings of them
//     differ in one way: their names are values, as in an object by channel.
//  4. A proposed rule has been tried; see propose.
//
// The list is kept until the next difference is added. Callers must not change it.
func (c *Set) List() []Cause {
	if c.finder != nil {
		return c.listed
	}
	// Groups of a rename are taken out first; their differences are then in one cause and no
	// other.
	taken := map[groupKey]bool{}
	out := c.renamed(taken) // Rule 2
	rest := map[groupKey]*causeGroup{}
	for k, g := range c.groups {
		if !taken[k] {
			rest[k] = g
		}
	}
	for k, g := range fold(rest) { // Rule 3
		out = append(out, g.causes(k)...)
	}
	// The order is total: two causes that agree in all of these are the same cause. Without
	// that, ids would depend on the order of a map.
	slices.SortFunc(out, func(a, b *found) int {
		return cmp.Or(
			compareBool(a.Where == diff.InHeader, b.Where == diff.InHeader),
			-cmp.Compare(a.Severity, b.Severity), -cmp.Compare(a.Count, b.Count),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Edit, b.Edit),
		)
	})
	c.listed = make([]Cause, len(out))
	for i, f := range out {
		f.ID = i
		c.listed[i] = f.Cause
	}
	// The finder is needed by propose, which asks whether a rule leaves differences of the
	// cause.
	c.finder = NewFinder(c.listed)
	for i, f := range out { // Rule 4
		c.propose(f, i)
		c.listed[i] = f.Cause
	}
	return c.listed
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Find is the cause of a difference that was added. ok is false for a difference that was not
// added. It lists the causes if that was not done yet.
func (c *Set) Find(d *diff.Difference) (id int, ok bool) {
	c.List()
	return c.finder.Find(d)
}

// cause is the bucket as a cause. k gives the place and e the words.
func (b *bucket) cause(k groupKey, e edit) Cause {
	return Cause{
		Kind: k.kind, Where: k.where, Path: k.path, Edit: e.text, Leak: e.leak, Severity: b.severity,
		Count: b.count, Cases: len(b.cases) - len(b.parts), Parts: b.partNames(), Examples: b.exampleIDs(), Scope: b.scope(),
	}
}

// causes covers the buckets of a group with few edits (rule 1), the one that explains the most
// differences first. What is left is one cause for each last edit of theirs: "other values". A
// bucket has several edits that may explain it. The choice is greedy: the edit that explains
// the most is taken with its buckets, then the rest is looked at again.
func (g *causeGroup) causes(k groupKey) []*found {
	cover := newCover(g, k.where == diff.InHeader)
	var out []*found
	for cover.count > 0 {
		e, ok := cover.next()
		if !ok {
			break
		}
		out = append(out, g.merged(k, e, cover.take(e.text)))
	}
	// Buckets that no edit explains well enough are put together by their last edit.
	last := map[string][]*bucket{}
	for b := range cover.open {
		e := b.edits[len(b.edits)-1]
		last[e.text] = append(last[e.text], b)
	}
	for text, list := range last {
		out = append(out, g.merged(k, edit{text: text}, list))
	}
	return out
}

// merged is the cause of buckets that one edit explains. The buckets are merged in any order;
// the result does not depend on it.
func (g *causeGroup) merged(k groupKey, e edit, list []*bucket) *found {
	f := &found{}
	for _, b := range list {
		f.merge(b)
	}
	f.Cause = f.cause(k, e)
	// The sum over buckets may be more than the group ever had in one pair.
	f.most = min(f.bucket.most, g.most)
	return f
}

// maxPathCauses bounds the causes of one kind at one path: an edit that is a cause by
// itself explains a 20th of the path's differences. Where the values have a
// fixed last edit other than "other values" (types, statuses) there are a few more.
const maxPathCauses = 21

// A cover chooses the edits that explain a group's differences. It is changed while edits are
// taken: count and the open buckets shrink.
type cover struct {
	open  map[*bucket]bool
	count int // differences of open
	// all stays as it was at first, so that the share that an edit needs does not shrink.
	all int // differences of the group
	// header asks for rule 4 of explains.
	header bool
	edits  map[string]*candidateEdit
}

// A candidateEdit is an edit with the open buckets that it may explain.
type candidateEdit struct {
	edit
	rank  int // its place among the edits of its buckets, at most
	count int // differences of its open buckets
	// varied is set where its buckets have different pairs of values, and values has the hash
	// of the first pair.
	varied  bool
	values  uint64
	buckets []*bucket
}

// newCover counts what each edit of a group explains. The last edit of a bucket is not a
// candidate, as it fits everything, unless it is the only one.
func newCover(g *causeGroup, header bool) *cover {
	c := &cover{open: make(map[*bucket]bool, len(g.buckets)), count: g.count, all: g.count, header: header, edits: map[string]*candidateEdit{}}
	for _, b := range g.buckets {
		c.open[b] = true
		for i, e := range b.edits {
			if i == len(b.edits)-1 && i > 0 {
				continue
			}
			x := c.edits[e.text]
			if x == nil {
				x = &candidateEdit{edit: e, values: b.values}
				c.edits[e.text] = x
			}
			x.rank = max(x.rank, i)
			x.count += b.count
			x.varied = x.varied || b.varied || b.values != x.values
			x.buckets = append(x.buckets, b)
		}
	}
	return c
}

// next is the edit that explains the most open differences, if it is a cause by itself; of
// edits that explain equally many the one that says more. ok is false where no edit explains
// enough. The text decides between edits that are equal in count and rank, so that the order of
// the map does not.
func (c *cover) next() (edit, bool) {
	var best *candidateEdit
	for _, x := range c.edits {
		if x.count == 0 || !c.explains(x) {
			continue
		}
		if best == nil || cmp.Or(-cmp.Compare(x.count, best.count), cmp.Compare(x.rank, best.rank), strings.Compare(x.text, best.text)) < 0 {
			best = x
		}
	}
	if best == nil {
		return edit{}, false
	}
	return best.edit, true
}

// explains reports whether an edit is a cause by itself. The share of a 20th is what bounds the
// number of causes; see maxPathCauses. It is one where
//
//  1. it is a leak, or explains all that is left;
//  2. it explains two differences and a 20th of the path's, and does so for
//     different values (x1000), or is one of a few that there can be (true -> false);
//  3. it is one pair of values seen again and again (the same title in many
//     cases), and that is more than half of the path's differences;
//  4. of a header rule 3 is asked of every edit, for its values differ by route.
func (c *cover) explains(x *candidateEdit) bool {
	switch {
	case x.leak != "", x.count == c.count:
		return true
	case x.count < 2:
		return false
	case c.header, !x.varied && x.spell != fixed:
		return 2*x.count > c.all
	}
	return (maxPathCauses-1)*x.count >= c.all
}

// take removes the open buckets that the edit explains. Other edits of these buckets then
// explain fewer open differences, and their counts are lowered.
func (c *cover) take(text string) []*bucket {
	var out []*bucket
	for _, b := range c.edits[text].buckets {
		if !c.open[b] {
			continue
		}
		delete(c.open, b)
		c.count -= b.count
		// Only candidates were counted in newCover, so the last edit is left out here in the
		// same way.
		for i, e := range b.edits {
			if x := c.edits[e.text]; x != nil && (i == 0 || i < len(b.edits)-1) {
				x.count -= b.count
			}
		}
		out = append(out, b)
	}
	return out
}

// maxSiblings is the number of members of one object up to which each is a path by itself.
// Objects of fixed members are rarely that large.
const maxSiblings = 50

// fold merges the groups of members whose names are values (rule 3): the largest families
// first, again for the objects above them. A member may be folded at several places of its
// path; each round folds one place, and a path has at most MaxSegments of them. The result does
// not depend on the order of the map.
func fold(groups map[groupKey]*causeGroup) map[groupKey]*causeGroup {
	for range path.MaxSegments {
		families := map[groupKey][]groupKey{}
		for k := range groups {
			for _, folded := range foldings(k) {
				families[folded] = append(families[folded], k)
			}
		}
		maps.DeleteFunc(families, func(_ groupKey, all []groupKey) bool { return len(all) <= maxSiblings })
		if len(families) == 0 {
			break
		}
		order := slices.SortedFunc(maps.Keys(families), func(a, b groupKey) int {
			return cmp.Or(-cmp.Compare(len(families[a]), len(families[b])), cmp.Compare(a.path, b.path), cmp.Compare(a.kind, b.kind))
		})
		for _, to := range order {
			// Groups of the family may have been folded into another one in this round.
			open := slices.DeleteFunc(families[to], func(k groupKey) bool { return groups[k] == nil })
			if len(open) > maxSiblings {
				foldInto(to, open, groups)
			}
		}
	}
	return groups
}

// foldInto makes one group of several. Buckets are made at the highest level of all groups, so
// that each bucket of a part fits into one of the sum. A group that is already at the folded
// path is part of it.
func foldInto(to groupKey, family []groupKey, groups map[groupKey]*causeGroup) {
	sum := &causeGroup{buckets: map[string]*bucket{}}
	if groups[to] != nil {
		family = append(family, to)
	}
	for _, k := range family {
		sum.level = max(sum.level, groups[k].level)
	}
	for _, k := range family {
		g := groups[k]
		sum.count += g.count
		sum.most += g.most // at most that many in one pair
		for _, b := range g.buckets {
			sum.bucket(b.edits).merge(b)
		}
		delete(groups, k)
	}
	sum.reduce()
	groups[to] = sum
}

// foldings are a body's path with one member's name made [*], for each name. Headers and the
// status have no members.
func foldings(k groupKey) []groupKey {
	if k.where != diff.InBody {
		return nil
	}
	var out []groupKey
	for i := 1; i < len(k.path); {
		end := path.SegmentEnd(k.path, i)
		if k.path[i:end] != "[*]" {
			out = append(out, groupKey{k.kind, k.where, k.path[:i] + "[*]" + k.path[end:]})
		}
		i = end
	}
	return out
}
