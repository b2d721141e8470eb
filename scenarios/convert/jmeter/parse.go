package jmeter

import "strings"

// A ref is ${name} or ${__name(a,b)} in a text of a plan.
type ref struct {
	name     string
	args     []string // raw: they may hold references
	function bool
}

// A piece of a text: literal, or a reference.
type piece struct {
	literal string
	ref     *ref
}

// pieces cuts a text at its references. As in JMeter, a backslash before $ , and
// another backslash is dropped, but only in a text that has references; a
// reference that is not closed is literal text.
func pieces(raw string) []piece {
	if !strings.Contains(raw, "${") {
		return []piece{{literal: raw}}
	}
	var out []piece
	var b strings.Builder
	found := false
	for i := 0; i < len(raw); {
		// A backslash is taken off before the characters that references are made of.
		if raw[i] == '\\' && i+1 < len(raw) && strings.IndexByte(`$,\`, raw[i+1]) >= 0 {
			b.WriteByte(raw[i+1])
			i += 2
			continue
		}
		if strings.HasPrefix(raw[i:], "${") {
			// Text before the reference ends here. One that is not closed stays text.
			if end := refEnd(raw, i+2); end > 0 {
				if b.Len() > 0 {
					out = append(out, piece{literal: b.String()})
					b.Reset()
				}
				out = append(out, piece{ref: refOf(raw[i+2 : end])})
				found = true
				i = end + 1
				continue
			}
		}
		b.WriteByte(raw[i])
		i++
	}
	if !found {
		return []piece{{literal: raw}}
	}
	if b.Len() > 0 {
		out = append(out, piece{literal: b.String()})
	}
	return out
}

// refEnd is the index of the brace that closes the reference whose inside begins
// at i; -1: there is none. Braces inside the brackets of a function, which hold
// scripts, are counted.
func refEnd(raw string, i int) int {
	depth, brackets := 0, 0
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '(':
			brackets++
		case ')':
			brackets--
		case '{':
			depth++
		case '}':
			if depth == 0 && (brackets <= 0 || !strings.Contains(raw[i:], ")")) {
				return i
			}
			depth = max(0, depth-1)
		}
	}
	return -1
}

// refOf reads the inside of a reference.
func refOf(inside string) *ref {
	if !strings.HasPrefix(inside, "__") {
		return &ref{name: inside}
	}
	name, rest, hasArgs := strings.Cut(inside, "(")
	r := &ref{name: strings.TrimSpace(name), function: true}
	if !hasArgs {
		return r
	}
	if i := strings.LastIndexByte(rest, ')'); i >= 0 {
		rest = rest[:i]
	}
	if rest != "" {
		r.args = splitArgs(rest)
	}
	return r
}

// splitArgs cuts arguments at commas outside references; \, is a comma.
func splitArgs(text string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], "${"):
			depth++
			i++
		case text[i] == '}' && depth > 0:
			depth--
		case text[i] == ',' && depth == 0:
			out = append(out, text[start:i])
			start = i + 1
		}
	}
	out = append(out, text[start:])
	for i, a := range out {
		if !strings.Contains(a, "${") { // a text with references loses its backslashes where it is read
			out[i] = strings.NewReplacer(`\,`, ",", `\\`, `\`, `\$`, "$").Replace(a)
		}
	}
	return out
}

func (r *ref) arg(i int) string {
	if i < len(r.args) {
		return r.args[i]
	}
	return ""
}

// source is the reference as the plan has it.
func (r *ref) source() string {
	switch {
	case !r.function || r.args == nil:
		return "${" + r.name + "}"
	default:
		return "${" + r.name + "(" + strings.Join(r.args, ",") + ")}"
	}
}

// single is the only reference of a text that holds nothing else; nil: it does.
func single(raw string) *ref {
	if list := pieces(strings.TrimSpace(raw)); len(list) == 1 {
		return list[0].ref
	}
	return nil
}
