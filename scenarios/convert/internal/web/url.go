package web

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/template"
)

// CutURL cuts a marked address into its origin (scheme://host:port, or what
// is in its place), its path with the query, and user:password. Without a
// scheme it is http, as curl has it.
func CutURL(text string) (origin, path, user string) {
	text, _, _ = CutOutside(text, "#")
	scheme, rest, found := CutOutside(text, "://")
	if !found || strings.ContainsAny(scheme, "/?") {
		scheme, rest = "", text
	}
	authority := rest
	for _, sep := range []string{"/", "?"} {
		authority, _, _ = CutOutside(authority, sep)
	}
	path = rest[len(authority):]
	if end := strings.Index(strings.TrimPrefix(authority, Mark), Mark); scheme == "" && strings.HasPrefix(authority, Mark) &&
		namesURL(authority) {
		// ${BASE}v1/x: what a base is followed by is a path, except a port or more of a host.
		if behind := authority[end+2:]; behind != "" && strings.IndexByte(":.-"+Mark, behind[0]) < 0 {
			authority, path = authority[:end+2], "/"+behind+path
		}
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, authority = authority[:at], authority[at+1:]
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	switch {
	case scheme != "":
		return Literals(scheme, strings.ToLower) + "://" + Literals(authority, strings.ToLower), path, user
	case strings.HasPrefix(authority, Mark) && namesURL(authority):
		return authority, path, user
	}
	return "http://" + Literals(authority, strings.ToLower), path, user
}

// namesURL reports whether the variable that an address begins with is named
// like one that holds a scheme too.
func namesURL(authority string) bool {
	name := strings.ToUpper(Insides(authority)[0])
	for _, word := range []string{"URL", "URI", "BASE", "ENDPOINT", "API", "ORIGIN"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// OriginFault says what is wrong with an origin; empty: nothing.
func OriginFault(origin string) string {
	scheme, host, found := strings.Cut(origin, "://")
	switch {
	case !found && HasMark(origin):
		return ""
	case HasMark(scheme):
	case scheme != "http" && scheme != "https":
		return "only http and https are compared"
	}
	if host == "" {
		return "the address has no host"
	}
	for i, p := range strings.Split(host, Mark) {
		if i%2 == 0 && strings.IndexFunc(p, notHost) >= 0 {
			return "that is not a host"
		}
	}
	if HasMark(host) {
		return ""
	}
	name, port := host, "1"
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name, port = host[:i], host[i+1:]
	}
	if p, err := netip.ParseAddrPort("127.0.0.1:" + port); err != nil || p.Port() == 0 {
		return "that is not a port"
	}
	if ip, ok := strings.CutPrefix(name, "["); ok {
		if _, err := netip.ParseAddr(strings.TrimSuffix(ip, "]")); err != nil {
			return "that is not an address"
		}
	} else if name == "" || strings.ContainsAny(name, ":[]") {
		return "that is not a host"
	}
	return ""
}

// notHost reports whether a character is in no host or port; names in other
// scripts are hosts too.
func notHost(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) && !strings.ContainsRune("-._:[]", r) ||
		r == utf8.RuneError
}

// Squash takes . and .. out of a path, as clients do before they send it.
func Squash(path string) string {
	path, query, hasQuery := CutOutside(path, "?")
	var out []string
	segs := SplitOutside(path, "/")
	for i, seg := range segs {
		last := i == len(segs)-1
		switch low := strings.ToLower(seg); {
		case low == "." || low == "%2e":
			if last {
				out = append(out, "")
			}
		case low == ".." || low == ".%2e" || low == "%2e." || low == "%2e%2e":
			if len(out) > 1 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, seg)
		}
	}
	path = strings.Join(out, "/")
	if hasQuery {
		path += "?" + query
	}
	return path
}

// PercentDecoded decodes what can be decoded.
func PercentDecoded(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if naming.IsEscape(s[i:]) {
			c, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			b.WriteByte(byte(c))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// formPlain is what the language leaves as it is in a value of a form, besides
// letters, digits and -_.~.
const formPlain = "*"

// pairs reads a query, or a form when form is set, as fields in order. ok is
// false when fields would not be sent as the same bytes; with loose, a form whose
// fields would not mean the same.
func pairs(text string, form, loose bool) (out []model.Field, ok bool) {
	if text == "" {
		return nil, false
	}
	same := func(raw, value, plain string) bool {
		if form {
			plain = formPlain
		}
		again := Literals(value, func(s string) string { return template.PercentEncode(s, plain) })
		if form {
			again = Literals(value, func(s string) string { return strings.ReplaceAll(template.PercentEncode(s, plain+" "), " ", "+") })
		}
		if again == raw {
			return true
		}
		if form { // written by hand: nothing is encoded yet
			return loose || !strings.ContainsAny(raw, "%+;")
		}
		return false
	}
	decode := func(raw string) string {
		return Literals(raw, func(s string) string {
			if form {
				s = strings.ReplaceAll(s, "+", " ")
			}
			if s = PercentDecoded(s); strings.Contains(s, Mark) {
				return "\xff" // refused below
			}
			return s
		})
	}
	for _, p := range SplitOutside(text, "&") {
		rawName, rawValue, has := CutOutside(p, "=")
		name, value := decode(rawName), decode(rawValue)
		if !has || name == "" || len(name) > inlineKey || HasMark(name) || strings.Contains(name, "{{") || !utf8.ValidString(name) ||
			!utf8.ValidString(value) ||
			!same(rawName, name, template.QueryExtra) || !same(rawValue, value, template.QueryValueExtra) || apart(out, name) {
			return nil, false
		}
		out = append(out, model.Field{Name: name, Text: value})
	}
	return out, true
}

// apart reports whether fields of a name come before, but not right before: as
// a list they would come in another order.
func apart(fields []model.Field, name string) bool {
	for i, f := range fields {
		if f.Name == name {
			for _, o := range fields[i:] {
				if o.Name != name {
					return true
				}
			}
		}
	}
	return false
}

// address fills the step's URL, query and the request's origin.
func (im *Import) address(r *Request) {
	origin, path, user := CutURL(r.URL)
	r.origin = origin
	if user != "" && r.Auth == nil {
		im.Report.Mapped(model.Auths, 1)
		name, password, _ := CutOutside(user, ":")
		decode := func(s string) string { return Literals(s, PercentDecoded) }
		r.Auth = &model.Auth{
			Kind: model.Basic, User: decode(name),
			Password: im.Secret(r, "PASSWORD", decode(password), "the password in the address"),
		}
		if !HeaderText(r.Auth.User) || strings.Count(r.Auth.User, Mark)%2 != 0 {
			r.Auth.User = ""
			im.Lose(r, model.Lost{Kind: model.Auths, Place: "user", Why: "it has bytes that no user may have"})
		}
	}
	path, query, hasQuery := CutOutside(path, "?")
	if fields, ok := pairs(query, false, r.Loose); ok {
		for _, f := range fields {
			r.Step.Query = append(r.Step.Query, model.Field{Name: f.Name, Text: im.Text(im.keep(r, f.Name, f.Text, "query parameter "+f.Name))})
		}
		im.Report.Mapped(model.Headers, len(fields))
	} else if hasQuery {
		path += "?" + im.secretPairs(r, query, "query parameter")
	}
	path = Literals(path, func(s string) string { return naming.CleanURL(s, "") })
	if strings.HasPrefix(path, "//") {
		r.Skip = append(r.Skip, "its path begins with two slashes")
		path = "/" + strings.TrimLeft(path, "/")
	}
	r.Step.URL = im.Text(path)
}

// secretPairs takes the secrets out of a query or form that is kept as it is.
func (im *Import) secretPairs(r *Request, text, what string) string {
	list := SplitOutside(text, "&")
	for i, p := range list {
		name, value, has := CutOutside(p, "=")
		decoded := PercentDecoded(value)
		if has && !HasMark(decoded) && utf8.ValidString(decoded) {
			if kept := im.keep(r, name, decoded, what+" "+naming.OneLine(name, 60)); HasMark(kept) {
				list[i] = name + "=" + kept
			}
		}
	}
	return strings.Join(list, "&")
}
