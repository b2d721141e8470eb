package convert

import "strings"

// mark stands around the inside of a placeholder in text that is still being
// worked on: "\x00env.TOKEN\x00" becomes {{env.TOKEN}}. No argument of a command,
// no header and no URL can hold it, so that text of the source is never taken
// for a placeholder. Text with marks is called marked.
const mark = "\x00"

// marked is a placeholder in marked text.
func marked(inside string) string { return mark + inside + mark }

// hasMark reports whether marked text holds a placeholder.
func hasMark(text string) bool { return strings.Contains(text, mark) }

// templateOf writes marked text as text of the language: what is literal stands
// for itself.
func templateOf(text string) string {
	if !hasMark(text) {
		return Escape(text)
	}
	parts := strings.Split(text, mark)
	var b strings.Builder
	for i, p := range parts {
		switch {
		case i%2 == 1:
			b.WriteString("{{" + p + "}}")
		case i+1 < len(parts) && strings.HasSuffix(p, "{") && strings.HasSuffix(Escape(p), "{"):
			// A brace before a placeholder would begin it one character early.
			b.WriteString(strings.TrimSuffix(Escape(p), "{") + "{{'{'}}")
		default:
			b.WriteString(Escape(p))
		}
	}
	return b.String()
}

// literals applies f to what is literal in marked text.
func literals(text string, f func(string) string) string {
	parts := strings.Split(text, mark)
	for i := 0; i < len(parts); i += 2 {
		parts[i] = f(parts[i])
	}
	return strings.Join(parts, mark)
}

// insides are the insides of the placeholders of marked text.
func insides(text string) []string {
	var out []string
	for i, p := range strings.Split(text, mark) {
		if i%2 == 1 {
			out = append(out, p)
		}
	}
	return out
}

// readable is marked text as a shell would be shown it: $TOKEN.
func readable(text string) string {
	parts := strings.Split(text, mark)
	for i := 1; i < len(parts); i += 2 {
		name, _, _ := strings.Cut(strings.TrimPrefix(parts[i], "env."), " ")
		parts[i] = "$" + name
	}
	return strings.Join(parts, "")
}

// cutOutside cuts marked text at the first sep outside placeholders.
func cutOutside(text, sep string) (before, after string, found bool) {
	at := 0
	for i, p := range strings.Split(text, mark) {
		if n := strings.Index(p, sep); i%2 == 0 && n >= 0 {
			return text[:at+n], text[at+n+len(sep):], true
		}
		at += len(p) + len(mark)
	}
	return text, "", false
}

// splitOutside cuts marked text at every sep outside placeholders.
func splitOutside(text, sep string) []string {
	var out []string
	for {
		before, after, found := cutOutside(text, sep)
		out = append(out, before)
		if !found {
			return out
		}
		text = after
	}
}
