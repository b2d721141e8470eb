package diff

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/notation"
)

// An authority is a name of blue that green must not mention, in lower case.
type authority string

// LeakNote is what a difference says of a leak of the name.
func LeakNote(name string) string { return "green names blue: " + name }

// leaks marks a difference as a leak; a note that is there already stays.
func (d *Difference) leaks(a authority) {
	d.Leak = string(a)
	d.Note = cmp.Or(d.Note, LeakNote(d.Leak))
}

// leakAuthorities are blue's hosts where green's hosts have other names, and
// blue's host:port where only the ports differ. A name that both sides share
// is not a secret.
func leakAuthorities(blue, green []string) []authority {
	var out []authority
	for _, b := range blue {
		b = strings.ToLower(b)
		// The host is the name to look for, unless only the ports differ.
		text, shared := hostOf(b), false
		for _, g := range green {
			g = strings.ToLower(g)
			if b == g {
				shared = true
			}
			if hostOf(b) == hostOf(g) {
				text = b
			}
		}
		if a := authority(text); !shared && text != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// hostOf is an authority without its port; a bare IPv6 address has none.
func hostOf(a string) string {
	if i := strings.LastIndexByte(a, ':'); i > strings.LastIndexByte(a, ']') && (a[0] == '[' || strings.Count(a, ":") == 1) {
		a = a[:i]
	}
	return strings.Trim(a, "[]")
}

// in reports whether text names the authority: at token boundaries, so that
// api.blue is not found in xapi.blue or api.blueprint; also percent-encoded, as an
// address is that another one carries, once or twice.
func (a authority) in(text []byte) bool {
	for range 3 {
		if a.plainly(text) {
			return true
		}
		decoded := percentDecoded(text)
		if len(decoded) == len(text) {
			return false
		}
		text = decoded
	}
	return false
}

// percentDecoded is a text with the characters that it has as %XX.
func percentDecoded(text []byte) []byte {
	if bytes.IndexByte(text, '%') < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := hex.DecodeString(string(text[i+1 : i+3])); err == nil {
				out = append(out, c[0])
				i += 2
				continue
			}
		}
		out = append(out, text[i])
	}
	return out
}

// plainly is in for a text as it is.
func (a authority) plainly(text []byte) bool {
	for at := 0; ; {
		i := indexFold(text[at:], string(a))
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(a)
		before := from == 0 || !notation.IsHostByte(text[from-1]) && text[from-1] != '.'
		after := to == len(text) || !notation.IsHostByte(text[to]) && !(text[to] == '.' && to+1 < len(text) && notation.IsHostByte(text[to+1]))
		if before && after {
			return true
		}
		at = from + 1
	}
}

// indexFold finds an ASCII lower-case needle, letter case aside.
func indexFold(text []byte, needle string) int {
	low, up := needle[0], needle[0]
	if low >= 'a' && low <= 'z' {
		up = low - 0x20
	}
	for at := 0; at+len(needle) <= len(text); {
		i := bytes.IndexByte(text[at:], low)
		if up != low {
			if j := bytes.IndexByte(text[at:], up); i < 0 || j >= 0 && j < i {
				i = j
			}
		}
		if i < 0 || at+i+len(needle) > len(text) {
			return -1
		}
		at += i
		if strings.EqualFold(string(text[at:at+len(needle)]), needle) {
			return at
		}
		at++
	}
	return -1
}

// leaks reports every string of green's body that names a place of blue. A
// string that differs for that reason alone is one difference, not two.
func (e *engine) leaks() {
	if len(e.rules.leaks) == 0 || !e.suspicious() {
		return
	}
	// Differences by their place on green, to mark them instead of adding a second.
	known := map[string]int{}
	for i := range e.out.kept {
		p := &e.out.kept[i]
		if p.d.Kind == Changed && p.greenPtr != (span{}) {
			known[string(e.out.buf[p.greenPtr.from:p.greenPtr.to])] = i
		}
	}
	st := deadState
	if e.auto != nil {
		st = e.auto.Root
	}
	e.path = e.path[:0]
	e.leaksBelow(0, st, known)
}

// suspicious reports whether green's body may name blue at all, so that a body
// without a name needs no walk. An escape could spell one; the colon before a port may
// be encoded.
func (e *engine) suspicious() bool {
	for _, a := range e.rules.leaks {
		if indexFold(e.g.src, hostOf(string(a))) >= 0 {
			return true
		}
	}
	return bytes.Contains(e.g.src, []byte(`\u`))
}

// leaksBelow walks green's body under the rules. A drop or leak rule ends the walk:
// that place is not searched, or the name may be there.
func (e *engine) leaksBelow(i uint32, st int32, known map[string]int) {
	eff := e.effects(st)
	if eff.drop != 0 || eff.leak != 0 {
		return
	}
	if e.g.nodes[i].typ == StringType {
		e.leakAt(i, eff, known)
		return
	}
	below(e.auto, st, e.g, i, func(c uint32, index int, st int32) {
		e.path = append(e.path, step{blue: place{e.g, noNode, -1}, green: place{e.g, c, int32(index)}})
		e.leaksBelow(c, st, known)
		e.path = e.path[:len(e.path)-1]
	})
}

// leakAt looks for blue's names in one string of green. The first one found is
// reported, or marked at the difference that is known of the place.
func (e *engine) leakAt(i uint32, eff *effect, known map[string]int) {
	text := e.g.stringText(i)
	for _, a := range e.rules.leaks {
		if !a.in(text) {
			continue
		}
		if k, ok := known[string(e.appendPointer(nil, false))]; ok {
			e.out.kept[k].d.leaks(a)
			return
		}
		e.foundLeak(i, a)
		return
	}
}

// foundLeak records a leak; only a leak rule hides one, no mode does.
func (e *engine) foundLeak(i uint32, a authority) {
	if list := e.out.counted("", OtherValue); list != nil {
		d := Difference{Kind: Changed, Severity: OtherValue, Where: InBody}
		d.leaks(a)
		*list = append(*list, e.placed(d, noNode, i))
	}
}
