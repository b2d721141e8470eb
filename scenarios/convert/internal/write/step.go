package write

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

var ownVerbs = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

// stepKeys writes what a step sends and expects; comments of an inlined step
// are written above its verb.
func stepKeys(s *model.Step, request bool) *yamlNode {
	n := mapNode()
	switch {
	case !request || s.Method == "":
	case slices.Contains(ownVerbs, s.Method):
		n.put(strings.ToLower(s.Method), looseNode(s.URL))
	default:
		r := mapNode()
		r.put("method", looseNode(s.Method))
		r.put("url", looseNode(s.URL))
		n.put("request", r)
	}
	n.putText("service", s.Service)
	putFields(n, "query", s.Query)
	putFields(n, "headers", s.Headers)
	putFields(n, "cookies", s.Cookies)
	if s.Auth != nil {
		n.put("auth", authNode(s.Auth))
	}
	if s.Body != nil {
		putBody(n, s.Body)
	}
	n.putText("side_effects", string(s.Effects))
	n.putText("timeout", s.Timeout)
	if !s.Expect.Empty() {
		n.put("expect", expectNode(&s.Expect))
	}
	if len(s.Captures) > 0 {
		n.put("capture", captureNode(s.Captures))
	}
	if s.Continue {
		n.put("continue", plainNode("true"))
	}
	if s.Repeat > 1 {
		n.put("repeat", plainNode(strconv.Itoa(s.Repeat)))
	}
	n.putText("pause", s.Pause)
	if len(s.When) > 0 {
		when := mapNode()
		putChecks(when, "vars", s.When)
		n.put("when", when)
	}
	return n
}

// putFields writes fields by their names.
func putFields(n *yamlNode, key string, fields []model.Field) {
	if len(fields) == 0 {
		return
	}
	n.put(key, grouped(fields, func(f model.Field) string { return f.Name }, func(f model.Field) *yamlNode { return looseNode(f.Text) }))
}

// grouped is a mapping of values by their names; those of one name are a list at
// the place of the first.
func grouped[T any](list []T, name func(T) string, node func(T) *yamlNode) *yamlNode {
	m := mapNode()
	for i, x := range list {
		same := func(o T) bool { return name(o) == name(x) }
		if slices.ContainsFunc(list[:i], same) {
			continue
		}
		value := node(x)
		if slices.ContainsFunc(list[i+1:], same) {
			value = &yamlNode{kind: yamlList}
			for _, o := range list[i:] {
				if same(o) {
					value.items = append(value.items, node(o))
				}
			}
		}
		m.put(name(x), value)
	}
	return m
}

func authNode(a *model.Auth) *yamlNode {
	if a.Kind == model.NoAuth {
		return plainNode("none")
	}
	n, in := mapNode(), mapNode()
	switch a.Kind {
	case model.Bearer:
		n.put("bearer", looseNode(a.Token))
	case model.Basic:
		in.put("user", looseNode(a.User))
		in.put("password", looseNode(a.Password))
		n.put("basic", in)
	case model.Digest:
		in.put("user", looseNode(a.User))
		in.put("password", looseNode(a.Password))
		n.put("digest", in)
	case model.AWS:
		in.put("region", looseNode(a.Region))
		in.put("service", looseNode(a.Service))
		in.put("access_key", looseNode(a.AccessKey))
		in.put("secret_key", looseNode(a.SecretKey))
		in.putText("session_token", a.SessionToken)
		n.put("aws", in)
	case model.APIKeyHeader, model.APIKeyQuery:
		where := map[model.AuthKind]string{model.APIKeyHeader: "header", model.APIKeyQuery: "query"}[a.Kind]
		in.put(where, looseNode(a.Name))
		in.put("value", looseNode(a.Value))
		n.put("api_key", in)
	case model.OAuth2Client, model.OAuth2Password:
		if a.Kind == model.OAuth2Password {
			in.put("grant", plainNode("password"))
		}
		in.put("token_url", looseNode(a.TokenURL))
		in.putText("client_id", a.ClientID)
		in.putText("client_secret", a.ClientSecret)
		if a.Kind == model.OAuth2Password {
			in.put("user", looseNode(a.User))
			in.put("password", looseNode(a.Password))
		}
		in.putWords("scopes", a.Scopes)
		n.put("oauth2", in)
	}
	return n
}

func putBody(n *yamlNode, b *model.Body) {
	switch b.Kind {
	case model.JSONBody:
		n.put("json", jsonNode(b.JSON))
	case model.FormBody:
		putFields(n, "form", b.Fields)
	case model.MultipartBody:
		n.put("multipart", grouped(b.Parts, func(p model.Part) string { return p.Name }, partNode))
	case model.GraphQLBody:
		if b.JSON == nil && b.Operation == "" {
			n.put("graphql", looseNode(b.Text))
			return
		}
		m := mapNode()
		m.put("query", looseNode(b.Text))
		if b.JSON != nil {
			m.put("variables", jsonNode(b.JSON))
		}
		m.putText("operation", b.Operation)
		n.put("graphql", m)
	case model.XMLBody:
		n.put("xml", textNode(b.Text))
	case model.TextBody:
		n.put("text", textNode(b.Text))
	case model.FileBody:
		n.put("file", looseNode(b.File))
	case model.Base64Body:
		n.put("base64", looseNode(b.Text))
	}
}

func partNode(p model.Part) *yamlNode {
	if p.File == "" && p.FileName == "" && p.Type == "" {
		return looseNode(p.Text)
	}
	m := mapNode()
	if p.File == "" {
		m.put("value", looseNode(p.Text))
	}
	m.putText("file", p.File)
	m.putPlain("filename", p.FileName)
	m.putPlain("type", p.Type)
	return m
}

// jsonNode writes a JSON value: strings that look like something else are quoted.
func jsonNode(v *model.Node) *yamlNode {
	switch v.Kind {
	case model.ObjectNode:
		n := mapNode()
		for i, k := range v.Keys {
			n.put(k, jsonNode(v.Items[i]))
		}
		return n
	case model.ArrayNode:
		n := &yamlNode{kind: yamlList}
		for _, item := range v.Items {
			n.items = append(n.items, jsonNode(item))
		}
		return n
	case model.LiteralNode:
		return plainNode(v.Text)
	}
	return textNode(v.Text)
}

func expectNode(e *model.Expect) *yamlNode {
	n := mapNode()
	if len(e.Status) == 1 {
		n.put("status", plainNode(e.Status[0]))
	} else {
		n.putWords("status", e.Status)
	}
	n.putText("latency", e.Latency)
	putChecks(n, "headers", e.Headers)
	putChecks(n, "cookies", e.Cookies)
	putChecks(n, "body", e.Body)
	if len(e.Text) > 0 {
		n.put("text", matchersNode(e.Text, false))
	}
	n.putText("schema", e.Schema)
	n.putText("snapshot", e.Snapshot)
	return n
}

func putChecks(n *yamlNode, key string, checks []model.Check) {
	if len(checks) == 0 {
		return
	}
	m := mapNode()
	m.open = len(checks) > 2
	for _, c := range checks {
		m.put(c.Name, matchersNode(c.Matchers, false))
	}
	n.put(key, m)
}

// matchersNode writes a single eq as the value itself, where that is not a
// mapping or list that would be read as matchers.
func matchersNode(list []model.Matcher, nested bool) *yamlNode {
	if len(list) == 1 && list[0].Op == "eq" && !nested && list[0].Value.Kind != model.ObjectNode {
		return jsonNode(list[0].Value)
	}
	n := mapNode()
	for _, m := range list {
		switch {
		case m.Value != nil:
			n.put(m.Op, jsonNode(m.Value))
		case len(m.Sub) > 0 && twice(m.Sub):
			list := &yamlNode{kind: yamlList}
			for _, s := range m.Sub {
				list.items = append(list.items, matchersNode([]model.Matcher{s}, true))
			}
			n.put(m.Op, list)
		case len(m.Sub) > 0:
			n.put(m.Op, matchersNode(m.Sub, true))
		default:
			in := &yamlNode{kind: yamlList}
			for _, v := range m.List {
				in.items = append(in.items, jsonNode(v))
			}
			n.put(m.Op, in)
		}
	}
	return n
}

// twice reports whether a mapping could not hold the tests.
func twice(list []model.Matcher) bool {
	for i, m := range list {
		if slices.ContainsFunc(list[:i], func(o model.Matcher) bool { return o.Op == m.Op }) {
			return true
		}
	}
	return false
}

func captureNode(captures []model.Capture) *yamlNode {
	n := mapNode()
	for _, c := range captures {
		if c.At != "" {
			n.put(c.Name, looseNode(c.At))
			continue
		}
		m := mapNode()
		m.putText("header", c.Header)
		m.putText("cookie", c.Cookie)
		m.putText("regex", c.Regex)
		if c.Status {
			m.put("status", plainNode("true"))
		}
		n.put(c.Name, m)
	}
	return n
}
