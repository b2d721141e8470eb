package history

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// A Listed is one run as bgverify history lists it, also as JSON.
type Listed struct {
	// ID is the run id.
	ID string `json:"id"`
	// Folder is the name of the run folder, below the root.
	Folder string `json:"folder"`
	// Started is when the run began, in UTC.
	Started time.Time `json:"started"`
	// Verdict is that of the whole run.
	Verdict run.Verdict `json:"verdict"`
	// Suites are the names of its suites, in the order of the plan.
	Suites []string   `json:"suites"`
	Counts run.Counts `json:"counts"`
	// Parent is the run that was judged again; empty: none.
	Parent string `json:"parent,omitempty"`
	// Pinned runs are never pruned.
	Pinned bool `json:"pinned"`
	// Weaker is what the suites asked less than in the run before.
	Weaker *run.WeakerThan `json:"weaker,omitempty"`
	// Against is the id of the run that the causes are compared with; empty: there is
	// none, and all causes are new.
	Against string `json:"against,omitempty"`
	// New are the causes that the other run does not have.
	New []ListedCause `json:"new"`
	// Known are the causes that both have.
	Known []ListedCause `json:"known"`
	// Fixed are the causes that only the other run has.
	Fixed []ListedCause `json:"fixed"`
}

// A ListedCause is a cause without what is particular to its run.
type ListedCause struct {
	Kind  diff.Kind  `json:"kind"`
	Where diff.Where `json:"where"`
	Path  string     `json:"path"`
	// Edit is what green does differently, in words: number -> string. Kind, Where and Path say
	// what differs and at which generalised place.
	Edit string `json:"edit"`
	// Count is the number of differences.
	Count int `json:"count"`
	// Cases is the number of cases that have one.
	Cases int `json:"cases"`
}

// listedCauses shortens causes to what the list shows; never nil. A list that is empty is
// written as [] in JSON.
func listedCauses(list []cause.Cause) []ListedCause {
	out := make([]ListedCause, len(list))
	for i, c := range list {
		out[i] = ListedCause{c.Kind, c.Where, c.Path, c.Edit, c.Count, c.Cases}
	}
	return out
}

// List are the runs of an archive, newest first, each with what is new, known and fixed against
// the run of the same suites before. bad is how many lines of the history could not be read.
// Only complete runs are listed: a run that was killed has no line. It takes no lock, and a run
// that ends at the same time may be missing.
func List(root string) (list []Listed, bad int, err error) {
	entries, bad, err := Read(root)
	if err != nil {
		return nil, bad, err
	}
	pins, err := Pins(root)
	if err != nil {
		return nil, bad, err
	}
	list = make([]Listed, 0, len(entries))
	links := Links(entries)
	for i := len(entries) - 1; i >= 0; i-- {
		e := &entries[i]
		r := Listed{
			ID: e.ID, Folder: e.Folder, Started: e.Started, Verdict: e.Verdict, Suites: e.SuiteNames(), Counts: e.Counts,
			Parent: e.Parent, Pinned: slices.Contains(pins, e.ID), Weaker: e.Weaker,
		}
		// Without an earlier run all causes are new.
		var was []cause.Cause
		if before := links[i].Previous; before >= 0 {
			r.Against, was = entries[before].ID, entries[before].Causes
		}
		fresh, known, fixed := CompareCauses(e.Causes, was)
		r.New, r.Known, r.Fixed = listedCauses(fresh), listedCauses(known), listedCauses(fixed)
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b Listed) int { return b.Started.Compare(a.Started) })
	return list, bad, nil
}

// WriteList writes one run a line, below them the causes of the newest run, and last the runs
// that checked less than the one before. A star marks pinned runs. Names come from files and
// are made safe here. Nothing is written until the whole text is made, so that the error is
// that of the one write.
func WriteList(to io.Writer, list []Listed) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "run\tstarted\tverdict\tcases\tpassed\tnew\tknown\tfixed\tsuites\n")
	for i := range list {
		r := &list[i]
		mark := ""
		if r.Pinned {
			mark = "*"
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n",
			text.Visible(r.ID), mark, r.Started.UTC().Format("2006-01-02 15:04:05Z"), r.Verdict, r.Counts.Cases, r.Counts.Pass,
			len(r.New), len(r.Known), len(r.Fixed), text.Visible(strings.Join(r.Suites, ",")))
	}
	w.Flush()
	// The causes are those of the newest run alone: older ones are in their reports.
	if len(list) == 0 { // no table of a title alone
		b.Reset()
		b.WriteString("no complete run yet\n")
	} else {
		list[0].writeCauses(&b)
	}
	for i := range list {
		if w := list[i].Weaker; w != nil {
			fmt.Fprintf(&b, "\n%s %s\n", text.Visible(list[i].ID), text.Visible(w.String()))
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// writeCauses writes what is new, known and fixed in a run, a cause a line. Without a run to
// compare with, new and known say nothing, and nothing is written.
func (r *Listed) writeCauses(b *strings.Builder) {
	if r.Against == "" || len(r.New)+len(r.Known)+len(r.Fixed) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s against %s:\n", text.Visible(r.ID), text.Visible(r.Against))
	for _, group := range []struct {
		name   string
		causes []ListedCause
	}{{"new", r.New}, {"known", r.Known}, {"fixed", r.Fixed}} {
		for _, c := range group.causes {
			in := "setup or teardown"
			if c.Cases > 0 {
				in = text.Count(c.Cases, "case")
			}
			fmt.Fprintf(b, "  %-5s  %s %s  %s (%s in %s)\n", group.name, c.Where, text.Visible(c.Path), text.Visible(c.Edit),
				text.Count(c.Count, "difference"), in)
		}
	}
}

// KnownCauses returns, for the causes of a run, the run since which each is known without a
// gap; nil where no earlier run had the same suites. The run itself need not be in the history
// yet; if it is, its own entry is left out. The function that it returns is nil as well where
// the history cannot be read.
func KnownCauses(root string, run *run.Run) func(cause.Cause) (since string, known bool) {
	entries, _, err := Read(root)
	if err != nil {
		return nil // the history is a convenience; the report is not to fail for it
	}
	e := Entry{ID: run.Header.ID, Started: run.Header.Started, Causes: run.End.Causes}
	for _, s := range run.Header.Suites {
		e.Suites = append(e.Suites, EntrySuite{Name: s.Name})
	}
	// The run is put in with its time and suites, as if it were complete, and linked like the
	// others.
	entries = append(slices.DeleteFunc(entries, func(o Entry) bool { return o.ID == e.ID }), e)
	self := len(entries) - 1
	link := Links(entries)[self]
	if link.Previous < 0 {
		return nil
	}
	since := map[CauseKey]string{}
	for i, c := range e.Causes {
		if link.Since[i] != self {
			since[KeyOf(c)] = entries[link.Since[i]].ID
		}
	}
	return func(c cause.Cause) (string, bool) {
		id, ok := since[KeyOf(c)]
		return id, ok
	}
}
