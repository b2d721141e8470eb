// Package token compares JSON Web Tokens: the two sides sign their own, so what must be the
// same is taken out of each as a shape and held against the other's. Texts and the times of the
// answers come in; what differs comes out in words that name claims and never their values.
package token

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/internal/text"
)

// Decode reads a JSON text into the types of encoding/json, with numbers as json.Number. It
// refuses what the comparison of bodies refuses.
type Decode func(text string) (any, error)

// A jwt is a JSON Web Token (RFC 7519) as two of them are compared: each side signs
// its own, so that signatures, key ids, times and ids of tokens differ.
type jwt struct {
	// parts are the shapes of all that must be the same, by place: "header alg",
	// "claim role". See shaper.
	parts         map[string]string
	exp, iat, nbf time.Time // zero: absent, or not a number
	odd           bool      // the signature has another length than those of its alg
}

// freshClaims are the header fields and claims whose value is another in each token,
// for each key, or on each side, which has its own issuer and signs in as a box of
// its own: their type is compared alone. See freshClaim.
var freshClaims = []string{
	"iss", "sub", "jti", "sid", "oid", "uid", "nonce", "session_state", "at_hash", "c_hash", "s_hash", "ath", "uti", "rh", "cnf",
	"kid", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256",
}

// freshClaim reports whether a claim is one of freshClaims or an id.
func freshClaim(name string) bool {
	return slices.Contains(freshClaims, name) || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "Id") || name == "id"
}

// timeClaim reports whether a number of this name is a moment.
func timeClaim(name string) bool {
	name = strings.TrimSuffix(name, "_ms")
	switch name {
	case "exp", "iat", "nbf", "auth_time":
		return true
	}
	return slices.ContainsFunc([]string{"_at", "At", "_time", "Time"}, func(end string) bool { return strings.HasSuffix(name, end) })
}

// parse reads a token; false where the text has not the three parts of one, or a header that is
// not a JSON object. A payload that is not JSON is a part of the shape, so that two such
// tokens can be the same.
func parse(s string, decode Decode) (*jwt, bool) {
	if !notation.IsJWT(s) {
		return nil, false
	}
	encoded := strings.Split(s, ".")
	header, ok := claimsOf(encoded[0], decode)
	if !ok {
		return nil, false
	}
	j := &jwt{parts: map[string]string{}}
	j.add("header ", header)
	claims, ok := claimsOf(encoded[1], decode)
	if !ok {
		j.parts["payload"] = "not JSON"
	}
	j.add("claim ", claims)
	j.exp, j.iat, j.nbf = momentOf(claims["exp"]), momentOf(claims["iat"]), momentOf(claims["nbf"])
	if encoded[2] == "" {
		j.parts["empty signature"] = ""
	}
	alg, _ := header["alg"].(string)
	j.odd = !signs(alg, base64.RawURLEncoding.DecodedLen(len(encoded[2])))
	return j, true
}

// signatures are the lengths in bytes that an alg makes (RFC 7518, RFC 8037).
var signatures = map[string][]int{
	"HS256": {32}, "HS384": {48}, "HS512": {64}, "ES256": {64}, "ES256K": {64}, "ES384": {96}, "ES512": {132}, "EdDSA": {64, 114},
}

// signs reports whether a signature of n bytes may be one of an alg: a token that was cut
// off has a shorter one. Of RSA it is as long as the key; any is one of an alg that is not known.
func signs(alg string, n int) bool {
	if strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS") {
		return n >= 128 && n%64 == 0
	}
	lengths, known := signatures[alg]
	return !known || slices.Contains(lengths, n)
}

// add puts the shapes of members into the parts; where is "header " or "claim ".
func (j *jwt) add(where string, members map[string]any) {
	for name, v := range members {
		j.parts[where+name] = shaper{claims: true}.text(v, name)
	}
}

// claimsOf decodes one part of a token: base64 for URLs without padding, then a JSON object.
func claimsOf(part string, decode Decode) (map[string]any, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, false
	}
	v, err := decode(string(raw))
	claims, ok := v.(map[string]any)
	return claims, err == nil && ok
}

// momentOf is the moment of a numeric date (RFC 7519, section 2), in seconds since 1970; the zero
// time where the claim is absent or not a number of that kind.
func momentOf(claim any) time.Time {
	if n, ok := claim.(json.Number); ok {
		if s, ok := notation.ParseStamp(n.String()); ok {
			return s.At
		}
		if f, err := n.Float64(); err == nil && f >= 0 && f < 1e9 { // before 2001: an exp of 1
			return time.Unix(int64(f), 0)
		}
	}
	return time.Time{}
}

// ShapeOf is what must be the same of a JSON document that is a cookie's value; equal shapes
// mean equal values. typed: numbers with a fraction or an exponent differ from those without.
func ShapeOf(doc any, typed bool) string { return shaper{typed: typed}.text(doc, "") }

// A shaper writes what must be the same of a value in a token or a cookie, so that
// equal texts mean equal values:
//
//  1. Names, types, numbers, truth values and null are written as they are.
//  2. A text that is a token by itself (a uuid, 64 bits of entropy) is written as its
//     form, any other as it is.
//  3. Of a fresh claim the type is written alone, of one that is a moment the notation.
//  4. Elements of claims have no order: they are sets of names.
type shaper struct {
	claims bool
	typed  bool // numbers with a fraction or an exponent differ from those without
}

// text is the shape of a value; name is the member that it is in, or "" outside of one.
// Members are sorted, for an object has no order.
func (s shaper) text(v any, name string) string {
	fresh := s.claims && freshClaim(name)
	switch v := v.(type) {
	case map[string]any:
		members := make([]string, 0, len(v))
		for k, x := range v {
			if !fresh {
				members = append(members, text.Quote(k)+":"+s.text(x, k))
			}
		}
		slices.Sort(members)
		return "{" + strings.Join(members, ",") + "}"
	case []any:
		elements := make([]string, 0, len(v))
		for _, x := range v {
			if !fresh {
				elements = append(elements, s.text(x, name))
			}
		}
		if s.claims { // Rule 4
			slices.Sort(elements)
		}
		return "[" + strings.Join(elements, ",") + "]"
	case string:
		return s.string(v, name, fresh)
	case json.Number:
		return s.number(v.String(), name, fresh)
	case bool:
		return strconv.FormatBool(v)
	}
	return "null"
}

// string is rules 2 and 3 for a text: a fresh one is only known to be there, a token by its
// form, a moment by its notation, and any other as it is.
func (s shaper) string(v, name string, fresh bool) string {
	if fresh && v != "" {
		return "text"
	}
	if form := notation.TokenForm(v); form != "" && notation.IsRandom(v) {
		return form
	}
	if stamp, ok := notation.ParseStamp(v); ok && s.claims && timeClaim(name) {
		return "text " + stamp.Notation
	}
	return text.Quote(v)
}

// number is rules 1 and 3 for a number: its exact value, so that 1 and 1.0 have one shape
// unless numbers are typed.
func (s shaper) number(v, name string, fresh bool) string {
	switch {
	case fresh:
		return "number"
	case s.claims && timeClaim(name):
		if stamp, ok := notation.ParseStamp(v); ok {
			return stamp.Notation
		}
	}
	d := literal.ExactOf([]byte(v))
	shape := fmt.Sprintf("%t %s %s", d.Neg, d.Digits, d.Exp)
	if s.typed && literal.Fractional(v) {
		shape += " fraction"
	}
	return shape
}

// Like makes the header and claims of a token that compares with others as this one
// does and shows nothing of it but its times: digest stands for all other parts.
// Without a signature: whoever adds one decides what equals what. "" when text is not
// a JWT.
func Like(text string, digest func(string) string, decode Decode) string {
	j, ok := parse(text, decode)
	if !ok {
		return ""
	}
	parts := []string{fmt.Sprintf("odd=%t", j.odd)}
	for name, shape := range j.parts {
		parts = append(parts, name+"="+shape)
	}
	slices.Sort(parts)
	claims := map[string]any{"like": "<" + digest(strings.Join(parts, "\n")) + ">"} // < is in no token
	for name, t := range map[string]time.Time{"exp": j.exp, "iat": j.iat, "nbf": j.nbf} {
		if !t.IsZero() {
			claims[name] = t.Unix()
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil { // texts and numbers always encode
		panic(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"hidden"}`)) + "." + enc(payload)
}

// maxTokenAge bounds how far apart two tokens expire of which nothing else says
// whether they are valid.
const maxTokenAge = 31 * 24 * time.Hour

// Differ says in what two tokens differ for who holds them, "" when in nothing.
// It names header fields and claims, never their values.
//
//  1. All of jwt.parts is the same, and the signatures are as long as their alg makes them, or
//     neither is.
//  2. exp is after the time of the exchange, and nbf at most notation.LifetimeSlip later, on
//     both sides.
//  3. Where both say when they were issued, they are valid for about as long.
//  4. Where the time of an exchange is not known, exp is after iat; where neither
//     is, nor an iat, the sides' exp are at most maxTokenAge apart.
func Differ(blue, green string, at [2]time.Time, decode Decode) string {
	b, ok := parse(blue, decode)
	g, ok2 := parse(green, decode)
	if !ok || !ok2 {
		return "jwt: one of them is not a token"
	}
	var why []string
	for part, shape := range b.parts { // Rule 1
		switch other, ok := g.parts[part]; {
		case !ok:
			why = append(why, part+" is missing on green")
		case other != shape:
			why = append(why, part+" differs")
		}
	}
	for part := range g.parts {
		if _, ok := b.parts[part]; !ok {
			why = append(why, part+" is on green alone")
		}
	}
	if b.odd != g.odd && b.parts["header alg"] == g.parts["header alg"] {
		why = append(why, "the signature is shorter or longer than those of its alg")
	}
	slices.Sort(why)
	for i, side := range []string{"blue", "green"} {
		if late := []*jwt{b, g}[i].invalidAt(at[i]); late != "" {
			why = append(why, side+"'s "+late)
		}
	}
	if len(why) == 0 && !sameTerm(b, g, at) {
		why = append(why, "they expire at different times")
	}
	if len(why) == 0 {
		return ""
	}
	const most = 4
	if more := len(why) - most; more > 0 {
		why = append(why[:most], fmt.Sprintf("%d more", more))
	}
	return "jwt: " + strings.Join(why, ", ")
}

// invalidAt is rules 2 and 4 for one token.
func (j *jwt) invalidAt(now time.Time) string {
	if now.IsZero() {
		now = j.iat
	}
	switch {
	case now.IsZero():
	case !j.exp.IsZero() && !j.exp.After(now):
		return "has expired"
	case j.nbf.After(now.Add(notation.LifetimeSlip)):
		return "is not valid yet"
	}
	return ""
}

// sameTerm is rules 3 and 4 for both.
func sameTerm(b, g *jwt, at [2]time.Time) bool {
	switch {
	case b.exp.IsZero() || g.exp.IsZero(): // the shapes say whether there is one
		return true
	case !b.iat.IsZero() && !g.iat.IsZero():
		return notation.SameLifetime(b.exp, g.exp, [2]time.Time{b.iat, g.iat})
	case at[0].IsZero() && at[1].IsZero():
		return b.exp.Sub(g.exp).Abs() <= maxTokenAge
	}
	return true
}
