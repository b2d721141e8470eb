package script

import (
	"slices"
	"strings"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
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
	out     []claim.Claim
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

// link reads one member of a chain. c.why says that there is no expectation for it.
func (c *chainReader) link(l link) {
	switch {
	case !l.call && slices.Contains(fillers, l.name):
		c.deep = c.deep || l.name == "deep"
	case l.name == "not":
		c.not = !c.not
	case l.name == "nested":
		c.nested = true
	case !l.call && (l.name == "include" || l.name == "contain"):
		c.include = true
	case !l.call && l.name == "any":
		c.why = "any of several"
	default:
		read := c.value
		if c.subject.kind == symResponse {
			read = c.response
		}
		if !read(l) && c.why == "" {
			c.why = "there is no counterpart of " + naming.OneLine(l.name, 40)
		}
	}
}

// refuse says why a chain has no expectation.
func (c *chainReader) refuse(why string) bool {
	c.why = why
	return false
}

// madeByCode refuses a value that was not followed.
func (c *chainReader) madeByCode() bool { return c.refuse("the value is made by code") }

// add notes a claim, negated if the chain says not; false where it cannot.
func (c *chainReader) add(one claim.Claim) bool {
	if c.subject.kind == symUnknown || one.Kind == 0 {
		return c.madeByCode()
	}
	if c.not {
		var ok bool
		if one, ok = one.Negated(); !ok {
			return c.refuse("there is no opposite of " + one.Op)
		}
	}
	c.out = append(c.out, one)
	return true
}

// is notes a test of the subject.
func (c *chainReader) is(op string, value *model.Node) bool { return c.add(test(c.subject, op, value)) }

// exists notes that a value is there.
func (c *chainReader) exists(v sym) bool { return c.add(test(v, "exists", yes)) }

// equals notes that a value is equal to one that the script holds.
func (c *chainReader) equals(v sym, n *model.Node) bool { return n != nil && c.add(test(v, "eq", n)) }

// structured reports whether a value is a list or an object that the script makes:
// by identity it equals nothing of an answer.
func (c *chainReader) structured(n *model.Node) bool {
	if c.deep || n == nil || n.Kind != model.ArrayNode && n.Kind != model.ObjectNode {
		return false
	}
	return !c.refuse("without deep, a new list or object equals nothing")
}

// statusWords are the names that Postman gives statuses.
var statusWords = map[string]string{
	"ok": "200", "success": "2xx", "info": "1xx", "redirection": "3xx", "clientError": "4xx", "serverError": "5xx",
	"accepted": "202", "badRequest": "400", "unauthorized": "401", "forbidden": "403", "notFound": "404", "rateLimited": "429",
}

// response reads what follows pm.response.to.
func (c *chainReader) response(l link) bool {
	status, header := sym{kind: symStatus}, func(name string) sym { return sym{kind: symHeader, text: name} }
	if words := statusWords[l.name]; words != "" {
		return c.equals(status, model.Literal(words))
	}
	arg := c.arg(l, 0)
	text, isText := arg.constant()
	switch l.name {
	case "error":
		return c.add(claimOf(status, model.Matcher{Op: "in", List: []*model.Node{model.Literal("4xx"), model.Literal("5xx")}}))
	case "status", "statusReason":
		if isText {
			return c.equals(sym{kind: symReason}, model.String(text))
		}
		return l.name == "status" && c.equals(status, arg.operand())
	case "statusCode":
		return !isText && c.equals(status, arg.operand())
	case "header":
		if len(l.args) == 1 {
			return isText && c.exists(header(text))
		}
		return isText && c.equals(header(text), c.arg(l, 1).operand())
	case "json":
		return c.add(test(header("content-type"), "contains", model.String("json")))
	case "jsonBody":
		return c.jsonBody(l, arg)
	case "jsonSchema":
		return c.schema(l, body("$"))
	case "responseTime":
		c.subject = sym{kind: symTime}
		return true
	case "body", "withBody":
		if len(l.args) == 0 {
			return c.exists(sym{kind: symText})
		}
		return isText && c.equals(sym{kind: symText}, arg.operand())
	}
	return false
}

// jsonBody reads jsonBody(), jsonBody(path), jsonBody(path, value) and jsonBody(value).
func (c *chainReader) jsonBody(l link, arg sym) bool {
	path, isText := arg.constant()
	if !isText {
		return len(l.args) == 0 && c.exists(body("$")) || len(l.args) == 1 && c.equals(body("$"), arg.operand())
	}
	at, ok := lodashPath(body("$"), path)
	if len(l.args) == 1 {
		return ok && c.exists(at)
	}
	return ok && c.equals(at, c.arg(l, 1).operand())
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
			v = below(v, name)
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
		return c.madeByCode()
	case symNode, symTemplate:
		return c.refuse("it tests nothing of the answer")
	case symInstant:
		return c.instant(l)
	case symKeys:
		return c.names(l)
	}
	if !l.call {
		return c.property(l.name)
	}
	first := c.arg(l, 0)
	n := first.operand()
	if op := comparators[l.name]; op != "" {
		return claim.IsNumber(n) && c.is(op, n)
	}
	switch l.name {
	case "equal", "equals", "eq", "eql", "eqls":
		return c.equal(first, c.deep || strings.HasPrefix(l.name, "eql"))
	case "within":
		high := c.arg(l, 1).operand()
		return claim.IsNumber(n) && claim.IsNumber(high) && !c.not && c.is("gte", n) && c.is("lte", high)
	case "string":
		if c.subject.kind == symBody {
			c.out = append(c.out, test(c.subject, "type", model.String("string")))
		}
		return c.contains(n)
	case "include", "includes", "contain", "contains":
		return c.contains(n)
	case "closeTo", "approximately":
		return c.closeTo(n, c.arg(l, 1).operand())
	case "members":
		return c.members(n)
	case "match", "matches":
		if first.kind != symRegex {
			return c.refuse("the pattern is not RE2")
		}
		return c.is("matches", model.String(first.text))
	case "oneOf":
		return n != nil && n.Kind == model.ArrayNode && len(n.Items) > 0 && !slices.ContainsFunc(n.Items, c.structured) &&
			c.add(claimOf(c.subject, model.Matcher{Op: "in", List: n.Items}))
	}
	return c.shape(l, first, n)
}

// equal reads equal(value); byValue says that a list or an object may be equal to one of
// the script.
func (c *chainReader) equal(want sym, byValue bool) bool {
	n := want.operand()
	switch {
	case want.kind == symUndefined:
		return c.is("exists", no)
	case n == nil:
		return c.refuse("what it is compared with is made by code")
	}
	return (byValue || !c.structured(n)) && c.equals(c.subject, n)
}
