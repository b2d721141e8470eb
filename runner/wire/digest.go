package wire

import (
	"crypto/md5" //nolint:gosec // the algorithm that most servers still ask for
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// A Digest is a server's challenge of HTTP Digest authentication (RFC 7616) and
// how often it was answered. It belongs to one goroutine: a server may refuse
// counts that do not come in order.
type Digest struct {
	Realm, Nonce, Opaque string
	Algorithm            string // as written; empty: MD5
	QOP                  string // auth, auth-int, or empty (RFC 2069)
	UserHash             bool
	Stale                bool // the credentials were right, the nonce too old

	count uint32
}

// digestHashes are the algorithms by name, without -sess.
var digestHashes = map[string]func() hash.Hash{"MD5": md5.New, "SHA-256": sha256.New, "SHA-512-256": sha512.New512_256}

// DigestChallenge finds the first challenge of an answer that can be answered,
// as servers list them by preference.
func DigestChallenge(headers []Field) (*Digest, error) {
	problem := errors.New("no Digest challenge")
	for _, f := range headers {
		if !strings.EqualFold(f.Name, "WWW-Authenticate") {
			continue
		}
		for _, c := range challenges(f.Value) {
			if !strings.EqualFold(c.scheme, "Digest") {
				continue
			}
			d, err := newDigest(c.params)
			if err == nil {
				return d, nil
			}
			problem = err
		}
	}
	return nil, problem
}

// newDigest reads the parameters of a challenge. Without a nonce, or with an algorithm or qop that
// is not supported, there is an error.
func newDigest(params map[string]string) (*Digest, error) {
	d := &Digest{
		Realm: params["realm"], Nonce: params["nonce"], Opaque: params["opaque"], Algorithm: params["algorithm"],
		UserHash: strings.EqualFold(params["userhash"], "true"), Stale: strings.EqualFold(params["stale"], "true"),
	}
	if d.Nonce == "" {
		return nil, errors.New("a Digest challenge without a nonce")
	}
	if _, _, ok := d.hash(); !ok {
		return nil, fmt.Errorf("unknown Digest algorithm %q", cutTo(d.Algorithm, 40))
	}
	if offered := params["qop"]; offered != "" {
		for word := range strings.SplitSeq(offered, ",") {
			if word = strings.ToLower(strings.TrimSpace(word)); word == "auth" || word == "auth-int" && d.QOP == "" {
				d.QOP = word
			}
		}
		if d.QOP == "" {
			return nil, fmt.Errorf("unknown Digest qop %q", cutTo(offered, 40))
		}
	}
	return d, nil
}

// hash is the digest function of the challenge's algorithm over parts that are joined by colons;
// session reports whether the algorithm is one with -sess. Without an algorithm it is MD5 (RFC
// 7616, section 3.3).
func (d *Digest) hash() (sum func(parts ...string) string, session, ok bool) {
	name, session := strings.CutSuffix(strings.ToUpper(d.Algorithm), "-SESS")
	if name == "" {
		name = "MD5"
	}
	make, ok := digestHashes[name]
	return func(parts ...string) string {
		h := make()
		h.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h.Sum(nil))
	}, session, ok
}

// Next takes the nonce that an answer's Authentication-Info gives for the next
// request.
func (d *Digest) Next(headers []Field) {
	for _, f := range headers {
		if strings.EqualFold(f.Name, "Authentication-Info") {
			for _, c := range challenges("x " + f.Value) {
				if next := c.params["nextnonce"]; next != "" {
					d.Nonce, d.count = next, 0
				}
			}
		}
	}
}

// Authorization answers the challenge for one request: its method, its request
// target (path and query as sent) and its body. cnonce is the client's own nonce.
func (d *Digest) Authorization(method, target string, body []byte, user, password, cnonce string) string {
	sum, session, _ := d.hash()
	d.count++
	count := fmt.Sprintf("%08x", d.count)
	a1 := sum(user, d.Realm, password)
	if session {
		a1 = sum(a1, d.Nonce, cnonce)
	}
	a2 := sum(method, target)
	if d.QOP == "auth-int" {
		a2 = sum(method, target, sum(string(body)))
	}
	response := sum(a1, d.Nonce, a2)
	if d.QOP != "" {
		response = sum(a1, d.Nonce, count, cnonce, d.QOP, a2)
	}
	var b strings.Builder
	b.WriteString("Digest ")
	switch {
	case d.UserHash:
		b.WriteString("username=" + quoted(sum(user, d.Realm)))
	case isPrintable(user):
		b.WriteString("username=" + quoted(user))
	default: // RFC 8187
		b.WriteString("username*=UTF-8''" + awsEscape(user, false))
	}
	b.WriteString(", realm=" + quoted(d.Realm) + ", nonce=" + quoted(d.Nonce) + ", uri=" + quoted(target))
	if d.Algorithm != "" {
		b.WriteString(", algorithm=" + d.Algorithm)
	}
	if d.QOP != "" {
		b.WriteString(", qop=" + d.QOP + ", nc=" + count + ", cnonce=" + quoted(cnonce))
	}
	b.WriteString(", response=" + quoted(response))
	if d.Opaque != "" {
		b.WriteString(", opaque=" + quoted(d.Opaque))
	}
	if d.UserHash {
		b.WriteString(", userhash=true")
	}
	return b.String()
}

// isPrintable reports whether a text is printable ASCII alone, which a quoted parameter can carry.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// quoted is a quoted-string of RFC 9110.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// cutTo shortens a text of a server for a message, without cutting a character in two.
func cutTo(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// A challenge is one scheme of a WWW-Authenticate field with its parameters,
// names in lower case.
type challenge struct {
	scheme string
	params map[string]string
}

// challenges reads the list of a WWW-Authenticate field. A comma separates
// parameters and challenges alike; a word without = begins a challenge.
func challenges(text string) []challenge {
	var out []challenge
	for text != "" {
		text = strings.TrimLeft(text, " \t,")
		word := text[:wordEnd(text)]
		if word == "" {
			break // not a list of challenges: what was read remains
		}
		text = text[len(word):]
		after := strings.TrimLeft(text, " \t")
		if !strings.HasPrefix(after, "=") {
			out = append(out, challenge{word, map[string]string{}})
			continue
		}
		var value string
		value, text = paramValue(strings.TrimLeft(after[1:], " \t"))
		if len(out) == 0 {
			break
		}
		if name := strings.ToLower(word); out[len(out)-1].params[name] == "" {
			out[len(out)-1].params[name] = value
		}
	}
	return out
}

// wordEnd is where the word at the beginning of a challenge ends.
func wordEnd(s string) int {
	if i := strings.IndexAny(s, " \t,=\""); i >= 0 {
		return i
	}
	return len(s)
}

// paramValue reads a token or a quoted string and what follows it.
func paramValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, " \t,")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
