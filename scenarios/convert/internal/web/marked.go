package web

import (
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// Mark is around the inside of a placeholder in text that is still being
// worked on: "\x00env.TOKEN\x00" becomes {{env.TOKEN}}. No argument of a command,
// no header and no URL can hold it, so that text of the source is never taken
// for a placeholder. Text with marks is called marked.
const Mark = "\x00"

// Marked is a placeholder in marked text.
func Marked(inside string) string { return Mark + inside + Mark }

// HasMark reports whether marked text holds a placeholder.
func HasMark(text string) bool { return strings.Contains(text, Mark) }

// Template writes marked text as text of the language: what is literal
// stays literal.
func Template(text string) string {
	if !HasMark(text) {
		return naming.Escape(text)
	}
	parts := strings.Split(text, Mark)
	var b strings.Builder
	for i, p := range parts {
		switch {
		case i%2 == 1:
			b.WriteString("{{" + p + "}}")
		case i+1 < len(parts) && strings.HasSuffix(p, "{") && strings.HasSuffix(naming.Escape(p), "{"):
			// A brace before a placeholder would begin it one character early.
			b.WriteString(strings.TrimSuffix(naming.Escape(p), "{") + "{{'{'}}")
		default:
			b.WriteString(naming.Escape(p))
		}
	}
	return b.String()
}

// Literals applies f to what is literal in marked text.
func Literals(text string, f func(string) string) string {
	parts := strings.Split(text, Mark)
	for i := 0; i < len(parts); i += 2 {
		parts[i] = f(parts[i])
	}
	return strings.Join(parts, Mark)
}

// Insides are the insides of the placeholders of marked text.
func Insides(text string) []string {
	var out []string
	for i, p := range strings.Split(text, Mark) {
		if i%2 == 1 {
			out = append(out, p)
		}
	}
	return out
}

// Readable is marked text as a shell would be shown it: $TOKEN.
func Readable(text string) string {
	parts := strings.Split(text, Mark)
	for i := 1; i < len(parts); i += 2 {
		name, _, _ := strings.Cut(strings.TrimPrefix(parts[i], "env."), " ")
		parts[i] = "$" + name
	}
	return strings.Join(parts, "")
}

// CutOutside cuts marked text at the first sep outside placeholders.
func CutOutside(text, sep string) (before, after string, found bool) {
	at := 0
	for i, p := range strings.Split(text, Mark) {
		if n := strings.Index(p, sep); i%2 == 0 && n >= 0 {
			return text[:at+n], text[at+n+len(sep):], true
		}
		at += len(p) + len(Mark)
	}
	return text, "", false
}

// SplitOutside cuts marked text at every sep outside placeholders.
func SplitOutside(text, sep string) []string {
	var out []string
	for {
		before, after, found := CutOutside(text, sep)
		out = append(out, before)
		if !found {
			return out
		}
		text = after
	}
}
