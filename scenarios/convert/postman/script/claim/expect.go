package claim

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A Growing expectation takes claims one by one. A script's statement may make several, which
// count all or not at all: they are added to a copy, see Grow, which takes the place of the
// expectation once every one of them has a counterpart.
type Growing struct {
	model.Expect
	Schemas []*model.Node // of the body, in addition to those of Expect
}

// Grow is a copy of what is expected that claims can be added to; the original stays as it is.
func Grow(e *model.Expect) *Growing {
	g := &Growing{Expect: *e}
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

// Add makes a claim a part of the expectation; why says why it cannot be one.
func (g *Growing) Add(c Claim) (why string) {
	if c.Or {
		return "another value may take the place of this one"
	}
	switch c.Kind {
	case Status:
		return g.status(c.Matcher)
	case Reason:
		return g.reason(c.Matcher)
	case Time:
		return g.time(c.Matcher)
	case Body:
		if c.Op == "schema" {
			return g.schema(c)
		}
		if c.Op == Falsy {
			n, ok := c.schema()
			if !ok {
				return "there is no counterpart of a value that counts as false here"
			}
			g.Schemas = append(g.Schemas, n)
			return ""
		}
		if c.Number {
			return "the script makes a number of the value first"
		}
		return g.value(c)
	case Length, KeyCount:
		return g.length(c)
	case Type:
		return g.typeOf(c)
	case Header, Cookie:
		return g.field(c)
	case Text:
		if v := c.Value; v != nil && v.Kind != model.StringNode && v.Kind != model.LiteralNode {
			return "the body's text is text"
		}
		if v := c.Value; v != nil && v.Kind == model.LiteralNode && !slices.Contains([]string{"exists", "empty", "contains"},
			c.Op) || c.Op == "in" {
			return "the body's text is compared with another type"
		}
		addMatcher(&g.Text, c.Matcher)
		return ""
	}
	return "the value is made by code"
}

// field adds a claim about a header or cookie: their values are text, which
// equals no number unless the script makes one of it.
func (g *Growing) field(c Claim) string {
	if !naming.IsToken(c.Text) {
		return "this is not the name of a header or cookie"
	}
	m := c.Matcher
	literal := m.Value != nil && m.Value.Kind == model.LiteralNode || slices.ContainsFunc(m.List, func(n *model.Node) bool {
		return n.Kind == model.LiteralNode
	})
	if literal && !c.Number && slices.Contains([]string{"eq", "ne", "in", "lt", "lte", "gt", "gte"}, m.Op) {
		return "a header and a cookie are text, and are compared with another type"
	}
	if m.Value != nil && (m.Value.Kind == model.ObjectNode || m.Value.Kind == model.ArrayNode || m.Value.Is("null")) {
		return "a header and a cookie are text"
	}
	list := &g.Headers
	name := strings.ToLower(c.Text)
	if c.Kind == Cookie {
		list, name = &g.Cookies, c.Text
	}
	addCheck(list, name, m)
	return ""
}

// addCheck adds a matcher to those of a value.
func addCheck(list *[]model.Check, name string, m model.Matcher) {
	i := slices.IndexFunc(*list, func(c model.Check) bool { return c.Name == name })
	if i < 0 {
		i, *list = len(*list), append(*list, model.Check{Name: name})
	}
	addMatcher(&(*list)[i].Matchers, m)
}

// addMatcher adds a test of a value that others may be about already. What not and count
// hold is merged: a mapping has each of their keys once.
func addMatcher(list *[]model.Matcher, m model.Matcher) {
	for j, old := range *list {
		switch {
		case old.Op != m.Op:
		case reflect.DeepEqual(old, m):
			return
		case old.Op == "not", old.Op == "count" && old.Value == nil && m.Value == nil && canMerge(old.Sub, m.Sub):
			sub := slices.Clone(old.Sub)
			for _, s := range m.Sub {
				if !holdsMatcher(sub, s) {
					sub = append(sub, s)
				}
			}
			(*list)[j].Sub = sub
			return
		}
	}
	*list = append(*list, m)
}

// canMerge reports whether one mapping can hold the tests of both lists: those of one kind
// are the same test.
func canMerge(a, b []model.Matcher) bool {
	return !slices.ContainsFunc(b, func(m model.Matcher) bool {
		return !holdsMatcher(a, m) && slices.ContainsFunc(a, func(o model.Matcher) bool { return o.Op == m.Op })
	})
}

func holdsMatcher(list []model.Matcher, m model.Matcher) bool {
	return slices.ContainsFunc(list, func(o model.Matcher) bool { return reflect.DeepEqual(o, m) })
}

// setStatus adds that the status is one of a list of codes and classes. Where others are
// expected already, it is one of both lists.
func (g *Growing) setStatus(list ...string) string {
	var both []string
	for _, a := range g.Status {
		for _, b := range list {
			if a != b && isClassOf(a, b) {
				both = append(both, b)
			} else if isClassOf(b, a) {
				both = append(both, a)
			}
		}
	}
	switch {
	case len(g.Status) == 0:
		both = list
	case len(both) == 0:
		return "another status is expected already"
	}
	g.Status = both
	return ""
}

// isClassOf reports whether a status is one, or of a class: 2xx is that of 204 and of 2xx.
func isClassOf(class, status string) bool {
	return class == status || strings.HasSuffix(class, "xx") && class[0] == status[0]
}

// notStatus adds that the status is none of a list. Where it says nothing of the status, the
// rest must be classes.
func (g *Growing) notStatus(list []*model.Node) string {
	left := g.Status
	if len(left) == 0 {
		left = []string{"1xx", "2xx", "3xx", "4xx", "5xx"}
	}
	var out []string
	for _, s := range left {
		is := func(n *model.Node) bool { return isClassOf(n.Text, s) }
		partly := func(n *model.Node) bool { return n.Text != s && isClassOf(s, n.Text) }
		switch {
		case slices.ContainsFunc(list, is):
		case slices.ContainsFunc(list, partly):
			return "a status is expected by value, class or list"
		default:
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return "another status is expected already"
	}
	g.Status = out
	return ""
}

// status adds a claim about the code.
func (g *Growing) status(m model.Matcher) string {
	switch {
	case m.Op == "exists":
		return "an answer always has a status"
	case m.Op == "eq" && isStatus(m.Value):
		return g.setStatus(m.Value.Text)
	case m.Op == "ne" && isStatus(m.Value):
		return g.notStatus([]*model.Node{m.Value})
	case m.Op == "not" && len(m.Sub) == 1 && m.Sub[0].Op == "in" && !slices.ContainsFunc(m.Sub[0].List, noStatus):
		return g.notStatus(m.Sub[0].List)
	case m.Op == "in" && slices.ContainsFunc(m.List, noStatus):
		return "this is not a status"
	case m.Op == "in":
		var list []string
		for _, n := range m.List {
			list = model.AppendOnce(list, n.Text)
		}
		return g.setStatus(list...)
	}
	return "a status is expected by value, class or list"
}

// isStatus reports whether a value is a code or a class of codes.
func isStatus(n *model.Node) bool {
	return n != nil && n.Kind == model.LiteralNode && len(n.Text) == 3 && n.Text[0] >= '1' && n.Text[0] <= '5' &&
		(template.IsNumber(n.Text) || strings.HasSuffix(n.Text, "xx"))
}

func noStatus(n *model.Node) bool { return !isStatus(n) }

// reason adds a claim about the reason phrase of a status.
func (g *Growing) reason(m model.Matcher) string {
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
func (g *Growing) time(m model.Matcher) string {
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

// Merge adds what a folder expects to what is expected already, which wins.
func Merge(into, from *model.Expect) {
	g := Grow(into)
	if len(g.Status) == 0 {
		g.Status = slices.Clone(from.Status)
	}
	if g.Latency == "" {
		g.Latency = from.Latency
	}
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

// Tidy takes exists: true off values of which something is said that
// needs them to be there.
func Tidy(e *model.Expect) {
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
