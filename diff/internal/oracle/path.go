package oracle

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
)

// A rule with its path taken apart.
type rule struct {
	diff.Rule
	path []hop
	line int
}

// A hop is one segment: a member name, a glob, or any child, at one level or
// at every level below.
type hop struct {
	name   string
	any    bool
	glob   bool
	deep   bool
	filter map[string]any // the element's members must have these values
}

// parsePath splits a path that diff.Compile has accepted. What it does not
// know (indices, slices, lists of selectors) is named as the reason to skip.
func parsePath(s string) ([]hop, string) {
	const unknown = "a rule with an index, a slice or a list of selectors"
	var hops []hop
	s = strings.TrimPrefix(s, "$")
	for s != "" {
		var h hop
		if rest, ok := strings.CutPrefix(s, ".."); ok {
			h.deep, s = true, rest
		} else if rest, ok := strings.CutPrefix(s, "."); ok {
			s = rest
		} else if s[0] != '[' {
			return nil, "a rule's path with white space"
		}
		if s == "" {
			return nil, unknown
		}
		if s[0] != '[' {
			n := strings.IndexAny(s, ".[")
			if n < 0 {
				n = len(s)
			}
			h.name, s = s[:n], s[n:]
			h.any, h.glob = h.name == "*", strings.Contains(h.name, "*")
			hops = append(hops, h)
			continue
		}
		inside, rest, ok := bracket(s)
		if !ok {
			return nil, unknown
		}
		s = rest
		switch {
		case inside == "*":
			h.any = true
		case strings.HasPrefix(inside, "?"):
			if h.filter, ok = filter(inside[1:]); !ok {
				return nil, "a rule with a filter of many terms"
			}
		case quoted(inside):
			if h.name, ok = unquote(inside); !ok {
				return nil, unknown
			}
		default:
			return nil, unknown
		}
		hops = append(hops, h)
	}
	return hops, ""
}

// bracket cuts [inside] off s.
func bracket(s string) (inside, rest string, ok bool) {
	var quote byte
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ']' && !strings.HasPrefix(s[1:i], "?@['") || c == ']' && strings.Contains(s[1:i], "=="):
			return s[1:i], s[i+1:], true
		}
	}
	return "", "", false
}

// quoted reports whether a selector is one name in quotes, and not a list of several.
func quoted(s string) bool {
	return len(s) >= 2 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] &&
		strings.Count(s, string(s[0])) == 2+strings.Count(s, `\`+string(s[0]))
}

// unquote reads a quoted name through encoding/json.
func unquote(s string) (string, bool) {
	inner := s[1 : len(s)-1]
	if s[0] == '\'' {
		inner = strings.ReplaceAll(strings.ReplaceAll(inner, `\'`, `'`), `"`, `\"`)
	}
	var out string
	err := json.Unmarshal([]byte(`"`+inner+`"`), &out)
	return out, err == nil
}

// filter reads @.name=='value'.
func filter(s string) (map[string]any, bool) {
	name, lit, ok := strings.Cut(s, "==")
	if !ok || strings.Contains(lit, "&&") {
		return nil, false
	}
	name, lit = strings.TrimSpace(name), strings.TrimSpace(lit)
	switch {
	case strings.HasPrefix(name, "@."):
		name = name[2:]
	case strings.HasPrefix(name, "@[") && strings.HasSuffix(name, "]") && quoted(name[2:len(name)-1]):
		if name, ok = unquote(name[2 : len(name)-1]); !ok {
			return nil, false
		}
	default:
		return nil, false
	}
	if quoted(lit) {
		v, ok := unquote(lit)
		return map[string]any{name: v}, ok
	}
	v, err := decode([]byte(lit))
	return map[string]any{name: v}, err == nil
}

// A crumb is a step that has been taken: a member's name, or an element.
type crumb struct {
	name    string
	element any // the element stepped into; nil for a member
	member  bool
}

// matches reports whether the hops lead exactly along the crumbs.
func matches(hops []hop, trail []crumb) bool {
	if len(hops) == 0 {
		return len(trail) == 0
	}
	h := hops[0]
	if h.deep {
		shallow := h
		shallow.deep = false
		for skip := range trail {
			if matches(append([]hop{shallow}, hops[1:]...), trail[skip:]) {
				return true
			}
		}
		return false
	}
	return len(trail) > 0 && h.takes(trail[0]) && matches(hops[1:], trail[1:])
}

// takes reports whether the hop leads along the crumb.
func (h hop) takes(c crumb) bool {
	switch {
	case h.any:
		return true
	case h.filter != nil:
		o, ok := c.element.(object)
		if !ok {
			return false
		}
		for name, want := range h.filter {
			got, has := o[name]
			if !has || !same(got, want) {
				return false
			}
		}
		return true
	case !c.member:
		return false
	case h.glob:
		ok, err := path.Match(escapeGlob(h.name), strings.ReplaceAll(c.name, "/", "\x00"))
		return err == nil && ok
	}
	return h.name == c.name
}

// escapeGlob protects what path.Match would take for more than a star.
func escapeGlob(g string) string {
	return strings.NewReplacer(`\`, `\\`, `?`, `\?`, `[`, `\[`, `/`, "\x00").Replace(g)
}

// same compares scalars.
func same(a, b any) bool {
	x, ok := a.(number)
	y, ok2 := b.(number)
	if ok || ok2 {
		return ok && ok2 && x.normal() == y.normal()
	}
	switch a.(type) {
	case array, object:
		return false
	}
	switch b.(type) {
	case array, object:
		return false
	}
	return a == b
}

// rank orders rules that conflict, as the rule language says: paths without ..
// first, then by how many segments are exact, then partial, then wild, then the
// later line.
func (r rule) rank() []int {
	deep, exact, partial, wild := 1, 0, 0, 0
	for _, h := range r.path {
		switch {
		case h.any:
			wild++
		case h.glob:
			partial++
		default:
			exact++
		}
		if h.deep {
			deep = 0
		}
	}
	return []int{deep, exact, partial, wild}
}

// over reports whether r wins over o.
func (r rule) over(o rule) bool {
	c := slices.Compare(r.rank(), o.rank())
	return c > 0 || c == 0 && r.line > o.line
}
