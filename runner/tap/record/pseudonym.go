package record

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/runner/tap"
)

// pseudonyms replace the secrets of a recording. The rules:
//
//  1. Equal secrets have equal pseudonyms within a recording, and different ones
//     in another: the key is random and is not kept. So a token that an answer
//     gave is still found in the requests that send it.
//  2. A pseudonym has the form of a signed token, by which an import knows it for
//     a secret whatever its name is. The digits of a number are replaced by as
//     many digits.
//  3. A value is a secret by its name (fields, parameters, members of JSON and
//     forms, elements and attributes of XML), by its form, or because it is the
//     value of any cookie or of Authorization.
//  4. A secret of six characters or more is replaced wherever it appears again,
//     also under another name.
//  5. What is not text, and a form of several parts, is not kept at all.
type pseudonyms struct {
	key    []byte
	secret func(name, value string) bool
	known  *tap.Replacer // of secrets by pseudonyms
	count  int           // secrets that were met, one again where it was forgotten
}

// remembered bounds rule 4: secrets that did not appear for longest are forgotten. A longer
// secret is replaced where its name or form says that it is one.
var remembered = tap.ReplacerLimits{Shortest: 6, Longest: 16 << 10, Values: 20_000, Bytes: 16 << 20}

// newPseudonyms are those of one recording. secret reports whether a value is a secret by its
// name or by itself.
func newPseudonyms(key []byte, secret func(name, value string) bool) *pseudonyms {
	return &pseudonyms{key: key, secret: secret, known: tap.NewReplacer(remembered)}
}

// of is the pseudonym of a secret.
func (p *pseudonyms) of(value string) string {
	if value == "" || isPseudonym(value) {
		return value
	}
	if name, ok := p.known.Get(value); ok {
		return name
	}
	name := fmt.Sprintf("%s%x%s", begins, p.sum(value)[:12], ends)
	p.known.Set(value, name)
	p.count++
	return name
}

const begins, ends = "eyJhbm9u.", ".x1"

// isPseudonym reports whether a value was replaced already, so that rules that meet it twice
// replace it once.
func isPseudonym(value string) bool {
	return len(value) == len(begins)+24+len(ends) && strings.HasPrefix(value, begins) && strings.HasSuffix(value, ends)
}

// sum is what a pseudonym is made of. Without the key nobody can find the value by trying.
func (p *pseudonyms) sum(value string) []byte {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

// number replaces the digits of a number by as many.
func (p *pseudonyms) number(text string) string {
	sum := p.sum(text)
	out := []byte(text)
	for i, c := range out {
		if c >= '0' && c <= '9' {
			out[i] = '1' + sum[i%len(sum)]%9
		}
	}
	return string(out)
}

var (
	signedToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
	namedValue  = regexp.MustCompile(`([A-Za-z0-9_.\-]+)=("[^"]*"|[^&\s"'<>;,#]+)`)
	xmlElement  = regexp.MustCompile(`<([A-Za-z_][\w:.\-]*)([^<>]*)>([^<>]+)</`)
)

// text replaces the secrets of a text without a known form.
func (p *pseudonyms) text(s string) string {
	s = signedToken.ReplaceAllStringFunc(s, p.of)
	s = namedValue.ReplaceAllStringFunc(s, func(pair string) string {
		name, value, _ := strings.Cut(pair, "=")
		bare := strings.Trim(value, `"`)
		if !p.secret(name, bare) {
			return pair
		}
		return name + "=" + strings.Replace(value, bare, p.of(bare), 1)
	})
	return p.again(s)
}

// again is rule 4.
func (p *pseudonyms) again(s string) string { return p.known.Replace(s) }

// header replaces what is secret in a field.
func (p *pseudonyms) header(name, value string) string {
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization":
		return p.credentials(value)
	case "cookie":
		pairs := strings.Split(value, ";")
		for i, pair := range pairs {
			if n, v, ok := strings.Cut(pair, "="); ok {
				pairs[i] = n + "=" + p.of(v)
			}
		}
		return strings.Join(pairs, ";")
	case "set-cookie":
		pair, rest, more := strings.Cut(value, ";")
		n, v, _ := strings.Cut(pair, "=")
		pair = n + "=" + p.of(v)
		if more {
			pair += ";" + p.text(rest)
		}
		return pair
	}
	if p.secret(name, value) {
		return p.of(value)
	}
	return p.text(value)
}

// credentials keep their scheme, and those of Basic their two parts.
func (p *pseudonyms) credentials(value string) string {
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok {
		return p.of(value)
	}
	if strings.EqualFold(scheme, "basic") {
		if plain, err := base64.StdEncoding.DecodeString(rest); err == nil {
			user, password, _ := strings.Cut(string(plain), ":")
			return scheme + " " + base64.StdEncoding.EncodeToString([]byte(p.of(user)+":"+p.of(password)))
		}
	}
	return scheme + " " + p.of(rest)
}

// query replaces the secret parameters of a query or a form.
func (p *pseudonyms) query(raw string) string {
	pairs := strings.Split(raw, "&")
	for i, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if decoded := percentDecoded(value); ok && p.secret(percentDecoded(name), decoded) {
			pairs[i] = name + "=" + p.of(decoded)
		}
	}
	return p.again(strings.Join(pairs, "&"))
}

// body replaces the secrets of a body; false: it is not kept.
func (p *pseudonyms) body(contentType string, data []byte) ([]byte, bool) {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	kind = strings.TrimSpace(kind)
	trimmed := bytes.TrimSpace(data)
	switch {
	case data == nil, !utf8.Valid(data), bytes.IndexByte(data, 0) >= 0, strings.HasPrefix(kind, "multipart/"):
		return nil, false
	case strings.HasSuffix(kind, "x-www-form-urlencoded"):
		return []byte(p.query(string(data))), true
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '['):
		if out, err := p.json(data); err == nil {
			return out, true
		}
	case len(trimmed) > 0 && trimmed[0] == '<':
		return []byte(p.xml(string(data))), true
	}
	return []byte(p.text(string(data))), true
}

// xml replaces elements whose name says that they are secret; attributes are
// found as any named value is.
func (p *pseudonyms) xml(s string) string {
	s = xmlElement.ReplaceAllStringFunc(s, func(all string) string {
		m := xmlElement.FindStringSubmatch(all)
		local := m[1][strings.LastIndexByte(m[1], ':')+1:]
		if value := strings.TrimSpace(m[3]); value != "" && p.secret(local, value) {
			return "<" + m[1] + m[2] + ">" + p.of(value) + "</"
		}
		return all
	})
	return p.text(s)
}

// json replaces the secrets of a document and keeps the order of its members.
// Members below one whose name is secret are secret, too.
func (p *pseudonyms) json(data []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var b bytes.Buffer
	if err := p.value(&b, dec, "", false); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	return b.Bytes(), nil
}

// value writes the next value of a document. hidden: a member above it has a name that is
// secret. true, false and null stay, whatever their name: they give nothing away.
func (p *pseudonyms) value(b *bytes.Buffer, dec *json.Decoder, name string, hidden bool) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case json.Delim:
		return p.members(b, dec, v, name, hidden)
	case string:
		if hidden || p.secret(name, v) {
			v = p.of(v)
		} else {
			v = p.text(v)
		}
		return writeString(b, v)
	case json.Number:
		text := v.String()
		if hidden || p.secret(name, text) {
			text = p.number(text)
		}
		b.WriteString(text)
	case bool:
		fmt.Fprint(b, v)
	default:
		b.WriteString("null")
	}
	return nil
}

// members writes what is between the braces or brackets of a value. hidden: a
// member above it has a name that is secret.
func (p *pseudonyms) members(b *bytes.Buffer, dec *json.Decoder, open json.Delim, name string, hidden bool) error {
	hidden = hidden || name != "" && p.secret(name, "") && open == '['
	b.WriteByte(byte(open))
	for i := 0; dec.More(); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		key := name
		if open == '{' {
			t, err := dec.Token()
			if err != nil {
				return err
			}
			key, _ = t.(string)
			if err := writeString(b, key); err != nil {
				return err
			}
			b.WriteByte(':')
		}
		if err := p.value(b, dec, key, hidden); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	b.WriteByte(byte(open) + 2) // } and ] are two after { and [
	return err
}

// writeString writes a text as JSON, with < and & as they are: a recording is read by people,
// too.
func writeString(b *bytes.Buffer, s string) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the line end
	return nil
}

// plain is a body without its content coding; nil where it is not known.
func plain(m *tap.Message) []byte {
	if !m.Body.Kept {
		return nil
	}
	switch strings.ToLower(m.Header.Get("Content-Encoding")) {
	case "", "identity":
		return m.Body.Data
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(m.Body.Data))
		if err != nil {
			return nil
		}
		out, err := io.ReadAll(io.LimitReader(z, KeepBody+1))
		if err != nil || len(out) > KeepBody {
			return nil
		}
		return out
	}
	return nil
}
