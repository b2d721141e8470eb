package history

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/run"
)

// A Link says what came before an entry of the history. Since and Back have a place for each
// cause of the entry, in its order.
type Link struct {
	Previous int // index of the entry that the causes are compared with; -1: there is none
	// Since holds for each cause the index of the first entry that had it, without a
	// gap up to this one. A cause that is new, or back, has this entry's own index.
	Since []int
	// Back holds for each cause whether any earlier entry had it.
	Back []bool
}

// Links follows the causes of every entry through the runs of the same suites, in one pass:
// link i belongs to entry i. The entry before is the latest that began earlier and was not
// interrupted. Time is linear in the number of causes of all entries. The entries may be in any
// order, and are not changed.
func Links(entries []Entry) []Link {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	// The sort is stable, so that entries of one instant keep the order of the history.
	slices.SortStableFunc(order, func(a, b int) int { return entries[a].Started.Compare(entries[b].Started) })
	links := make([]Link, len(entries))
	lines := map[string]*suiteLine{}
	for _, i := range order {
		key := suitesKey(&entries[i])
		line := lines[key]
		if line == nil {
			line = &suiteLine{latest: -1, before: -1, since: map[CauseKey]int{}, seen: map[CauseKey]bool{}}
			lines[key] = line
		}
		links[i] = line.add(entries, i)
	}
	return links
}

// A suiteLine is what Links knows of the runs of some suites so far.
type suiteLine struct {
	latest, before int // the latest entry that counts, and the latest that began earlier than it
	// since belongs to latest, and was to before.
	since, was map[CauseKey]int // causes of these two, and since which entry
	// seen has every cause of the line so far, gaps or not.
	seen map[CauseKey]bool
}

// add takes the next entry of a line, in the order of their starts, and links its causes to
// earlier ones. The entry itself becomes the latest unless it was interrupted: such a run has
// not seen all cases, and a cause missing from it is not fixed.
func (l *suiteLine) add(entries []Entry, i int) Link {
	e := &entries[i]
	previous, since := l.latest, l.since
	// Neither of two runs that began at one instant came before the other, so that both are
	// compared with the one before them.
	if previous >= 0 && !entries[previous].Started.Before(e.Started) { // two began at one instant
		previous, since = l.before, l.was
	}
	link := Link{Previous: previous, Since: make([]int, len(e.Causes)), Back: make([]bool, len(e.Causes))}
	now := make(map[CauseKey]int, len(e.Causes))
	for k, c := range e.Causes {
		key := KeyOf(c)
		first, known := since[key]
		if !known {
			first = i
		}
		// Back is asked before the causes of this entry are added to seen.
		link.Since[k], link.Back[k], now[key] = first, l.seen[key], first
	}
	for key := range now {
		l.seen[key] = true
	}
	if e.Verdict != run.Interrupted {
		l.latest, l.before, l.since, l.was = i, previous, now, since
	}
	return link
}

// suitesKey is equal for entries of the same suites in the same order. Names are quoted, so
// that a comma in one of them cannot make two lists equal.
func suitesKey(e *Entry) string {
	var key strings.Builder
	for i := range e.Suites {
		fmt.Fprintf(&key, "%q,", e.Suites[i].Name)
	}
	return key.String()
}

// CauseKey tells causes of different runs apart: what differs, where, and how. It can be
// compared with ==, and so be the key of a map.
type CauseKey struct {
	// Kind is what differs: a value, a type, a member that one side lacks.
	Kind diff.Kind
	// Where is status, header or body.
	Where diff.Where
	// Path is the generalised path, such as $.items[*].price.
	Path string
	// Edit is the change in words. Ids are not part of the key: each run numbers its
	// causes anew.
	Edit string
}

// KeyOf is a cause's key.
func KeyOf(c cause.Cause) CauseKey { return CauseKey{c.Kind, c.Where, c.Path, c.Edit} }

// CompareCauses sorts the causes of a run into those that an earlier run did not have, those
// that both have, and lists the earlier run's that are gone. Each list keeps the order of the
// list that it comes from. Lists without a cause are nil.
func CompareCauses(now, before []cause.Cause) (fresh, known, fixed []cause.Cause) {
	old := make(map[CauseKey]bool, len(before))
	for _, c := range before {
		old[KeyOf(c)] = true
	}
	current := make(map[CauseKey]bool, len(now))
	for _, c := range now {
		current[KeyOf(c)] = true
		if old[KeyOf(c)] {
			known = append(known, c)
		} else {
			fresh = append(fresh, c)
		}
	}
	// What is left of the earlier run is fixed, or its cases were not run this time.
	for _, c := range before {
		if !current[KeyOf(c)] {
			fixed = append(fixed, c)
		}
	}
	return fresh, known, fixed
}
