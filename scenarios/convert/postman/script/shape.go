package script

import (
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
		if !isNumber(n) || c.subject.kind != symBody {
			return false
		}
		c.add(test(sym{kind: symLength, path: c.subject.path}, "eq", n))
	case "keys", "key":
		return c.keys(l)
	case "instanceOf", "instanceof":
		return len(l.args) == 1 && c.typed(strings.ToLower(dotted(l.args[0])))
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
			c.add(test(body(c.subject.path+source.PathMember(k)), "eq", n.Items[i]))
		}
	case n.Kind == model.ArrayNode:
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
		c.add(test(sym{kind: symLength, path: c.subject.path}, "eq", model.Literal(strconv.Itoa(len(names)))))
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
			if c.subject.kind == symBody {
				return false // absent or null
			}
			c.not = false
			c.add(test(c.subject, "exists", model.Literal("false")))
		} else {
			c.add(test(c.subject, "exists", model.Literal("true")))
			if c.subject.kind == symBody {
				c.add(test(c.subject, "ne", model.Literal("null"))) // null does not exist to chai
			}
		}
	case "empty":
		if c.subject.kind != symBody {
			return false
		}
		c.add(test(c.subject, "empty", model.Literal("true")))
	case "length", "lengthOf":
		if c.subject.kind != symBody {
			return false
		}
		c.subject = sym{kind: symLength, path: c.subject.path}
	default:
		return false
	}
	return true
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
	if !yes || c.not && len(c.subject.claims) != 1 {
		return false
	}
	claims := c.subject.claims
	for _, one := range claims {
		c.add(one)
	}
	return true
}
