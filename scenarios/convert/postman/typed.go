package postman

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
	"github.com/bgverify/bgverify/scenarios/template"
)

// Postman pastes the text of a variable into a body: without quotes around the
// placeholder a 5 is a number, with quotes it is text. The language keeps the type
// of a value instead, so that a whole placeholder may need the filter parse or
// text to be sent with the same type.

// A jsonUse is a value of a JSON body that is one whole placeholder.
type jsonUse struct {
	node *model.Node
	bare bool // no quotes around it
}

// jsonUse keeps a value for typeValues, when it is one whole placeholder.
func (im *pmImport) jsonUse(n *model.Node, bare bool) *model.Node {
	if strings.HasPrefix(n.Text, "{{") && strings.Index(n.Text, "}}") == len(n.Text)-2 && !strings.HasPrefix(n.Text, "{{'") {
		im.jsonUses = append(im.jsonUses, jsonUse{n, bare})
	}
	return n
}

// typeValues adds the filters that values of JSON bodies need. What gives the
// variables is known by then.
func (im *pmImport) typeValues() {
	known := map[string][2]bool{}
	for _, u := range im.jsonUses {
		inside := strings.TrimSuffix(u.node.Text, "}}")
		types, done := known[inside]
		if !done {
			types[0], types[1] = im.typesOf(inside[2:])
			known[inside] = types
		}
		isText, isTyped := types[0], types[1]
		switch {
		case u.bare && !isTyped:
			u.node.Text = inside + " | parse}}"
		case !u.bare && !isText:
			u.node.Text = inside + " | text}}"
		}
	}
}

// typesOf reports whether what a placeholder stands for is certainly text, and
// whether it certainly has the type that its text has in JSON.
func (im *pmImport) typesOf(inside string) (isText, isTyped bool) {
	if strings.HasPrefix(inside, "$") {
		isTyped = strings.HasPrefix(inside, "$int") || strings.HasPrefix(inside, "$row") || strings.HasSuffix(inside, "format: unix") ||
			strings.HasSuffix(inside, "format: unix_ms")
		return !isTyped, isTyped
	}
	if strings.HasPrefix(inside, "env.") {
		return true, false
	}
	name, known := im.theirs[inside]
	if !known {
		return false, false
	}
	isText, isTyped = true, true
	sources := 0
	add := func(typed, text bool) {
		sources++
		isTyped, isText = isTyped && typed, isText && text
	}
	for _, list := range im.valueLists() {
		if v := findPMVar(list, name); v != nil && v.value != "" {
			typed := im.isLiteral(*v)
			add(typed, !typed)
		}
	}
	for _, d := range slices.Concat(im.drafts, im.folders) {
		for _, def := range d.defs {
			if def.Name == name {
				add(typesOfDefinition(def))
			}
		}
	}
	if im.isColumn(name) {
		add(false, im.data.csv)
	}
	if sources == 0 { // it comes from outside: a flag gives text, an env file any type
		return false, false
	}
	return isText, isTyped
}

// typesOfDefinition says the same of what a script sets.
func typesOfDefinition(def script.Definition) (typed, text bool) {
	switch c := def.Capture; {
	case c != nil && c.At != "":
		return false, false
	case c != nil:
		return c.Status, !c.Status
	case def.Literal:
		return true, false
	case def.JSON: // a text, whose quotes are part of it
		return true, true
	}
	if template.IsNumber(def.Value) || !strings.HasPrefix(def.Value, "{{") || strings.Index(def.Value, "}}") != len(def.Value)-2 {
		return false, true
	}
	inside := def.Value[2 : len(def.Value)-2]
	if !strings.HasPrefix(inside, "$") {
		return false, false
	}
	number := strings.HasPrefix(inside, "$int") || strings.Contains(inside, "format: unix")
	return number, !number
}
