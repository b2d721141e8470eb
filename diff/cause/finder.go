package cause

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
)

// A Finder finds the cause of a difference among listed causes, without the differences that
// made them. It is made from the list in a report or in run.json, for readers of an archive.
type Finder struct {
	// causes are by place; several causes may have one.
	causes map[groupKey][]Cause
	// rename has both places of a renamed member.
	rename map[groupKey]int
	folded []groupKey // with [*] for names; see rule 3 of List
}

// NewFinder reads a list as Causes.List gives it. The causes are not changed. Their ids are
// taken as they are.
func NewFinder(causes []Cause) *Finder {
	f := &Finder{causes: map[groupKey][]Cause{}, rename: map[groupKey]int{}}
	for _, c := range causes {
		if c.RenamedTo != "" {
			f.rename[groupKey{diff.Removed, c.Where, c.Path}] = c.ID
			f.rename[groupKey{diff.Added, c.Where, c.RenamedTo}] = c.ID
			continue
		}
		k := groupKey{c.Kind, c.Where, c.Path}
		if f.causes[k] == nil && c.Where == diff.InBody && strings.Contains(c.Path, "[*]") {
			f.folded = append(f.folded, k)
		}
		f.causes[k] = append(f.causes[k], c)
	}
	return f
}

// Find is the id of a difference's cause: of those at its place that one of its edits explains
// the largest; the last edit, which fits everything, only where no other does. ok is false
// where no listed cause has the difference's place, or none of its edits. A difference that was
// added to the set is always found.
func (f *Finder) Find(d *diff.Difference) (id int, ok bool) {
	k := keyOf(d)
	if id, ok := f.rename[k]; ok {
		return id, true
	}
	list := f.causes[k]
	if list == nil {
		list = f.causes[f.folding(k)]
	}
	if len(list) == 0 {
		return 0, false
	}
	es := edits(d)
	var best *Cause
	rank := 0
	for i := range list {
		c := &list[i]
		at := slices.IndexFunc(es, func(e edit) bool { return e.text == c.Edit })
		if at < 0 {
			continue
		}
		// The last edit is ranked after all others, with a rank that no other edit has.
		if at == len(es)-1 {
			at = len(es) // after all others
		}
		last, bestLast := at == len(es), rank == len(es)
		if best == nil || cmp.Or(compareBool(last, bestLast), -cmp.Compare(c.Count, best.Count), cmp.Compare(at, rank)) < 0 {
			best, rank = c, at
		}
	}
	if best == nil {
		return 0, false
	}
	return best.ID, true
}

// folding is the listed path, with [*] for names, that covers a difference's. The first listed
// path that covers it is taken. The zero key, which no cause has, stands for none.
func (f *Finder) folding(k groupKey) groupKey {
	own := path.Segments(k.path)
	for _, folded := range f.folded {
		if folded.kind != k.kind || folded.where != k.where {
			continue
		}
		if slices.EqualFunc(own, path.Segments(folded.path), func(a, b string) bool { return a == b || b == "[*]" && a != "$" }) {
			return folded
		}
	}
	return groupKey{}
}
