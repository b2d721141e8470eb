package postman

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// A pmOrigin is what addresses begin with: {{baseUrl}}, https://api.example.
type pmOrigin struct {
	text    string // as the collection has it
	scheme  string // to be put before it
	uses    int
	service string // its name; empty: the side's url
	main    bool
}

// url translates an address: its origin, path and query.
func (im *pmImport) url(d *pmDraft, u pmURL) {
	raw := strings.TrimSpace(u.raw)
	origin, path := splitOrigin(raw)
	if path == "" && isPlaceholder(origin) {
		if im.wholeURL(d, origin) {
			im.query(d, u.query)
			return
		}
		if value := im.resolved(origin); value != origin {
			if o, p := splitOrigin(value); schemeEnd(value) > 0 && strings.Trim(p, "/") != "" {
				origin, path = o, p
				if i := strings.IndexAny(path, "?#"); i >= 0 {
					path = path[:i]
				}
			}
		}
	}
	if origin == "" && path == "" {
		d.step.URL = "/"
		d.skip("the request has no address")
		im.query(d, u.query)
		return
	}
	d.origin = im.originOf(origin)
	if d.origin != nil && d.origin.scheme == "bad" {
		im.lose(d, model.Lost{Kind: model.Requests, Place: "address", Text: raw, Why: "this is not the address of a service"})
		d.skip("the address " + naming.OneLine(naming.Plain(raw), 60) + " cannot be sent to")
		d.origin = nil
	}
	d.step.URL = im.path(d, path, u.vars)
	if path == "" && im.mayHavePath(origin) {
		d.step.URL = "?" // the address itself, whose end is not known here
	}
	im.query(d, u.query)
}

// mayHavePath reports whether an address may be more than a host: it is a
// variable that nothing gives a value, or one with a path.
func (im *pmImport) mayHavePath(origin string) bool {
	value := im.resolved(origin)
	_, path := splitOrigin(value)
	return strings.Contains(value, "{{") && isPlaceholder(origin) || path != ""
}

// wholeURL writes an address that is one captured variable.
func (im *pmImport) wholeURL(d *pmDraft, origin string) bool {
	name := nameIn(origin)
	if _, known := im.value(name); known || !im.setSomewhere[name] {
		return false
	}
	d.step.URL = im.variable(d, name, false)
	return true
}

// originOf finds an origin, or adds it.
func (im *pmImport) originOf(text string) *pmOrigin {
	if text == "" {
		return nil
	}
	key := text
	if !strings.Contains(text, "{{") {
		key = strings.ToLower(text)
	}
	for _, o := range im.origins {
		if o.text == key {
			o.uses++
			return o
		}
	}
	o := &pmOrigin{text: key, uses: 1}
	value := im.resolved(key)
	known := !strings.Contains(value, "{{")
	switch {
	case schemeEnd(key) > 0 || strings.Contains(value, "://"):
	case known || !strings.HasPrefix(key, "{{"), strings.Contains(key, "}}:"), strings.Contains(key, "}}."):
		o.scheme = "http://" // as Postman sends it
	}
	if known && badOrigin(o.scheme+value) && !strings.HasPrefix(key, "{{") {
		o.scheme = "bad"
	}
	im.origins = append(im.origins, o)
	return o
}

// badOrigin reports whether the language refuses text as the url of a side.
func badOrigin(s string) bool { return strings.ContainsAny(s, `?#\`) || scenarios.URLFault(s) != "" }

// path translates the path after an origin.
func (im *pmImport) path(d *pmDraft, path string, vars []pmVar) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if name, ok := strings.CutPrefix(s, ":"); ok && name != "" {
			segments[i] = im.pathVariable(d, name, s, vars)
		}
	}
	literal := func(s string) string { return naming.Escape(naming.CleanURL(s, "?")) }
	text := translated(strings.Join(segments, "/"), literal, func(placeholder string) string {
		if value := im.resolved(placeholder); strings.Contains(value, "/") && !strings.Contains(value, "{{") {
			return naming.GuardBrace(literal(value)) // a value is one segment; this one is several
		}
		return im.text(d, placeholder, "path", false)
	})
	if strings.HasPrefix(text, "//") {
		d.comment("the path began with more than one /")
	}
	return "/" + strings.TrimLeft(text, "/")
}

// pathVariable is the value of a :name segment; one without a value must come
// from outside.
func (im *pmImport) pathVariable(d *pmDraft, name, segment string, vars []pmVar) string {
	for _, v := range vars {
		if v.key != name || v.disabled {
			continue
		}
		im.report.Mapped(model.Variables, 1)
		if v.value == "" {
			d.use(name, false)
			return "{{" + name + "}}"
		}
		return v.value
	}
	return segment
}

// query translates query parameters: a mapping where it sends the same bytes, in the
// address itself otherwise (names without =, names that are placeholders, repeated
// names with others between, characters that only one of the two encodes).
func (im *pmImport) query(d *pmDraft, query []pmField) {
	var kept []pmField
	for _, q := range query {
		if !im.disabledField(d, q, "query parameter") {
			im.report.Mapped(model.Headers, 1)
			kept = append(kept, q)
		}
	}
	bare := d.step.URL == "?" && len(kept) > 0
	if bare {
		d.step.URL = ""
	}
	if mappable(kept) && !bare {
		for _, q := range kept {
			d.step.Query = append(d.step.Query, model.Field{Name: q.key, Text: im.keep(d, q.key, q.value, "query "+q.key, false)})
		}
		return
	}
	var b strings.Builder
	for i, q := range kept {
		b.WriteString(map[bool]string{true: "?", false: "&"}[i == 0])
		b.WriteString(im.queryText(d, q.key, q.key, strings.NewReplacer("&", "%26", "'", "%27", "=", "%3D")))
		switch value := decodeQuery(q.value); {
		case q.novalue:
		case naming.SecretName(q.key) && hasLiteral(value), naming.SecretText(value):
			b.WriteString("=" + im.secret(d, q.key, value, "query "+q.key))
		default:
			b.WriteString("=" + im.queryText(d, q.value, q.key, strings.NewReplacer("&", "%26", "'", "%27")))
		}
	}
	d.step.URL += b.String()
}

// queryText is a name or value as the address itself holds it: as it is written, but
// for what reserved encodes.
func (im *pmImport) queryText(d *pmDraft, text, name string, reserved *strings.Replacer) string {
	literal := func(s string) string { return naming.Escape(reserved.Replace(naming.CleanURL(s, ""))) }
	return translated(text, literal, func(placeholder string) string { return im.text(d, placeholder, "query "+name, false) })
}

// alikeQuery reports whether a text is encoded alike in a query by Postman and as a
// value of the language, outside placeholders.
func alikeQuery(text string) bool { return !strings.ContainsAny(outside(text), "%+'=;[]|{}\\^`#&") }

// mappable reports whether a mapping keeps names, values and order.
func mappable(query []pmField) bool {
	for i, q := range query {
		if q.novalue || q.key == "" || strings.Contains(q.key, "{{") || len(q.key) > model.InlineKey || !alikeQuery(q.key) ||
			!alikeQuery(q.value) {
			return false
		}
		first := slices.IndexFunc(query, func(o pmField) bool { return o.key == q.key })
		for j := first; j < i; j++ {
			if query[j].key != q.key {
				return false
			}
		}
	}
	return true
}

// services chooses the origin that is the side's url and names the others.
func (im *pmImport) services() {
	var main *pmOrigin
	for _, o := range im.origins {
		if o.scheme != "bad" && (main == nil || o.uses > main.uses) {
			main = o
		}
	}
	if main == nil {
		return
	}
	main.main = true
	if strings.Contains(main.text, "{{") {
		im.report.Note("", "addresses begin with %s: --blue URL and --green URL, or the url of sides, take its place", main.text)
	}
	names := naming.NewNamer("-")
	for _, o := range im.origins {
		if o != main && o.scheme != "bad" {
			o.service = names.Take(cmp.Or(serviceName(o.text), "service"))
		}
	}
	for _, d := range im.drafts {
		if d.origin != nil {
			d.step.Service = d.origin.service
		}
	}
}

// serviceName is what an origin is called: {{authUrl}} is auth,
// https://api.example.com is api-example-com.
func serviceName(origin string) string {
	if i := schemeEnd(origin); i > 0 {
		origin = origin[i:]
	}
	name := naming.Name(kebab(strings.NewReplacer("{{", "", "}}", "-").Replace(origin)))
	for _, suffix := range []string{"-base-url", "-url", "-host", "-uri", "-endpoint"} {
		if short := strings.TrimSuffix(name, suffix); short != "" {
			name = short
		}
	}
	return name
}

// kebab puts a dash where a capital begins a word.
func kebab(s string) string {
	var b strings.Builder
	lower := false
	for _, r := range s {
		if unicode.IsUpper(r) && lower {
			b.WriteByte('-')
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
		b.WriteRune(r)
	}
	return b.String()
}
