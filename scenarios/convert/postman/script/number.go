package script

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/template"
)

// isText reports whether a value is text of the answer: a header or a cookie.
func (s sym) isText() bool { return s.kind == symHeader || s.kind == symCookie }

// toNumber is Number(x), or a plus before x.
func toNumber(v sym) sym {
	switch v.kind {
	case symNode:
		if template.IsNumber(v.node.Text) && (v.node.Kind == model.LiteralNode || v.node.Kind == model.StringNode) {
			return literal(model.Literal(v.node.Text))
		}
	case symBody, symHeader, symCookie:
		v.number = true
		return v
	case symStatus, symTime, symLength, symKeyCount:
		return v
	case symTemplate:
		return v.filtered("number", sureNumber)
	}
	return sym{}
}

// toText is String(x).
func toText(v sym) sym {
	switch v.kind {
	case symNode:
		if v.node.Kind == model.StringNode || v.node.Kind == model.LiteralNode {
			return literal(model.String(v.node.Text))
		}
	case symHeader, symCookie, symText, symPicked, symJoin:
		return v
	case symDatePart:
		return v
	case symBody:
		if v.joinable() {
			return sym{kind: symJoin, items: []sym{v}, sure: sureText}
		}
	case symTemplate:
		if v.sure == sureNumber {
			v.sure, v.millis = sureText, false
			return v
		}
		return v.filtered("text", sureText)
	}
	return sym{}
}

// filtered is a template of one placeholder with a filter that gives a type.
func (s sym) filtered(filter string, sure surety) sym {
	switch {
	case s.sure == sure:
		return s
	case strings.HasPrefix(s.text, "{{") && strings.Index(s.text, "}}") == len(s.text)-2:
		s.text = strings.TrimSuffix(s.text, "}}") + " | " + filter + "}}"
		s.sure = sure
		return s
	}
	return sym{}
}

// added is a number plus or minus a literal one.
func added(a, b sym, sign string) sym {
	if sign == "+" && a.kind == symNode && b.kind == symTemplate {
		a, b = b, a
	}
	if a.kind != symTemplate || a.sure != sureNumber || a.high > 0 || b.kind != symNode || b.node.Kind != model.LiteralNode ||
		!template.IsNumber(b.node.Text) || strings.ContainsAny(b.node.Text, "eE") {
		return sym{}
	}
	n := b.node.Text
	if sign == "-" {
		n = strings.TrimPrefix("-"+n, "--")
	}
	a.text = strings.TrimSuffix(a.text, "}}") + " | add: " + n + "}}"
	return a
}

// about reports whether a value is a part of the answer.
func (s sym) about() bool {
	switch s.kind {
	case symBody, symText, symStatus, symReason, symTime, symHeader, symCookie, symLength, symType, symKeyCount:
		return true
	}
	return false
}

// scaled is Math.random() * n.
func scaled(a, b sym) sym {
	if b.kind == symRandom {
		a, b = b, a
	}
	if a.kind == symRandom && b.kind == symNode && b.node.Kind == model.LiteralNode {
		if n, err := strconv.ParseInt(b.node.Text, 10, 64); err == nil && n > 0 && n < 1<<50 {
			return sym{kind: symRandom, high: n}
		}
	}
	return sym{}
}

// plus adds to a generated number, or joins text.
func (r *scriptReader) plus(a, b sym) sym {
	if v, ok := a.shiftedPart(b, 1); ok {
		return v
	}
	if v, ok := b.shiftedPart(a, 1); ok {
		return v
	}
	if a.kind == symNode && a.node.Kind == model.LiteralNode && b.high > 0 {
		a, b = b, a
	}
	if a.high > 0 && a.kind == symTemplate && b.kind == symNode && b.node.Kind == model.LiteralNode {
		if n, err := strconv.ParseInt(b.node.Text, 10, 64); err == nil && n > -1<<50 && n < 1<<50 {
			return drawnInt(a.low+n, a.high+n)
		}
		return sym{}
	}
	if sum := added(a, b, "+"); sum.kind != symUnknown {
		return sum
	}
	if a.isString() || b.isString() {
		return r.join(a, b)
	}
	return sym{} // it may be a sum
}

// isString reports whether a value is certainly text.
func (s sym) isString() bool {
	return s.sure == sureText || s.kind == symNode && s.node.Kind == model.StringNode
}

func drawnInt(low, high int64) sym {
	if high < low {
		return sym{}
	}
	s := asTemplate(fmt.Sprintf("{{$int: %d..%d}}", low, high), true)
	s.low, s.high, s.sure = low, max(high, 1), sureNumber
	return s
}
