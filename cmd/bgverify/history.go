package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

type historyFlags struct {
	root, output string
	limit        int
	rebuild      bool
	pin, unpin   []string
}

func newHistoryCommand(io stdio) *cobra.Command {
	flags := historyFlags{}
	cmd := &cobra.Command{
		Use:     "history",
		GroupID: "archive",
		Short:   "List the archived runs, with what is new, known and fixed in each",
		Long: `List the complete runs of an archive, newest first: when, verdict, cases, and how
their causes compare with the run of the same suites before: new, known, fixed.
A pinned run (marked *) is never pruned by --keep and --keep-days.

--rebuild makes the list anew from the run.json files in the run folders, as it is
needed after folders were moved. The exit status says whether the list could be
read, not what is in it.`,
		Example: `  bgverify history
  bgverify history --output json | jq '.[0].new'
  bgverify history --pin 7f3a
  bgverify history --rebuild --out /var/lib/bgverify/runs`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return showHistory(io, flags)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.root, "out", "runs", "`folder` that keeps the runs")
	f.StringVar(&flags.output, "output", "text", "text or json")
	f.IntVarP(&flags.limit, "limit", "n", 20, "list the newest `N` runs; 0 all")
	f.BoolVar(&flags.rebuild, "rebuild", false, "make the history anew from the run folders first")
	f.StringArrayVar(&flags.pin, "pin", nil, "keep the run with this `ID` from being pruned; may be repeated")
	f.StringArrayVar(&flags.unpin, "unpin", nil, "let the run with this `ID` be pruned again; may be repeated")
	return cmd
}

func showHistory(io stdio, flags historyFlags) error {
	if err := checkOutput(flags.output); err != nil {
		return err
	}
	if flags.limit < 0 {
		return usage("0 lists all", "--limit %d is negative", flags.limit)
	}
	if _, err := os.Stat(flags.root); err != nil {
		return usage("--out names the folder that keeps the runs", "%s: %w", flags.root, unwrapPath(err))
	}
	for _, id := range flags.pin {
		if err := pinned(history.Pin, flags.root, id); err != nil {
			return err
		}
	}
	for _, id := range flags.unpin {
		if err := pinned(history.Unpin, flags.root, id); err != nil {
			return err
		}
	}
	if len(flags.pin)+len(flags.unpin) > 0 {
		if err := history.WriteIndex(flags.root, historyPage(flags.root)); err != nil {
			return broken(err)
		}
	}
	if flags.rebuild {
		found, unreadable, err := archive.RebuildHistory(flags.root, archive.Options{Index: historyPage(flags.root)})
		if err != nil {
			return broken(err)
		}
		fmt.Fprintf(io.err, "history rebuilt: %s\n", text.Count(found, "run"))
		for _, name := range unreadable {
			fmt.Fprintf(io.err, "bgverify: warning: %s cannot be read and is left out\n", text.Visible(name))
		}
	}
	list, err := listRuns(io, flags.root)
	if err != nil {
		return err
	}
	if flags.limit > 0 {
		list = list[:min(flags.limit, len(list))]
	}
	if flags.output == "json" {
		return tellBroken("write the history", printJSON(io.out, list))
	}
	return printHistory(io, list)
}

func pinned(do func(root, id string) error, root, id string) error {
	path, err := history.Resolve(root, id)
	if err != nil {
		return usage("bgverify history lists the ids", "%w", err)
	}
	folder, err := archive.Open(path)
	if err != nil {
		return broken(err)
	}
	head, err := folder.Head()
	if err != nil {
		return broken(err)
	}
	return tellBroken("pin the run", do(root, head.ID))
}

// A listedRun is one run as history lists it.
type listedRun struct {
	ID      string      `json:"id"`
	Folder  string      `json:"folder"`
	Started time.Time   `json:"started"`
	Verdict run.Verdict `json:"verdict"`
	Suites  []string    `json:"suites"`
	Counts  run.Counts  `json:"counts"`
	Parent  string      `json:"parent,omitempty"`
	Pinned  bool        `json:"pinned"`
	// Weaker is what the suites asked less than in the run before.
	Weaker  *run.WeakerThan `json:"weaker,omitempty"`
	Against string          `json:"against,omitempty"` // the run that the causes are compared with
	New     []listedCause   `json:"new"`
	Known   []listedCause   `json:"known"`
	Fixed   []listedCause   `json:"fixed"`
}

// A listedCause is a cause without what is particular to its run.
type listedCause struct {
	Kind  diff.Kind  `json:"kind"`
	Where diff.Where `json:"where"`
	Path  string     `json:"path"`
	Edit  string     `json:"edit"`
	Count int        `json:"count"`
	Cases int        `json:"cases"`
}

func listedCauses(list []cause.Cause) []listedCause {
	out := make([]listedCause, len(list))
	for i, c := range list {
		out[i] = listedCause{c.Kind, c.Where, c.Path, c.Edit, c.Count, c.Cases}
	}
	return out
}

// listRuns are the runs of an archive, newest first.
func listRuns(io stdio, root string) ([]listedRun, error) {
	entries, bad, err := history.Read(root)
	if err != nil {
		return nil, broken(err)
	}
	if bad > 0 {
		fmt.Fprintf(io.err, "bgverify: warning: %s of the history cannot be read; --rebuild makes it anew\n", text.Count(bad, "line"))
	}
	pins, err := history.Pins(root)
	if err != nil {
		return nil, broken(err)
	}
	isPinned := map[string]bool{}
	for _, id := range pins {
		isPinned[id] = true
	}
	list := make([]listedRun, 0, len(entries))
	links := history.Links(entries)
	for i := len(entries) - 1; i >= 0; i-- {
		e := &entries[i]
		r := listedRun{
			ID: e.ID, Folder: e.Folder, Started: e.Started, Verdict: e.Verdict, Suites: e.SuiteNames(), Counts: e.Counts,
			Parent: e.Parent, Pinned: isPinned[e.ID], Weaker: e.Weaker,
		}
		var was []cause.Cause
		if before := links[i].Previous; before >= 0 {
			r.Against, was = entries[before].ID, entries[before].Causes
		}
		fresh, known, fixed := history.CompareCauses(e.Causes, was)
		r.New, r.Known, r.Fixed = listedCauses(fresh), listedCauses(known), listedCauses(fixed)
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b listedRun) int { return b.Started.Compare(a.Started) })
	return list, nil
}

// printHistory prints one run a line and, below the newest, its causes.
func printHistory(io stdio, list []listedRun) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "run\tstarted\tverdict\tcases\tpassed\tnew\tknown\tfixed\tsuites\n")
	for i := range list {
		r := &list[i]
		mark := ""
		if r.Pinned {
			mark = "*"
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", text.Visible(r.ID), mark, r.Started.UTC().Format("2006-01-02 15:04:05Z"), r.Verdict,
			r.Counts.Cases, r.Counts.Pass, len(r.New), len(r.Known), len(r.Fixed), text.Visible(strings.Join(r.Suites, ",")))
	}
	w.Flush()
	if len(list) == 0 {
		b.Reset()
		b.WriteString("no complete run yet\n")
	} else {
		newest := &list[0]
		if newest.Against != "" && len(newest.New)+len(newest.Known)+len(newest.Fixed) > 0 {
			fmt.Fprintf(&b, "\n%s against %s:\n", text.Visible(newest.ID), text.Visible(newest.Against))
			for _, group := range []struct {
				name   string
				causes []listedCause
			}{{"new", newest.New}, {"known", newest.Known}, {"fixed", newest.Fixed}} {
				for _, c := range group.causes {
					fmt.Fprintf(&b, "  %-5s  %s %s  %s (%s in %s)\n", group.name, c.Where, text.Visible(c.Path), text.Visible(c.Edit), text.Count(c.Count, "difference"), text.Count(c.Cases, "case"))
				}
			}
		}
	}
	for i := range list {
		if w := list[i].Weaker; w != nil {
			fmt.Fprintf(&b, "\n%s %s\n", text.Visible(list[i].ID), text.Visible(w.String()))
		}
	}
	_, err := io.out.Write([]byte(b.String()))
	return tellBroken("write the history", err)
}

// knownCauses returns, for the causes of a run, the run since which each is known
// without a gap; nil where no earlier run had the same suites.
func knownCauses(root string, run *run.Run) func(cause.Cause) (since string, known bool) {
	entries, _, err := history.Read(root)
	if err != nil {
		return nil // the history is a convenience; the report is not to fail for it
	}
	e := history.Entry{ID: run.Header.ID, Started: run.Header.Started, Causes: run.End.Causes}
	for _, s := range run.Header.Suites {
		e.Suites = append(e.Suites, history.EntrySuite{Name: s.Name})
	}
	entries = append(slices.DeleteFunc(entries, func(o history.Entry) bool { return o.ID == e.ID }), e)
	self := len(entries) - 1
	link := history.Links(entries)[self]
	if link.Previous < 0 {
		return nil
	}
	since := map[history.CauseKey]string{}
	for i, c := range e.Causes {
		if link.Since[i] != self {
			since[history.KeyOf(c)] = entries[link.Since[i]].ID
		}
	}
	return func(c cause.Cause) (string, bool) {
		id, ok := since[history.KeyOf(c)]
		return id, ok
	}
}
