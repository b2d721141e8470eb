package write

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/layout"
)

// setRequest sets the key that says what is sent: the verb with its path, or request: for
// any other method. A step that uses a part has none.
func setRequest(d *keys.Draft, s *model.Step) {
	verb := strings.ToLower(s.Method)
	switch {
	case s.Method == "":
	case slices.Contains(keys.Verbs, verb) && strings.ToUpper(verb) == s.Method:
		d.Set(verb, s.URL)
	default:
		r := keys.NewDraft("request")
		r.Fill(s)
		d.Set("request", r.Node)
	}
}

// setStep sets what else a step sends and what it expects.
func setStep(d *keys.Draft, s *model.Step) {
	setCommon(d, s)
	if s.Body != nil {
		setBody(d, s.Body)
	}
	d.Set("capture", capturesNode(s.Captures))
	if len(s.When) > 0 {
		when := keys.NewDraft("when")
		when.Set("vars", checksNode(s.When))
		d.Set("when", when.Node)
	}
	d.Set("continue", s.Continue)
	if s.Repeat > 1 {
		d.Set("repeat", s.Repeat)
	}
	d.Set("pause", s.Pause)
}

// setCommon sets the keys that steps and the defaults of a suite share.
func setCommon(d *keys.Draft, s *model.Step) {
	d.Set("service", s.Service)
	d.Set("query", fieldsNode(s.Query))
	d.Set("headers", fieldsNode(s.Headers))
	d.Set("cookies", fieldsNode(s.Cookies))
	if s.Auth != nil {
		d.Set("auth", authNode(s.Auth))
	}
	d.Set("side_effects", s.Effects)
	d.Set("timeout", s.Timeout)
	if !s.Expect.Empty() {
		d.Set("expect", expectNode(&s.Expect))
	}
}

// fieldsNode writes fields by their names; nil without any.
func fieldsNode(fields []model.Field) *layout.Node {
	return grouped(fields, func(f model.Field) (string, *layout.Node) { return f.Name, layout.Loose(f.Text) })
}

// grouped is a mapping of values by their names; those of one name are a list at
// the place of the first. nil without any.
func grouped[T any](list []T, pair func(T) (string, *layout.Node)) *layout.Node {
	if len(list) == 0 {
		return nil
	}
	m, values := layout.Mapping(), map[string][]*layout.Node{}
	for _, x := range list {
		name, node := pair(x)
		if len(values[name]) == 0 {
			m.Pairs = append(m.Pairs, layout.Pair{Key: name})
		}
		values[name] = append(values[name], node)
	}
	for i := range m.Pairs {
		p := &m.Pairs[i]
		if p.Value = values[p.Key][0]; len(values[p.Key]) > 1 {
			p.Value = layout.List(values[p.Key]...)
		}
	}
	return m
}

// authTables are the tables of the kinds of authentication that have keys.
var authTables = map[model.AuthKind]string{
	model.Basic: "basic", model.Digest: "digest", model.AWS: "aws", model.APIKeyHeader: "api_key", model.APIKeyQuery: "api_key",
	model.OAuth2Client: "oauth2", model.OAuth2Password: "oauth2",
}

// authNode writes an authentication. Which table a kind has is in authTables; the fields that have
// the name of a key are filled in by the table.
func authNode(a *model.Auth) *layout.Node {
	table := authTables[a.Kind]
	switch a.Kind {
	case model.NoAuth:
		return layout.Plain("none")
	case model.Bearer:
		return layout.Mapping(layout.Pair{Key: "bearer", Value: layout.Loose(a.Token)})
	}
	d, auth := keys.NewDraft(table), keys.NewDraft("auth")
	switch a.Kind {
	case model.APIKeyHeader:
		d.Set("header", a.Name)
	case model.APIKeyQuery:
		d.Set("query", a.Name)
	case model.OAuth2Password:
		d.Set("grant", "password")
		d.Set("user", layout.Loose(a.User))
		d.Set("password", layout.Loose(a.Password))
	}
	d.Fill(a)
	auth.Set(table, d.Node)
	return auth.Node
}

// setBody sets the one key of a step that holds its body.
func setBody(d *keys.Draft, b *model.Body) {
	switch b.Kind {
	case model.JSONBody:
		d.Set("json", jsonNode(b.JSON))
	case model.FormBody:
		d.Set("form", fieldsNode(b.Fields))
	case model.MultipartBody:
		d.Set("multipart", grouped(b.Parts, func(p model.Part) (string, *layout.Node) { return p.Name, partNode(&p) }))
	case model.GraphQLBody:
		if b.JSON == nil && b.Operation == "" {
			d.Set("graphql", layout.Loose(b.Text))
			return
		}
		g := keys.NewDraft("graphql")
		if b.JSON != nil {
			g.Set("variables", jsonNode(b.JSON))
		}
		g.Fill(b)
		d.Set("graphql", g.Node)
	case model.XMLBody:
		d.Set("xml", layout.Text(b.Text))
	case model.TextBody:
		d.Set("text", layout.Text(b.Text))
	case model.FileBody:
		d.Set("file", layout.Loose(b.File))
	case model.Base64Body:
		d.Set("base64", layout.Loose(b.Text))
	}
}

// partNode writes a part of a multipart body: its text alone where nothing else is known.
func partNode(p *model.Part) *layout.Node {
	if p.File == "" && p.FileName == "" && p.Type == "" {
		return layout.Loose(p.Text)
	}
	d := keys.NewDraft("multipart part")
	if p.File == "" {
		d.Set("value", layout.Loose(p.Text))
	}
	p.FileName, p.Type = people(p.FileName), people(p.Type)
	d.Fill(p)
	return d.Node
}

// jsonNode writes a JSON value: strings that look like something else are quoted.
func jsonNode(v *model.Node) *layout.Node {
	switch v.Kind {
	case model.ObjectNode:
		n := layout.Mapping()
		for i, k := range v.Keys {
			n.Pairs = append(n.Pairs, layout.Pair{Key: k, Value: jsonNode(v.Items[i])})
		}
		return n
	case model.ArrayNode:
		return jsonList(v.Items)
	case model.LiteralNode:
		return layout.Plain(v.Text)
	}
	return layout.Text(v.Text)
}

func jsonList(values []*model.Node) *layout.Node {
	n := layout.List()
	for _, v := range values {
		n.Items = append(n.Items, jsonNode(v))
	}
	return n
}

func expectNode(e *model.Expect) *layout.Node {
	d := keys.NewDraft("expect")
	if len(e.Status) == 1 {
		d.Set("status", e.Status[0])
	} else {
		d.Set("status", e.Status)
	}
	d.Set("latency", e.Latency)
	d.Set("headers", checksNode(e.Headers))
	d.Set("cookies", checksNode(e.Cookies))
	d.Set("body", checksNode(e.Body))
	if len(e.Text) > 0 {
		d.Set("text", matchersNode(e.Text))
	}
	d.Set("schema", e.Schema)
	d.Set("snapshot", e.Snapshot)
	return d.Node
}

// checksNode writes tests by what they test; nil without any.
func checksNode(checks []model.Check) *layout.Node {
	if len(checks) == 0 {
		return nil
	}
	m := layout.Mapping()
	m.Open = len(checks) > 2
	for _, c := range checks {
		m.Pairs = append(m.Pairs, layout.Pair{Key: c.Name, Value: matchersNode(c.Matchers)})
	}
	return m
}

// matchersNode writes tests of a value. A single eq is written as the value itself, where
// that is not a mapping that would be read as matchers.
func matchersNode(list []model.Matcher) *layout.Node {
	if len(list) == 1 && list[0].Op == "eq" && list[0].Value.Kind != model.ObjectNode {
		return jsonNode(list[0].Value)
	}
	return testsNode(list, "matchers")
}

// testsNode writes tests as a mapping by a table: matchers, or count or not inside one. They
// keep the order of the source, where the one that matters most comes first. Further tests of
// one kind become a list of their own at the end.
func testsNode(list []model.Matcher, table string) *layout.Node {
	n, more := layout.Mapping(), layout.List()
	for i, m := range list {
		d := keys.NewDraft(table)
		d.Set(m.Op, operandNode(&m))
		if slices.ContainsFunc(list[:i], func(o model.Matcher) bool { return o.Op == m.Op }) {
			more.Items = append(more.Items, d.Node)
			continue
		}
		n.Pairs = append(n.Pairs, d.Pairs...)
	}
	if len(more.Items) > 0 {
		d := keys.NewDraft(table)
		d.Set("all", more)
		n.Pairs = append(n.Pairs, d.Pairs...)
	}
	return n
}

// operandNode writes what a test compares with.
func operandNode(m *model.Matcher) *layout.Node {
	nested := m.Op // count and not have tables of these names
	if m.Op == "each" {
		nested = "matchers"
	}
	switch {
	case m.Value != nil:
		return jsonNode(m.Value)
	case len(m.Sub) > 0 && hasTwice(m.Sub):
		// A mapping cannot hold a test twice, a list of mappings can.
		several := layout.List()
		for _, s := range m.Sub {
			several.Items = append(several.Items, testsNode([]model.Matcher{s}, nested))
		}
		return several
	case len(m.Sub) > 0:
		return testsNode(m.Sub, nested)
	}
	return jsonList(m.List)
}

// hasTwice reports whether a mapping could not hold the tests.
func hasTwice(list []model.Matcher) bool {
	for i, m := range list {
		if slices.ContainsFunc(list[:i], func(o model.Matcher) bool { return o.Op == m.Op }) {
			return true
		}
	}
	return false
}

func capturesNode(captures []model.Capture) *layout.Node {
	return grouped(captures, func(c model.Capture) (string, *layout.Node) {
		if c.At != "" && c.Regex == "" {
			return c.Name, layout.Loose(c.At)
		}
		d := keys.NewDraft("capture")
		d.Fill(&c)
		return c.Name, d.Node
	})
}
