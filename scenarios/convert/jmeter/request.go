package jmeter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A reach is a sampler with the elements that count for it: those next to its
// controllers from the outside in, then its own.
type reach struct {
	n     *node
	outer []*node // outside in
}

// of lists the elements of a role, outside in.
func (r *reach) of(want role) []*node {
	return slices.DeleteFunc(slices.Concat(r.outer, r.n.kids), func(x *node) bool { return x.role() != want })
}

// configs are the configuration elements of a class, the nearest first.
func (r *reach) configs(class string) []*node {
	out := slices.DeleteFunc(r.of(config), func(x *node) bool {
		// The defaults of another protocol have the same class.
		ofOther := x.gui != "" && !strings.HasSuffix(x.gui, "HttpDefaultsGui") && !strings.HasSuffix(x.gui, "UrlConfigGui")
		return x.class != class || class == "ConfigTestElement" && ofOther
	})
	slices.Reverse(out)
	return out
}

// withDefaults is the sampler, then its defaults, the nearest first.
func (r *reach) withDefaults() []*node {
	return append([]*node{r.n}, r.configs("ConfigTestElement")...)
}

// property is the sampler's, or that of the nearest defaults that have one.
func (r *reach) property(name string) string {
	for _, n := range r.withDefaults() {
		if text := n.text(name); strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}

// An argument is a parameter of a sampler.
type argument struct {
	name, value    string // marked
	encode, equals bool
	typ            string
}

// arguments are those of the sampler, then those of its defaults.
func (r *reach) arguments(s *scope) []argument {
	raw := r.n.flag("HTTPSampler.postBodyRaw")
	var out []argument
	for _, n := range r.withDefaults() {
		for _, a := range list(propOf(n.props, "HTTPsampler.Arguments"), "Arguments.arguments") {
			equals := textOf(a, "HTTPArgument.use_equals")
			encode := strings.EqualFold(strings.TrimSpace(textOf(a, "HTTPArgument.always_encode")), "true")
			text := s.text
			if !encode && !raw {
				text = s.address
			}
			meta := propOf(a, "Argument.metadata")
			out = append(out, argument{
				name: text(textOf(a, "Argument.name")), value: text(textOf(a, "Argument.value")), encode: encode,
				equals: equals != "false" && (meta == nil || meta.text != ""), typ: strings.TrimSpace(textOf(a, "HTTPArgument.content_type")),
			})
		}
	}
	return out
}

// urlEncoded is text as java.net.URLEncoder writes it.
func urlEncoded(marked string) string {
	return web.Literals(marked, func(s string) string {
		s = template.PercentEncode(s, "* ")
		return strings.NewReplacer(" ", "+", "~", "%7E").Replace(s)
	})
}

func (a *argument) encoded() (name, value string) {
	if a.encode {
		return urlEncoded(a.name), urlEncoded(a.value)
	}
	return a.name, a.value
}

// query joins arguments as JMeter appends them to an address.
func query(args []argument) string {
	var b strings.Builder
	for _, a := range args {
		name, value := a.encoded()
		if name == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name)
		if a.equals || value != "" {
			b.WriteByte('=')
		}
		b.WriteString(value)
	}
	return b.String()
}

// request makes the request of a sampler.
func (p *plan) request(r *reach, s *scope, id, name string) *web.Request {
	q := &web.Request{ID: id, Name: name}
	s.request = q
	q.Method = cmp.Or(strings.TrimSpace(s.text(r.property("HTTPSampler.method"))), "GET")
	q.URL, s.free = r.address(s)
	r.headers(s, q)
	r.auth(s, q)
	r.cookies(s, q)
	p.content(r, s, q)
	r.times(s, q)
	r.settings(s, q)
	return q
}

// content writes the arguments of a sampler and its files into the address or the body, as
// JMeter does for its method.
func (p *plan) content(r *reach, s *scope, q *web.Request) {
	// Arguments without names are the lines of a raw body, also where the flag is not set.
	args, files := r.arguments(s), r.files(s)
	raw := r.n.flag("HTTPSampler.postBodyRaw") || len(args) > 0 && !slices.ContainsFunc(args, func(a argument) bool { return a.name != "" })
	text := query(args)
	switch method := q.Method; {
	case method == "HEAD", method == "TRACE", method == "OPTIONS" && p.old:
		if text != "" {
			p.Report.Note(q.ID, "JMeter sends no arguments with %s", method)
		}
	case slices.Contains(inAddress, method) && !(raw && method == "DELETE"):
		// JMeter sends a path that is a whole address without the arguments.
		if text != "" && !r.whole(s) {
			sep := "?"
			if _, _, has := web.CutOutside(q.URL, "?"); has {
				sep = "&"
			}
			q.URL += sep + web.Literals(text, encodeSpaces)
			if s.free != "" {
				s.free += sep + web.Literals(text, encodeSpaces)
			}
		}
		if raw && joined(args) != "" {
			p.Lose(q, model.Lost{Kind: model.Bodies, Place: r.n.place(), Why: "JMeter sends no body with " + method})
		}
	case len(files) == 1 && files[0].name == "" && len(args) == 0:
		p.fileBody(q, files[0])
	case len(files) > 0 && method == "POST" || r.n.flag("HTTPSampler.DO_MULTIPART_POST"):
		p.multipart(q, args, files)
	case raw:
		q.Body = p.rawBody(r, q, joined(args))
		q.LiftJSON = s.typed
	case text != "":
		q.Body = web.Body{Data: form(args), Type: "application/x-www-form-urlencoded"}
	}
}

// rawBody is a body of text, with the type that JMeter gives it.
func (p *plan) rawBody(r *reach, q *web.Request, data string) web.Body {
	encoding := r.property("HTTPSampler.contentEncoding")
	body := web.Body{Data: data, Type: "text/plain; charset=" + charsetOf(encoding)}
	switch _, written := q.Header("Content-Type"); {
	case data == "":
		body.Type = ""
	case p.old && q.Method == "POST":
		body.Type = "application/x-www-form-urlencoded"
	case !ascii(data) && encoding == "":
		p.Report.Note(q.ID, "its body is not ASCII and names no encoding: JMeter before 5.6 sends question marks; here it is UTF-8")
		if !written {
			body.Type = "text/plain; charset=utf-8"
		}
	}
	return body
}

// headers merges the header managers: of one name the nearest wins.
func (r *reach) headers(s *scope, q *web.Request) {
	var seen []string
	for _, m := range r.configs("HeaderManager") {
		var here []string
		for _, h := range list(m.props, "HeaderManager.headers") {
			name := strings.TrimSpace(s.text(textOf(h, "Header.name")))
			if name == "" || slices.Contains(seen, strings.ToLower(name)) {
				continue
			}
			here = append(here, strings.ToLower(name))
			value := strings.Join(strings.Fields(strings.ReplaceAll(s.text(textOf(h, "Header.value")), "\r", "")), " ")
			q.Headers = append(q.Headers, model.Field{Name: name, Text: value})
		}
		seen = append(seen, here...)
	}
}

// auth is the entry of the authorization managers whose address the sampler's
// begins with.
func (r *reach) auth(s *scope, q *web.Request) {
	for _, m := range r.configs("AuthManager") {
		for _, a := range list(m.props, "AuthManager.auth_list") {
			url := s.text(textOf(a, "Authorization.url"))
			if url != "" && !strings.HasPrefix(q.URL, url) {
				continue
			}
			user, password := s.text(textOf(a, "Authorization.username")), s.text(textOf(a, "Authorization.password"))
			// The first entry whose address fits counts; without an address it fits every request.
			mechanism := strings.ToUpper(strings.TrimSpace(textOf(a, "Authorization.mechanism")))
			kind, known := map[string]model.AuthKind{"": model.Basic, "BASIC": model.Basic, "BASIC_DIGEST": model.Basic, "DIGEST": model.Digest}[mechanism]
			if !known {
				s.p.Lose(q, model.Lost{Kind: model.Auths, Place: m.place(), Text: mechanism, Why: "the mechanism is not converted"})
				return
			}
			s.p.Report.Mapped(model.Auths, 1)
			q.Auth = &model.Auth{Kind: kind, User: user, Password: s.p.Secret(q, "PASSWORD", password, "the password of the authorization manager")}
			return
		}
	}
}

// cookies are those that the cookie managers define; all others are the jar's.
func (r *reach) cookies(s *scope, q *web.Request) {
	// With a manager JMeter keeps cookies as a jar does; without one it sends none.
	managers := r.configs("CookieManager")
	if len(managers) == 0 {
		s.p.noJar++
		return
	}
	for _, c := range list(managers[0].props, "CookieManager.cookies") {
		if name := c.attr("name"); name != "" {
			q.Cookies = append(q.Cookies, model.Field{Name: name, Text: s.text(textOf(c, "Cookie.value"))})
		}
	}
}

// times makes the timeouts of a sampler one.
func (r *reach) times(s *scope, q *web.Request) {
	ms := 0
	for _, name := range []string{"HTTPSampler.connect_timeout", "HTTPSampler.response_timeout"} {
		n, _ := s.p.names.integer(r.property(name))
		ms += max(0, n)
	}
	if ms > 0 {
		q.Timeout = fmt.Sprintf("%dms", min(ms, 600_000))
		s.p.Report.Mapped(model.Settings, 1)
	}
}

// settings are what a sampler asks for that a step does not have.
func (r *reach) settings(s *scope, q *web.Request) {
	for _, x := range []struct{ property, why string }{
		{"HTTPSampler.image_parser", "resources inside pages are not fetched"},
		{"HTTPSampler.md5", "the answers are compared, not their digests"},
		{"HTTPSampler.ipSource", "the source address belongs to the machine"},
		{"HTTPSampler.proxyHost", "a proxy belongs to a side: write proxy: in sides"},
	} {
		if text := strings.TrimSpace(r.property(x.property)); text != "" && text != "false" {
			s.p.Lose(q, model.Lost{Kind: model.Settings, Place: r.n.place(), Text: strings.TrimPrefix(x.property, "HTTPSampler.") + " " + naming.OneLine(text, 60), Why: x.why})
		}
	}
	if r.n.flag("HTTPSampler.follow_redirects") || r.n.flag("HTTPSampler.auto_redirects") {
		s.p.follows++
	}
}

// noHost is what requests go to whose plan names no host.
var noHost = web.Marked("base_url")

// address is the whole address of a sampler, without the query of its arguments.
// free is the path where it begins with a value that is not known: it is then an
// address, or a path that brings its own slash.
func (r *reach) address(s *scope) (address, free string) {
	raw := strings.TrimSpace(r.property("HTTPSampler.path"))
	if origin, rest := cutOrigin(raw); origin != "" {
		return s.origin(origin) + web.Literals(s.address(rest), encodeSpaces), ""
	}
	p := web.Literals(s.address(raw), encodeSpaces)
	if strings.HasPrefix(p, "http://") || strings.HasPrefix(p, "https://") {
		return p, ""
	}
	part := func(name string) string { return s.origin(strings.TrimSpace(r.property("HTTPSampler." + name))) }
	// The host is shown, not asked for: where it is belongs to the sides.
	domain, protocol, port := part("domain"), part("protocol"), part("port")
	if strings.HasPrefix(p, web.Mark) && !strings.HasPrefix(p, web.Mark+"$") {
		free = p
	}
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	if domain == "" {
		return noHost + p, free
	}
	protocol = cmp.Or(protocol, "http")
	if _, rest, has := web.CutOutside(domain, "://"); has { // written into the host by mistake
		domain = rest
	}
	// A default port is left out, so that one host is one service.
	if port == "" || port == "0" || protocol == "http" && port == "80" || protocol == "https" && port == "443" {
		return protocol + "://" + domain + p, free
	}
	return protocol + "://" + domain + ":" + port + p, free
}

// whole reports whether the path of a sampler is a whole address.
func (r *reach) whole(s *scope) bool {
	origin, _ := cutOrigin(s.p.names.constantOr(strings.TrimSpace(r.property("HTTPSampler.path"))))
	return origin != ""
}

// cutOrigin cuts an address that begins with its scheme behind its host.
func cutOrigin(raw string) (origin, rest string) {
	if !strings.HasPrefix(raw, "http://") && !strings.HasPrefix(raw, "https://") {
		return "", raw
	}
	depth := 0
	for i := strings.Index(raw, "://") + 3; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case depth == 0 && (c == '/' || c == '?'):
			return raw[:i], raw[i:]
		}
	}
	return raw, ""
}

// encodeSpaces writes what no address may hold, as JMeter's client does.
func encodeSpaces(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// inAddress are the methods whose arguments JMeter writes into the address; of
// HEAD and TRACE, and of OPTIONS before JMeter 3, they are not sent.
var inAddress = []string{"GET", "DELETE", "OPTIONS"}
