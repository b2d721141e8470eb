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
		return only(v.node.IsScalar() && template.IsNumber(v.node.Text), literal(model.Literal(v.node.Text)))
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
		return only(v.node.IsScalar(), literal(model.String(v.node.Text)))
	case symHeader, symCookie, symText, symPicked, symJoin, symDatePart:
		return v
	case symBody:
		return only(v.joinable(), sym{kind: symJoin, items: []sym{v}, sure: sureText})
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
	case !isOnePlaceholder(s.text):
		return sym{}
	}
	s.text, s.sure = strings.TrimSuffix(s.text, "}}")+" | "+filter+"}}", sure
	return s
}

// added is a number plus or minus a literal one.
func added(a, b sym, sign string) sym {
	if sign == "+" && a.kind == symNode && b.kind == symTemplate {
		a, b = b, a
	}
	n := b.literal()
	if a.kind != symTemplate || a.sure != sureNumber || a.high > 0 || !template.IsNumber(n) || strings.ContainsAny(n, "eE") {
		return sym{}
	}
	if sign == "-" {
		n = strings.TrimPrefix("-"+n, "--")
	}
	a.text = strings.TrimSuffix(a.text, "}}") + " | add: " + n + "}}"
	return a
}

// literal is the text of a JSON literal that the script holds; empty for anything else.
func (s sym) literal() string {
	if s.kind != symNode || s.node.Kind != model.LiteralNode {
		return ""
	}
	return s.node.Text
}

// about reports whether a value is a part of the answer.
func (s sym) about() bool { return subjects[s.kind] != 0 && s.kind != symTemplate }

// maxDrawn bounds the numbers that are generated.
const maxDrawn = 1 << 50

// scaled is Math.random() * n.
func scaled(a, b sym) sym {
	if b.kind == symRandom {
		a, b = b, a
	}
	n, err := strconv.ParseInt(b.literal(), 10, 64)
	return only(a.kind == symRandom && err == nil && n > 0 && n < maxDrawn, sym{kind: symRandom, high: n})
}

// plus adds to a generated number, or joins text.
func (r *scriptReader) plus(a, b sym) sym {
	if v, ok := a.shiftedPart(b, 1); ok {
		return v
	}
	if v, ok := b.shiftedPart(a, 1); ok {
		return v
	}
	if a.literal() != "" && b.high > 0 {
		a, b = b, a
	}
	if a.high > 0 && a.kind == symTemplate && b.literal() != "" {
		n, err := strconv.ParseInt(b.literal(), 10, 64)
		return only(err == nil && n > -maxDrawn && n < maxDrawn, drawnInt(a.low+n, a.high+n))
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

// drawnInt is a generated whole number.
func drawnInt(low, high int64) sym {
	out := surelyNumber(fmt.Sprintf("{{$int: %d..%d}}", low, high))
	out.low, out.high = low, max(high, 1)
	return only(low <= high, out)
}
