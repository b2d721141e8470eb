package script

import (
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// shape reads assertions about types, members and lengths.
func (c *chainReader) shape(l link, first sym, n *model.Node) bool {
	key, isText := first.constant()
	switch l.name {
	case "a", "an":
		if !isText {
			return false
		}
		return c.typed(strings.ToLower(key))
	case "property", "ownProperty", "haveOwnProperty":
		if !isText {
			return false
		}
		return c.member(l, key)
	case "lengthOf", "length":
		if !isNumber(n) || c.subject.kind != symBody || c.subject.number {
			return false
		}
		c.add(test(sym{kind: symLength, path: c.subject.path, or: c.subject.or}, "eq", n))
	case "keys", "key":
		return c.keys(l)
	case "instanceOf", "instanceof":
		return len(l.args) == 1 && dotted(l.args[0]) == "Array" && c.typed("array") // nothing of JSON is a new String(…)
	case "jsonSchema":
		return c.schema(l, c.subject)
	case "exist", "null", "true", "false", "undefined", "empty", "ok":
		return c.property(l.name)
	default:
		return false
	}
	return true
}

// contains reads include(value), or include({name: value}).
func (c *chainReader) contains(n *model.Node) bool {
	switch {
	case n == nil:
		c.why = "what it must hold is made by code"
		return false
	case n.Kind == model.ObjectNode && c.subject.kind == symBody && !c.not:
		for i, k := range n.Keys {
			if c.structured(n.Items[i]) {
				return false
			}
			c.add(test(body(c.subject.path+source.PathMember(k)), "eq", n.Items[i]))
		}
	case n.Kind == model.ArrayNode, n.Kind == model.ObjectNode, c.subject.kind == symBody && n.Is("null"):
		return false
	default:
		c.add(test(c.subject, "contains", n))
	}
	return true
}

func (c *chainReader) typed(typ string) bool {
	switch typ {
	case "undefined":
		c.add(test(c.subject, "exists", model.Literal("false")))
	case "null":
		c.add(test(c.subject, "eq", model.Literal("null")))
	case "string", "number", "boolean", "array", "object":
		if c.subject.kind != symBody {
			return false
		}
		c.add(test(c.subject, "type", model.String(typ)))
	default:
		return false
	}
	return true
}

// member reads property(name), property(name, value); what follows is about the member.
func (c *chainReader) member(l link, key string) bool {
	if c.subject.kind != symBody {
		if c.subject.kind == symUnknown {
			c.why = "the value is made by code"
		}
		return false
	}
	if key == "length" {
		return false // text and lists have one that no path names
	}
	at := body(c.subject.path + source.PathMember(key))
	if c.nested {
		at, _ = lodashPath(c.subject, key)
	}
	if at.kind != symBody {
		return false
	}
	if len(l.args) > 1 {
		n := c.arg(l, 1).operand()
		if n == nil {
			c.why = "what it is compared with is made by code"
			return false
		}
		if c.structured(n) {
			return false
		}
		c.add(test(at, "eq", n))
	} else {
		c.add(test(at, "exists", model.Literal("true")))
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
		c.add(test(body(c.subject.path+source.PathMember(name)), "exists", model.Literal("true")))
	}
	if !c.include {
		c.add(test(sym{kind: symKeyCount, path: c.subject.path}, "eq", model.Literal(strconv.Itoa(len(names)))))
	}
	return len(names) > 0
}

// property reads the assertions without arguments.
func (c *chainReader) property(name string) bool {
	switch name {
	case "true", "false", "null":
		c.add(test(c.subject, "eq", model.Literal(name)))
	case "undefined":
		c.add(test(c.subject, "exists", model.Literal("false")))
	case "exist":
		if c.not {
			c.not = false // null would do as well; it is left to a person to say so
			c.add(test(c.subject, "exists", model.Literal("false")))
		} else {
			c.add(test(c.subject, "exists", model.Literal("true")))
			if c.subject.kind == symBody {
				c.add(test(c.subject, "ne", model.Literal("null"))) // null does not exist to chai
			}
		}
	case "ok":
		return c.truthy()
	case "empty":
		if c.subject.kind != symBody && c.subject.kind != symText {
			return false
		}
		c.add(test(c.subject, "empty", model.Literal("true")))
	case "length", "lengthOf":
		if c.subject.kind != symBody {
			return false
		}
		c.subject = sym{kind: symLength, path: c.subject.path, or: c.subject.or}
	default:
		return false
	}
	return true
}

// truthy reads ok: none of the values that count as false.
func (c *chainReader) truthy() bool {
	switch {
	case c.subject.kind == symBody:
		c.add(claim{c.subject, falsy()})
	case c.not:
		return false
	case c.subject.isText(), c.subject.kind == symText:
		c.add(test(c.subject, "empty", model.Literal("false")))
	default:
		return false
	}
	return true
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
	c.add(test(c.subject, "gte", bound(new(big.Rat).Sub(value, d))))
	c.add(test(c.subject, "lte", bound(new(big.Rat).Add(value, d))))
	return true
}

// members reads members([a, b]): a list of these elements in any order.
func (c *chainReader) members(n *model.Node) bool {
	if c.not || c.include || c.subject.kind != symBody || n == nil || n.Kind != model.ArrayNode || len(n.Items) == 0 || repeats(n.Items) {
		return false
	}
	for _, item := range n.Items {
		if item.Kind != model.LiteralNode && (item.Kind != model.StringNode || strings.Contains(item.Text, "{{")) {
			return false
		}
	}
	yes := model.Literal("true")
	c.add(test(c.subject, "count", model.Literal(strconv.Itoa(len(n.Items)))))
	c.add(test(c.subject, "unique", yes))
	c.add(claim{c.subject, model.Matcher{Op: "each", Sub: []model.Matcher{{Op: "in", List: n.Items}}}})
	return true
}

// names reads assertions about Object.keys(value).
func (c *chainReader) names(l link) bool {
	switch l.name {
	case "length", "lengthOf":
		c.subject = sym{kind: symKeyCount, path: c.subject.path}
		if n := c.arg(l, 0).operand(); l.call {
			if !isNumber(n) {
				return false
			}
			c.add(test(c.subject, "eq", n))
		}
		return true
	case "include", "includes", "contain", "contains":
		if name, ok := c.arg(l, 0).constant(); ok && !c.not {
			c.add(test(body(c.subject.path+source.PathMember(name)), "exists", model.Literal("true")))
			return true
		}
	case "empty":
		op := map[bool]string{true: "gt", false: "eq"}[c.not]
		c.not = false
		c.add(test(sym{kind: symKeyCount, path: c.subject.path}, op, model.Literal("0")))
		return true
	}
	return false
}

// condition reads pm.expect(a === b).to.be.true.
func (c *chainReader) condition(l link) bool {
	yes := l.name == "true" || l.name == "ok"
	if l.name == "false" {
		yes, c.not = true, !c.not
	}
	if slices.Contains([]string{"equal", "eql", "eq", "equals"}, l.name) && l.call {
		n := c.arg(l, 0).operand()
		yes = n.Is("true") || n.Is("false")
		if n.Is("false") {
			c.not = !c.not
		}
	}
	claims := needed(c.subject.claims)
	if !yes || c.not && len(claims) != 1 {
		return false
	}
	for _, one := range claims {
		c.add(one)
	}
	return true
}
