package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Literal is a template without placeholders: text that stands for itself.
func Literal(text string) *Template {
	return &Template{Text: text, parts: []part{{literal: text}}}
}

// Static reports whether the template has no placeholders.
func (t *Template) Static() bool {
	if t.node != nil {
		return t.node.static()
	}
	for i := range t.parts {
		if t.parts[i].name != "" {
			return false
		}
	}
	return true
}

// whole reports whether the template is exactly one placeholder.
func (t *Template) whole() bool { return len(t.parts) == 1 && t.parts[0].name != "" }

// Expand replaces the template's placeholders with the scope's values. A
// template that is one whole placeholder keeps the value's type; any other is
// text. A value is never expanded again.
func (t *Template) Expand(scope Scope) (Value, error) {
	switch {
	case t.node != nil:
		text, err := t.node.render(scope)
		return Value{text, text}, err
	case t.literal != "":
		return Value{t.literal, t.literal}, nil
	case t.whole():
		return t.expandPart(0, scope)
	}
	text, err := t.expandText(scope, nil)
	return textValue(text), err
}

// expandText joins the parts, each value passed through escape (nil: as it is).
func (t *Template) expandText(scope Scope, escape func(before, value string) (string, error)) (string, error) {
	if len(t.parts) == 1 && t.parts[0].name == "" {
		return t.parts[0].literal, nil
	}
	var b strings.Builder
	for i := range t.parts {
		if t.parts[i].name == "" {
			b.WriteString(t.parts[i].literal)
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

// placeholder is the text of a part as it stands in the template.
func (t *Template) placeholder(i int) string {
	at := t.parts[i].offset
	return t.Text[at : closing(t.Text, at+2)+2]
}

// key tells the placeholders of a file apart.
func (t *Template) key(i int) string { return fmt.Sprintf("%s#%d", t.Pos, i) }

// expandPart is the value of one placeholder, filters applied. default stands in
// for a variable that is not there, never for one that cannot be computed.
func (t *Template) expandPart(i int, scope Scope) (Value, error) {
	p := &t.parts[i]
	v, found, err := t.value(i, scope)
	if err != nil {
		return Value{}, fmt.Errorf("%s: %w", t.placeholder(i), err)
	}
	for _, f := range p.filters {
		if f.name == "default" {
			if !found || v.Text == "" || v.JSON == "null" {
				v, found = textValue(f.args[0]), true
			}
			continue
		}
		if !found {
			break
		}
		arg := ""
		if len(f.args) > 0 {
			arg = f.args[0]
		}
		if v, err = findFilter(f.name).apply(v, arg, scope); err != nil {
			return Value{}, fmt.Errorf("%s: %w", t.placeholder(i), err)
		}
	}
	if !found {
		return Value{}, fmt.Errorf("variable %q %w", p.name, ErrNoValue)
	}
	return v, nil
}

func (t *Template) value(i int, scope Scope) (v Value, found bool, err error) {
	p := &t.parts[i]
	switch {
	case p.name == quotedName:
		return textValue(p.quoted), true, nil
	case strings.HasPrefix(p.name, "$"):
		v, err = scope.Generate(p.name[1:], p.args, t.key(i), p.perSide)
		return v, true, err
	}
	return scope.Lookup(p.name)
}

// Prefixes of environment variables. FlagPrefix and a flag's name in capitals set
// that flag; VarPrefix and a variable's name set that variable. They differ, so
// that a variable named like a flag never sets the flag.
const (
	FlagPrefix = "BGVERIFY_"
	VarPrefix  = FlagPrefix + "VAR_"
)

// LookupEnv finds the value that the environment gives a variable:
// BGVERIFY_VAR_<name> as written, or in capitals with - as _. An empty value
// counts as not set.
func LookupEnv(getenv func(string) (string, bool), name string) (string, bool) {
	_, value := findEnv(getenv, VarPrefix, name)
	return value, value != ""
}

// findEnv returns the environment variable that a prefix and a name make, as
// written or in capitals, with its value; both empty when neither is set.
func findEnv(getenv func(string) (string, bool), prefix, name string) (variable, value string) {
	if getenv == nil {
		return "", ""
	}
	for _, form := range []string{name, CapitalName(name)} {
		if v, ok := getenv(prefix + form); ok && v != "" {
			return prefix + form, v
		}
	}
	return "", ""
}

// CapitalName is how the name of a variable or flag is written in the
// environment: capitals, with - as _.
func CapitalName(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

func (n *JSONNode) static() bool {
	if n.Kind == 's' {
		return n.Text.Static()
	}
	if slices.ContainsFunc(n.Keys, func(k *Template) bool { return !k.Static() }) {
		return false
	}
	for _, item := range n.Items {
		if !item.static() {
			return false
		}
	}
	return true
}

// render writes the node as compact JSON. A whole placeholder keeps its type.
func (n *JSONNode) render(scope Scope) (string, error) {
	var b strings.Builder
	err := n.write(&b, scope)
	return b.String(), err
}

func (n *JSONNode) write(b *strings.Builder, scope Scope) error {
	switch n.Kind {
	case 'l':
		b.WriteString(n.Literal)
	case 's':
		v, err := n.Text.Expand(scope)
		if err != nil {
			return err
		}
		b.WriteString(v.JSON)
	case 'a':
		b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := item.write(b, scope); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case 'o':
		return n.writeObject(b, scope)
	default:
		return errors.New("invalid JSON node")
	}
	return nil
}

// A DuplicateMemberError is a JSON object in which two members got the same name
// when their placeholders were expanded.
type DuplicateMemberError struct {
	Name          string
	First, Second *Template // as written
}

func (e *DuplicateMemberError) Error() string {
	return fmt.Sprintf("two members of a JSON object are named %q: %s at %s and %s at %s", cut(e.Name, 64), e.First.Text, e.First.Pos, e.Second.Text, e.Second.Pos)
}

// writeObject writes an object; its error is a *DuplicateMemberError where two
// members get one name.
func (n *JSONNode) writeObject(b *strings.Builder, scope Scope) error {
	b.WriteByte('{')
	seen := make(map[string]*Template, len(n.Keys))
	for i, item := range n.Items {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := n.Keys[i].Expand(scope)
		if err != nil {
			return err
		}
		if first := seen[name.Text]; first != nil {
			return &DuplicateMemberError{name.Text, first, n.Keys[i]}
		}
		seen[name.Text] = n.Keys[i]
		b.WriteString(quoteJSON(name.Text))
		b.WriteByte(':')
		if err := item.write(b, scope); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}
