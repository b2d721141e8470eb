package redact

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
)

// A Hider replaces secrets in the values of events. Only text is touched:
// fields of type string, keys and values of maps, and the excerpts of
// differences. Numbers, times and words of a fixed set (named string types)
// stay, so that no secret, however common a word, can make a log unreadable.
type Hider struct {
	r *Redactor
	// learned are credentials that this case's own headers carried.
	learned []learned
}

// NewHider makes a hider for what a case writes. credentials are those that the
// headers of the case carried; they are replaced everywhere in it.
func (r *Redactor) NewHider(credentials []string) *Hider {
	return &Hider{r: r, learned: r.learn(credentials)}
}

// A learned credential was seen in a credential header and is replaced in the
// rest of what its case writes.
type learned struct {
	forms []string
	mark  string
}

// learn makes the credentials that a pair's headers carried known to a hider.
func (r *Redactor) learn(values []string) []learned {
	var list []learned
	seen := make(map[string]bool)
	// Short values are left out: a cookie lang=ko would hide every ko of the case.
	for _, value := range values {
		if len(value) < minLearned || seen[value] {
			continue
		}
		seen[value] = true
		l := learned{mark: r.Mark(learnedName, value)}
		// Forms that are equal to the one before are the same text, and are searched once.
		for _, kind := range []formKind{formGo, formQuery, formQueryLower, formRaw} {
			text := derive(kind, value)
			if len(l.forms) == 0 || l.forms[len(l.forms)-1] != text {
				l.forms = append(l.forms, text)
			}
		}
		list = append(list, l)
	}
	return list
}

// findAll lists the secrets and learned credentials in text, sorted and apart,
// also those that only show once escapes are undone.
func findAll[T ~string | ~[]byte](h *Hider, text T, cut bool) []match {
	if len(h.learned) == 0 && h.r.knowsNothing() {
		return nil
	}
	whole := string(text)
	matches := h.plain(whole, cut)
	// Escapes come last: most texts have none, and undoing them costs a copy of the text.
	hidden := escaped(whole, maxViews, cut, false, func(s string) []match { return h.plain(s, cut) })
	if len(hidden) == 0 {
		return matches
	}
	return h.r.settled(whole, append(matches, hidden...))
}

// plain lists the secrets and learned credentials that text holds in one of
// their forms.
func (h *Hider) plain(whole string, cut bool) []match {
	matches := find(h.r, whole, cut)
	if len(h.learned) == 0 {
		return matches
	}
	n := len(matches)
	for _, l := range h.learned {
		for _, f := range l.forms {
			matches = appendPlaces(matches, whole, f, l.mark)
		}
	}
	if len(matches) == n {
		return matches
	}
	return h.r.settled(whole, matches)
}

// appendPlaces appends a match for every place of form in whole; places do not overlap.
func appendPlaces(matches []match, whole, form, mark string) []match {
	for from := 0; ; {
		i := strings.Index(whole[from:], form)
		if i < 0 {
			return matches
		}
		from += i + len(form)
		matches = append(matches, match{start: from - len(form), end: from, mark: mark})
	}
}

// Text replaces secrets and learned credentials in a line of text. What stands
// before an ellipsis was cut off: there the beginning of a secret goes too.
func (h *Hider) Text(s string) string {
	if s == "" {
		return s
	}
	s = h.r.userinfo(s)
	if !strings.Contains(s, "…") && !strings.HasSuffix(s, "...") {
		return h.piece(s, false)
	}
	// Every piece but the last was cut off where the ellipsis is; the last one may end with three
	// dots which mean the same.
	parts := strings.Split(s, "…")
	for i, part := range parts {
		switch body, dots := strings.CutSuffix(part, "..."); {
		case i < len(parts)-1:
			parts[i] = h.piece(part, true)
		case dots:
			parts[i] = h.piece(body, true) + "..."
		default:
			parts[i] = h.piece(part, false)
		}
	}
	return strings.Join(parts, "…")
}

// piece replaces the secrets of a text that may be cut at its end: the beginning of a secret there
// is hidden too.
func (h *Hider) piece(s string, cut bool) string {
	matches := findAll(h, s, cut)
	if len(matches) == 0 {
		return s
	}
	return h.r.replace(s, matches, markOpen, markClose)
}

// excerpt replaces secrets in one side's value of a difference.
func (h *Hider) excerpt(e diff.Excerpt) diff.Excerpt {
	if e.JSON == "" {
		return e
	}
	matches := findAll(h, e.JSON, e.Cut)
	// An excerpt that was cut is not JSON any more and is treated as text.
	switch {
	case len(matches) == 0:
	case e.Cut:
		e.JSON = h.r.replace(e.JSON, matches, markOpen, markClose)
	default:
		e.JSON, _ = h.r.jsonText(e.JSON, matches)
	}
	return e
}

// headerExcerpt replaces the whole value of a credential header.
func (h *Hider) headerExcerpt(name string, e diff.Excerpt) diff.Excerpt {
	if e.JSON == "" {
		return e
	}
	var value string
	if err := json.Unmarshal([]byte(e.JSON), &value); err != nil {
		value = e.JSON // cut, or not one value
	}
	// The header is hidden as it is in the exchange, so that a reader finds the same mark there. A
	// value that this leaves as it is, because only a part of the header was compared, is hidden
	// whole.
	hidden := h.r.Header(name, value)
	if hidden == value && !strings.Contains(value, markOpen) {
		hidden = h.r.Mark(strings.ToLower(name), value)
	}
	e.JSON = hidden
	if !e.Cut {
		e.JSON = text.Quote(hidden)
	}
	return e
}

// difference hides the values of a difference. A header that carries credentials is hidden whole,
// but for its scheme.
func (h *Hider) difference(d diff.Difference) diff.Difference {
	// The path of a difference in a header begins with its name: set-cookie[session].path, cache-
	// control.max-age.
	name := d.Path
	if i := strings.IndexAny(name, "[.:; "); i > 0 {
		name = name[:i]
	}
	if d.Where == diff.InHeader && h.r.Credential(name) && !cookieAttribute(d.Path) {
		d.Blue, d.Green = h.headerExcerpt(name, d.Blue), h.headerExcerpt(name, d.Green)
	} else {
		d.Blue, d.Green = h.excerpt(d.Blue), h.excerpt(d.Green)
	}
	d.Path, d.BluePointer, d.GreenPointer = h.Text(d.Path), h.Text(d.BluePointer), h.Text(d.GreenPointer)
	d.Note, d.Leak, d.Fault = h.Text(d.Note), h.Text(d.Leak), h.Text(d.Fault)
	return d
}

// cookieAttribute reports whether a path names an attribute of a cookie, as
// set-cookie[session].path does: that is not a secret, the cookie's value is.
func cookieAttribute(path string) bool {
	i := strings.LastIndex(path, "].")
	if i < 0 || !strings.HasPrefix(path, "set-cookie[") {
		return false
	}
	switch path[i+2:] {
	case "domain", "expires", "httponly", "max-age", "partitioned", "path", "samesite", "secure":
		return true
	}
	return false
}

var (
	// The types that structure treats apart.
	stringType     = reflect.TypeFor[string]()
	timeType       = reflect.TypeFor[time.Time]()
	differenceType = reflect.TypeFor[diff.Difference]()
)

// Hide returns v with its secrets replaced; what v points to is not changed.
func Hide[T any](h *Hider, v *T) *T {
	out, changed := h.value(reflect.ValueOf(v).Elem())
	if !changed {
		return v
	}
	copied := out.Interface().(T)
	return &copied
}

// value returns v, or a changed copy of it.
func (h *Hider) value(v reflect.Value) (reflect.Value, bool) {
	switch v.Kind() {
	case reflect.String:
		// A named string type holds a word of this program, such as a verdict.
		if v.Type() != stringType {
			return v, false
		}
		s := v.String()
		hidden := h.Text(s)
		return reflect.ValueOf(hidden), hidden != s
	case reflect.Pointer:
		if v.IsNil() {
			return v, false
		}
		out, changed := h.value(v.Elem())
		if !changed {
			return v, false
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(out)
		return p, true
	case reflect.Struct:
		return h.structure(v)
	case reflect.Slice:
		return h.slice(v)
	case reflect.Map:
		return h.mapping(v)
	default:
		return v, false
	}
}

// structure replaces the secrets in a struct. It returns a copy where something changed and the
// same value where nothing did, so that a result without secrets costs no memory.
func (h *Hider) structure(v reflect.Value) (reflect.Value, bool) {
	switch v.Type() {
	case timeType:
		return v, false
	// A difference knows whether its header carries credentials, which its fields alone do not.
	case differenceType:
		return reflect.ValueOf(h.difference(v.Interface().(diff.Difference))), true
	}
	// The copy is made with the first field that changes.
	out, changed := v, false
	for _, i := range textFields(v.Type()) {
		field, c := h.value(v.Field(i))
		if !c {
			continue
		}
		if !changed {
			out = reflect.New(v.Type()).Elem()
			out.Set(v)
			changed = true
		}
		out.Field(i).Set(field)
	}
	return out, changed
}

// fieldsOf are what textFields has found, a []int by type: a run hides thousands of values
// of a few types, and reflection is slow in describing a field.
var fieldsOf sync.Map

// textFields are the indices of a struct's exported fields that may hold text.
func textFields(t reflect.Type) []int {
	if known, ok := fieldsOf.Load(t); ok {
		return known.([]int)
	}
	var out []int
	for i := range t.NumField() {
		f := t.Field(i)
		switch f.Type.Kind() {
		case reflect.Pointer, reflect.Struct, reflect.Slice, reflect.Map:
		case reflect.String:
			if f.Type != stringType { // a word of this program
				continue
			}
		default:
			continue
		}
		if f.IsExported() {
			out = append(out, i)
		}
	}
	fieldsOf.Store(t, out)
	return out
}

// slice does the same for a slice or an array.
func (h *Hider) slice(v reflect.Value) (reflect.Value, bool) {
	out, changed := v, false
	for i := range v.Len() {
		item, c := h.value(v.Index(i))
		if !c {
			continue
		}
		if !changed {
			out = reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(out, v)
			changed = true
		}
		out.Index(i).Set(item)
	}
	return out, changed
}

// mapping does the same for a map, its keys included.
func (h *Hider) mapping(v reflect.Value) (reflect.Value, bool) {
	changed := false
	out := reflect.MakeMapWithSize(v.Type(), v.Len())
	for it := v.MapRange(); it.Next(); {
		key, c := h.value(it.Key())
		item, d := h.value(it.Value())
		changed = changed || c || d
		out.SetMapIndex(key, item)
	}
	if !changed {
		return v, false
	}
	return out, true
}
