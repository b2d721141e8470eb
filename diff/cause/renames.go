package cause

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
)

// A renameKey is the old and the new path of a member. The parent of both is the same object in each pair.
type renameKey struct{ from, to string } // generalised paths

// A rename is a removed member that came back under another name.
type rename struct {
	bucket                // of what was removed
	to     path.Narrowing // where it was added
	most   int            // the most of them in one pair
}

// addRenames looks for a member that one object lost and another name gained with the same
// value. Only members count: an element that moved has no name. One added member explains one
// removed one, and the value has to be whole, since two cut values may differ later on.
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
	// Most pairs have no added member, and end here.
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
		// Of several members with the same value, the first one added is taken.
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

// parentOf is a path without its last segment. The root has none, and gives an empty text.
func parentOf(at string) string {
	segments := path.Segments(at)
	return strings.Join(segments[:len(segments)-1], "")
}

// renamed makes one cause of each pair of groups that a renamed member explains, and marks the
// groups as taken. A pair counts if it explains at least eight of ten differences of both
// groups. Pairs with more differences go first, and a group is in one rename at most.
func (c *Set) renamed(taken map[groupKey]bool) []*found {
	keys := slices.Collect(maps.Keys(c.renames))
	slices.SortFunc(keys, func(a, b renameKey) int {
		return cmp.Or(-cmp.Compare(c.renames[a].count, c.renames[b].count), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	var out []*found
	for _, k := range keys {
		r := c.renames[k]
		from, to := groupKey{diff.Removed, diff.InBody, k.from}, groupKey{diff.Added, diff.InBody, k.to}
		gone, come := c.groups[from], c.groups[to]
		if gone == nil || come == nil || taken[from] || taken[to] || r.count*10 < 8*max(gone.count, come.count) {
			// The names may have gone and come for another reason in the other two of ten; they
			// are counted in all the same, since a group is one cause as a whole.
			continue
		}
		taken[from], taken[to] = true, true
		f := &found{bucket: r.bucket, to: r.to, most: max(gone.most, come.most)}
		f.Cause = f.cause(from, edit{text: "renamed to " + k.to})
		f.RenamedTo, f.Count = k.to, gone.count+come.count
		out = append(out, f)
	}
	return out
}
