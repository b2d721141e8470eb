package har

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// Players and lists ask one route again and again. Where a case is a page:
//
//  1. minRows or more reads of a page that differ only in numbers of the path and in values of
//     the query become the rows of one case, at most maxRows of them. It runs apart from
//     the page, and what it needs of earlier answers becomes setup.
//  2. Of other reads of one route maxRepeats are kept.
//  3. What is left out is counted in the report, exact repeats apart from others.
const (
	minRows    = 3
	maxRows    = 50
	maxRepeats = 5
)

// Why repeats are left out.
const (
	exactRepeats  = "exact repeats of a row"
	furtherRows   = "rows after the first 50 of a route"
	routeRepeats  = "repeats of a route, as players and lists send them"
	longestColumn = 300 // bytes of a cell
)

var (
	digits      = lazy.Regexp(`[0-9]+`)
	queryValue  = lazy.Regexp(`=[^&]*`)
	plainColumn = lazy.Regexp(`^[A-Za-z0-9._~-]+$`)
)

// A folding decides which repeats are taken.
type folding struct {
	distinct map[string]map[string]bool // addresses of what may be rows of one case
	kept     map[string]map[string]bool
	routes   map[string]int
}

// newFolding looks at all entries that may be taken.
func (h *harImport) newFolding(all []*harEntry) *folding {
	f := &folding{distinct: map[string]map[string]bool{}, kept: map[string]map[string]bool{}, routes: map[string]int{}}
	for _, e := range all {
		if !web.UnsafeMethod(e.method) && h.without(e) == "" {
			addOf(f.distinct, e.foldKey(), e.url)
		}
	}
	return f
}

func addOf(sets map[string]map[string]bool, key, value string) {
	if sets[key] == nil {
		sets[key] = map[string]bool{}
	}
	sets[key][value] = true
}

// foldKey is what the rows of one case have in common.
func (e *harEntry) foldKey() string {
	address, query, _ := strings.Cut(e.url, "?")
	address, query = digits().ReplaceAllString(address, "0"), queryValue().ReplaceAllString(query, "=")
	return fmt.Sprintf("%s\n%s %s?%s\n%d %s\n%s", e.page.id, e.method, address, query, e.status, web.Media(e.mime), e.stable())
}

// without is why a repeat is left out; empty: it is taken.
func (f *folding) without(e *harEntry) string {
	key := e.foldKey()
	if len(f.distinct[key]) < minRows {
		route := e.page.id + " " + e.method + " " + digits().ReplaceAllString(e.url, "0")
		if f.routes[route]++; f.routes[route] > maxRepeats {
			return routeRepeats
		}
		return ""
	}
	switch {
	case f.kept[key][e.url]:
		return exactRepeats
	case len(f.kept[key]) >= maxRows:
		return furtherRows
	}
	addOf(f.kept, key, e.url)
	e.fold = key
	return ""
}

// foldRows makes cases of requests that are rows, and says which requests those are. Their pages
// are changed, so that what they need of their own page becomes setup.
func (h *harImport) foldRows(requests []*web.Request) (cases []*model.Case, taken []bool) {
	taken = make([]bool, len(requests))
	groups := map[string][]int{}
	var order []string
	written := map[string]bool{}
	// A place that the page also writes to is read in order, and is not a row.
	for _, r := range requests {
		written[place(r)] = written[place(r)] || web.UnsafeMethod(r.Method)
	}
	for i, r := range requests {
		key := h.folds[i]
		needed := slices.ContainsFunc(h.flow.needs, func(n [2]int) bool { return n[1] == i })
		if key == "" || needed || written[place(r)] || len(r.Skip) > 0 || len(r.Step.Captures) > 0 {
			continue
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	// Fewer rows than minRows are left where they were recorded.
	for n, key := range order {
		list := groups[key]
		if len(list) < minRows {
			continue
		}
		t := &table{first: *requests[list[0]].Step, same: true}
		for _, i := range list {
			t.add(requests[i].Step)
		}
		c := h.rowCase(requests[list[0]], t)
		if c == nil {
			continue
		}
		cases = append(cases, c)
		for _, i := range list {
			taken[i], h.pages[i].id = true, fmt.Sprintf("%s\nrows %d", h.pages[i].id, n)
		}
	}
	return cases, taken
}

// place is where a request reads or writes, without its numbers: what a page writes it reads in order.
func place(r *web.Request) string {
	return r.Step.Service + " " + digits().ReplaceAllString(r.Step.URL, "0")
}

// A table holds what steps differ in.
type table struct {
	first model.Step
	cells [][]string // of a step: the segments of its path, then the values of its query
	same  bool       // steps do not differ in anything else
}

// add takes a step as a row.
func (t *table) add(s *model.Step) {
	cells := strings.Split(s.URL, "/")
	for _, q := range s.Query {
		cells = append(cells, q.Text)
	}
	rest, first := *s, t.first
	names := func(list []model.Field) (out []string) {
		for _, f := range list {
			out = append(out, f.Name)
		}
		return out
	}
	t.same = t.same && slices.Equal(names(rest.Query), names(first.Query)) && (len(t.cells) == 0 || len(cells) == len(t.cells[0]))
	rest.URL, rest.Query, rest.Name, first.URL, first.Query, first.Name = "", nil, "", "", nil, ""
	t.same = t.same && reflect.DeepEqual(rest, first)
	t.cells = append(t.cells, cells)
}

// columns are the cells in which the rows differ; none: they cannot be rows.
func (t *table) columns() []int {
	var out []int
	segments := strings.Count(t.first.URL, "/") + 1
	for i := 0; t.same && i < len(t.cells[0]); i++ {
		column := make([]string, len(t.cells))
		for n, row := range t.cells {
			column[n] = row[i]
		}
		if !slices.ContainsFunc(column, func(s string) bool { return s != column[0] }) {
			continue
		}
		if slices.ContainsFunc(column, func(s string) bool {
			return len(s) > longestColumn || strings.Contains(s, "{{") || strings.ContainsAny(s, "\r\n") || i < segments && !plainColumn().MatchString(s)
		}) {
			return nil
		}
		out = append(out, i)
	}
	return out
}

// rowCase makes one case of a table; nil: its steps differ in more than plain text.
func (h *harImport) rowCase(r *web.Request, t *table) *model.Case {
	columns := t.columns()
	if len(columns) == 0 {
		return nil
	}
	step := t.first
	step.Query = slices.Clone(step.Query)
	segments := strings.Split(step.URL, "/")
	// Segments of the path and values of the query that differ become placeholders of columns.
	header := make([]string, len(columns))
	for n, i := range columns {
		if i >= len(segments) {
			q := &step.Query[i-len(segments)]
			header[n] = h.flow.names.Take(naming.VarName(q.Name)) // no capture has that name
			q.Text = "{{" + header[n] + "}}"
			continue
		}
		header[n] = h.flow.names.Take(naming.VarName("part"))
		segments[i] = "{{" + header[n] + "}}"
	}
	step.URL = strings.Join(segments, "/")
	var data bytes.Buffer
	w := csv.NewWriter(&data)
	_ = w.Write(header) // a buffer takes everything
	// A row that is there already is left out; names of rows are their cells.
	rows, named := map[string]bool{}, map[string]bool{}
	for _, cells := range t.cells {
		row := make([]string, len(columns))
		for n, i := range columns {
			row[n] = cells[i]
		}
		if key := strings.Join(row, "\x00"); !rows[key] {
			rows[key], named[strings.Join(row, "-")] = true, true
			_ = w.Write(row)
		}
	}
	w.Flush()
	name := "{{" + strings.Join(header, "}}-{{") + "}}"
	if len(named) < len(rows) {
		name = "" // two rows would have one
	}
	h.Report.Note(r.ID, "%d requests of one route, as players and lists send them, are its rows: they differ in %s. It runs apart from the part that it was recorded in",
		len(t.cells), strings.Join(header, ", "))
	return &model.Case{
		ID: r.ID, Name: fmt.Sprintf("%s and %d like it", naming.Plain(r.Describe()), len(rows)-1), Comment: r.Comment, Steps: []*model.Step{&step},
		Data: &model.Data{File: h.Asset("data", r.ID+".csv", data.Bytes()), Name: name},
	}
}
