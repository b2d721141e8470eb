package diff

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/diff/token"
)

// A setCookie is one Set-Cookie field.
type setCookie struct {
	name, value string
	attrs       []cookieAttr // by lower-case name, sorted
}

// path is the cookie's place in the paths of differences and rules.
func (c *setCookie) path() string { return "set-cookie[" + c.name + "]" }

// A cookieAttr is one attribute; value is empty where it has none, as Secure.
type cookieAttr struct{ name, value string }

// parseCookie reads a Set-Cookie field as clients do (RFC 6265, section 5.2):
// leniently, white space around names and values left out. Quotes are part of a value:
// clients send them back.
func parseCookie(s string) setCookie {
	parts := strings.Split(s, ";")
	var c setCookie
	c.name, c.value, _ = strings.Cut(strings.TrimSpace(parts[0]), "=")
	c.name, c.value = strings.TrimSpace(c.name), strings.TrimSpace(c.value)
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
//  2. Attributes are compared by name and value, whatever a rule says of the cookie;
//     of Expires, a clock, the lifetime is, see notation.SameLifetime.
//  3. A session cookie never has the same value on two sides. Two values that both
//     are tokens (of the same form: uuid, hex or other, of about the same length, and of an
//     estimated entropy of 64 bits) are the same, two JWT as token.Differ says, and JSON that is
//     percent-encoded once by its values; all others are compared as they are, so
//     that lang=ko and lang=en differ, and so do a token and 32 zeros.
//  4. Rules on `set-cookie` hold for every cookie, on `set-cookie[name]` for
//     one, on `set-cookie[name].attribute` for one attribute.
func (e *engine) cookies(blue, green []string) {
	b, g := parseCookies(blue), parseCookies(green)
	used := make([]bool, len(g))
	for i := range b {
		at := -1
		for j := range g {
			if !used[j] && g[j].name == b[i].name {
				at = j
				used[j] = true
				break
			}
		}
		eff := e.headerEffect("set-cookie", b[i].path())
		if at < 0 {
			e.lone(Removed, b[i].path(), b[i].value, eff)
			continue
		}
		e.cookie(&b[i], &g[at], eff)
	}
	for j := range g {
		path := g[j].path()
		if !used[j] {
			e.lone(Added, path, g[j].value, e.headerEffect("set-cookie", path))
		}
		if eff := e.headerEffect("set-cookie", path); eff.leak == 0 && eff.drop == 0 {
			e.leakInCookie(&g[j], path)
		}
	}
}

// leakInCookie looks for blue's addresses in the domain and in the value of a cookie of green.
func (e *engine) leakInCookie(c *setCookie, path string) {
	for _, a := range c.attrs {
		if a.name == "domain" {
			e.leakInHeader(path+".domain", []string{strings.TrimPrefix(a.value, ".")}, true)
		}
	}
	e.leakInHeader(path, []string{c.value}, true)
}

// parseCookies reads all Set-Cookie fields of an answer, in their order.
func parseCookies(values []string) []setCookie {
	out := make([]setCookie, len(values))
	for i, v := range values {
		out[i] = parseCookie(v)
	}
	return out
}

// lone records a cookie or an attribute that one side alone has: blue where kind is Removed.
func (e *engine) lone(kind Kind, path, value string, eff *effect) {
	d := Difference{Kind: kind, Where: InHeader, Path: path}
	if kind == Removed {
		d.Blue = excerptOf(value)
	} else {
		d.Green = excerptOf(value)
	}
	e.foundText(d, eff.drop, eff)
}

// cookie compares a cookie's value, by rule 3 unless a rule of the file says how,
// and walks the sorted attributes of both sides side by side.
func (e *engine) cookie(b, g *setCookie, eff *effect) {
	same, why := false, ""
	if !eff.says() && eff.ignore == 0 && eff.drop == 0 {
		same, why = sameCookie(b.value, g.value, e.at, e.rules.opts.Numbers == Typed)
	}
	if !same {
		e.headerValue(b.path(), b.value, g.value, eff, why)
	}
	for x, y := b.attrs, g.attrs; len(x) > 0 || len(y) > 0; {
		switch {
		case len(y) == 0 || len(x) > 0 && x[0].name < y[0].name:
			path := b.path() + "." + x[0].name
			e.lone(Removed, path, x[0].value, e.headerEffect(path))
			x = x[1:]
		case len(x) == 0 || y[0].name < x[0].name:
			path := b.path() + "." + y[0].name
			e.lone(Added, path, y[0].value, e.headerEffect(path))
			y = y[1:]
		default:
			e.attribute(b.path()+"."+x[0].name, x[0], y[0])
			x, y = x[1:], y[1:]
		}
	}
}

// attribute compares an attribute that both sides have.
func (e *engine) attribute(path string, b, g cookieAttr) {
	eff := e.headerEffect(path)
	expires := b.name == "expires" && !eff.says() && notation.SameExpiry(b.value, g.value, e.at)
	if !expires && !sameAttribute(b.name, b.value, g.value) {
		e.headerValue(path, b.value, g.value, eff, "")
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

// sameCookie reports whether two values of one cookie mean the same (rule 3), or
// else why not where that is not plain to see. at is when the sides answered; typed: 1 and
// 1.0 differ.
func sameCookie(blue, green string, at [2]time.Time, typed bool) (same bool, why string) {
	if blue == green {
		return true, ""
	}
	if b, ok := unquoted(blue); ok { // clients return the quotes: both sides have them, or neither
		if g, ok := unquoted(green); ok {
			blue, green = b, g
		}
	}
	if notation.IsJWT(blue) && notation.IsJWT(green) {
		why = token.Differ(blue, green, at, decodeNumbers)
		return why == "", why
	}
	b, g := plainCookie(blue), plainCookie(green)
	x, y := documentShape(b, typed), documentShape(g, typed)
	switch {
	case x != "" || y != "": // one that is encoded and one that is not differ
		return x == y && (b == blue) == (g == green), ""
	case b != blue && strings.IndexByte(b, '%') >= 0 || g != green && strings.IndexByte(g, '%') >= 0: // encoded twice
		return false, ""
	}
	form := notation.TokenForm(b)
	cut := 4*min(len(b), len(g)) < 3*max(len(b), len(g))
	return form != "" && form == notation.TokenForm(g) && !cut && notation.RandomPair(b, g), ""
}

// AlikeCookies are the names of the cookies that two answers set to different values that
// compare as equal by rule 3 (two session tokens, say), given their Set-Cookie fields. A name
// that an answer sets twice is left out. With the values an archive replaces what they show of
// that, so it keeps this.
func AlikeCookies(blue, green []string, at [2]time.Time) []string {
	var names []string
	g := parseCookies(green)
	b := parseCookies(blue)
	once := func(list []setCookie, name string) *setCookie {
		var found *setCookie
		for i := range list {
			if list[i].name == name && found != nil {
				return nil
			} else if list[i].name == name {
				found = &list[i]
			}
		}
		return found
	}
	for i := range b {
		x, y := once(b, b[i].name), once(g, b[i].name)
		if x == nil || y == nil || x.value == y.value {
			continue
		}
		if same, _ := sameCookie(x.value, y.value, at, true); same {
			names = append(names, x.name)
		}
	}
	return names
}

// unquoted is what is between the quotes of a cookie's value; not ok where it has none.
func unquoted(v string) (string, bool) {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return "", false
	}
	return v[1 : len(v)-1], true
}

// plainCookie is a cookie's value without its percent-encoding.
func plainCookie(v string) string {
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

// documentShape is the shape of the JSON object or array that a text is; "" where it
// is none.
func documentShape(text string, typed bool) string {
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		if doc, err := decodeNumbers(text); err == nil {
			return token.ShapeOf(doc, typed)
		}
	}
	return ""
}

// decodeNumbers decodes JSON that Compare can read, with numbers as they are written.
func decodeNumbers(text string) (any, error) {
	var t tree
	reader := parser{lim: (&Options{}).limits()}
	if reader.parse(&t, []byte(text), deadState); t.err != nil {
		return nil, t.err
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// LikeJWT makes the header and claims of a token that compares with others as this one
// does and shows nothing of it but its times; see token.Like. "" when text is not a JWT.
func LikeJWT(text string, digest func(string) string) string {
	return token.Like(text, digest, decodeNumbers)
}
