package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// command reads the arguments of one curl.
func (c *curlImport) command(cmd *shCommand, in stdin) {
	words := slices.Clone(curlWords(cmd.words)[1:])
	for i := range words {
		for _, in := range insides(words[i].text) {
			if name := strings.TrimPrefix(in, "env."); slices.Contains(c.loops, name) {
				words[i].unknown = append(slices.Clone(words[i].unknown), "$"+name)
			}
		}
		words[i].text = c.resolve(words[i].text)
	}
	if cmd.background {
		c.report.Note("", "line %d: a & outside quotes ended this command, as it does in a shell; put the address in quotes if it belongs to it", cmd.line)
	}
	first := true
	for _, r := range curlArgs(words) {
		for _, q := range r.quiet {
			if !slices.Contains(c.quiet, q) {
				c.quiet = append(c.quiet, q)
			}
		}
		if len(r.urls) == 0 {
			c.report.Lose(Lost{Kind: Requests, Place: fmt.Sprintf("line %d", cmd.line), Text: cmd.text, Why: "there is no address in it"})
			for _, l := range r.lost {
				c.report.Lose(Lost{Kind: Settings, Place: fmt.Sprintf("line %d", l.line), Text: readable(l.text), Why: l.why})
			}
		}
		for _, u := range r.urls {
			c.pending = append(c.pending, pendingCurl{curl: r, url: u, command: cmd, first: first, stdin: in})
			first = false
		}
	}
}

// build makes a case of every request.
func (c *curlImport) build() {
	c.sides()
	var made []*pendingCurl
	for i := range c.pending {
		p := &c.pending[i]
		if r := c.request(p); r != nil {
			c.requests, made = append(c.requests, r), append(made, p)
		} else if p.capture != nil {
			c.suite.Needs = appendOnce(c.suite.Needs, p.capture.Name)
		}
	}
	c.hosts(c.requests)
	// A suite of setup alone proves nothing: then every request is a case.
	cases := slices.ContainsFunc(made, func(p *pendingCurl) bool { return p.capture == nil })
	for i, r := range c.requests {
		if made[i].capture != nil && cases {
			c.setupStep(made[i], r)
		} else {
			c.suite.Cases = append(c.suite.Cases, c.caseOf(r))
		}
	}
	c.hoist()
}

// sides carries over what belongs to a side: only when every request that it
// matters to says so.
func (c *curlImport) sides() {
	agree := func(secure bool, value func(*curlRequest) string) string {
		out, seen := "", false
		for _, p := range c.pending {
			if secure && !secureURL(p.url.text) {
				continue
			}
			v := value(p.curl)
			if seen && v != out {
				return ""
			}
			out, seen = v, true
		}
		return out
	}
	if agree(true, func(r *curlRequest) string { return strconv.FormatBool(r.insecure) }) == "true" {
		c.suite.Blue.Insecure, c.suite.Green.Insecure = true, true
		c.report.Note("", "certificates are not checked on either side (-k); remove tls: {insecure: true} where they can be")
	}
	if name := agree(true, func(r *curlRequest) string { return r.ca }); name != "" {
		if data, err := c.read(name); err == nil {
			file := c.asset("files", baseName(name), data)
			c.suite.Blue.CA, c.suite.Green.CA = file, file
		}
	}
	if v := agree(false, func(r *curlRequest) string { return r.http }); v == "1.1" || v == "h2c" {
		c.suite.Blue.HTTP, c.suite.Green.HTTP = v, v
	}
}

func secureURL(text string) bool {
	origin, _, _ := cutURL(text)
	return !strings.HasPrefix(origin, "http://")
}

// request makes one request; nil when it cannot be sent over HTTP.
func (c *curlImport) request(p *pendingCurl) *webRequest {
	cr := p.curl
	r := &webRequest{method: cr.methodOf(), url: p.url.text}
	place := fmt.Sprintf("line %d", p.command.line)
	origin, path, _ := cutURL(r.url)
	if bad := originFault(origin); bad != "" {
		c.report.Lose(Lost{Kind: Requests, Place: place, Text: readable(r.url), Why: bad})
		return nil
	}
	path, _, _ = cutOutside(path, "?")
	r.id = c.cases.Take(caseID(r.method, path))
	if p.first {
		c.title(r, p.command.comment)
	}
	c.settings(r, p)
	c.headers(r, cr)
	c.credentials(r, cr)
	c.body(r, p)
	if !cr.asIs {
		_, full, _ := cutURL(r.url)
		head, _, _ := cutOutside(r.url, "#")
		r.url = strings.TrimSuffix(head, full[1:]) + squash(full)[1:]
	}
	c.stepOf(r, func(name, value string) bool {
		return hasMark(value) || !secretName(name) && !secretText(value) && len(value) <= 16
	})
	return r
}

// title takes the comment above a command as the case's name.
func (c *curlImport) title(r *webRequest, comment []string) {
	if len(comment) == 0 {
		return
	}
	if len(comment) == 1 && len(comment[0]) <= 100 {
		r.name = Plain(Printable(comment[0]))
		return
	}
	r.comment = append(r.comment, comment...)
}

// methodOf is the method that curl chooses.
func (r *curlRequest) methodOf() string {
	switch {
	case r.method != "":
		return r.method
	case r.head:
		return "HEAD"
	case r.upload != nil:
		return "PUT"
	case r.get:
		return "GET"
	case len(r.data)+len(r.parts) > 0:
		return "POST"
	}
	return "GET"
}

// settings lists the options that have no place, and takes those that have.
func (c *curlImport) settings(r *webRequest, p *pendingCurl) {
	cr := p.curl
	lose := func(line int, text, why string) {
		c.lose(r, Lost{Kind: Settings, Place: fmt.Sprintf("line %d", line), Text: readable(text), Why: why})
	}
	for _, l := range cr.lost {
		lose(l.line, l.text, l.why)
	}
	line := p.command.line
	if cr.refused != "" {
		r.skip = append(r.skip, cr.refused)
	}
	if in := insides(r.url); len(in) == 1 && r.url == marked(in[0]) && !strings.HasSuffix(strings.ToUpper(in[0]), "BASE_URL") {
		lose(p.url.line, r.url, "its whole address is a variable: write its path, and what names the host as the side's url")
		r.skip = append(r.skip, "its whole address is a variable")
	}
	if cr.insecure && secureURL(r.url) && !c.suite.Blue.Insecure {
		lose(line, "-k", "only some requests ask for it; write tls: {insecure: true} in a side or service")
	} else if cr.insecure {
		c.report.Mapped(Settings, 1)
	}
	if cr.ca != "" && c.suite.Blue.CA == "" {
		_, err := c.read(cr.ca)
		why := "only some requests ask for it; write tls: {ca: …} in a side or service"
		if err != nil {
			why = err.Error() + "; write tls: {ca: …} in sides"
		}
		lose(line, "--cacert "+cr.ca, why)
	} else if cr.ca != "" {
		c.report.Mapped(Settings, 1)
	}
	switch {
	case cr.http == "2" && secureURL(r.url), cr.http != "" && c.suite.Blue.HTTP == cr.http:
		c.report.Mapped(Settings, 1) // 2 is what TLS negotiates anyway
	case cr.http != "":
		lose(line, map[string]string{"1.1": "--http1.1", "2": "--http2", "h2c": "--http2-prior-knowledge"}[cr.http], "the version belongs to a side: write http: in sides")
	}
	if cr.maxTime != nil {
		seconds, err := strconv.ParseFloat(cr.maxTime.text, 64)
		if err == nil && seconds >= 0.001 && seconds <= 600 {
			r.timeout = strconv.FormatFloat(seconds, 'f', -1, 64) + "s"
			c.report.Mapped(Settings, 1)
		} else {
			lose(cr.maxTime.line, "--max-time "+cr.maxTime.text, "a timeout is a number of seconds, at most 600")
		}
	}
	for _, w := range cr.unknown {
		for _, u := range w.unknown {
			why := "nothing is executed; write what stands in its place"
			if slices.Contains(c.loops, strings.TrimPrefix(u, "$")) {
				why = "loops are not followed; write its values as rows: data: [{…}]"
			}
			c.lose(r, Lost{Kind: Dynamics, Place: fmt.Sprintf("line %d", w.line), Text: u, Why: why})
		}
		r.skip = appendOnce(r.skip, "it holds what only a shell could tell: "+oneLine(w.unknown[0], 60))
	}
	_, path, _ := cutURL(r.url)
	if i := slices.IndexFunc(strings.Split(path, mark), globs); i >= 0 && !cr.globOff {
		c.lose(r, Lost{Kind: Settings, Place: fmt.Sprintf("line %d", p.url.line), Text: r.url, Why: "curl sends one request for each of these; write them as rows: data: [{…}]"})
		r.skip = append(r.skip, "curl sends several requests for its address")
	}
}

func appendOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// globs reports whether curl would take a text for {a,b} or [1-3].
func globs(s string) bool {
	open := strings.IndexAny(s, "{[")
	return open >= 0 && strings.ContainsAny(s[open:], "}]")
}

// headers reads -H, -A, -e, -b and what other options add.
func (c *curlImport) headers(r *webRequest, cr *curlRequest) {
	for _, w := range cr.headers {
		name, isFile := strings.CutPrefix(w.text, "@")
		if !isFile {
			c.header(r, cr, w.text, w.line)
			continue
		}
		data, err := c.read(name)
		if err != nil {
			c.lose(r, Lost{Kind: Headers, Place: fmt.Sprintf("line %d", w.line), Text: "-H " + w.text, Why: err.Error()})
			r.skip = append(r.skip, err.Error())
			continue
		}
		for l := range strings.Lines(strings.ReplaceAll(string(data), mark, "")) {
			if l = strings.TrimRight(l, "\r\n"); l != "" {
				c.header(r, cr, l, w.line)
			}
		}
	}
	add := func(name, value string) {
		if _, has := r.header(name); !has {
			r.headers = append(r.headers, Field{name, value})
		}
	}
	if cr.agent != nil {
		add("User-Agent", cr.agent.text)
	}
	if cr.referer != nil {
		if value := strings.TrimSuffix(strings.TrimSuffix(cr.referer.text, "auto"), ";"); value != "" {
			add("Referer", value)
		}
	}
	if cr.compressed {
		add("Accept-Encoding", "deflate, gzip, br, zstd")
		c.report.Mapped(Settings, 1)
	}
	if cr.json {
		add("Accept", "application/json")
	}
	for _, w := range cr.cookies {
		if strings.Contains(readable(w.text), "=") || hasMark(w.text) {
			r.cookies = append(r.cookies, cookiePairs(w.text)...)
			continue
		}
		c.lose(r, Lost{Kind: Headers, Place: fmt.Sprintf("line %d", w.line), Text: "-b " + w.text, Why: "cookie files are not read; every lane has a jar of its own for what answers set"})
	}
}

// header reads one header line: name: value, name: to send none, name; to send
// an empty one.
func (c *curlImport) header(r *webRequest, cr *curlRequest, line string, at int) {
	name, value, ok := cutOutside(line, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	empty, isEmpty := strings.CutSuffix(strings.TrimSpace(line), ";")
	switch {
	case !ok && isEmpty && !hasMark(empty):
		r.headers = append(r.headers, Field{empty, ""})
	case !ok || hasMark(name) || name == "":
		c.lose(r, Lost{Kind: Headers, Place: fmt.Sprintf("line %d", at), Text: "-H " + line, Why: "that is no header: name: value"})
	case value != "":
		r.headers = append(r.headers, Field{name, value})
	case strings.EqualFold(name, "user-agent"):
		r.headers = append(r.headers, Field{name, ""})
	case strings.EqualFold(name, "content-type") && len(cr.data)+len(cr.parts) > 0:
		c.lose(r, Lost{Kind: Headers, Place: fmt.Sprintf("line %d", at), Text: "-H " + line, Why: "a body is always sent with a type; the kind's own stands"})
		r.body.typ = "-"
	}
}
