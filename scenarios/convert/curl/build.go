package curl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// command reads the arguments of one curl.
func (c *curlImport) command(cmd *shCommand, in stdin) {
	words := slices.Clone(curlWords(cmd.words)[1:])
	for i := range words {
		for _, in := range web.Insides(words[i].text) {
			if name := strings.TrimPrefix(in, "env."); slices.Contains(c.loops, name) {
				words[i].unknown = append(slices.Clone(words[i].unknown), "$"+name)
			}
		}
		words[i].text = c.resolve(words[i].text)
	}
	if cmd.background {
		c.Report.Note("", "line %d: a & outside quotes ended this command, as it does in a shell; put the address in quotes "+
			"if it belongs to it", cmd.line)
	}
	first := true
	for _, r := range curlArgs(words) {
		c.quiet = model.AppendOnce(c.quiet, r.quiet...)
		if len(r.urls) == 0 {
			c.Report.Lose(lostAt(model.Requests, cmd.line, cmd.text, "there is no address in it"))
			for _, l := range r.lost {
				c.Report.Lose(lostAt(model.Settings, l.line, web.Readable(l.text), l.why))
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
			c.Suite.Needs = model.AppendOnce(c.Suite.Needs, p.capture.Name)
		}
	}
	c.Hosts(c.requests)
	// A suite of setup alone proves nothing: then every request is a case.
	cases := slices.ContainsFunc(made, func(p *pendingCurl) bool { return p.capture == nil })
	for i, r := range c.requests {
		if made[i].capture != nil && cases {
			c.setupStep(made[i], r)
		} else {
			c.Suite.Cases = append(c.Suite.Cases, c.CaseOf(r))
		}
	}
	c.Hoist()
}

// sides carries over what belongs to a side: only when every request that it
// matters to says so.
func (c *curlImport) sides() {
	agree := func(secure bool, value func(*curlRequest) string) string {
		out, seen := "", false
		// All requests that the option matters to must agree.
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
	if agree(true, func(r *curlRequest) string { return strconv.FormatBool(r.on["insecure"]) }) == "true" {
		c.Suite.Blue.Insecure, c.Suite.Green.Insecure = true, true
		c.Report.Note("", "certificates are not checked on either side (-k); remove tls: {insecure: true} where they can be")
	}
	if name := agree(true, func(r *curlRequest) string { return r.ca }); name != "" {
		if data, err := c.read(name); err == nil {
			file := c.Asset("files", web.BaseName(name), data)
			c.Suite.Blue.CA, c.Suite.Green.CA = file, file
		}
	}
	if v := agree(false, func(r *curlRequest) string { return r.http }); v == "1.1" || v == "h2c" {
		c.Suite.Blue.HTTP, c.Suite.Green.HTTP = v, v
	}
}

func secureURL(text string) bool {
	origin, _, _ := web.CutURL(text)
	return !strings.HasPrefix(origin, "http://")
}

// request makes one request; nil when it cannot be sent over HTTP.
func (c *curlImport) request(p *pendingCurl) *web.Request {
	cr := p.curl
	r := &web.Request{Method: cr.methodOf(), URL: p.url.text}
	place := fmt.Sprintf("line %d", p.command.line)
	origin, path, _ := web.CutURL(r.URL)
	if bad := web.OriginFault(origin); bad != "" {
		c.Report.Lose(model.Lost{Kind: model.Requests, Place: place, Text: web.Readable(r.URL), Why: bad})
		return nil
	}
	path, _, _ = web.CutOutside(path, "?")
	r.ID = c.Cases.Take(web.CaseID(r.Method, path))
	if p.first {
		c.title(r, p.command.comment)
	}
	c.settings(r, p)
	c.headers(r, cr)
	c.credentials(r, cr)
	c.body(r, p)
	// curl resolves . and .. before it sends.
	if !cr.on["path-as-is"] {
		_, full, _ := web.CutURL(r.URL)
		head, _, _ := web.CutOutside(r.URL, "#")
		r.URL = strings.TrimSuffix(head, full[1:]) + web.Squash(full)[1:]
	}
	c.StepOf(r, func(name, value string) bool {
		return web.HasMark(value) || !naming.SecretName(name) && !naming.SecretText(value) && len(value) <= 16
	})
	return r
}

// title takes the comment above a command as the case's name.
func (c *curlImport) title(r *web.Request, comment []string) {
	if len(comment) == 1 && len(comment[0]) <= 100 {
		r.Name = naming.Plain(naming.OneLine(comment[0], 100))
		return
	}
	r.Comment = append(r.Comment, comment...)
}

// isJSON reports whether the body is that of --json.
func (r *curlRequest) isJSON() bool {
	return slices.ContainsFunc(r.data, func(d curlData) bool { return d.kind == dataJSON })
}

// methodOf is the method that curl chooses.
func (r *curlRequest) methodOf() string {
	switch {
	case r.method != "":
		return r.method
	case r.on["head"]:
		return "HEAD"
	case r.upload != nil:
		return "PUT"
	case r.on["get"]:
		return "GET"
	case len(r.data)+len(r.parts) > 0:
		return "POST"
	}
	return "GET"
}

// settings lists the options that have no place, and takes those that have.
func (c *curlImport) settings(r *web.Request, p *pendingCurl) {
	cr := p.curl
	for _, l := range cr.lost {
		c.loseOption(r, l.line, l.text, l.why)
	}
	if cr.refused != "" {
		r.Skip = append(r.Skip, cr.refused)
	}
	if in := web.Insides(r.URL); len(in) == 1 && r.URL == web.Marked(in[0]) && !strings.HasSuffix(strings.ToUpper(in[0]), "BASE_URL") {
		c.loseOption(r, p.url.line, r.URL, "its whole address is a variable: write its path, and what names the host as the side's url")
		r.Skip = append(r.Skip, "its whole address is a variable")
	}
	c.sideSettings(r, cr, p.command.line)
	if cr.maxTime != nil {
		seconds, err := strconv.ParseFloat(cr.maxTime.text, 64)
		if err == nil && seconds >= 0.001 && seconds <= 600 {
			r.Timeout = strconv.FormatFloat(seconds, 'f', -1, 64) + "s"
			c.Report.Mapped(model.Settings, 1)
		} else {
			c.loseOption(r, cr.maxTime.line, "--max-time "+cr.maxTime.text, "a timeout is a number of seconds, at most 600")
		}
	}
	c.shellValues(r, p)
}

// loseOption lists an option that has no place.
func (c *curlImport) loseOption(r *web.Request, line int, text, why string) {
	c.Lose(r, lostAt(model.Settings, line, web.Readable(text), why))
}

// sideSettings lists what belongs to a side and could not be carried over to both: see sides.
func (c *curlImport) sideSettings(r *web.Request, cr *curlRequest, line int) {
	if cr.on["insecure"] && secureURL(r.URL) && !c.Suite.Blue.Insecure {
		c.loseOption(r, line, "-k", "only some requests ask for it; write tls: {insecure: true} in a side or service")
	} else if cr.on["insecure"] {
		c.Report.Mapped(model.Settings, 1)
	}
	if cr.ca != "" && c.Suite.Blue.CA == "" {
		_, err := c.read(cr.ca)
		why := "only some requests ask for it; write tls: {ca: …} in a side or service"
		if err != nil {
			why = err.Error() + "; write tls: {ca: …} in sides"
		}
		c.loseOption(r, line, "--cacert "+cr.ca, why)
	} else if cr.ca != "" {
		c.Report.Mapped(model.Settings, 1)
	}
	switch {
	case cr.http == "2" && secureURL(r.URL), cr.http != "" && c.Suite.Blue.HTTP == cr.http:
		c.Report.Mapped(model.Settings, 1) // 2 is what TLS negotiates anyway
	case cr.http != "":
		c.loseOption(r, line, map[string]string{"1.1": "--http1.1", "2": "--http2", "h2c": "--http2-prior-knowledge"}[cr.http],
			"the version belongs to a side: write http: in sides")
	}
}

// shellValues lists what only a running shell could compute, and an address that curl
// expands to several.
func (c *curlImport) shellValues(r *web.Request, p *pendingCurl) {
	for _, w := range p.curl.unknown {
		for _, u := range w.unknown {
			why := "nothing is executed; write its value instead"
			if slices.Contains(c.loops, strings.TrimPrefix(u, "$")) {
				why = "loops are not followed; write its values as rows: data: [{…}]"
			}
			c.Lose(r, lostAt(model.Dynamics, w.line, u, why))
		}
		r.Skip = model.AppendOnce(r.Skip, "it holds what only a shell can compute: "+naming.OneLine(w.unknown[0], 60))
	}
	_, path, _ := web.CutURL(r.URL)
	if i := slices.IndexFunc(strings.Split(path, web.Mark), globs); i >= 0 && !p.curl.on["globoff"] {
		c.Lose(r, lostAt(model.Settings, p.url.line, r.URL, "curl sends one request for each of these; write them as rows: data: [{…}]"))
		r.Skip = append(r.Skip, "curl sends several requests for its address")
	}
}

// globs reports whether curl would take a text for {a,b} or [1-3].
func globs(s string) bool {
	open := strings.IndexAny(s, "{[")
	return open >= 0 && strings.ContainsAny(s[open:], "}]")
}

// headers reads -H, -A, -e, -b and what other options add.
func (c *curlImport) headers(r *web.Request, cr *curlRequest) {
	for _, w := range cr.headers {
		name, isFile := strings.CutPrefix(w.text, "@")
		if !isFile {
			c.header(r, cr, w.text, w.line)
			continue
		}
		data, err := c.read(name)
		if err != nil {
			c.Lose(r, lostAt(model.Headers, w.line, "-H "+w.text, err.Error()))
			r.Skip = append(r.Skip, err.Error())
			continue
		}
		for l := range strings.Lines(strings.ReplaceAll(string(data), web.Mark, "")) {
			if l = strings.TrimRight(l, "\r\n"); l != "" {
				c.header(r, cr, l, w.line)
			}
		}
	}
	// Headers that options imply yield to those that -H writes.
	add := func(name, value string) {
		if _, has := r.Header(name); !has {
			r.Headers = append(r.Headers, model.Field{Name: name, Text: value})
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
	if cr.on["compressed"] {
		add("Accept-Encoding", "deflate, gzip, br, zstd")
		c.Report.Mapped(model.Settings, 1)
	}
	if cr.isJSON() {
		add("Accept", "application/json")
	}
	for _, w := range cr.cookies {
		if strings.Contains(web.Readable(w.text), "=") || web.HasMark(w.text) {
			r.Cookies = append(r.Cookies, web.CookiePairs(w.text)...)
			continue
		}
		c.Lose(r, lostAt(model.Headers, w.line, "-b "+w.text,
			"cookie files are not read; each lane has its own cookie jar for what answers set"))
	}
}

// header reads one header line: name: value, name: to send none, name; to send
// an empty one.
func (c *curlImport) header(r *web.Request, cr *curlRequest, line string, at int) {
	name, value, ok := web.CutOutside(line, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	empty, isEmpty := strings.CutSuffix(strings.TrimSpace(line), ";")
	switch {
	case !ok && isEmpty && !web.HasMark(empty):
		r.Headers = append(r.Headers, model.Field{Name: empty, Text: ""})
	case !ok || web.HasMark(name) || name == "":
		c.Lose(r, lostAt(model.Headers, at, "-H "+line, "that is not a header: name: value"))
	case value != "":
		r.Headers = append(r.Headers, model.Field{Name: name, Text: value})
	case strings.EqualFold(name, "user-agent"):
		r.Headers = append(r.Headers, model.Field{Name: name, Text: ""})
	case strings.EqualFold(name, "content-type") && len(cr.data)+len(cr.parts) > 0:
		c.Lose(r, lostAt(model.Headers, at, "-H "+line, "a body is always sent with a type; the default of its kind is used"))
		r.Body.Type = "-"
	}
}

// lostAt is a thing on a line of the file that is not converted.
func lostAt(kind model.Kind, line int, text, why string) model.Lost {
	return model.Lost{Kind: kind, Place: fmt.Sprintf("line %d", line), Text: text, Why: why}
}
