package oracle

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
)

// typed is what is left of a value of which only the type counts.
type typed string

// keyed is an array whose elements are distinguished by a key.
type keyed struct {
	Order []string // nil: the order does not count
	Items map[string][]any
}

// bag is an array in canonical order.
type bag []any

// typeOf is the JSON type of a value, which is all that ignored values keep.
func typeOf(v any) typed {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case number:
		return "number"
	case array:
		return "array"
	}
	return "object"
}

// gone marks a value that is taken out of its object.
type gone struct{}

// reduce is what is left of a body to compare.
func (j *judge) reduce(v any, blue bool) any {
	r := &reducer{j: j, blue: blue}
	return r.value(v, 0)
}

// A reducer walks the body of one side, and replaces each value by what its rules leave of it. trail
// leads from the root to the current value.
type reducer struct {
	j     *judge
	blue  bool
	trail []crumb
	inner bool // inside an embedded document
}

// found are the winning rules at a place.
type found struct {
	by       map[diff.Do]rule
	rewrites []rule
}

// rules are the rules in force at the trail: of each kind the one that wins, and all rewrites. Rules that
// need both sides at once are outside the domain.
func (r *reducer) rules() found {
	f := found{by: map[diff.Do]rule{}}
	for _, x := range r.j.rules {
		if !matches(x.path, r.trail) {
			continue
		}
		switch x.Do {
		case diff.DoAllow, diff.DoMap:
			r.j.give("a %s rule decides here", x.Do)
		case diff.DoRewrite:
			f.rewrites = append(f.rewrites, x)
		default:
			if old, ok := f.by[x.Do]; !ok || x.over(old) {
				f.by[x.Do] = x
			}
		}
	}
	f.settle()
	return f
}

// settle lets the more specific of two rules decide that exclude each other.
func (f found) settle() {
	ignore, ignores := f.by[diff.DoIgnore]
	drop, drops := f.by[diff.DoDrop]
	if ignores && drops {
		if drop.over(ignore) {
			delete(f.by, diff.DoIgnore)
		} else {
			delete(f.by, diff.DoDrop)
		}
	}
	for _, whole := range []diff.Do{diff.DoIgnore, diff.DoDrop} {
		w, ok := f.by[whole]
		for _, do := range []diff.Do{diff.DoTolerance, diff.DoTime, diff.DoFormat, diff.DoEmbedded} {
			if x, has := f.by[do]; ok && has && slices.Compare(x.rank(), w.rank()) > 0 {
				delete(f.by, whole)
			}
		}
	}
}

// value is what is left of a value: nothing, its type, or what is compared of it.
func (r *reducer) value(v any, depth int) any {
	if depth > maxDepth {
		r.j.give("nested too deep")
		return nil
	}
	f := r.rules()
	if _, ok := f.by[diff.DoDrop]; ok {
		return gone{}
	}
	if f.absent(v) {
		return gone{}
	}
	if _, ok := f.by[diff.DoIgnore]; ok {
		return typeOf(v)
	}
	switch v := v.(type) {
	case object:
		return r.object(v, depth)
	case array:
		return r.array(v, f, depth)
	case string:
		return r.text(v, f, depth)
	case number:
		return r.number(v, f)
	}
	if r.j.mode == diff.Shape {
		return typeOf(v)
	}
	return v
}

// absent reports whether a rule takes the value for one that is not there.
func (f found) absent(v any) bool {
	if _, ok := f.by[diff.DoNull]; ok && v == nil {
		return true
	}
	if _, ok := f.by[diff.DoEmpty]; !ok {
		return false
	}
	switch v := v.(type) {
	case string:
		return v == ""
	case array:
		return len(v) == 0
	case object:
		return len(v) == 0
	}
	return false
}

func (r *reducer) object(o object, depth int) any {
	out := object{}
	for name, v := range o {
		r.trail = append(r.trail, crumb{name: name, member: true})
		x := r.value(v, depth+1)
		r.trail = r.trail[:len(r.trail)-1]
		if _, out2 := x.(gone); !out2 {
			out[name] = x
		}
	}
	return out
}

// array reduces the elements, and then what the rule `match` makes of their order: a list, a map by key,
// or a bag.
func (r *reducer) array(a array, f found, depth int) any {
	out := make(array, 0, len(a))
	for _, v := range a {
		r.trail = append(r.trail, crumb{element: v})
		x := r.value(v, depth+1)
		r.trail = r.trail[:len(r.trail)-1]
		if _, none := x.(gone); none {
			// An element keeps its place; absent or dropped says nothing of it.
			r.j.give("a rule takes out elements")
			x = typed("gone")
		}
		out = append(out, x)
	}
	m, ok := f.by[diff.DoMatch]
	switch {
	case !ok || len(m.By) == 0 && m.As != "set" && m.As != "multiset":
		return out
	case len(m.By) > 0:
		return r.keyed(a, out, m)
	}
	return r.bag(out, m.As == "set")
}

// keyed is the array by its key. Elements without the key are one group, and elements of one key are
// compared in their order, or sorted where no order counts.
func (r *reducer) keyed(raw, reduced array, m rule) any {
	k := keyed{Items: map[string][]any{}}
	for i, v := range raw {
		var parts []string
		for _, name := range m.By {
			o, _ := v.(object)
			part, ok := o[name]
			if !ok {
				parts = []string{"without a key"}
				break
			}
			parts = append(parts, canonical(part))
		}
		key := strings.Join(parts, "\x00")
		if m.As == "" && r.j.mode != diff.Shape {
			k.Order = append(k.Order, key)
		}
		k.Items[key] = append(k.Items[key], reduced[i])
	}
	if m.As != "" {
		for _, items := range k.Items {
			slices.SortFunc(items, func(a, b any) int { return strings.Compare(canonical(a), canonical(b)) })
		}
	}
	return k
}

// bag is the array in the order of its elements as text; in a set each text once. Elements that are only
// equal within a tolerance have no such order.
func (r *reducer) bag(items array, set bool) any {
	texts := make([]string, len(items))
	for i, v := range items {
		texts[i] = canonical(v)
		if strings.Contains(texts[i], "\x01") {
			r.j.give("a tolerance inside a set")
		}
	}
	sort.Strings(texts)
	if set {
		texts = slices.Compact(texts)
	}
	out := bag{}
	for _, t := range texts {
		out = append(out, t)
	}
	if r.j.mode == diff.Subset {
		r.j.give("a set in subset mode")
	}
	return out
}

// canonical writes a reduced value so that equal values are equal texts.
func canonical(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case number:
		return "#" + v.normal()
	case string:
		return strconv.Quote(v)
	case array:
		return list("[", v)
	case bag:
		return list("{[", v)
	case object:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, strconv.Quote(k)+":"+canonical(v[k]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case keyed:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v.Items)) {
			parts = append(parts, strconv.Quote(k)+":"+list("[", v.Items[k]))
		}
		return "K{" + strings.Join(v.Order, "\x02") + "|" + strings.Join(parts, ",") + "}"
	case near, timed, shaped, staged:
		return "\x01"
	}
	return fmt.Sprintf("%T %v", v, v)
}

// list writes items one after the other; open tells arrays, bags and groups apart.
func list(open string, items []any) string {
	var b strings.Builder
	b.WriteString(open)
	for _, x := range items {
		b.WriteString(canonical(x))
		b.WriteByte(',')
	}
	return b.String()
}
