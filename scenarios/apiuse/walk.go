package apiuse

import (
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// maxRows is how many rows of a case are looked at. They count only where a row decides
// which path is asked.
const maxRows = 1000

// A walk looks at the steps of one suite.
type walk struct {
	use   *Use
	suite *scenarios.Suite
	// captured are the variables that an earlier step may have set: their values are
	// known only in a run.
	captured map[string]bool
}

// steps looks at a list of steps that belong to a case; c is nil for setup and teardown.
// doubt is why none of them is certain to be sent.
func (w *walk) steps(list []*scenarios.Step, c *scenarios.Case, by, doubt string) {
	for _, s := range list {
		why := doubt
		switch {
		case why != "":
		case s.SideEffects == scenarios.Unreviewed:
			why = "side_effects: unreviewed"
		case s.Conditional():
			why = "it is sent on a condition (when)"
		}
		if s.SentTo(scenarios.Green) { // Rule 5
			w.step(s, c, by, why)
		}
		for _, capture := range s.Captures {
			w.captured[capture.Name] = true
		}
	}
}

func (w *walk) step(s *scenarios.Step, c *scenarios.Case, by, doubt string) {
	met := false
	for _, text := range w.urls(s, c) {
		paths, query, ok := w.paths(s, text)
		if !ok {
			continue
		}
		o := w.use.find(s.Request.Method, paths)
		if o == nil {
			continue
		}
		met = true
		o.add(by, doubt)
		o.addParams(w, s, query, by, doubt)
		o.addStatuses(s, by, doubt)
	}
	if !met {
		w.use.Strays = append(w.use.Strays, Stray{by, s.Pos.String(), s.Request.Method + " " + s.Request.URL.Text})
	}
}

// urls are the texts that a step's URL may have: one for each row that makes another.
func (w *walk) urls(s *scenarios.Step, c *scenarios.Case) []string {
	sources := w.suite.Sources(scenarios.Green, w.suite.Stage)
	sources.With = s.With
	if c != nil {
		sources.Case = c.Vars
	}
	if c == nil || c.Data == nil {
		return []string{w.text(sources, s.Request.URL, 0)}
	}
	var out []string
	sources.Columns = c.Data.Columns
	n := 0
	for row, err := range c.Data.Rows {
		if n++; err != nil || n > maxRows {
			break // a run reports the row; what was seen counts
		}
		sources.Cells = row.Cells
		if text := w.text(sources, s.Request.URL, 0); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if len(out) == 0 {
		sources.Cells = nil
		out = append(out, w.text(sources, s.Request.URL, 0))
	}
	return out
}

// maxNested bounds variables that name each other.
const maxNested = 16

// text is a template with the values that are known; the others are [unknown].
func (w *walk) text(sources *template.Sources, t *template.Template, depth int) string {
	if t.JSON != "" || t.Node != nil || depth > maxNested {
		return unknown
	}
	var b strings.Builder
	for i := range t.Parts {
		p := &t.Parts[i]
		switch {
		case p.Name == "":
			b.WriteString(p.Literal)
		case len(p.Filters) > 0 || w.captured[p.Name]:
			b.WriteString(unknown)
		case p.Name == template.QuotedName:
			b.WriteString(p.Quoted)
		default:
			b.WriteString(w.value(sources, p.Name, depth))
		}
	}
	return b.String()
}

func (w *walk) value(sources *template.Sources, name string, depth int) string {
	v, d, found := sources.Find(name)
	switch {
	case !found:
		return unknown
	case d.Var == nil:
		return v.Text
	}
	inner := *sources
	inner.With = d.With
	if d.Suite {
		inner.Columns, inner.Cells, inner.Case = nil, nil, nil
	}
	return w.text(&inner, d.Var.Value, depth+1)
}

// paths are the paths that a URL may have on a server (rule 2), and its query. It is
// false for a URL of which only a run knows the path.
func (w *walk) paths(s *scenarios.Step, text string) (paths []string, query string, ok bool) {
	text, _, _ = strings.Cut(text, "#")
	target, query, _ := strings.Cut(text, "?")
	if _, rest, absolute := strings.Cut(target, "://"); absolute {
		_, path, _ := strings.Cut(rest, "/")
		return []string{"/" + path}, query, true
	}
	// A value at the start is an address: {{base}}/films.
	if strings.HasPrefix(target, unknown) {
		_, path, found := strings.Cut(target, "/")
		return []string{"/" + path}, query, found
	}
	own := "/" + strings.TrimPrefix(target, "/")
	paths = []string{own}
	for _, side := range []scenarios.SideConfig{w.suite.Blue, w.suite.Green} {
		if base := basePath(side, s.Service); base != "" && !slices.Contains(paths, base+own) {
			paths = append(paths, base+strings.TrimSuffix(own, "/"), base+own)
		}
	}
	return paths, query, true
}

// basePath is the path of a service's address, without a slash at its end.
func basePath(side scenarios.SideConfig, service string) string {
	text := side.URL
	for _, x := range side.Services {
		switch {
		case x.Name != service || x.URL == "":
		case strings.HasPrefix(x.URL, "/"):
			text = strings.TrimSuffix(text, "/") + x.URL
		default:
			text = x.URL
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.Path, "/")
}

// addParams marks the parameters that a step sends.
func (o *Operation) addParams(w *walk, s *scenarios.Step, query, by, doubt string) {
	for _, p := range o.Params {
		if w.sends(s, p, query) {
			p.add(by, doubt)
		}
	}
}

func (w *walk) sends(s *scenarios.Step, p *Param, query string) bool {
	has := func(list []scenarios.Field, match func(name string) bool) bool {
		return slices.ContainsFunc(list, func(f scenarios.Field) bool { return match(f.Name) })
	}
	switch p.In {
	case "path":
		return true
	case "body":
		return s.Request.Body != nil
	case "header":
		match := func(name string) bool { return strings.EqualFold(name, p.Name) }
		return has(s.Request.Headers, match) || has(w.sideHeaders(s.Service), match)
	case "cookie":
		return has(s.Request.Cookies, func(name string) bool { return name == p.Name })
	}
	match := func(name string) bool {
		return name == p.Name || name == p.Name+"[]" || strings.HasPrefix(name, p.Name+"[") || slices.Contains(p.names, name)
	}
	if has(s.Request.Query, match) {
		return true
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if decodedName, err := url.QueryUnescape(name); err == nil && name != "" && match(decodedName) {
			return true
		}
	}
	return false
}

// sideHeaders are the headers that every request to a service of green has.
func (w *walk) sideHeaders(service string) []scenarios.Field {
	out := w.suite.Green.Headers
	for _, x := range w.suite.Green.Services {
		if x.Name == service {
			out = slices.Concat(out, x.Headers)
		}
	}
	return out
}
