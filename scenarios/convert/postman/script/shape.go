package script

import (
	"math/big"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
)

// shape reads assertions about types, members and lengths.
func (c *chainReader) shape(l link, first sym, n *model.Node) bool {
	key, isText := first.constant()
	switch l.name {
	case "a", "an":
		return isText && c.typed(strings.ToLower(key))
	case "property", "ownProperty", "haveOwnProperty":
		return isText && c.member(l, key)
	case "lengthOf", "length":
		return claim.IsNumber(n) && c.subject.kind == symBody && !c.subject.number && c.equals(lengthOf(c.subject), n)
	case "keys", "key":
		return c.keys(l)
	case "instanceOf", "instanceof":
		return len(l.args) == 1 && dotted(l.args[0]) == "Array" && c.typed("array") // nothing of JSON is a new String(…)
	case "jsonSchema":
		return c.schema(l, c.subject)
	case "exist", "null", "true", "false", "undefined", "empty", "ok":
		return c.property(l.name)
	}
	return false
}

// contains reads include(value), or include({name: value}).
func (c *chainReader) contains(n *model.Node) bool {
	isBody := c.subject.kind == symBody
	switch {
	case n == nil:
		return c.refuse("what it must hold is made by code")
	case n.Kind == model.ObjectNode && isBody && !c.not:
		for i, k := range n.Keys {
			if c.structured(n.Items[i]) || !c.equals(below(c.subject, k), n.Items[i]) {
				return false
			}
		}
		return true
	}
	return n.Kind != model.ArrayNode && n.Kind != model.ObjectNode && !(isBody && n.Is("null")) && c.is("contains", n)
}

// typed reads a type: those of JSON, null and undefined.
func (c *chainReader) typed(typ string) bool {
	switch typ {
	case "undefined":
		return c.is("exists", no)
	case "null":
		return c.is("eq", model.Literal("null"))
	case "string", "number", "boolean", "array", "object":
		return c.subject.kind == symBody && c.is("type", model.String(typ))
	}
	return false
}

// member reads property(name), property(name, value); what follows is about the member.
func (c *chainReader) member(l link, key string) bool {
	if c.subject.kind != symBody || key == "length" { // text and lists have a length that no path names
		return false
	}
	at := below(c.subject, key)
	if c.nested {
		at, _ = lodashPath(c.subject, key)
	}
	switch {
	case at.kind != symBody:
		return false
	case len(l.args) > 1:
		n := c.arg(l, 1).operand()
		if n == nil {
			return c.refuse("what it is compared with is made by code")
		}
		if c.structured(n) || !c.equals(at, n) {
			return false
		}
	case !c.exists(at):
		return false
	}
	if !c.not {
		c.subject = at
	}
	return true
}

// keys reads keys("a", "b"): these members, and no others unless included.
func (c *chainReader) keys(l link) bool {
	if c.subject.kind != symBody || c.not {
		return false
	}
	var names []string
	for i := range l.args {
		n := c.arg(l, i).operand()
		switch {
		case n == nil:
			return false
		case n.Kind == model.StringNode:
			names = append(names, n.Text)
		case n.Kind == model.ArrayNode:
			for _, item := range n.Items {
				names = append(names, item.Text)
			}
		default:
			return false
		}
	}
	for _, name := range names {
		if strings.Contains(name, "{{") {
			return false
		}
		c.exists(below(c.subject, name))
	}
	if !c.include {
		c.equals(sym{kind: symKeyCount, path: c.subject.path}, model.Int(int64(len(names))))
	}
	return len(names) > 0
}

// property reads the assertions without arguments.
func (c *chainReader) property(name string) bool {
	isBody := c.subject.kind == symBody
	switch name {
	case "true", "false", "null":
		return c.is("eq", model.Literal(name))
	case "undefined":
		return c.is("exists", no)
	case "exist":
		if c.not {
			c.not = false // null would do as well; it is left to a person to say so
			return c.is("exists", no)
		}
		return c.exists(c.subject) && (!isBody || c.is("ne", model.Literal("null"))) // null does not exist to chai
	case "ok":
		return c.truthy()
	case "empty":
		return (isBody || c.subject.kind == symText) && c.is("empty", yes)
	case "length", "lengthOf":
		c.subject = lengthOf(c.subject)
		return isBody
	}
	return false
}

// truthy reads ok: none of the values that count as false.
func (c *chainReader) truthy() bool {
	if c.subject.kind == symBody {
		return c.add(claimOf(c.subject, claim.Truthy()))
	}
	return !c.not && (c.subject.isText() || c.subject.kind == symText) && c.is("empty", no)
}

// closeTo reads closeTo(value, delta).
func (c *chainReader) closeTo(n, delta *model.Node) bool {
	if c.not || n == nil || delta == nil || n.Kind != model.LiteralNode || delta.Kind != model.LiteralNode {
		return false
	}
	value, okV := new(big.Rat).SetString(n.Text)
	d, okD := new(big.Rat).SetString(delta.Text)
	if !okV || !okD || d.Sign() < 0 || strings.ContainsAny(n.Text+delta.Text, "eE") {
		return false
	}
	digits := max(len(n.Text), len(delta.Text))
	bound := func(r *big.Rat) *model.Node {
		text := r.FloatString(digits)
		return model.Literal(strings.TrimSuffix(strings.TrimRight(text, "0"), "."))
	}
	return c.is("gte", bound(new(big.Rat).Sub(value, d))) && c.is("lte", bound(new(big.Rat).Add(value, d)))
}

// members reads members([a, b]): a list of these elements in any order.
func (c *chainReader) members(n *model.Node) bool {
	if c.not || c.include || c.subject.kind != symBody || n == nil || n.Kind != model.ArrayNode || len(n.Items) == 0 || claim.Repeats(n.Items) {
		return false
	}
	for _, item := range n.Items {
		if item.Kind != model.LiteralNode && (item.Kind != model.StringNode || strings.Contains(item.Text, "{{")) {
			return false
		}
	}
	each := model.Matcher{Op: "each", Sub: []model.Matcher{{Op: "in", List: n.Items}}}
	return c.is("count", model.Int(int64(len(n.Items)))) && c.is("unique", yes) && c.add(claimOf(c.subject, each))
}

// names reads assertions about Object.keys(value).
func (c *chainReader) names(l link) bool {
	count := sym{kind: symKeyCount, path: c.subject.path}
	switch l.name {
	case "length", "lengthOf":
		c.subject = count
		n := c.arg(l, 0).operand()
		return !l.call || claim.IsNumber(n) && c.is("eq", n)
	case "include", "includes", "contain", "contains":
		name, ok := c.arg(l, 0).constant()
		return ok && !c.not && c.exists(below(c.subject, name))
	case "empty":
		op := map[bool]string{true: "gt", false: "eq"}[c.not]
		c.not = false
		return c.add(test(count, op, model.Literal("0")))
	}
	return false
}

// condition reads pm.expect(a === b).to.be.true.
func (c *chainReader) condition(l link) bool {
	holds := model.Literal(l.name) // true, false
	switch {
	case l.name == "ok":
		holds = yes
	case slices.Contains([]string{"equal", "eql", "eq", "equals"}, l.name) && l.call:
		holds = c.arg(l, 0).operand()
	}
	if holds.Is("false") {
		c.not = !c.not
	} else if !holds.Is("true") {
		return false
	}
	claims := claim.Needed(c.subject.claims)
	if c.not && len(claims) != 1 {
		return false
	}
	for _, one := range claims {
		c.add(one)
	}
	return true
}

// schema reads to.have.jsonSchema({…}) about the whole body.
func (c *chainReader) schema(l link, subject sym) bool {
	if len(l.args) == 0 || c.not || subject.kind != symBody || subject.path != "$" {
		return false
	}
	v := c.r.eval(l.args[0])
	if v.kind != symNode || v.node.Kind != model.ObjectNode {
		c.why = "the schema is made by code"
		return false
	}
	c.out = append(c.out, test(subject, "schema", v.node))
	return true
}
