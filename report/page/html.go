// Package page writes report.html, the page of one run, and index.html, the page of
// all runs. A source.Run comes in case by case; out goes one file that loads nothing
// and is readable without scripts.
//
// All text of a run reaches a page through html/template, or as packed data that
// the script puts into text nodes: nothing of it becomes markup. The package lays
// out what the run says and compares nothing itself.
package page

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/runner/run"
)

//go:embed assets
var assetFiles embed.FS

// The names of the files that a page split from its assets expects in its folder.
const (
	StyleFile  = "report.css"
	ScriptFile = "report.js"
)

// scriptParts are the files that the page's script is put together from, in order.
var scriptParts = []string{"data.js", "filter.js", "dom.js", "table.js", "pane.js", "app.js"}

// Assets are the files that Options.Split leaves out of the page, by name.
func Assets() map[string][]byte {
	a := assets()
	return map[string][]byte{StyleFile: []byte(a.style), ScriptFile: []byte(a.script)}
}

// pageAssets are what every page is made with.
type pageAssets struct {
	pages         *template.Template
	style, script string
	history       string // style of the page over all runs
}

// assets are read once: they are embedded and do not change.
var assets = sync.OnceValue(func() pageAssets {
	read := func(name string) string {
		text, err := assetFiles.ReadFile("assets/" + name)
		if err != nil { // embedded: only a wrong name in this file
			panic(err)
		}
		return string(text)
	}
	var script strings.Builder
	script.WriteString("(function () {\n\"use strict\";\n")
	for _, name := range scriptParts {
		script.WriteString(read(name))
	}
	script.WriteString("})();\n")
	pages := template.Must(template.New("").ParseFS(assetFiles, "assets/*.tmpl"))
	return pageAssets{
		pages: pages, style: read("base.css") + read("report.css"), script: script.String(),
		history: read("base.css") + read("history.css"),
	}
})

// Bounds of a page.
const (
	mostLines     = 50       // cases that are listed for readers without scripts
	perCause      = 50       // cases of one cause whose bodies the page holds
	maxPageDetail = 11 << 20 // bytes of packed details, so that a page stays below 15 MB
)

// Options steer a rendering. The zero value renders one self-contained page
// without links to traces and without a history.
type Options struct {
	// Split leaves the page's style and script out of it: the files of Assets
	// are then expected in its folder.
	Split bool
	// TraceURL is a link template for trace ids, such as
	// https://traces.example.com/trace/{trace_id}; empty: ids are text.
	TraceURL string
	// Known says since which run a cause has been there, and whether it has been;
	// nil: the page does not tell new causes from known ones.
	Known func(cause.Cause) (since string, known bool)
}

// A pageRun is a run with the options of its page.
type pageRun struct {
	*source.Run
	opts Options
}

// A Page writes report.html. All text of a run reaches the page through
// html/template, or packed as base64, which the page's script puts into text
// nodes: nothing of it becomes markup. The page loads nothing.
type Page struct {
	w       *bufio.Writer
	src     *pageRun
	columns columns
	details detailStore
	lines   []caseLine
	byCause map[int]int // cases whose bodies the page holds
	spreads *source.Spreads
	suites  []map[int]int // of each suite: cases of each spread
	cases   int           // setup and teardown not counted
	failing int           // setup and teardown counted, as the table has them
	wrong   int           // of the cases
	parts   []string      // setup and teardown, if they did not pass
	bare    int           // details without bodies
	left    int           // cases without details
}

// New begins the page of a run. The caller adds every case in plan order between Begin
// and End, and flushes w.
func New(w *bufio.Writer, src *source.Run, opts Options) *Page {
	h := &Page{
		w: w, src: &pageRun{src, opts}, byCause: map[int]int{}, spreads: source.NewSpreads(src.End.Causes),
		suites: make([]map[int]int, len(src.Head.Suites)),
	}
	for i := range h.suites {
		h.suites[i] = map[int]int{}
	}
	return h
}

// Begin writes nothing: the head of the page depends on all cases.
func (h *Page) Begin() error { return nil }

// Add enters a case into the table; one that did not pass gets a detail as well, as far
// as there is room.
func (h *Page) Add(c *run.CaseResult) error {
	row := h.columns.n
	h.columns.add(c, h.src)
	if c.Kind == "" {
		h.cases++
	}
	if c.Verdict <= run.Pass && !c.Flaky {
		return nil
	}
	h.failing++
	if c.Kind != "" && !slices.Contains(h.parts, c.Kind) {
		h.parts = append(h.parts, c.Kind)
	}
	if c.Kind == "" {
		h.wrong++
	}
	causes := h.src.CausesOfCase(c)
	for _, i := range h.spreads.Add(causes, c.Kind) {
		h.suites[c.Suite][i]++
	}
	size := h.details.text.Len()
	if size > maxPageDetail {
		h.left++
		return nil
	}
	bodies := size < maxPageDetail*3/4 && h.wanted(causes)
	if !bodies {
		h.bare++
	}
	d := h.src.detail(c, bodies)
	if len(h.lines) < mostLines && c.Verdict > run.Pass {
		h.lines = append(h.lines, h.src.lineOf(c, &d))
	}
	h.columns.details = append(h.columns.details, row)
	return h.details.add(d)
}

// wanted counts a case under its causes and says whether the page has room for
// its bodies: the first of each cause have.
func (h *Page) wanted(causes []int) bool {
	if len(causes) == 0 {
		causes = []int{-1} // whatever has no cause
	}
	room := false
	for _, id := range causes {
		room = room || h.byCause[id] < perCause
	}
	if room {
		for _, id := range causes {
			h.byCause[id]++
		}
	}
	return room
}

// End writes the page.
func (h *Page) End() error {
	if err := h.details.flush(); err != nil {
		return err
	}
	table, err := packed(func(w io.Writer) error { return h.columns.write(w, h.src, h.details.at) })
	if err != nil {
		return err
	}
	p := h.page()
	a := assets()
	h.w.WriteString("<!doctype html>\n")
	if err := a.pages.ExecuteTemplate(h.w, "head", h.headOf(p.Title, a)); err != nil {
		return err
	}
	if !h.src.opts.Split {
		h.w.WriteString("<style>" + a.style + "</style>\n")
	}
	if err := a.pages.ExecuteTemplate(h.w, "page", p); err != nil {
		return err
	}
	// Base64 holds nothing that ends an element or begins one.
	h.w.WriteString(`<script type="application/octet-stream" id="table-data">` + table + "</script>\n")
	h.w.WriteString(`<script type="application/octet-stream" id="detail-data">` + h.details.text.String() + "</script>\n")
	if h.src.opts.Split {
		h.w.WriteString(`<script src="` + ScriptFile + `"></script>`)
	} else {
		h.w.WriteString("<script>" + a.script + "</script>")
	}
	_, err = h.w.WriteString("\n</body>\n</html>\n")
	return err
}

// headView is what head.tmpl renders.
type headView struct {
	Title, CSP string
	Style      string // file, where the page is split
}

// headOf carries the content security policy: nothing but this style and this
// script, both by their digest.
func (h *Page) headOf(title string, a pageAssets) headView {
	v := headView{Title: title, CSP: policy(a.style, a.script)}
	if h.src.opts.Split {
		v.Style = StyleFile
		v.CSP = "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'"
	}
	return v
}

// policy allows nothing but this style and this script, both by their digest.
func policy(style, script string) string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", integrity(style),
		integrity(script))
}

// integrity is a digest as a content security policy writes it.
func integrity(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// page fills the view from the run and from what the pass over the cases found.
func (h *Page) page() *pageView {
	p := &pageView{Cases: h.lines}
	p.head(h.src)
	p.causes(h.src, h.spreads)
	p.services(h.src, h.spreads, h.suites)
	p.clusters(h.src.End.Clusters, h.src.Result.Loads)
	p.loads(h.src)
	p.facts(h.src)
	switch e := &h.src.End.Counts; {
	case h.columns.n == 0:
		p.CasesTitle = "No cases"
	case h.failing == 0 && e.Pass == h.cases:
		p.CasesTitle = fmt.Sprintf("All %s passed", text.Count(h.cases, "case"))
	case h.failing == 0:
		p.CasesTitle = text.Count(h.cases, "case")
	default:
		p.CasesTitle = fmt.Sprintf("%s of %s did not pass", text.Thousands(h.wrong), text.CountAnd(h.cases, "case", h.parts...))
		if h.wrong == 0 {
			p.CasesTitle = text.CountAnd(0, "case", h.parts...) + " did not pass"
		}
	}
	switch {
	case len(h.lines) > 0 && h.failing > len(h.lines):
		p.LinesLead = fmt.Sprintf("The first %d cases that did not pass. The table and the comparison of the answers need scripts; run.json "+
			"holds all cases.", len(h.lines))
	case len(h.lines) > 0:
		p.LinesLead = "The table and the comparison of the answers need scripts."
	}
	if h.bare > 0 {
		p.LeftOut = append(p.LeftOut, fmt.Sprintf("%s without bodies: the page holds those of the first %d cases of each cause.",
			text.Count(h.bare, "case"), perCause))
	}
	if h.left > 0 {
		p.LeftOut = append(p.LeftOut, fmt.Sprintf("%s have no details here: the page stays below 15 MB.", text.Count(h.left, "case")))
	}
	return p
}

var (
	// What may become a link: an address of the web, and an id that cannot leave the place of a
	// URL that it is put into.
	webURL  = lazy.Regexp(`^https?://`)
	traceID = lazy.Regexp(`^[A-Za-z0-9._-]{1,128}$`)
)
