package page

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// A clustersView is what the page shows of the clusters that the sides run on: tables of
// what is not ready, what differs, and which services were not asked.
type clustersView struct {
	Lines  []string
	Tables []tableView
}

// A tableView is a titled table of texts. Left says how many rows the page leaves out.
type tableView struct {
	Title   string
	Columns []string
	Rows    [][]string
	Left    int
}

// mostClusterRows is how many rows of each table the page has; run.json has all.
const mostClusterRows = 500

// clusters fills the section of the clusters and of what load cost them, where the run has
// one.
func (p *pageView) clusters(c *run.Clusters, loads []run.LoadResult) {
	v := &clustersView{}
	for i := range loads {
		if r := loads[i].Resources; r != nil {
			v.resources(loads[i].Name, r)
		}
	}
	if c == nil {
		if len(v.Tables) > 0 {
			p.Clusters = v
		}
		return
	}
	if r := c.Ready; r != nil {
		var counts []string
		for _, k := range r.Kinds {
			counts = append(counts, fmt.Sprintf("%d of %s", k.Ready, text.Count(k.Of+k.Missing, k.Name)))
		}
		v.Lines = append(v.Lines, fmt.Sprintf("Ready after %s: %s.", text.Seconds(r.WaitedS), strings.Join(counts, ", ")))
		v.table("Not ready", []string{"wave", "object", "waits for"}, len(r.Waiting), func(i int) []string {
			w := &r.Waiting[i]
			return []string{fmt.Sprint(w.Wave), w.Title(), strings.Join(w.Reasons, "; ")}
		})
	}
	if a := c.Alike; a != nil {
		v.alike(a)
	}
	if s := c.Services; s != nil {
		v.Lines = append(v.Lines, fmt.Sprintf("%d of %s were asked by at least one case (read from %s objects).", s.Asked,
			text.Count(s.Of, "service"), s.From))
		if s.Problem != "" {
			v.Lines = append(v.Lines, "Services: "+s.Problem+".")
		}
		v.table("Services and routes", []string{"service", "requests", "routes without requests"}, len(s.Services), func(i int) []string {
			a := &s.Services[i]
			var routes []string
			for _, r := range a.Routes {
				if r.Asked == 0 {
					routes = append(routes, r.Route)
				}
			}
			return []string{strings.TrimPrefix(a.Namespace+"/"+a.Name, "/"), fmt.Sprint(a.Asked), strings.Join(routes, ", ")}
		})
	}
	p.Clusters = v
}

// alike adds the tables of the comparison of both clusters.
func (v *clustersView) alike(a *run.Alike) {
	v.Lines = append(v.Lines,
		fmt.Sprintf("%s compared: %d differ, %d only on blue, %d only on green.", text.Count(a.Objects, "object"), a.Differ,
			a.OnlyBlue, a.OnlyGreen),
		fmt.Sprintf("Kubernetes: blue %s, green %s.", words.Versions(a.Versions.Blue, a.Versions.BlueKubelets), words.Versions(a.Versions.Green,
			a.Versions.GreenKubelets)))
	for _, u := range a.Unread {
		v.Lines = append(v.Lines, "Could not be read: "+u)
	}
	v.table("Differences by cause", []string{"objects", "kind", "place", "edit", "such as"}, len(a.Causes), func(i int) []string {
		c := &a.Causes[i]
		return []string{fmt.Sprint(c.Objects), c.ObjectKind, c.Path, c.EditText(), strings.Join(c.Examples, ", ")}
	})
	v.table("On one side alone", []string{"side", "object"}, len(a.Only),
		func(i int) []string { return []string{a.Only[i].Side, a.Only[i].Title()} })
	v.table("Versions that green does not serve", []string{"version", "kind", "objects", "such as"}, len(a.Removed), func(i int) []string {
		r := &a.Removed[i]
		return []string{r.APIVersion, r.Kind, fmt.Sprint(r.Objects), strings.Join(r.Examples, ", ")}
	})
	for _, d := range a.Deprecated {
		v.Lines = append(v.Lines, "Deprecated: "+d)
	}
}

// resources adds the figures of both sides under one load stage.
func (v *clustersView) resources(load string, r *run.Resources) {
	v.table("Resources under load "+load, []string{"figure", "blue", "green", "result"}, len(r.Figures), func(i int) []string {
		f := &r.Figures[i]
		result := f.Verdict.String()
		if f.Note != "" {
			result += ": " + f.Note
		}
		if f.BlueScrapes+f.GreenScrapes == 0 {
			return []string{f.Name, "", "", result}
		}
		return []string{f.Name, f.Amount(f.Blue), f.Amount(f.Green), result}
	})
}

// table adds a table of n rows; one without rows is left out.
func (v *clustersView) table(title string, columns []string, n int, row func(i int) []string) {
	if n == 0 {
		return
	}
	t := tableView{Title: title, Columns: columns, Left: max(n-mostClusterRows, 0)}
	for i := range min(n, mostClusterRows) {
		t.Rows = append(t.Rows, row(i))
	}
	v.Tables = append(v.Tables, t)
}
