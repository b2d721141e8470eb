// Package redact replaces secrets by marks before anything reaches the disk or a
// terminal. Secrets and credential headers come in, with the texts, JSON values,
// headers and bodies that may hold them; the same texts go out with a mark in the
// place of each secret, and for bodies the facts that rules may still use.
//
// The package writes to no file and keeps no text. Marks are keyed: equal secrets
// have equal marks, and values cannot be tried without the key.
package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
)

const (
	// window is how many bytes of a form find it in a text. Secrets shorter than
	// that are found only as words.
	window = 6
	// minAlone is the length under which a secret cannot be distinguished from ordinary
	// text at all, and is left alone; Weak names it.
	minAlone = 4
	// minLearned is the length from which a value seen in a credential header is
	// replaced elsewhere too.
	minLearned = 12
	// minPartial is how many first bytes of a form are replaced at the end of a
	// text that was cut.
	minPartial = 8
	// markHash is how many bytes of the keyed hash a mark shows. Two different
	// secrets of a pair with one mark would look equal when it is judged again;
	// with 32 bits that is one pair in four thousand million.
	markHash = 4
)

// A Redactor replaces secrets by marks: <secret:NAME#HASH>, where HASH is the
// beginning of HMAC-SHA-256 of the value under the archive's own key, so that
// equal values stay visibly equal within an archive and values cannot be tried
// without the key. It is safe for concurrent use.
//
//  1. A value is replaced as it is, in base64 and base64url at three alignments,
//     in hex and as a query writes it; and all of these under any escapes of
//     JSON, URLs, HTML and JSON Pointers, up to three inside each other. Base64
//     that hides escapes or has several lines and hex in pairs are decoded once. In UTF-16,
//     EUC-KR and Windows-1252 it is replaced as it is.
//  2. Overlapping values are replaced together; the longest gives the mark.
//  3. A mark is never replaced again.
//  4. A value of 4 or 5 bytes is replaced where no letter or digit is
//     next to it; a shorter one is not, and Weak names it.
type Redactor struct {
	key     []byte
	headers map[string]bool // credential headers, lower case

	mu      sync.RWMutex // guards everything below
	secrets []secret
	known   map[string]int32 // value to index
	names   map[string]bool  // names that marks may carry
	forms   []form
	last    grams // the last bytes of every form
	first   grams // the first bytes of every form
	starts  [window]shortGrams
	alone   []int32 // secrets of 4 and 5 bytes
	weak    []string
	longest int

	// derived are the texts of forms that were asked for lately: a server that
	// repeats one candidate without end must not have it derived each time.
	derivedMu sync.Mutex // guards derived and its size; taken last
	derived   map[int32]string
	derivedN  int
}

// maxDerived bounds the texts of forms that are kept, in bytes.
const maxDerived = 4 << 20

// textOf is the text of a form. The caller holds the lock.
func (r *Redactor) textOf(at int32) string {
	r.derivedMu.Lock()
	defer r.derivedMu.Unlock()
	text, kept := r.derived[at]
	if kept {
		return text
	}
	f := &r.forms[at]
	text = derive(f.kind, r.secrets[f.secret].value)
	if r.derivedN += len(text); r.derived == nil || r.derivedN > maxDerived {
		r.derived, r.derivedN = map[int32]string{}, len(text)
	}
	r.derived[at] = text
	return text
}

// A secret is a value with the name it was given under and the mark that takes its place.
type secret struct {
	name, value, mark string
}

// A form is one text that a secret may be written as. It is derived again when a
// candidate is checked, so that memory does not grow with its length.
type form struct {
	secret              int32
	kind                formKind
	length              int32
	nextLast, nextFirst int32 // chains through grams, -1 at the end
}

// New makes a redactor that knows no secrets yet. headers are
// credential headers besides the built-in ones.
func New(key []byte, headers ...string) *Redactor {
	r := &Redactor{
		key: slices.Clone(key), headers: make(map[string]bool),
		known: make(map[string]int32), names: make(map[string]bool),
	}
	for _, list := range [][]string{credentialHeaders, headers} {
		for _, name := range list {
			r.headers[strings.ToLower(name)] = true
			r.names[markName(name)] = true
		}
	}
	r.names[cookieName], r.names[userinfoName], r.names[learnedName] = true, true, true
	r.last.init()
	r.first.init()
	return r
}

// Add makes value unreadable from now on. A value that is known keeps its first name.
func (r *Redactor) Add(name, value string) {
	if value == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.known[value]; ok {
		return
	}
	name = markName(name)
	if strings.Contains(strings.ToLower(name), strings.ToLower(value)) {
		name = "value" // the mark must not say what it hides
	}
	r.names[name] = true
	id := int32(len(r.secrets))
	r.known[value] = id
	r.secrets = append(r.secrets, secret{name, value, r.mark(name, value)})
	switch {
	case len(value) < minAlone || strings.TrimSpace(value) == "": // white space is everywhere
		r.weak = append(r.weak, name)
	case len(value) < window:
		r.alone = append(r.alone, id)
	default:
		r.addForms(id, value)
	}
}

// addForms enters every distinct form of a secret. The caller holds the lock.
func (r *Redactor) addForms(id int32, value string) {
	var seen [formKinds]string
	for kind := range formKinds {
		text := derive(kind, value)
		if len(text) < window || slices.Contains(seen[:kind], text) {
			continue
		}
		seen[kind] = text
		at := int32(len(r.forms))
		f := form{secret: id, kind: kind, length: int32(len(text))}
		f.nextLast = r.last.put(gram(text[len(text)-window:]), at)
		f.nextFirst = r.first.put(gram(text[:window]), at)
		for n := 1; n < window; n++ {
			r.starts[n].put(text[:n])
		}
		r.forms = append(r.forms, f)
		r.longest = max(r.longest, len(text))
	}
}

// knowsNothing reports whether no secret could be found.
func (r *Redactor) knowsNothing() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.forms) == 0 && len(r.alone) == 0
}

// Weak names the secrets that are not replaced: too short, or white space alone.
func (r *Redactor) Weak() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.weak)
}

// Mark is what replaces a value that is known by its place, such as a
// credential header's. A value that was added keeps its own name.
func (r *Redactor) Mark(name, value string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if id, ok := r.known[value]; ok {
		return r.secrets[id].mark
	}
	return r.mark(markName(name), value)
}

// mark is what stands for a value: its name and a keyed hash, so that equal secrets of one archive
// have one mark and nothing can be learned of the value without the key.
func (r *Redactor) mark(name, value string) string {
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(value))
	return markOpen + name + "#" + hex.EncodeToString(mac.Sum(nil)[:markHash]) + markClose
}

const (
	// markOpen and markClose are the ends of a mark; readers of archives look for the first.
	markOpen  = "<secret:"
	markClose = ">"
)

// markName makes a name fit for a mark: a mark needs no escape in JSON.
func markName(name string) string {
	name = strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
			return c
		default:
			return '-'
		}
	}, name)
	if name == "" {
		return "value"
	}
	return name[:min(len(name), 64)]
}

// isMark reports whether s is a mark and nothing else.
func isMark(s string) bool {
	rest, ok := strings.CutPrefix(s, markOpen)
	if !ok {
		return false
	}
	name, hash, ok := strings.Cut(rest, "#")
	hash, closed := strings.CutSuffix(hash, markClose)
	return ok && closed && name != "" && markName(name) == name && isHash(hash)
}

// isHash reports whether a text has the form of the hash in a mark.
func isHash(s string) bool { return len(s) == 2*markHash && strings.Trim(s, "0123456789abcdef") == "" }

// String replaces every secret in s.
func (r *Redactor) String(s string) string { return (&Hider{r: r}).piece(s, false) }

// Bytes replaces every secret in b, which is not changed; b itself is returned
// when it holds none.
func (r *Redactor) Bytes(b []byte) []byte {
	matches := findAll(&Hider{r: r}, b, false)
	if len(matches) == 0 {
		return b
	}
	return []byte(r.replace(string(b), matches, markOpen, markClose))
}

// CutString replaces every secret in a text whose end was cut off: the
// beginning of a secret at the end of s goes too.
func (r *Redactor) CutString(s string) string { return (&Hider{r: r}).piece(s, true) }

// replace puts marks in the places of matches, which are sorted and apart.
func (r *Redactor) replace(s string, matches []match, open, closing string) string {
	var b strings.Builder
	at := 0
	for _, m := range matches {
		b.WriteString(s[at:m.start])
		b.WriteString(r.markOf(m, open, closing))
		at = m.end
	}
	b.WriteString(s[at:])
	return b.String()
}

// markOf is the mark of a match with the ends that are asked for.
func (r *Redactor) markOf(m match, open, closing string) string {
	mark := m.mark
	if mark == "" {
		r.mu.RLock()
		mark = r.secrets[m.secret].mark
		r.mu.RUnlock()
	}
	if open == markOpen {
		return mark
	}
	return open + strings.TrimSuffix(strings.TrimPrefix(mark, markOpen), markClose) + closing
}
