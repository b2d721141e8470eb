package script

import (
	"slices"
	"strings"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// fillers are the words of a chain that mean nothing.
var fillers = []string{
	"to", "be", "been", "is", "that", "which", "and", "has", "have", "with", "at", "of", "same", "but", "does",
	"still", "also", "deep", "own", "all",
}

// A chainReader reads what follows pm.expect(value).
type chainReader struct {
	r       *scriptReader
	subject sym
	not     bool
	nested  bool
	deep    bool // equality by value; otherwise lists and objects are equal to themselves only
	include bool // .include.all.keys
	out     []claim
	why     string
}

// expectChain makes a chain of assertions expectations, all or none.
func (r *scriptReader) expectChain(e ast.Expression, subject sym, chain []link) {
	c := &chainReader{r: r, subject: subject}
	for _, l := range chain {
		if c.link(l); c.why != "" {
			r.lose(e, model.Assertions, c.why)
			return
		}
	}
	if len(c.out) == 0 {
		r.lose(e, model.Assertions, "")
		return
	}
	r.claims(e, c.out)
}

func (c *chainReader) arg(l link, i int) sym {
	if i < len(l.args) {
		return c.r.eval(l.args[i])
	}
	return sym{}
}

func (c *chainReader) link(l link) {
	switch {
	case !l.call && slices.Contains(fillers, l.name):
		c.deep = c.deep || l.name == "deep"
		return
	case l.name == "not":
		c.not = !c.not
		return
	case l.name == "nested":
		c.nested = true
		return
	case !l.call && (l.name == "include" || l.name == "contain" || l.name == "any"):
		c.include = l.name != "any"
		if l.name == "any" {
			c.why = "any of several"
		}
		return
	}
	known := false
	if c.subject.kind == symResponse {
		known = c.response(l)
	} else {
		known = c.value(l)
	}
	if !known && c.why == "" {
		c.why = "there is no counterpart of " + naming.OneLine(l.name, 40)
	}
}

// add notes a claim, negated if the chain says not.
func (c *chainReader) add(one claim) {
	if c.subject.kind == symUnknown || one.subject.kind == symUnknown {
		c.why = "the value is made by code"
		return
	}
	if c.not {
		var ok bool
		if one, ok = one.negated(); !ok {
			c.why = "there is no opposite of " + one.Op
			return
		}
	}
	c.out = append(c.out, one)
}

// structured reports whether a value is a list or an object that the script makes:
// by identity it equals nothing of an answer.
func (c *chainReader) structured(n *model.Node) bool {
	if c.deep || n == nil || n.Kind != model.ArrayNode && n.Kind != model.ObjectNode {
		return false
	}
	c.why = "without deep, a new list or object equals nothing"
	return true
}

// statusWords are the names that Postman gives statuses.
var statusWords = map[string]string{
	"ok": "200", "success": "2xx", "info": "1xx", "redirection": "3xx", "clientError": "4xx", "serverError": "5xx",
	"accepted": "202", "badRequest": "400", "unauthorized": "401", "forbidden": "403", "notFound": "404", "rateLimited": "429",
}

// response reads what follows pm.response.to.
func (c *chainReader) response(l link) bool {
	if words := statusWords[l.name]; words != "" {
		c.add(test(sym{kind: symStatus}, "eq", model.Literal(words)))
		return true
	}
	first, isText := c.arg(l, 0).constant()
	switch l.name {
	case "error":
		c.add(claim{sym{kind: symStatus}, model.Matcher{Op: "in", List: []*model.Node{model.Literal("4xx"), model.Literal("5xx")}}})
	case "statusCode":
		n := c.arg(l, 0).operand()
		if n == nil || isText {
			return false
		}
		c.add(test(sym{kind: symStatus}, "eq", n))
	case "statusReason":
		if !isText {
			return false
		}
		c.add(test(sym{kind: symReason}, "eq", model.String(first)))
	case "status":
		if isText {
			c.add(test(sym{kind: symReason}, "eq", model.String(first)))
		} else if n := c.arg(l, 0).operand(); n != nil {
			c.add(test(sym{kind: symStatus}, "eq", n))
		} else {
			return false
		}
	case "header":
		if !isText {
			return false
		}
		subject := sym{kind: symHeader, text: first}
		if len(l.args) > 1 {
			n := c.arg(l, 1).operand()
			if n == nil {
				return false
			}
			c.add(test(subject, "eq", n))
		} else {
			c.add(test(subject, "exists", model.Literal("true")))
		}
	case "json":
		c.add(test(sym{kind: symHeader, text: "content-type"}, "contains", model.String("json")))
	case "jsonBody":
		return c.jsonBody(l, first, isText)
	case "jsonSchema":
		return c.schema(l, body("$"))
	case "responseTime":
		c.subject = sym{kind: symTime}
	case "body", "withBody":
		text := sym{kind: symText}
		switch n := c.arg(l, 0).operand(); {
		case len(l.args) == 0:
			c.add(test(text, "exists", model.Literal("true")))
		case isText:
			c.add(test(text, "eq", n))
		default:
			return false
		}
	default:
		return false
	}
	return true
}

func (c *chainReader) jsonBody(l link, first string, isText bool) bool {
	switch {
	case len(l.args) == 0:
		c.add(test(body("$"), "exists", model.Literal("true")))
	case isText:
		at, ok := lodashPath(body("$"), first)
		if !ok {
			return false
		}
		if len(l.args) == 1 {
			c.add(test(at, "exists", model.Literal("true")))
		} else if n := c.arg(l, 1).operand(); n != nil {
			c.add(test(at, "eq", n))
		} else {
			return false
		}
	default:
		n := c.arg(l, 0).operand()
		if n == nil || len(l.args) > 1 { // the path is not known
			return false
		}
		c.add(test(body("$"), "eq", n))
	}
	return true
}

// lodashPath is a.b[0].c below a value.
func lodashPath(v sym, path string) (sym, bool) {
	for path != "" {
		if inner, ok := strings.CutPrefix(path, "["); ok {
			index, rest, closed := strings.Cut(inner, "]")
			if !closed {
				return sym{}, false
			}
			v, path = at(v, index), strings.TrimPrefix(rest, ".")
		} else {
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			name := path[:end]
			path = strings.TrimPrefix(path[end:], ".")
			v = body(v.path + source.PathMember(name))
		}
		if v.kind != symBody {
			return sym{}, false
		}
	}
	return v, true
}

// comparators are the words of chai for numbers.
var comparators = map[string]string{
	"above": "gt", "gt": "gt", "greaterThan": "gt", "least": "gte", "gte": "gte", "greaterThanOrEqual": "gte",
	"below": "lt", "lt": "lt", "lessThan": "lt", "most": "lte", "lte": "lte", "lessThanOrEqual": "lte",
}

// value reads an assertion about a value.
func (c *chainReader) value(l link) bool {
	switch c.subject.kind {
	case symCond:
		return c.condition(l)
	case symUnknown:
		c.why = "the value is made by code"
		return false
	case symNode, symTemplate:
		c.why = "it tests nothing of the answer"
		return false
	case symInstant:
		return c.instant(l)
	}
	if c.subject.kind == symKeys {
		return c.names(l)
	}
	if !l.call {
		return c.property(l.name)
	}
	first := c.arg(l, 0)
	n := first.operand()
	if op := comparators[l.name]; op != "" {
		if !isNumber(n) {
			return false
		}
		c.add(test(c.subject, op, n))
		return true
	}
	switch l.name {
	case "equal", "equals", "eq", "eql", "eqls":
		if first.kind == symUndefined {
			c.add(test(c.subject, "exists", model.Literal("false")))
			return true
		}
		if n == nil {
			c.why = "what it is compared with is made by code"
			return false
		}
		if l.name != "eql" && l.name != "eqls" && c.structured(n) {
			return false
		}
		c.add(test(c.subject, "eq", n))
	case "within":
		high := c.arg(l, 1).operand()
		if !isNumber(n) || !isNumber(high) || c.not {
			return false
		}
		c.add(test(c.subject, "gte", n))
		c.add(test(c.subject, "lte", high))
	case "include", "includes", "contain", "contains", "string":
		if l.name == "string" && c.subject.kind == symBody {
			c.out = append(c.out, test(c.subject, "type", model.String("string")))
		}
		return c.contains(n)
	case "closeTo", "approximately":
		return c.closeTo(n, c.arg(l, 1).operand())
	case "members":
		return c.members(n)
	case "match", "matches":
		if first.kind != symRegex {
			c.why = "the pattern is not RE2"
			return false
		}
		c.add(test(c.subject, "matches", model.String(first.text)))
	case "oneOf":
		if n == nil || n.Kind != model.ArrayNode || len(n.Items) == 0 {
			return false
		}
		if slices.ContainsFunc(n.Items, c.structured) {
			return false
		}
		c.add(claim{c.subject, model.Matcher{Op: "in", List: n.Items}})
	default:
		return c.shape(l, first, n)
	}
	return true
}
