package openapi

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// maxRows is how many values of one parameter are asked.
const maxRows = 10

// maxNesting bounds a body that is made of a schema.
const maxNesting = 12

// given are the values that a schema itself gives: examples, a constant, its default
// or the values of its enum.
func (im *importer) given(n *openapi.Node, depth int) []*openapi.Node {
	s, err := im.d.Resolve(n)
	if s == nil || err != nil || depth > maxNesting {
		return nil
	}
	// A list gives its values, anything else is a value itself.
	for _, key := range []string{"example", "examples", "const", "enum", "default"} {
		v := s.Get(key)
		switch isList := v != nil && v.Kind == openapi.Array; {
		case v == nil, key == "examples" && (!isList || len(v.Items) == 0), key == "enum" && !isList, key == "default" && v.Kind == openapi.Null:
		case key == "examples":
			return v.Items[:min(len(v.Items), maxRows)]
		case key == "enum":
			out := slices.DeleteFunc(slices.Clone(v.Items), func(item *openapi.Node) bool { return item.Kind == openapi.Null })
			return out[:min(len(out), maxRows)]
		default:
			return []*openapi.Node{v}
		}
	}
	// A list of one element, for each value of its elements.
	if items := s.Get("items"); items != nil && items.Kind == openapi.Object {
		var out []*openapi.Node
		for _, v := range im.given(items, depth+1) {
			out = append(out, &openapi.Node{Kind: openapi.Array, Items: []*openapi.Node{v}})
		}
		return out
	}
	// A part of the schema may have a value. That of an object would lack the members of the others.
	for _, key := range []string{"allOf", "oneOf", "anyOf"} {
		if list := s.Get(key); list != nil && list.Kind == openapi.Array {
			for _, part := range list.Items {
				if out := im.given(part, depth+1); len(out) > 0 && out[0].Kind != openapi.Object {
					return out
				}
			}
		}
	}
	return nil
}

// A sampler makes a JSON body of a schema. Members that are required and for which the
// schema gives no value become generated values where the format says what they are,
// the smallest number allowed, false, or a variable that must come from outside.
type sampler struct {
	im   *importer
	s    *suite
	c    *model.Case
	made []string // members that were made up
	why  string   // it cannot be made
}

func (sm *sampler) node(n *openapi.Node, name string, depth int) *model.Node {
	s, err := sm.im.d.Resolve(n)
	switch {
	case err != nil:
		sm.why = err.Error()
		return nil
	case s == nil || s.Kind != openapi.Object || depth > maxNesting:
		sm.why = "a member that refers to itself, or has no schema"
		return nil
	}
	// A value of the schema itself wins over anything made up.
	if list := sm.im.given(s, 0); len(list) > 0 {
		return sm.im.json(sm.s, list[0], name)
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if list := s.Get(key); list != nil && list.Kind == openapi.Array && len(list.Items) > 0 && s.Get("properties") == nil {
			return sm.node(list.Items[0], name, depth+1)
		}
	}
	// Of several types the first counts.
	typ := s.Str("type")
	if t := s.Get("type"); t != nil && t.Kind == openapi.Array && len(t.Items) > 0 {
		typ = t.Items[0].Text
	}
	switch {
	case typ == "object" || s.Get("properties") != nil || s.Get("allOf") != nil:
		out := &model.Node{Kind: model.ObjectNode}
		sm.members(out, s, depth)
		return out
	case typ == "array":
		out := &model.Node{Kind: model.ArrayNode}
		if items := s.Get("items"); items != nil {
			if item := sm.node(items, name, depth+1); item != nil {
				out.Items = append(out.Items, item)
			}
		}
		return out
	case typ == "boolean":
		sm.made = append(sm.made, name)
		return model.Literal("false")
	case typ == "integer" || typ == "number":
		sm.made = append(sm.made, name)
		if low := s.Get("minimum"); low != nil && low.Kind == openapi.Number && !s.True("exclusiveMinimum") {
			return model.Literal(low.Text)
		}
		return model.Literal("1")
	}
	switch s.Str("format") {
	case "uuid":
		return model.String("{{$uuid}}")
	case "date-time":
		return model.String("{{$now}}")
	case "date":
		return model.String("{{$now | format: date}}")
	}
	// Text that nothing describes is asked for from outside: a made-up one would be refused.
	if naming.SecretName(name) {
		return model.String(sm.im.secret(sm.s, name, name, sm.c.ID))
	}
	return model.String("{{" + sm.im.need(sm.s, name, "body "+sm.c.ID+" "+name, sm.c.ID) + "}}")
}

// members adds the members of an object: those that are required, and those that the
// schema gives a value for.
func (sm *sampler) members(out *model.Node, n *openapi.Node, depth int) {
	s, err := sm.im.d.Resolve(n)
	if err != nil || s == nil || depth > maxNesting {
		sm.why = "a schema that cannot be read, or refers to itself"
		return
	}
	if parts := s.Get("allOf"); parts != nil {
		for _, part := range parts.Items {
			sm.members(out, part, depth+1)
		}
	}
	var required []string
	if list := s.Get("required"); list != nil {
		for _, item := range list.Items {
			required = append(required, item.Text)
		}
	}
	props := s.Get("properties")
	if props == nil || props.Kind != openapi.Object {
		return
	}
	for i, name := range props.Keys {
		p, err := sm.im.d.Resolve(props.Items[i])
		if err != nil || p.True("readOnly") || slices.Contains(out.Keys, name) || strings.Contains(name, "{{") {
			continue
		}
		if !slices.Contains(required, name) && len(sm.im.given(p, 0)) == 0 {
			continue
		}
		if v := sm.node(p, name, depth+1); v != nil {
			out.Keys, out.Items = append(out.Keys, name), append(out.Items, v)
		}
	}
}

// json writes a value of the document as a body; secrets come from the environment.
func (im *importer) json(s *suite, n *openapi.Node, key string) *model.Node {
	switch n.Kind {
	case openapi.Object, openapi.Array:
		out := &model.Node{Kind: model.ArrayNode}
		if n.Kind == openapi.Object {
			out.Kind = model.ObjectNode
		}
		for i, item := range n.Items {
			name := key
			if n.Kind == openapi.Object {
				name = n.Keys[i]
				if slices.Contains(out.Keys, naming.Escape(name)) {
					continue
				}
				out.Keys = append(out.Keys, naming.Escape(name))
			}
			out.Items = append(out.Items, im.json(s, item, name))
		}
		return out
	case openapi.String:
		if n.Text != "" && naming.SecretName(key) || naming.SecretText(n.Text) {
			return model.String(im.secret(s, key, n.Text, ""))
		}
		return model.String(naming.Escape(n.Text))
	}
	return model.Literal(n.Text)
}

// secret is the environment variable of a secret as a placeholder.
func (im *importer) secret(s *suite, name, text, request string) string {
	env, isNew := im.secretEnv(s, "value "+naming.SecretEnvName(name)+" "+text, naming.SecretEnvName(name))
	if isNew {
		im.report.Note(request, "%s is a secret; it is read from the environment variable %s", naming.OneLine(name, 60), env)
	}
	return "{{env." + env + "}}"
}

// secretEnv is the environment variable of a secret, which a suite then reads and hides.
func (im *importer) secretEnv(s *suite, what, name string) (env string, isNew bool) {
	isNew = im.secrets[what] == ""
	env = im.envName(what, name)
	s.Env, s.Secrets = model.AppendOnce(s.Env, env), model.AppendOnce(s.Secrets, env)
	return env, isNew
}

// need is the variable for something that the document gives no value for. Equal
// purposes are one variable.
func (im *importer) need(s *suite, name, purpose, request string) string {
	if im.needs[purpose] == "" {
		im.needs[purpose] = im.needed.Take(naming.VarName(name))
		im.report.Note(request, "has no example for %s: give it with --var %s=…", naming.OneLine(name, 60), im.needs[purpose])
	}
	s.Needs = model.AppendOnce(s.Needs, im.needs[purpose])
	return im.needs[purpose]
}

// scalarText is a value as a parameter sends it; false for a list or object.
func scalarText(n *openapi.Node) (string, bool) {
	switch n.Kind {
	case openapi.Object, openapi.Array:
		return "", false
	case openapi.Null:
		return "", true
	}
	return n.Text, true
}

func jsonText(n *openapi.Node) string {
	var b bytes.Buffer
	n.WriteJSON(&b)
	return b.String()
}
