package oracle

// What is compared of numbers and texts under the rules for them.

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/bgverify/bgverify/diff"
)

// number is what is compared of a number: its text, its float64, or the number with its tolerance. Two
// rules for one number are outside the domain where the engine's order of them would decide.
func (r *reducer) number(n number, f found) any {
	if r.j.mode == diff.Shape {
		return typeOf(n)
	}
	if x, ok := f.by[diff.DoNumber]; ok {
		switch x.As {
		case "lexeme":
			if len(f.by) > 1 {
				r.j.give("a lexeme next to another rule")
			}
			return typed("lexeme " + string(n))
		case "float64":
			if len(f.by) > 1 {
				r.j.give("a float64 next to another rule")
			}
			v, err := strconv.ParseFloat(string(n), 64)
			if err != nil && !math.IsInf(v, 0) {
				return n
			}
			return v
		}
	}
	t, tolerant := f.by[diff.DoTolerance]
	w, when := f.by[diff.DoTime]
	switch {
	case tolerant && when:
		r.j.give("a time next to a tolerance")
	case tolerant:
		return near{Blue: r.blue, N: n, Abs: t.Abs, Rel: t.Rel}
	case when:
		return timed{Text: string(n), Within: w.Within, number: true, Any: w.Notation != ""}
	}
	return n
}

// text is what is compared of a string: the document in it, a moment, a format, or the text after each
// normaliser and rewrite.
func (r *reducer) text(s string, f found, depth int) any {
	if e, ok := f.by[diff.DoEmbedded]; ok {
		if len(f.by) > 1 || len(f.rewrites) > 0 || r.inner {
			r.j.give("an embedded document next to another rule")
		}
		if v, ok := embedded(s, e.As); ok {
			switch v.(type) {
			case array, object:
			default:
				r.j.give("an embedded scalar")
			}
			r.inner = true
			defer func() { r.inner = false }()
			return map[string]any{"embedded": r.value2(v, depth+1)}
		}
	}
	if r.j.mode == diff.Shape {
		return typeOf(s)
	}
	t, timing := f.by[diff.DoTime]
	shape, shaping := f.by[diff.DoFormat]
	norms, normalising := f.by[diff.DoString]
	if timing && shaping || (timing || shaping) && (len(f.rewrites) > 0 || normalising) {
		r.j.give("a time or a format next to another rule")
	}
	switch {
	case timing:
		return timed{Text: s, Within: t.Within, Any: t.Notation != ""}
	case shaping:
		return shaped{Text: s, Format: shape.Is, Pattern: shape.Pattern, Any: shape.Notation != ""}
	case !normalising && len(f.rewrites) == 0:
		return s
	}
	stages := staged{s}
	if normalising {
		names := norms.AsList
		if len(names) == 0 {
			names = []string{norms.As}
		}
		for _, n := range names {
			s = normal(n, s)
		}
		stages = append(stages, s)
	}
	for _, w := range f.rewrites {
		s = r.rewrite(s, w)
		stages = append(stages, s)
	}
	return stages
}

// value2 reduces an embedded document's root: the rules of the string's own
// place do not hold for it again.
func (r *reducer) value2(v any, depth int) any {
	switch v := v.(type) {
	case object:
		return r.object(v, depth)
	case array:
		return r.array(v, found{by: map[diff.Do]rule{}}, depth)
	}
	return v
}

// normal is one normaliser, by the word of the rule.
func normal(name, s string) string {
	switch name {
	case "nfc":
		return norm.NFC.String(s)
	case "fold":
		return cases.Fold().String(s)
	}
	return strings.TrimSpace(s)
}

// rewrite puts the placeholder of a rule into a text of the current side.
func (r *reducer) rewrite(s string, w rule) string {
	mark := "\x00" + w.As + "\x00"
	if w.Pattern != "" {
		return pattern(w.Pattern).ReplaceAllLiteralString(s, mark)
	}
	from := w.GreenText
	if r.blue {
		from = w.BlueText
	}
	return strings.ReplaceAll(s, from, mark)
}

// embedded decodes the document that a text holds; not ok where it holds none.
func embedded(s, as string) (any, bool) {
	if as == "base64-json" {
		s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "").Replace(s), "=")
		raw, err := base64.RawStdEncoding.DecodeString(s)
		if err != nil {
			return nil, false
		}
		s = string(raw)
	}
	v, err := decode([]byte(s))
	return v, err == nil
}
