package diff

import (
	"cmp"
	"slices"
	"strings"
)

// A setCookie is one Set-Cookie field.
type setCookie struct {
	name, value string
	attrs       []cookieAttr // by lower-case name, sorted
}

type cookieAttr struct{ name, value string }

func parseCookie(s string) setCookie {
	parts := strings.Split(s, ";")
	var c setCookie
	c.name, c.value, _ = strings.Cut(strings.TrimSpace(parts[0]), "=")
	c.name, c.value = strings.TrimSpace(c.name), strings.Trim(strings.TrimSpace(c.value), `"`)
	for _, p := range parts[1:] {
		n, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if n != "" {
			c.attrs = append(c.attrs, cookieAttr{strings.ToLower(strings.TrimSpace(n)), strings.TrimSpace(v)})
		}
	}
	slices.SortStableFunc(c.attrs, func(a, b cookieAttr) int { return cmp.Compare(a.name, b.name) })
	return c
}

// cookies compares Set-Cookie per cookie:
//
//  1. Cookies are paired by name, a repeated name in order; one that only a
//     side sets is a difference.
//  2. Attributes are compared by name and value; of Expires, a clock, only the
//     presence is.
//  3. A session cookie never has the same value on two sides. Two values that
//     both look like tokens (16 characters or more of the alphabets that
//     tokens use, the same shape: uuid, jwt, hex or other) are the same; all
//     others are compared as they are, so that lang=ko and lang=en differ.
//  4. Rules on `set-cookie` hold for every cookie, on `set-cookie[name]` for
//     one, on `set-cookie[name].attribute` for one attribute.
func (e *engine) cookies(blue, green []string) {
	b, g := parseCookies(blue), parseCookies(green)
	used := make([]bool, len(g))
	for i := range b {
		path := "set-cookie[" + b[i].name + "]"
		at := -1
		for j := range g {
			if !used[j] && g[j].name == b[i].name {
				at = j
				used[j] = true
				break
			}
		}
		eff := e.headerEffect("set-cookie", path)
		if at < 0 {
			e.foundText(textDifference{kind: Removed, where: InHeader, path: path, typ: StringType, blue: quoteText(b[i].value), by: eff.drop}, eff)
			continue
		}
		e.cookie(path, &b[i], &g[at], eff)
	}
	for j := range g {
		path := "set-cookie[" + g[j].name + "]"
		if !used[j] {
			eff := e.headerEffect("set-cookie", path)
			e.foundText(textDifference{kind: Added, where: InHeader, path: path, typ: StringType, green: quoteText(g[j].value), by: eff.drop}, eff)
		}
		if eff := e.headerEffect("set-cookie", path); eff.leak == 0 && eff.drop == 0 {
			for _, a := range g[j].attrs {
				if a.name == "domain" {
					e.leakInHeader(path+".domain", []string{strings.TrimPrefix(a.value, ".")}, true)
				}
			}
			e.leakInHeader(path, []string{g[j].value}, true)
		}
	}
}

func parseCookies(values []string) []setCookie {
	out := make([]setCookie, len(values))
	for i, v := range values {
		out[i] = parseCookie(v)
	}
	return out
}

func (e *engine) cookie(path string, b, g *setCookie, eff *effect) {
	if eff.says() || eff.ignore != 0 || eff.drop != 0 || tokenShape(b.value) == "" || tokenShape(b.value) != tokenShape(g.value) {
		e.headerValue(path, b.value, g.value, eff)
	}
	i, j := 0, 0
	for i < len(b.attrs) || j < len(g.attrs) {
		var ba, ga *cookieAttr
		switch {
		case j == len(g.attrs) || i < len(b.attrs) && b.attrs[i].name < g.attrs[j].name:
			ba = &b.attrs[i]
			i++
		case i == len(b.attrs) || g.attrs[j].name < b.attrs[i].name:
			ga = &g.attrs[j]
			j++
		default:
			ba, ga = &b.attrs[i], &g.attrs[j]
			i++
			j++
		}
		e.attribute(path, ba, ga)
	}
}

func (e *engine) attribute(path string, b, g *cookieAttr) {
	t := textDifference{kind: Changed, where: InHeader, typ: StringType}
	name := ""
	if b != nil {
		name, t.blue = b.name, quoteText(b.value)
	} else {
		t.kind = Added
	}
	if g != nil {
		name, t.green = g.name, quoteText(g.value)
	} else {
		t.kind = Removed
	}
	t.path = path + "." + name
	eff := e.headerEffect(t.path)
	switch {
	case t.kind != Changed:
		t.by = eff.drop
		e.foundText(t, eff)
	case name == "expires" && !eff.says(), sameAttribute(name, b.value, g.value):
	default:
		e.headerValue(t.path, b.value, g.value, eff)
	}
}

// sameAttribute compares attribute values: those that are words without letter case.
func sameAttribute(name, b, g string) bool {
	switch name {
	case "samesite":
		return strings.EqualFold(b, g)
	case "domain":
		return strings.EqualFold(strings.TrimPrefix(b, "."), strings.TrimPrefix(g, "."))
	}
	return b == g
}

// tokenShape is the kind of token a cookie's value looks like; empty when it
// looks like none.
func tokenShape(v string) string {
	switch {
	case isUUID(v):
		return "uuid"
	case isJWT(v):
		return "jwt"
	case len(v) < 16:
		return ""
	case isHex(v):
		return "hex"
	}
	digits, letters := false, false
	for i := range len(v) {
		c := v[i]
		switch {
		case c >= '0' && c <= '9':
			digits = true
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters = true
		case strings.IndexByte("+/=_-.~%:", c) < 0:
			return ""
		}
	}
	if digits && letters {
		return "token"
	}
	return ""
}
