package scenarios

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// readSides reads both sides. Their addresses stay templates until expandAddresses expands them: they may
// name variables that only the env file or a flag gives.
func (w *walker) readSides(o *keys.Mapping) (blue, green SideConfig) {
	s := o.Open("sides", "sides", "")
	if s == nil {
		return blue, green
	}
	if n := s.Get("blue"); n != nil {
		w.readSide(n, "side blue", &blue)
	}
	if n := s.Get("green"); n != nil {
		w.readSide(n, "side green", &green)
	}
	return blue, green
}

// readSide reads one side into c.
func (w *walker) readSide(n *yaml.Node, what string, c *SideConfig) {
	o := w.Object(n, "side", what)
	// The place tells a side that is written from one that is not.
	c.Pos = w.Pos(o.Node)
	o.Bind(c)
	if n := o.Get("tls"); n != nil {
		c.TLS = w.readTLS(n, what)
	}
	c.late = append(c.late,
		readLate(o, "url", func(c *SideConfig) *string { return &c.URL }, badBaseURL),
		readLate(o, "host", func(c *SideConfig) *string { return &c.Host }, badHost),
		readLate(o, "resolve", func(c *SideConfig) *string { return &c.Resolve }, badAddress),
		readLate(o, "proxy", func(c *SideConfig) *string { return &c.Proxy }, badProxy))
	o.EachPair("services", func(k, v *yaml.Node) {
		if i := keys.BadNameAt(k.Value); i >= 0 {
			w.ErrorAt(k, i, "", "%q is not the name of a service", problem.Cut(k.Value, 40))
			return
		}
		w.readService(c, k, v, what)
	})
}

// readLate reads a text whose placeholders are expanded by expandAddresses.
func readLate(o *keys.Mapping, name string, into func(*SideConfig) *string, check func(string) string) lateField {
	return lateField{t: o.Template(name), what: name, into: into, check: check}
}

// A lateField is a text of a side with placeholders that only what comes from outside can
// answer. It knows where its text goes and how it is checked, so that expandAddresses handles all
// addresses of sides and services alike.
type lateField struct {
	t *Template
	// what is the key, for messages.
	what string
	into func(*SideConfig) *string
	// check says what is wrong with the expanded text; empty when nothing is.
	check func(text string) string
}

// readService reads a named base URL: a text, or a mapping with what differs from the side.
func (w *walker) readService(c *SideConfig, k, v *yaml.Node, what string) {
	// The service is appended below; its late texts find it by this index.
	index := len(c.Services)
	s := Service{Name: k.Value, Pos: w.Pos(k)}
	// The slice of services still grows, so a field is found by its index and not by a
	// pointer to its element.
	at := func(f func(*Service) *string) func(*SideConfig) *string {
		return func(c *SideConfig) *string { return f(&c.Services[index]) }
	}
	urlOf := at(func(s *Service) *string { return &s.URL })
	// The short form: a URL and everything else from the side.
	if source.Deref(v).Kind != yaml.MappingNode {
		c.late = append(c.late, lateField{w.Template(v, "service "+k.Value), "url", urlOf, badServiceURL})
		c.Services = append(c.Services, s)
		return
	}
	o := w.Object(v, "service", fmt.Sprintf("service %q of %s", k.Value, what))
	o.Bind(&s)
	if n := o.Get("tls"); n != nil {
		t := w.readTLS(n, what)
		s.TLS = &t
	}
	c.late = append(c.late,
		readLate(o, "url", urlOf, badServiceURL),
		readLate(o, "host", at(func(s *Service) *string { return &s.Host }), badHost),
		readLate(o, "resolve", at(func(s *Service) *string { return &s.Resolve }), badAddress))
	c.Services = append(c.Services, s)
}

// readTLS reads certificates and checks that they are what they are used for.
func (w *walker) readTLS(n *yaml.Node, what string) TLS {
	o := w.Object(n, "tls", what)
	t := TLS{}
	o.Bind(&t)
	// Files are read before they are checked: certificate and key belong together.
	pem := map[string][]byte{}
	for name, file := range map[string]string{"ca": t.CA, "cert": t.Cert, "key": t.Key} {
		if file != "" {
			pem[name] = w.readPayload(o.At(name), file)
		}
	}
	w.checkCertificates(o, pem)
	if s := o.Template("server_name"); s != nil {
		if !s.Static() {
			o.Fail(o.At("server_name"), "", "server_name takes no placeholders")
		}
		t.ServerName = s.Text
	}
	// One of them alone is never enough to answer a server that asks.
	if (t.Cert == "") != (t.Key == "") && !o.Broken {
		o.Fail(o.Node, "a client certificate needs cert and key", "tls has one of cert and key")
	}
	return t
}

// mergeStage merges the env file and the flags over the suite's sides and expands their
// addresses:
//
//  1. Lists of the env file (identity, env, secrets) are added to the suite's.
//  2. What the env file writes of a side takes the place of what the suite wrote; see
//     mergeSide. Variables are not merged: they are looked up, the env file's first.
//  3. --blue and --green take the place of the side's url, whoever wrote it.
//  4. What the suite needs must be there when requests will be sent.
func (b *builder) mergeStage(w *walker, o *keys.Mapping) {
	s := b.suite
	// Rule 1.
	if s.Stage != nil { // first: addresses may read what the stage may
		s.Identity = append(s.Identity, s.Stage.Identity...)
		s.Env = union(s.Env, s.Stage.Env)
		s.Secrets = union(s.Secrets, s.Stage.Secrets)
	}
	for _, side := range []Side{Blue, Green} {
		own, flag := s.Side(side), map[Side]string{Blue: b.opts.BlueURL, Green: b.opts.GreenURL}[side]
		// Both are expanded before they are merged: each is checked, even what is replaced.
		b.expandAddresses(own, side)
		if e := s.Stage; e != nil {
			stage := *e.side(side)
			// The env file's addresses may use variables of the suite.
			stage.Services = slices.Clone(stage.Services)
			b.expandAddresses(&stage, side)
			mergeSide(own, &stage)
		}
		// Rule 3.
		if flag != "" {
			if msg := badBaseURL(flag); msg != "" {
				b.failAt(Pos{File: "--" + side.String()}, "", urlHint(flag), "%s", msg)
			}
			own.URL = flag
		}
	}
	// Rule 4.
	b.demandNeeds(w, o)
}

// union is a with what b adds.
// Neither list is changed; the order is that of a, then of what is new.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// demandNeeds reports needs that nothing outside answers, when requests will be sent,
// and those that a flag gives nothing: a variable of a pipeline that was never set.
func (b *builder) demandNeeds(w *walker, o *keys.Mapping) {
	for _, name := range b.suite.Needs {
		// An empty flag is what a pipeline passes on when its own variable is not set; it is an
		// answer, and a wrong one.
		if v, ok := template.Flagged(b.opts.Vars, name); ok && strings.TrimSpace(v.Text) == "" {
			w.Errorf(o.ElementOf("needs", name), "is a variable of the pipeline not set?",
				"the suite needs %q from outside, and --var %s= is empty", name, name)
			continue
		}
		if !b.opts.Demand || b.names.given(name) {
			continue
		}
		w.Errorf(o.ElementOf("needs", name), fmt.Sprintf("give it: --var %s=…, BGVERIFY_VAR_%s, or vars of the env file", name, name),
			"the suite needs %q from outside", name)
	}
}

// mergeSide is rule 2. Headers are merged by name, services by name as a whole, everything
// else field by field.
func mergeSide(own, stage *SideConfig) {
	own.Live = own.Live || stage.Live
	own.URL, own.HTTP = cmp.Or(stage.URL, own.URL), cmp.Or(stage.HTTP, own.HTTP)
	own.Resolve, own.Host = cmp.Or(stage.Resolve, own.Resolve), cmp.Or(stage.Host, own.Host)
	own.Proxy, own.TLS = cmp.Or(stage.Proxy, own.Proxy), cmp.Or(stage.TLS, own.TLS)
	own.Auth, own.Pos = cmp.Or(stage.Auth, own.Auth), cmp.Or(stage.Pos, own.Pos)
	// What both write by name.
	own.Headers = mergeFields(own.Headers, stage.Headers, true)
	own.urlFailed = own.urlFailed || stage.urlFailed
	// A service of the env file is taken as a whole: half of one stage and half of another
	// would be a place that does not exist.
	for _, s := range stage.Services {
		if known := findService(own.Services, s.Name); known != nil {
			*known = s
		} else {
			own.Services = append(own.Services, s)
		}
	}
}

// mergeFields keeps the fields of base whose names over does not write, then those of over.
// fold is set for headers, whose names differ in case alone.
func mergeFields(base, over []Field, fold bool) []Field {
	return mergeBy(base, over, func(a, b Field) bool { return a.Name == b.Name || fold && strings.EqualFold(a.Name, b.Name) })
}

// mergeBy keeps the elements of base that over has no same element of, then those of over.
// It returns a new list.
func mergeBy[T any](base, over []T, same func(a, b T) bool) []T {
	kept := slices.DeleteFunc(slices.Clone(base), func(a T) bool {
		return slices.ContainsFunc(over, func(b T) bool { return same(a, b) })
	})
	return append(kept, over...)
}

// expandAddresses expands the addresses of a side. An address that waits for the environment or a
// need is left empty without Demand: `validate` runs where the stage's variables are not set.
func (b *builder) expandAddresses(c *SideConfig, side Side) {
	for _, f := range c.late {
		if f.t == nil {
			continue
		}
		// Unknown names are reported by the check of names; expanding would report them twice.
		before := len(b.problems)
		if b.names.check(f.t); len(b.problems) > before {
			c.urlFailed = c.urlFailed || f.what == "url"
			continue
		}
		// What a name stands for may still be missing, or cannot be computed.
		v, err := f.t.Expand(b.addressScope(side))
		if err != nil {
			c.urlFailed = c.urlFailed || f.what == "url"
			if b.opts.Demand || !usesOutside(f.t) {
				const hint = "addresses are known before the first request: only vars, flags and the environment answer here"
				b.failAt(f.t.Pos, f.t.Text, hint, "%s: %v", f.what, err)
			}
			continue
		}
		// Only the expanded text shows whether it is an address.
		if msg := f.check(v.Text); msg != "" {
			hint := ""
			if f.what == "url" {
				c.urlFailed, hint = true, urlHint(v.Text)
			}
			b.failAt(f.t.Pos, f.t.Text, hint, "%s: %s", f.what, msg)
			continue
		}
		*f.into(c) = v.Text
	}
	c.late = nil
}

// usesOutside reports whether a template has a variable, which the environment may give.
// Generators are no reason to wait: an address cannot have one.
func usesOutside(t *Template) bool {
	return slices.ContainsFunc(t.Parts, func(p template.Part) bool { return p.IsVariable() })
}

// checkCertificates holds the PEM files of a tls to what they are for, so that a
// wrong one is a problem of the file and not of every request.
func (w *walker) checkCertificates(o *keys.Mapping, pem map[string][]byte) {
	// A file that holds no certificate would make the client trust no server.
	if ca := pem["ca"]; ca != nil && !x509.NewCertPool().AppendCertsFromPEM(ca) {
		o.Fail(o.At("ca"), "a PEM file begins with -----BEGIN CERTIFICATE-----", "no certificate in this file")
	}
	if pem["cert"] == nil || pem["key"] == nil {
		return
	}
	pair, err := tls.X509KeyPair(pem["cert"], pem["key"])
	if err != nil {
		// The error of crypto/tls says which of the two files it is about.
		at := "cert"
		if strings.Contains(err.Error(), "key") {
			at = "key"
		}
		o.Fail(o.At(at), "", "the client certificate: %s", strings.TrimPrefix(err.Error(), "tls: "))
		return
	}
	// A warning and no error: the server may not ask for it.
	if now := w.opts.Now; !now.IsZero() && now.After(pair.Leaf.NotAfter) {
		w.Warnf(o.At("cert"), "a server that asks for it will refuse it", "the client certificate expired on %s",
			pair.Leaf.NotAfter.Format("2006-01-02"))
	}
}

// Passwords are those in the URLs of the suite's sides, services and proxies. They are
// secrets of a run: what it writes or prints must not hold them.
func (s *Suite) Passwords() []string {
	var out []string
	for _, side := range []*SideConfig{&s.Blue, &s.Green} {
		urls := []string{side.URL, side.Proxy}
		for _, service := range side.Services {
			urls = append(urls, service.URL)
		}
		for _, text := range urls {
			u, err := url.Parse(text)
			if err != nil || u.User == nil {
				continue
			}
			if password, _ := u.User.Password(); password != "" {
				out = append(out, password)
			}
		}
	}
	return out
}

// Sources are the variables that the suite's own file and a stage's env file
// (nil: none) give to one side. The caller adds what it knows besides: flags, the
// environment, captures, the row, the case.
func (s *Suite) Sources(side Side, stage *Env) *template.Sources {
	sources := &template.Sources{Suite: [][]Var{s.Side(side).Vars, s.Vars}}
	if stage != nil {
		sources.Stage = [][]Var{stage.side(side).Vars, stage.Vars}
	}
	return sources
}

// Side is the configuration of one side.
func (s *Suite) Side(side Side) *SideConfig {
	if side == Green {
		return &s.Green
	}
	return &s.Blue
}

// side is what the env file says of one side.
func (e *Env) side(side Side) *SideConfig {
	if side == Green {
		return &e.Green
	}
	return &e.Blue
}
