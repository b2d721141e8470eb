package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// Text is a template without placeholders: it expands to the text itself.
// It is how defaults of the language itself become templates.
func Text(text string, pos problem.Pos) *Template {
	return &Template{Text: text, Pos: pos, Parts: []Part{{Literal: text}}}
}

// JSON is a template that expands to a JSON number, true, false or null as written.
func JSON(literal string, pos problem.Pos) *Template {
	return &Template{Text: literal, Pos: pos, JSON: literal, Parts: []Part{{Literal: literal}}}
}

// Static reports whether the template has no placeholders.
// Static templates are checked while files are read, all others when they are expanded.
func (t *Template) Static() bool {
	if t.Node != nil {
		return t.Node.Static()
	}
	return !slices.ContainsFunc(t.Parts, func(p Part) bool { return p.Name != "" })
}

// Whole reports whether the template is exactly one placeholder.
// Quoted text alone counts as a placeholder too; it is text either way.
func (t *Template) Whole() bool { return len(t.Parts) == 1 && t.Parts[0].Name != "" }

// Expand replaces the template's placeholders with the scope's values. A
// template that is one whole placeholder keeps the value's type; any other is
// text. A value is never expanded again.
func (t *Template) Expand(scope Scope) (Value, error) {
	switch {
	case t.Node != nil:
		text, err := t.Node.Render(scope)
		return Value{text, text}, err
	case t.JSON != "":
		return Value{t.JSON, t.JSON}, nil
	// Only a whole placeholder keeps its type.
	case t.Whole():
		return t.expandPart(0, scope)
	}
	text, err := t.ExpandText(scope, nil)
	return TextValue(text), err
}

// ExpandJSON expands the template to text in which each value is JSON: a string has quotes.
// others are the same with values of the other type, where there are any: texts that spell a
// number, true or false as these, and numbers as texts.
func (t *Template) ExpandJSON(scope Scope) (as string, others []string, err error) {
	var same, plain, texts strings.Builder
	for i := range t.Parts {
		v := Value{Text: t.Parts[i].Literal, JSON: t.Parts[i].Literal}
		if t.Parts[i].Name == "" {
			same.WriteString(v.JSON)
			plain.WriteString(v.JSON)
			texts.WriteString(v.JSON)
			continue
		}
		if v, err = t.expandPart(i, scope); err != nil {
			return "", nil, err
		}
		same.WriteString(v.JSON)
		plain.WriteString(v.plain())
		texts.WriteString(v.quoted())
	}
	for _, other := range []string{plain.String(), texts.String()} {
		if other != same.String() {
			others = append(others, other)
		}
	}
	return same.String(), others, nil
}

// plain is the JSON of a value, of a text that spells a number, true or false without quotes.
func (v Value) plain() string {
	if IsNumber(v.Text) || v.Text == "true" || v.Text == "false" {
		return v.Text
	}
	return v.JSON
}

// quoted is the JSON of a value, of a number in quotes.
func (v Value) quoted() string {
	if IsNumber(v.JSON) {
		return text.Quote(v.Text)
	}
	return v.JSON
}

// ExpandText joins the parts to text, whatever the type of the values. escape
// makes a value fit the place it is put in, knowing the text before it, or refuses
// it; nil leaves values as they are.
func (t *Template) ExpandText(scope Scope, escape func(before, value string) (string, error)) (string, error) {
	// Most texts have no placeholder: they cost no copy.
	if len(t.Parts) == 1 && t.Parts[0].Name == "" {
		return t.Parts[0].Literal, nil
	}
	var b strings.Builder
	for i := range t.Parts {
		if t.Parts[i].Name == "" {
			b.WriteString(t.Parts[i].Literal)
			continue
		}
		v, err := t.expandPart(i, scope)
		if err != nil {
			return "", err
		}
		text := v.Text
		if escape != nil {
			if text, err = escape(b.String(), text); err != nil {
				return "", fmt.Errorf("%s: %w", t.placeholder(i), err)
			}
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// placeholder is the text of a part as written in the template.
func (t *Template) placeholder(i int) string {
	at := t.Parts[i].Offset
	return t.Text[at : closing(t.Text, at+2)+2]
}

// key tells the placeholders of a file apart: the same placeholder makes the same generated
// value on both sides, two of them make two values.
func (t *Template) key(i int) string { return fmt.Sprintf("%s#%d", t.Pos, i) }

// expandPart is the value of one placeholder, filters applied. default takes the
// place of a variable that is not there, never for one that cannot be computed.
func (t *Template) expandPart(i int, scope Scope) (Value, error) {
	p := &t.Parts[i]
	v, found, err := t.value(i, scope)
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", t.placeholder(i), err)
	}
	// The filters of a variable that is not there are passed over up to a default, which
	// gives it a value for those that follow.
	for _, f := range p.Filters {
		if f.Name == "default" {
			if !found || v.Text == "" || v.JSON == "null" {
				v, found = TextValue(f.Args[0]), true
			}
			continue
		}
		if !found {
			break
		}
		arg := ""
		if len(f.Args) > 0 {
			arg = f.Args[0]
		}
		if v, err = findFilter(f.Name).apply(v, arg, scope); err != nil {
			return Value{}, fmt.Errorf("%s: %w", t.placeholder(i), err)
		}
	}
	if !found {
		return Value{}, fmt.Errorf("variable %q %w", p.Name, ErrNoValue)
	}
	return v, nil
}

// value asks the scope for what a placeholder names, before its filters.
func (t *Template) value(i int, scope Scope) (v Value, found bool, err error) {
	p := &t.Parts[i]
	switch {
	case p.Name == QuotedName:
		return TextValue(p.Quoted), true, nil
	case strings.HasPrefix(p.Name, "$"):
		v, err = scope.Generate(p.Name[1:], p.Args, t.key(i), p.PerSide)
		return v, true, err
	}
	return scope.Lookup(p.Name)
}

// Names reports whether a template has a placeholder for a variable.
// Members and elements of a list or mapping count as well.
func (t *Template) Names(variable string) bool {
	if t == nil {
		return false
	}
	if t.Node != nil {
		found := false
		t.Node.Each(func(t *Template) { found = found || t.Names(variable) })
		return found
	}
	return slices.ContainsFunc(t.Parts, func(p Part) bool { return p.Quoted == "" && p.Name == variable })
}
