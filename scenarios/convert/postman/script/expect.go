package script

import (
	"cmp"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A growing expectation: claims are added one by one.
type growing struct {
	model.Expect
	keep func(schema []byte) string // makes a file of a schema
}

func cloneExpect(e *model.Expect) *growing {
	g := &growing{Expect: *e}
	g.Status = slices.Clone(e.Status)
	clone := func(list []model.Check) []model.Check {
		out := slices.Clone(list)
		for i := range out {
			out[i].Matchers = slices.Clone(out[i].Matchers)
		}
		return out
	}
	g.Headers, g.Cookies, g.Body, g.Text = clone(e.Headers), clone(e.Cookies), clone(e.Body), slices.Clone(e.Text)
	return g
}

// add makes a claim a part of the expectation; why says why it cannot be one.
func (g *growing) add(c claim) (why string) {
	if c.subject.or {
		return "another value may take the place of this one"
	}
	switch c.subject.kind {
	case symStatus:
		return g.status(c.Matcher)
	case symReason:
		return g.reason(c.Matcher)
	case symTime:
		return g.time(c.Matcher)
	case symBody:
		if c.Op == "schema" {
			return g.schema(c)
		}
		if c.subject.number {
			return "the script makes a number of the value first"
		}
		return g.value(c)
	case symLength, symKeyCount:
		return g.length(c)
	case symType:
		return g.typeOf(c)
	case symHeader, symCookie:
		return g.field(c)
	case symText:
		if v := c.Value; v != nil && v.Kind != model.StringNode && v.Kind != model.LiteralNode {
			return "the body's text is text"
		}
		if v := c.Value; v != nil && v.Kind == model.LiteralNode && !slices.Contains([]string{"exists", "empty", "contains"},
			c.Op) || c.Op == "in" {
			return "the body's text is compared with another type"
		}
		return g.textPart(c.Matcher)
	}
	return "the value is made by code"
}

// textPart adds a test that the text contains something. A text has one test of each kind:
// further parts become a pattern, which foldParts writes once all are known.
func (g *growing) textPart(m model.Matcher) string {
	if m.Op != "contains" || !slices.ContainsFunc(g.Text, func(o model.Matcher) bool { return o.Op == "contains" && !sameMatcher(o, m) }) {
		return addMatcher(&g.Text, m)
	}
	list := append(slices.Clone(g.Text), m)
	if slices.ContainsFunc(g.Text, func(o model.Matcher) bool { return sameMatcher(o, m) }) {
		return ""
	} else if _, ok := foldParts(list); !ok {
		return "a value has one contains"
	}
	g.Text = list
	return ""
}

// foldParts turns every "contains" but the first into one pattern: the parts in any order.
// ok is false where no short pattern says that: parts that overlap may be in a text without
// following each other, and a pattern may be there already.
func foldParts(list []model.Matcher) (out []model.Matcher, ok bool) {
	var parts []string
	for _, m := range list {
		if m.Op != "contains" || !slices.ContainsFunc(out, func(o model.Matcher) bool { return o.Op == "contains" }) {
			out = append(out, m)
			continue
		}
		parts = append(parts, m.Value.Text)
		if m.Value.Kind != model.StringNode || strings.Contains(m.Value.Text, "{{") || len(m.Value.Text) > 200 {
			return nil, false
		}
	}
	hasPattern := slices.ContainsFunc(out, func(o model.Matcher) bool { return o.Op == "matches" })
	if len(parts) == 0 {
		return out, true
	}
	if len(parts) > 3 || hasPattern {
		return nil, false
	}
	for i, a := range parts {
		for j, b := range parts {
			if i != j && (overlaps(a, b) || strings.Contains(a, b)) {
				return nil, false
			}
		}
	}
	pattern := strings.Join(anyOrder(parts), "|")
	if len(parts) > 1 {
		pattern = "(?s)" + pattern
	}
	return append(out, model.Matcher{Op: "matches", Value: model.String(pattern)}), true
}

// overlaps reports whether a text may begin inside the end of another.
func overlaps(a, b string) bool {
	for n := 1; n < min(len(a), len(b)); n++ {
		if strings.HasSuffix(a, b[:n]) {
			return true
		}
	}
	return false
}

// anyOrder are the patterns of texts one after another, in each order.
func anyOrder(parts []string) []string {
	if len(parts) == 1 {
		return []string{regexp.QuoteMeta(parts[0])}
	}
	var out []string
	for i, first := range parts {
		for _, rest := range anyOrder(slices.Delete(slices.Clone(parts), i, i+1)) {
			out = append(out, regexp.QuoteMeta(first)+".*"+rest)
		}
	}
	return out
}

// field adds a claim about a header or cookie: their values are text, which
// equals no number unless the script makes one of it.
func (g *growing) field(c claim) string {
	if !naming.IsToken(c.subject.text) {
		return "this is not the name of a header or cookie"
	}
	m := c.Matcher
	literal := m.Value != nil && m.Value.Kind == model.LiteralNode || slices.ContainsFunc(m.List, func(n *model.Node) bool {
		return n.Kind == model.LiteralNode
	})
	if literal && !c.subject.number && slices.Contains([]string{"eq", "ne", "in", "lt", "lte", "gt", "gte"}, m.Op) {
		return "a header and a cookie are text, and are compared with another type"
	}
	if m.Value != nil && (m.Value.Kind == model.ObjectNode || m.Value.Kind == model.ArrayNode || m.Value.Is("null")) {
		return "a header and a cookie are text"
	}
	list := &g.Headers
	name := strings.ToLower(c.subject.text)
	if c.subject.kind == symCookie {
		list, name = &g.Cookies, c.subject.text
	}
	return addCheck(list, name, m)
}

// addCheck adds a matcher; a value has one of each kind.
func addCheck(list *[]model.Check, name string, m model.Matcher) string {
	if m.Op == "eq" && m.Value.Kind == model.ObjectNode && !plainJSON(m.Value) {
		return "the value is not plain JSON"
	}
	i := slices.IndexFunc(*list, func(c model.Check) bool { return c.Name == name })
	if i < 0 {
		*list = append(*list, model.Check{Name: name, Matchers: []model.Matcher{m}})
		return ""
	}
	return addMatcher(&(*list)[i].Matchers, m)
}

// addMatcher adds a test of a value that others are about already.
func addMatcher(list *[]model.Matcher, m model.Matcher) string {
	for j, old := range *list {
		switch {
		case old.Op != m.Op:
		case sameMatcher(old, m):
			return ""
		case old.Op == "not":
			for _, s := range m.Sub {
				if !slices.ContainsFunc((*list)[j].Sub, func(o model.Matcher) bool { return sameMatcher(o, s) }) {
					(*list)[j].Sub = append(slices.Clip((*list)[j].Sub), s)
				}
			}
			return ""
		case old.Op == "count" && old.Value == nil && m.Value == nil && old.Sub[0].Op != m.Sub[0].Op:
			(*list)[j].Sub = slices.Concat(old.Sub, m.Sub)
			return ""
		default:
			return "a value has one " + m.Op
		}
	}
	*list = append(*list, m)
	return ""
}

func plainJSON(n *model.Node) bool {
	return len(n.Keys) < 500
}

func sameMatcher(a, b model.Matcher) bool { return reflect.DeepEqual(a, b) }

func (g *growing) setStatus(list ...string) string {
	if len(g.Status) > 0 && !slices.Equal(g.Status, list) {
		return "another status is expected already"
	}
	g.Status = list
	return ""
}

// status adds a claim about the code.
func (g *growing) status(m model.Matcher) string {
	valid := func(n *model.Node) bool {
		return n != nil && n.Kind == model.LiteralNode && (len(n.Text) == 3 && n.Text[0] >= '1' && n.Text[0] <= '5' &&
			(template.IsNumber(n.Text) || strings.HasSuffix(n.Text, "xx")))
	}
	switch m.Op {
	case "eq":
		if valid(m.Value) {
			return g.setStatus(m.Value.Text)
		}
	case "in":
		var list []string
		for _, n := range m.List {
			if !valid(n) {
				return "this is not a status"
			}
			if !slices.Contains(list, n.Text) {
				list = append(list, n.Text)
			}
		}
		return g.setStatus(list...)
	case "exists":
		return "an answer always has a status"
	}
	return "a status is expected by value, class or list"
}

// reason adds a claim about the reason phrase of a status.
func (g *growing) reason(m model.Matcher) string {
	if (m.Op == "eq" || m.Op == "contains") && m.Value != nil {
		for code := 100; code < 600; code++ {
			if text := http.StatusText(code); text != "" && strings.EqualFold(text, m.Value.Text) {
				return g.setStatus(strconv.Itoa(code))
			}
		}
	}
	return "these are not the words of one status"
}

// time adds an upper bound of the time.
func (g *growing) time(m model.Matcher) string {
	if m.Op != "lt" && m.Op != "lte" || m.Value == nil || m.Value.Kind != model.LiteralNode {
		return "the time of an answer has an upper bound only"
	}
	ms, err := strconv.ParseFloat(m.Value.Text, 64)
	if err != nil || ms <= 0 || ms > 600_000 {
		return "a bound must be between 0 and ten minutes"
	}
	text := strconv.FormatFloat(ms, 'f', -1, 64) + "ms"
	if ms >= 1000 && ms == float64(int(ms)) && int(ms)%1000 == 0 {
		text = strconv.Itoa(int(ms)/1000) + "s"
	}
	if g.Latency != "" && g.Latency != text {
		return "another bound is expected already"
	}
	g.Latency = text
	return ""
}

// MergeExpect adds what a folder expects to what is expected already, which wins.
func MergeExpect(into, from *model.Expect) {
	g := cloneExpect(into)
	if len(g.Status) == 0 {
		g.Status = slices.Clone(from.Status)
	}
	if g.Latency == "" {
		g.Latency = from.Latency
	}
	g.Schema = cmp.Or(g.Schema, from.Schema)
	for _, x := range []struct {
		into *[]model.Check
		from []model.Check
	}{{&g.Headers, from.Headers}, {&g.Cookies, from.Cookies}, {&g.Body, from.Body}} {
		for _, c := range x.from {
			for _, m := range c.Matchers {
				addCheck(x.into, c.Name, m)
			}
		}
	}
	for _, m := range from.Text {
		addMatcher(&g.Text, m)
	}
	*into = g.Expect
}

// tidyExpect takes exists: true off values of which something is said that
// needs them to be there.
func tidyExpect(e *model.Expect) {
	if list, ok := foldParts(e.Text); ok { // textPart adds none for which it is false
		e.Text = list
	}
	for _, list := range [][]model.Check{e.Headers, e.Cookies, e.Body} {
		for i := range list {
			list[i].Matchers = tidyTypes(list[i].Matchers)
			if needsValue(list[i].Matchers) {
				list[i].Matchers = slices.DeleteFunc(slices.Clone(list[i].Matchers),
					func(m model.Matcher) bool { return m.Op == "exists" && m.Value.Is("true") })
			}
		}
	}
}

// tidyTypes takes "not this type" off a value whose type is tested anyway.
func tidyTypes(list []model.Matcher) []model.Matcher {
	if !slices.ContainsFunc(list, func(m model.Matcher) bool { return m.Op == "type" }) {
		return list
	}
	var out []model.Matcher
	for _, m := range list {
		if m.Op == "not" {
			m.Sub = slices.DeleteFunc(slices.Clone(m.Sub), func(s model.Matcher) bool { return s.Op == "type" })
			if len(m.Sub) == 0 {
				continue
			}
		}
		out = append(out, m)
	}
	return out
}

func needsValue(list []model.Matcher) bool {
	return slices.ContainsFunc(list, func(m model.Matcher) bool {
		return slices.Contains([]string{"eq", "in", "contains", "matches", "type", "gt", "gte", "lt", "lte", "not"}, m.Op)
	})
}
