package postman

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
)

// sentDrafts makes drafts of the requests that the scripts of an item send: before it, or
// after its answer. d is the item's own draft; nil for a folder, whose scripts run before
// every request and are sent once here, before the first.
func (im *pmImport) sentDrafts(d *pmDraft, item *pmItem, sent []*script.Sent) {
	for _, s := range sent {
		one := im.sentDraft(item, s)
		at := len(im.drafts)
		if d != nil && !s.After {
			at = slices.Index(im.drafts, d)
		}
		im.drafts = slices.Insert(im.drafts, at, one)
		for i := at; i < len(im.drafts); i++ {
			im.drafts[i].index = i
		}
	}
}

// sentDraft is the step of one request of a script.
func (im *pmImport) sentDraft(item *pmItem, s *script.Sent) *pmDraft {
	d := &pmDraft{step: &model.Step{Method: s.Method, Expect: s.Expect, When: s.When}, defs: s.Defs}
	for _, c := range s.When {
		if name, known := im.theirs[c.Name]; known {
			d.use(name, false)
		}
	}
	for _, name := range s.Uses {
		d.use(name, false)
	}
	theirs := func(text string) string { return im.theirText(d, text) }
	u := parseURL(theirs(s.URL))
	r := &pmRequest{method: cmp.Or(s.Method, "GET"), url: u}
	for _, h := range s.Headers {
		r.headers = append(r.headers, pmField{key: h.Name, value: theirs(h.Text)})
	}
	if s.Mode != "" {
		r.body = &pmBody{mode: s.Mode, raw: theirs(s.Raw)}
		for _, f := range s.Fields {
			r.body.fields = append(r.body.fields, pmField{key: f.Name, value: theirs(f.Text)})
		}
	}
	parent := item
	if item.request != nil {
		parent = item.parent
	}
	what := naming.OneLine(s.Method+" of a script of "+cmp.Or(item.name, "the collection"), 100)
	d.item = &pmItem{name: what, parent: parent, request: r, auth: &pmAuth{kind: "noauth"}}
	if parent == nil {
		d.item.parent = im.c.root
	}
	im.report.Mapped(model.Requests, 1)
	im.fill(d)
	d.comment("a script sent this request: %s line %d", map[bool]string{true: "test", false: "pre-request"}[s.After], s.Line)
	return d
}

// theirText is a template of the language as Postman would write it. What only the
// language can say gets a name first.
func (im *pmImport) theirText(d *pmDraft, template string) string {
	var b strings.Builder
	for before, placeholder := range pieces(strings.ReplaceAll(template, "{{'{{'}}", "\ue001")) {
		b.WriteString(before)
		if placeholder == "" {
			break
		}
		name, known := im.theirs[nameIn(placeholder)]
		if !known {
			name = im.helper(placeholder)
			d.defs = append(d.defs, script.Definition{
				Name: name, Value: placeholder, Generated: strings.Contains(placeholder, "{{$"),
				Helper: true, Line: 1,
			})
		}
		b.WriteString("{{" + name + "}}")
	}
	return strings.ReplaceAll(b.String(), "\ue001", "{{")
}

// helper is a name for a value that a script does not name: the same for the same key.
// Postman has no such variable.
func (im *pmImport) helper(key string) string {
	if name, known := im.helpers[key]; known {
		return name
	}
	ours := im.namer.Take("part")
	name := "part of a script: " + ours
	im.helpers[key] = name
	im.names[name], im.theirs[ours] = ours, name
	return name
}

// everyText is all text of a collection in which a variable may be read.
func (im *pmImport) everyText() string {
	if im.all != "" {
		return im.all
	}
	var b strings.Builder
	add := func(texts ...string) { b.WriteString(strings.Join(texts, "\n") + "\n") }
	for i := range im.c.root.all() {
		for _, s := range i.scripts {
			add(s.Code)
		}
		if i.auth != nil {
			add(valuesOf(i.auth.params)...)
		}
		if r := i.request; r != nil {
			add(r.url.raw)
			add(valuesOf(r.url.vars)...)
			for _, f := range slices.Concat(r.url.query, r.headers) {
				add(f.key, f.value)
			}
			if r.body != nil {
				add(r.body.raw, r.body.query, r.body.variables)
				for _, f := range r.body.fields {
					add(f.value)
				}
			}
		}
	}
	add(valuesOf(im.c.vars)...)
	im.all = b.String()
	return im.all
}

func valuesOf(list []pmVar) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.value)
	}
	return out
}

func (h draftHost) Helper(key string) string { return h.im.helper(h.d.path() + "\n" + key) }

func (h draftHost) Used(name string) bool {
	text := h.im.everyText()
	return strings.Contains(text, "{{"+name+"}}") || strings.Contains(text, `get("`+name+`")`) || strings.Contains(text, `get('`+name+`')`)
}

func (h draftHost) Static(name string) (string, bool) {
	v := h.im.lookUp(name, nil)
	if v == nil || h.im.setSomewhere[name] || h.im.isColumn(name) || h.im.inEnvironment(name) {
		return "", false
	}
	return v.value, true
}

func (h draftHost) RequestName() string {
	if h.d.item.request == nil {
		return ""
	}
	return h.d.item.name
}
