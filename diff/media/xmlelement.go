package media

import (
	"encoding/xml"
	"strings"
)

// Namespaces that the reader treats specially.
const (
	xmlSpace      = "http://www.w3.org/XML/1998/namespace"
	instanceSpace = "http://www.w3.org/2001/XMLSchema-instance"
)

// An element of an XML document.
type element struct {
	name     string
	space    string
	raw      xml.Name       // as written
	attrs    map[string]any // "@name" -> value
	children []*element
	text     []string // runs of character data between child elements
	explicit []bool   // a run has references or a CDATA section: it is never layout
	keep     bool     // xml:space="preserve"
	scope    *binding
}

// A binding is a namespace declaration and those around it.
type binding struct {
	prefix, uri string
	at          *element
	outer       *binding
}

// lookup is the innermost declaration of a prefix; nil where there is none.
func (b *binding) lookup(prefix string) *binding {
	for ; b != nil; b = b.outer {
		if b.prefix == prefix {
			return b
		}
	}
	return nil
}

// resolve is the namespace of a prefix. One that is not declared is its own,
// with a colon that no other has.
func (b *binding) resolve(prefix string) string {
	if prefix == "xml" {
		return xmlSpace
	}
	found := b.lookup(prefix)
	switch {
	case found != nil && (found.uri != "" || prefix == ""):
		return found.uri
	case prefix == "":
		return ""
	}
	return prefix + ":"
}

// newElement resolves the names of a start tag.
func newElement(t xml.StartElement, scope *binding) (e *element, twice string) {
	e = &element{raw: t.Name, attrs: map[string]any{}, text: []string{""}, explicit: []bool{false}, scope: scope}
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "xmlns":
			e.scope = &binding{a.Name.Local, a.Value, e, e.scope}
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			e.scope = &binding{"", a.Value, e, e.scope}
		}
	}
	// All declarations of the tag hold for its own names too, wherever they are in it.
	e.name, e.space = t.Name.Local, e.scope.resolve(t.Name.Space)
	for _, a := range t.Attr {
		name, value := "@"+a.Name.Local, a.Value
		switch {
		case a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns":
			continue
		case a.Name.Space != "":
			space := e.scope.resolve(a.Name.Space)
			name = "@{" + space + "}" + a.Name.Local
			if space == instanceSpace && a.Name.Local == "type" {
				value = e.qualified(value)
			}
		}
		if _, there := e.attrs[name]; there {
			return e, rawName(a.Name)
		}
		e.useBindings(value)
		e.attrs[name] = value
	}
	return e, ""
}

// qualified is the name of a type with its namespace instead of its prefix.
func (e *element) qualified(value string) string {
	prefix, local, ok := strings.Cut(value, ":")
	if !ok {
		prefix, local = "", value
	}
	if b := e.scope.lookup(prefix); b != nil && b.uri != "" && local != "" && !strings.ContainsAny(value, " \t\n{}") {
		return "{" + b.uri + "}" + local
	}
	return value
}

// useBindings keeps the declarations of prefixes that a value uses.
func (e *element) useBindings(value string) {
	if e.scope == nil || strings.HasPrefix(value, "{") {
		return
	}
	for from := 0; ; {
		i := strings.IndexByte(value[from:], ':')
		if i < 0 {
			return
		}
		i += from
		from = i + 1
		// The text before the colon is a prefix where a declaration knows it.
		start := i
		for start > 0 && isNameByte(value[start-1]) {
			start--
		}
		if start == i || from == len(value) || !isNameByte(value[from]) {
			continue
		}
		if b := e.scope.lookup(value[start:i]); b != nil {
			b.at.attrs["@xmlns:"+b.prefix] = b.uri
		}
	}
}

// isNameByte reports whether a byte may be in a name without its colon. All that is beyond ASCII
// counts, which is wider than Namespaces in XML 1.0 and costs at most a declaration that is kept.
func isNameByte(c byte) bool {
	return c >= 0x80 || c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// addChild adds a child element and begins a new run of text after it, so that there always is one run
// more than there are children.
func (e *element) addChild(c *element) {
	e.children = append(e.children, c)
	e.text = append(e.text, "")
	e.explicit = append(e.explicit, false)
}

// addText adds to the current run. A run with a reference or a CDATA section was written on purpose, and
// is not layout even where it is white space.
func (e *element) addText(s string, explicit bool) {
	last := len(e.text) - 1
	e.text[last] += s
	e.explicit[last] = e.explicit[last] || explicit && s != ""
}

// isMixed reports whether an element has text next to child elements.
func (e *element) isMixed() bool {
	if len(e.children) == 0 {
		return false
	}
	for i, run := range e.text {
		if strings.Trim(run, " \t\r\n") != "" || e.explicit[i] {
			return true
		}
	}
	return false
}

// inline are elements of texts, in HTML, TTML, SMIL, SVG: white space next to
// them is between words.
var inline = map[string]bool{
	"span": true, "a": true, "b": true, "i": true, "u": true, "s": true, "em": true, "strong": true, "font": true, "small": true,
	"sub": true, "sup": true,
	"tspan": true, "ruby": true, "rb": true, "rt": true, "br": true, "code": true, "q": true, "abbr": true, "cite": true,
	"mark": true, "img": true,
}

// paragraphs are elements that hold such texts.
var paragraphs = map[string]bool{
	"p": true, "span": true, "text": true, "tspan": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true,
	"li": true, "dt": true, "dd": true, "td": true, "th": true, "label": true, "caption": true, "em": true, "strong": true,
}

// runsOfText are the runs of text that are not layout; nil where there are none.
func (e *element) runsOfText(mixed map[string]bool) []string {
	whole := e.keep || mixed[e.name]
	if paragraphs[strings.ToLower(e.name)] {
		for _, c := range e.children {
			whole = whole || inline[strings.ToLower(c.name)]
		}
	}
	some := false
	for i, run := range e.text {
		if !whole && strings.ContainsAny(run, "\r\n") {
			e.text[i] = ""
		}
		some = some || e.text[i] != ""
	}
	if !some {
		return nil
	}
	return e.text
}

// tree is the element as the rules of xmlTree say.
func (e *element) tree(parentSpace string, mixed map[string]bool) any {
	if e.attrs == nil { // the document
		e.attrs = map[string]any{}
	} else if e.space != parentSpace && e.name[0] != '?' {
		e.attrs["@xmlns"] = e.space
	}
	for _, run := range e.text {
		e.useBindings(run)
	}
	if len(e.children) == 0 {
		if len(e.attrs) == 0 {
			return e.text[0]
		}
		if e.text[0] != "" {
			e.attrs["#text"] = e.text[0]
		}
		return e.attrs
	}
	// The members of the children join those of the attributes, which begin with @.
	out := e.attrs
	if runs := e.runsOfText(mixed); runs != nil {
		out["#text"] = runs
	}
	names := make([]string, len(e.children))
	several := false
	for i, c := range e.children {
		list, _ := out[c.name].([]any)
		out[c.name] = append(list, c.tree(e.space, mixed))
		names[i] = c.name
		several = several || c.name != names[0]
	}
	if several {
		out["#order"] = runs(names)
	}
	return out
}
