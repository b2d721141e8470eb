package shiftfile

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/template"
)

// bindExpanded binds a mapping whose texts of some keys have placeholders.
func (r *reader) bindExpanded(o *keys.Mapping, into any, texts map[string]*string) {
	for _, k := range o.Table.Keys {
		field := texts[k.Name]
		if field == nil {
			continue
		}
		if t := o.Template(k.Name); t != nil {
			*field = r.expandFromEnv(o, k.Name, t)
		}
	}
	o.Bind(into)
}

// expandFromEnv expands a text that may name environment variables alone. An empty
// result is a problem: what is empty must not read as "not asked". Rule 1.
func (r *reader) expandFromEnv(o *keys.Mapping, key string, t *template.Template) string {
	for i := range t.Parts {
		if p := &t.Parts[i]; p.IsVariable() {
			if _, ok := template.CutEnv(p.Name); !ok {
				o.Fail(o.At(key), "write {{env.NAME}}", "%s: a shift file has no variable %q", key, p.Name)
				return ""
			}
		}
	}
	v, err := t.Expand(envScope{r.getenv})
	switch {
	case err != nil:
		o.Fail(o.At(key), "export it before the walk begins", "%s: %v", key, err)
	case strings.TrimSpace(v.Text) == "":
		o.Fail(o.At(key), "leave the key out, or give it a value", "%s is empty", key)
	}
	return v.Text
}

// An envScope answers env.NAME and nothing else.
type envScope struct {
	getenv func(string) (string, bool)
}

func (s envScope) Lookup(name string) (template.Value, bool, error) {
	variable, ok := template.CutEnv(name)
	if !ok || s.getenv == nil {
		return template.Value{}, false, nil
	}
	text, ok := s.getenv(variable)
	return template.TextValue(text), ok, nil
}

func (s envScope) Generate(generator string, _ []string, _ string, _ bool) (template.Value, error) {
	return template.Value{}, fmt.Errorf("$%s: a shift file takes no generators", generator)
}
