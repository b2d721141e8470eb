package har

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
	"github.com/bgverify/bgverify/scenarios/template"
)

// volatile are headers that a browser, a proxy or a tracer writes anew each time.
var volatile = []string{
	"accept-encoding", "cache-control", "pragma", "origin", "referer", "dnt", "priority", "purpose",
	"upgrade-insecure-requests", "save-data", "downlink", "ect", "rtt", "viewport-width", "device-memory", "dpr",
	"if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "x-requested-with", "x-request-id", "x-correlation-id",
	"x-request-start", "x-client-data", "x-forwarded-for", "x-real-ip", "via", "forwarded",
	"traceparent", "tracestate", "baggage", "sentry-trace", "x-amzn-trace-id", "x-cloud-trace-context", "uber-trace-id", "newrelic",
	"proxy-authorization",
}

var volatileBegins = []string{":", "sec-", "x-b3-", "x-datadog-", "x-forwarded-", "x-newrelic-", "access-control-request-"}

// counters are cookies that only count visitors.
var counters = []string{
	"_ga", "_gid", "_gat", "_gcl_", "_fbp", "_fbc", "_hj", "__utm", "amplitude_", "mp_", "ajs_", "_pk_",
	"optimizely", "OptanonConsent",
}

func isVolatile(name, value string) bool {
	name = strings.ToLower(name)
	switch {
	case name == "user-agent":
		return strings.HasPrefix(value, "Mozilla/") // a box's own name is kept
	case slices.Contains(volatile, name):
		return true
	}
	return slices.ContainsFunc(volatileBegins, func(p string) bool { return strings.HasPrefix(name, p) })
}

// requests turns the entries into steps, in order, and follows values.
func (h *harImport) requests() []*web.Request {
	var out []*web.Request
	var steps []*model.Step
	var cookies []setCookie
	seen := map[string]int{} // what was sent -> its request
	folded := map[int]int{}
	for _, e := range h.entries {
		// The same read again is written once. A write in between may change what it answers.
		id := fmt.Sprintf("%s\n%s\n%d\n%s", e.method, e.url, e.status, e.stable())
		if web.UnsafeMethod(e.method) {
			clear(seen)
		} else if i, again := seen[id]; again {
			folded[i]++
			continue
		}
		// What a request takes from earlier answers is looked up before its own answer is learned.
		i := h.flow.add()
		r := h.request(e, i, &steps, cookies)
		for _, o := range e.odd {
			if o.sent {
				h.Lose(r, model.Lost{Kind: model.Bodies, Place: o.path, Why: o.why})
			} else {
				h.Report.Note(r.ID, "%s: %s", o.path, o.why)
			}
		}
		out, steps = append(out, r), append(steps, r.Step)
		h.pages, h.folds = append(h.pages, e.page), append(h.folds, e.fold)
		seen[id] = i
		h.learn(e, i, &cookies)
	}
	for i, r := range out {
		if n := folded[i]; n > 0 {
			h.Report.Note(r.ID, "was sent %d times; it is written once", n+1)
		}
	}
	if len(h.dropped.names) > 0 {
		h.Report.Note("", "headers and cookies that a browser, proxy or tracer adds by itself are left out: %s", h.dropped.text())
	}
	return out
}

// stable is what tells two requests of one address apart.
func (e *harEntry) stable() string {
	var b strings.Builder
	for _, x := range e.headers {
		if !isVolatile(x.Name, x.Text) {
			b.WriteString(x.Name + ":" + x.Text + "\n")
		}
	}
	for _, c := range e.cookies {
		b.WriteString(c.Name + "=" + c.Text + "\n")
	}
	if e.post != nil {
		b.WriteString(e.post.text + string(e.post.raw))
	}
	return b.String()
}

// A setCookie is a cookie that an answer set.
type setCookie struct {
	request           int
	host, name, value string
}

// learn remembers what a request sent and what its answer gave.
func (h *harImport) learn(e *harEntry, i int, cookies *[]setCookie) {
	texts := []string{e.url, web.PercentDecoded(e.url)}
	for _, x := range e.headers {
		texts = append(texts, x.Text)
	}
	for _, c := range e.cookies {
		texts = append(texts, c.Text)
	}
	if e.post != nil {
		texts = append(texts, e.post.text, web.PercentDecoded(e.post.text))
		for _, p := range e.post.params {
			texts = append(texts, p.value)
		}
	}
	h.flow.send(texts...)
	for _, s := range e.sets {
		*cookies = append(*cookies, setCookie{i, hostName(e.url), s.Name, s.Text})
	}
	if e.isJSON() {
		if v, err := source.ParseJSON("", e.body); err == nil {
			h.flow.answer(i, v, "$", "")
		}
	}
}

func hostName(url string) string {
	origin, _, _ := web.CutURL(url)
	_, host, _ := strings.Cut(origin, "://")
	return withoutPort(host)
}

// withoutPort is a host without its port; brackets of IPv6 are kept.
func withoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host[:i]
	}
	return host
}

// sameSite reports whether a cookie of one host may go to another.
func sameSite(a, b string) bool {
	site := func(h string) []string {
		labels := strings.Split(h, ".")
		return labels[max(0, len(labels)-2):]
	}
	return a == b || slices.Equal(site(a), site(b)) && strings.Trim(a, "0123456789.") != ""
}

// request makes one step.
func (h *harImport) request(e *harEntry, index int, steps *[]*model.Step, known []setCookie) *web.Request {
	_, p, _ := web.CutURL(e.url)
	p, _, _ = web.CutOutside(p, "?")
	r := &web.Request{Method: e.method, URL: e.url, Loose: true, ID: h.Cases.Take(web.CaseID(e.method, p))}
	h.follow(r, index, steps)
	h.fieldsOf(e, r)
	h.cookiesOf(e, r, index, known)
	h.postOf(e, r)
	h.expectOf(e, r)
	// An address that an answer gave as a whole is followed as a whole.
	whole, _, _ := strings.Cut(e.url, "#")
	lifted := ""
	if h.flow.sources[whole] != nil {
		lifted = r.Lift(whole)
	} else {
		r.URL = liftPath(whole, r.Lift)
	}
	h.StepOf(r, func(string, string) bool { return false })
	if lifted != "" {
		r.Step.URL, r.Step.Query = web.Template(lifted), nil
		h.Report.Note(r.ID, "its whole address comes from an answer: it must lead to one of the side's services")
	}
	return r
}

// follow lets a request take values from the answers before it.
func (h *harImport) follow(r *web.Request, index int, steps *[]*model.Step) {
	use := func(s *harSource) string {
		if s.name == "" {
			s.name = h.flow.captureName(s)
			step := (*steps)[s.request]
			step.Captures = append(step.Captures, model.Capture{Name: s.name, At: s.path})
			if naming.SecretName(s.name) {
				h.Suite.Secrets = model.AppendOnce(h.Suite.Secrets, s.name)
			}
			h.Report.Mapped(model.Captures, 1)
		}
		h.flow.union(index, s.request)
		return s.name
	}
	r.Lift = func(text string) string { return h.flow.lift(text, use) }
	r.LiftJSON = func(text string, number bool) string {
		s := h.flow.sources[text]
		switch {
		case number && (s == nil || !s.number):
			return text // text in the answer is not a number in the request
		case !number && s != nil && s.number:
			return web.Marked(use(s) + " | trim") // a filter makes text of a number
		}
		return r.Lift(text)
	}
}

// liftPath lifts values out of the segments of an address.
func liftPath(url string, lift func(string) string) string {
	_, full, _ := web.CutURL(url)
	p, query, has := strings.Cut(full, "?")
	segs := strings.Split(p, "/")
	for i, seg := range segs {
		decoded := web.PercentDecoded(seg)
		if out := lift(decoded); !web.HasMark(decoded) && web.HasMark(out) {
			segs[i] = web.Literals(out, func(s string) string { return template.PercentEncode(s, "!$&'()*+,;=:@") })
		}
	}
	out := strings.TrimSuffix(url, full[1:]) + strings.Join(segs, "/")[1:]
	if has {
		out += "?" + query
	}
	return out
}

func (h *harImport) fieldsOf(e *harEntry, r *web.Request) {
	for _, x := range e.headers {
		switch {
		case strings.EqualFold(x.Name, "cookie"):
		case isVolatile(x.Name, x.Text):
			h.dropped.add(strings.ToLower(naming.OneLine(x.Name, 60)))
		default:
			r.Headers = append(r.Headers, x)
		}
	}
}

// cookiesOf leaves to the jar what an earlier answer set.
func (h *harImport) cookiesOf(e *harEntry, r *web.Request, index int, known []setCookie) {
	list := e.cookies
	if text, has := e.header("Cookie"); has {
		list = web.CookiePairs(text)
	}
	host := hostName(e.url)
	for _, c := range list {
		var by *setCookie // the last answer that set it
		for k, s := range known {
			if s.name == c.Name && s.value == c.Text && sameSite(s.host, host) {
				by = &known[k]
			}
		}
		switch {
		case by != nil:
			h.flow.union(index, by.request)
			h.Report.Mapped(model.Headers, 1)
		case slices.ContainsFunc(counters, func(p string) bool { return strings.HasPrefix(c.Name, p) }):
			h.dropped.add("cookie " + naming.OneLine(c.Name, 60))
		default:
			r.Cookies = append(r.Cookies, c)
		}
	}
}

// expectOf expects what was recorded.
func (h *harImport) expectOf(e *harEntry, r *web.Request) {
	switch e.status {
	case 304:
		h.Report.Note(r.ID, "was answered from the browser's cache (304); a 2xx is expected")
		return
	case 0: // nobody knows what the answer was
		return
	}
	// The media type is expected of bodies alone: an empty answer often has none, or any.
	r.Expect.Status = []string{strconv.Itoa(e.status)}
	if m := web.Media(e.mime); len(e.body) > 0 && strings.Contains(m, "/") && web.HeaderText(m) && !web.HasMark(m) && len(m) < 100 {
		r.Expect.Headers = []model.Check{{Name: "content-type", Matchers: []model.Matcher{{
			Op:    "contains",
			Value: model.String(naming.Escape(m)),
		}}}}
	}
	h.Report.Mapped(model.Examples, 1)
	if !h.opts.Snapshots || len(e.body) == 0 || e.method == "HEAD" {
		return
	}
	if place := secretIn(e); place != "" {
		h.Lose(r, model.Lost{Kind: model.Examples, Place: "snapshot", Text: place, Why: "the answer holds a secret there, and none is written"})
		return
	}
	ext := ".bin"
	switch m := web.Media(e.mime); {
	case strings.Contains(m, "json"):
		ext = ".json"
	case strings.Contains(m, "xml"):
		ext = ".xml"
	case strings.Contains(m, "mpegurl"):
		ext = ".m3u8"
	case utf8.Valid(e.body):
		ext = ".txt"
	}
	r.Expect.Snapshot = h.Asset("snapshots", r.ID+ext, e.body)
}

// secretIn is the path of a value in an answer that is a secret; empty: none.
func secretIn(e *harEntry) string {
	v, err := source.ParseJSON("", e.body)
	if err != nil || !e.isJSON() {
		return ""
	}
	var find func(v *source.Value, path, key string) string
	find = func(v *source.Value, path, key string) string {
		if v.Kind == 's' && v.Text != "" && (naming.SecretName(key) || naming.SecretText(v.Text)) {
			return path
		}
		for i, item := range v.Items {
			at, k := fmt.Sprintf("%s[%d]", path, i), key
			if v.Kind == 'o' {
				at, k = path+source.PathMember(v.Keys[i]), v.Keys[i]
			}
			if out := find(item, at, k); out != "" {
				return out
			}
		}
		return ""
	}
	return find(v, "$", "")
}

// group makes cases: requests that depend on each other are steps of one.
func (h *harImport) group(requests []*web.Request) {
	if h.opts.ByPage {
		h.groupByPage(requests)
		return
	}
	members := map[int][]*web.Request{}
	for i, r := range requests {
		members[h.flow.root(i)] = append(members[h.flow.root(i)], r)
	}
	for i, r := range requests {
		switch list := members[i]; len(list) {
		case 0: // a step of an earlier one
		case 1:
			h.Suite.Cases = append(h.Suite.Cases, h.CaseOf(r))
		default:
			h.Suite.Cases = append(h.Suite.Cases, h.caseOfSteps(list))
		}
	}
}

func (h *harImport) caseOfSteps(list []*web.Request) *model.Case {
	c := &model.Case{ID: list[0].ID, Name: fmt.Sprintf("%s and %d more", naming.Plain(list[0].Describe()), len(list)-1)}
	names := naming.NewNamer(" ")
	var skip []string
	for _, r := range list {
		r.Step.Name = names.Take(naming.Plain(r.Describe()))
		r.Step.Comment = r.Comment
		c.Steps = append(c.Steps, r.Step)
		for _, s := range r.Skip {
			skip = model.AppendOnce(skip, r.Step.Name+": "+s)
		}
	}
	c.Skip = naming.Plain(strings.Join(skip, "; "))
	return c
}
