// Package har converts recordings of browsers and proxies in the HTTP Archive
// format (HAR 1.1 and 1.2). In comes the JSON of a recording; out come a
// model.Tree with its API calls as cases and a report of what was left out.
//
// read.go reads the entries strictly, har.go chooses those that are taken,
// build.go and body.go make a web.Request of each, and flow.go follows values
// from answers into later requests, so that each side sends its own.
//
// The package knows nothing but the recording: no host is contacted and no value
// is guessed. A secret of the recording is never written.
package har

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// Options narrow what is taken from a recording.
type Options struct {
	// Hosts are globs of hosts, with or without a port; none: every host.
	Hosts []string
	// All takes pages, images, scripts and what else a browser loads, too.
	All bool
	// RequestsOnly also takes requests whose answer was not recorded.
	RequestsOnly bool
	// Snapshots keeps recorded answers as snapshots to compare with.
	Snapshots bool
	// ByPage makes one case of each page of the recording.
	ByPage bool
	// Services names origins (scheme://host:port, as an address has them).
	Services map[string]string
}

// A harImport turns the entries of a recording into cases.
type harImport struct {
	*web.Import
	opts    Options
	entries []*harEntry
	flow    *harFlow
	pages   []harPage // of the requests, in their order
	folds   []string  // of the requests: what those that may be rows of one case have in common
	// leftOut and dropped count what was not taken, by what it is.
	leftOut, dropped tally
}

// Convert reads a recording of HTTP Archive 1.1 or 1.2 and writes its requests as
// cases. Its rules, in addition to those of the package:
//
//  1. Of what a browser loads only the calls of APIs are taken, unless
//     opts.All is set: no pages, images, fonts, scripts, styles, media, sockets,
//     preflights. What is left out is counted.
//  2. Headers that a browser writes anew each time are dropped, and listed.
//  3. A value of an earlier JSON answer that a later request sends is captured
//     from that answer, so that each side sends its own; see harFlow.
//  4. A cookie that an earlier answer set is left to the jar. Any other cookie,
//     and whatever looks like a secret by name or value, is read from the environment.
//  5. Requests that depend on each other are the steps of one case, in order;
//     any other is its own case. A GET that was sent again, with nothing but
//     reading between, appears once.
//     With opts.ByPage a case is a page, and repeats of one route are rows of a case or
//     left out; see groupByPage and maxRows.
//  6. The recorded status, and the content type of an answer with a body, are
//     expected.
func Convert(in source.Input, opts Options) (*model.Result, error) {
	data, err := in.Read()
	if err != nil {
		return nil, err
	}
	for _, g := range opts.Hosts {
		if _, err := path.Match(g, ""); err != nil {
			return nil, fmt.Errorf("the glob %q has no end", g)
		}
	}
	all, err := readHAR(data)
	if err != nil {
		return nil, err
	}
	h := &harImport{Import: web.New(in.Name), opts: opts, flow: newFlow()}
	h.Named = opts.Services
	h.choose(all)
	h.summary(len(all))
	if len(h.entries) == 0 {
		return nil, errors.New(h.nothing(len(all)))
	}
	requests := h.requests()
	if len(requests) == 0 {
		return nil, fmt.Errorf("none of %d requests can be converted", len(h.entries))
	}
	h.Hosts(requests)
	h.group(requests)
	h.Hoist()
	return h.Result(), nil
}

func (h *harImport) nothing(n int) string {
	if n == 0 {
		return "the recording has no entries"
	}
	return fmt.Sprintf("none of %d entries is taken; left out: %s", n, h.leftOut.text())
}

// A tally counts by name, in the order of meeting.
type tally struct {
	names  []string
	counts []int
}

func (t *tally) add(name string) {
	i := slices.Index(t.names, name)
	if i < 0 {
		i = len(t.names)
		t.names, t.counts = append(t.names, name), append(t.counts, 0)
	}
	t.counts[i]++
}

func (t *tally) text() string {
	parts := make([]string, len(t.names))
	for i, n := range t.names {
		parts[i] = fmt.Sprintf("%s (%d)", n, t.counts[i])
	}
	return strings.Join(parts, ", ")
}

// choose keeps the entries that the options ask for, in the order they began.
func (h *harImport) choose(all []*harEntry) {
	var folds *folding
	if h.opts.ByPage && !h.opts.Snapshots { // a snapshot belongs to one address
		folds = h.newFolding(all)
	}
	for _, e := range all {
		why := h.without(e)
		if why == "" && folds != nil && !web.UnsafeMethod(e.method) {
			why = folds.without(e)
		}
		if why != "" {
			h.leftOut.add(why)
			for _, o := range e.odd {
				h.Report.Note("", "%s: %s", o.path, o.why)
			}
			continue
		}
		h.entries = append(h.entries, e)
	}
	if !slices.ContainsFunc(h.entries, func(e *harEntry) bool { return e.began.IsZero() }) {
		slices.SortStableFunc(h.entries, func(a, b *harEntry) int { return a.began.Compare(b.began) })
	}
}

// noAnswer is why an entry is left out whose answer was not recorded.
const noAnswer = "without an answer"

// without says why an entry is not taken; empty: it is.
func (h *harImport) without(e *harEntry) string {
	origin, _, _ := web.CutURL(e.url)
	scheme, host, _ := strings.Cut(origin, "://")
	switch {
	case scheme != "http" && scheme != "https":
		return "over " + naming.OneLine(scheme, 20) + ":"
	case web.OriginFault(origin) != "":
		return "with an invalid address"
	case !h.wanted(host):
		return "of other hosts"
	case e.status == 101:
		return "upgrades to a socket"
	case (e.status < 100 || e.status > 599) && !(e.status == 0 && h.opts.RequestsOnly):
		return noAnswer
	case h.opts.All:
		return ""
	}
	return e.notAPI()
}

func (h *harImport) wanted(host string) bool {
	name := withoutPort(host)
	for _, g := range h.opts.Hosts {
		g = strings.ToLower(g)
		whole, _ := path.Match(g, host)
		bare, _ := path.Match(g, name)
		if whole || bare {
			return true
		}
	}
	return len(h.opts.Hosts) == 0
}

// notAPI says what an entry is when it is not a call of an API.
func (e *harEntry) notAPI() string {
	_, preflight := e.header("Access-Control-Request-Method")
	switch {
	case e.method == "OPTIONS" && preflight, e.resource == "preflight":
		return "preflights"
	case slices.Contains([]string{"image", "font", "stylesheet", "script", "websocket", "eventsource", "texttrack", "manifest"}, e.resource):
		return e.resource + "s"
	}
	// What the browser took it for is not recorded by every tool: the media type decides next.
	m := web.Media(e.mime)
	for _, x := range []struct{ what, prefix string }{
		{"images", "image/"},
		{"fonts", "font/"},
		{"fonts", "application/font"},
		{"fonts", "application/x-font"},
		{"fonts", "application/vnd.ms-fontobject"},
		{"styles", "text/css"},
		{"streams of events", "text/event-stream"},
	} {
		if strings.HasPrefix(m, x.prefix) {
			return x.what
		}
	}
	switch {
	case strings.HasSuffix(m, "javascript") || strings.HasSuffix(m, "ecmascript") || m == "application/wasm":
		return "scripts"
	case (strings.HasPrefix(m, "video/") || strings.HasPrefix(m, "audio/") || e.resource == "media") && !strings.Contains(m, "mpegurl"):
		return "media"
	case e.resource == "xhr" || e.resource == "fetch":
		return ""
	case m == "text/html" || m == "application/xhtml+xml" || e.resource == "document":
		return "pages"
	case e.resource == "ping" || e.resource == "beacon" || e.resource == "csp-violation-report" || e.resource == "cspviolationreport":
		return "beacons"
	}
	return ""
}

// summary says what was not taken.
func (h *harImport) summary(all int) {
	if len(h.leftOut.names) == 0 {
		return
	}
	hint := ""
	if !h.opts.All {
		hint = "; --type all also takes what is not an API call"
	}
	if slices.Contains(h.leftOut.names, noAnswer) {
		hint += "; --requests-only also takes requests without an answer"
	}
	h.Report.Note("", "%d of %d entries are left out: %s%s", all-len(h.entries), all, h.leftOut.text(), hint)
}
