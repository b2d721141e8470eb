package replay

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// StandIns gives the secrets that an archive hid a value to be judged by: one that has the type
// and exactly the formats which the archive says the secret had, the same for the same secret.
// What else a rule asks of it could not be compared; see run.Hidden. Of a mark of which no such
// value can be made nothing is known but whether it equals another. secret is called with the
// name and the value of each stand-in, so that the caller can hide it again before anything is
// written. The function that comes back gives nil for a pair that the archive does not have.
func StandIns(folder *archive.Folder, secret func(name, value string)) func(key string) (*run.Pair, error) {
	return func(key string) (*run.Pair, error) {
		pair, facts, err := folder.RedactedPair(key)
		if err != nil || pair == nil {
			return pair, err
		}
		// The pair of the folder may be shared, so the copy is changed.
		out := *pair
		for side, x := range map[string]**wire.Exchange{"blue": &out.Blue, "green": &out.Green} {
			hidden, err := unhide(x, side, facts, secret)
			if err != nil {
				return nil, err
			}
			out.Hidden = append(out.Hidden, hidden...)
		}
		// The same secret may be hidden on both sides and in several places.
		slices.SortFunc(out.Hidden, func(a, b run.Hidden) int { return strings.Compare(a.Text, b.Text) })
		out.Hidden = slices.Compact(out.Hidden)
		return &out, nil
	}
}

// MarkedPairs reads archived pairs with the marks in place of hidden values in them: a request
// that would need one of those values must not be sent. It serves a resumed run, which may send
// the requests that follow.
func MarkedPairs(folder *archive.Folder) func(key string) (*run.Pair, error) {
	return func(key string) (*run.Pair, error) {
		pair, facts, err := folder.RedactedPair(key)
		if err != nil || pair == nil {
			return pair, err
		}
		out := *pair
		for _, r := range facts {
			out.Hidden = append(out.Hidden, run.Hidden{Text: r.Mark})
		}
		return &out, nil
	}
}

// unhide puts stand-ins into one side's exchange, a copy of it, and says what replaces hidden
// values there now. Secrets in headers and trailers keep their marks but for cookies that are
// alike, and those in requests are not looked at. The error says that the pair cannot be
// compared; it is a reason of the case and not of the run.
func unhide(x **wire.Exchange, side string, facts []redact.Redaction, secret func(name, value string)) ([]run.Hidden, error) {
	if *x == nil {
		return nil, nil
	}
	var hidden []run.Hidden
	types := map[string]string{} // of a mark in the body: one value of two types cannot have one stand-in
	out := **x
	for _, r := range facts {
		switch in, _, _ := strings.Cut(r.In, ":"); in {
		case side + ".header", side + ".trailer":
			one := r.Mark
			if r.Alike {
				out.Headers, one = unhideCookie(out.Headers, r.Mark)
				secret("cookie", one)
			}
			hidden = append(hidden, run.Hidden{Text: one})
			continue
		case side + ".answer":
		default:
			continue
		}
		// Of a part of a number or a boolean no value can be made that parses.
		// A number with a mark in it is not JSON any more, and no digits can be put in its
		// place.
		kind := r.Type
		if !r.Whole && kind != "string" && kind != "text" {
			return nil, fmt.Errorf("could not be compared: the archive hid a part of a %s of %s's answer", r.Type, side)
		}
		if was, ok := types[r.Mark]; ok && was != kind {
			return nil, fmt.Errorf("could not be compared: the archive hid one value of %s's answer as %s and as %s", side, was, kind)
			// The mark was replaced everywhere in the body the first time.
		} else if ok && r.Whole {
			continue
		}
		types[r.Mark] = kind
		// What was hidden as a whole gets a stand-in; of a part only the mark is known.
		value, known := r.Mark, false
		if r.Whole {
			value, known = standIn(r)
		}
		if known && value != r.Mark {
			name, _, _ := strings.Cut(strings.TrimPrefix(r.Mark, HiddenMark), "#")
			secret(name, value)
			mark, by := r.Mark, value
			// A number was hidden as a text in quotes, so that the body stayed JSON.
			if kind == "number" {
				mark = `"` + mark + `"`
			}
			out.Answer = bytes.ReplaceAll(out.Answer, []byte(mark), []byte(by))
		}
		hidden = append(hidden, run.Hidden{Text: value, Known: known})
		if kind == "text" { // markup spells it otherwise
			hidden = append(hidden, run.Hidden{Text: "&lt;" + strings.Trim(r.Mark, "<>") + "&gt;"})
		}
	}
	*x = &out
	return hidden, nil
}

// unhideCookie puts a token in the place of the mark in a Set-Cookie field, in a copy of the
// fields. Two such tokens compare as the values did that they stand for: as equal, unless a rule
// speaks of the cookie; that then needs a hidden value.
func unhideCookie(fields []wire.Field, field string) (out []wire.Field, token string) {
	start := strings.Index(field, HiddenMark)
	size := strings.IndexByte(field[max(start, 0):], '>') + 1
	if start < 0 || size == 0 {
		return fields, field
	}
	sum := sha256.Sum256([]byte(field[start : start+size]))
	token = hex.EncodeToString(sum[:])
	out = slices.Clone(fields)
	for i := range out {
		if out[i].Value == field {
			out[i].Value = field[:start] + token + field[start+size:]
		}
	}
	return out, token
}

// standIn makes a value of exactly the formats of a hidden one, of its type. A text without
// formats is stood for by its mark; ok says whether there is one. The value depends on the mark
// alone: equal secrets have equal marks, and so equal stand-ins.
func standIn(r redact.Redaction) (value string, ok bool) {
	switch {
	case r.Type == "number":
		return numberFor(r), true
	case r.Type != "string":
		return r.Mark, false
	case len(r.Formats) == 0:
		return r.Mark, sameFormats(r.Mark, nil)
	}
	sum := sha256.Sum256([]byte(r.Mark))
	digits := hex.EncodeToString(sum[:])
	// One candidate for each format that rules know; the first whose formats are exactly
	// those of the secret stands in for it.
	candidates := []string{
		r.Like + "." + base64.RawURLEncoding.EncodeToString(sum[16:]),
		fmt.Sprintf("%s-%s-4%s-a%s-%s", digits[:8], digits[8:12], digits[13:16], digits[17:20], digits[20:32]),
		"01Z" + strings.ToUpper(digits[:23]),
		strings.Repeat(digits, 1+r.Length/len(digits))[:r.Length],
		"https://" + digits[:16] + ".invalid/",
		"http://" + digits[:16] + ".invalid/",
		"https://localhost/" + digits[:16],
		"http://localhost/" + digits[:16],
	}
	// The rest are the spellings of base64, with and without padding.
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		candidates = append(candidates, enc.EncodeToString(sum[:]))
	}
	for _, candidate := range candidates {
		// A format may prescribe the letter case.
		for _, spelled := range []string{candidate, strings.ToUpper(candidate), strings.ToLower(candidate)} {
			if sameFormats(spelled, r.Formats) && sameNotations(spelled, &r) {
				return spelled, true
			}
		}
	}
	return r.Mark, false
}

// numberFor is a number of as many digits as the hidden one had bytes. It has at least six
// digits, so that different numbers rarely become equal, and no zero, which could lead.
func numberFor(r redact.Redaction) string {
	sum := sha256.Sum256([]byte(r.Mark))
	digits := make([]byte, max(r.Length, 6))
	for i := range digits {
		digits[i] = '1' + sum[i%len(sum)]%9
	}
	return string(digits)
}

// sameNotations reports whether a value is written as the hidden one was, where both show it. A
// notation has several parts, each empty where a value does not show it.
func sameNotations(value string, r *redact.Redaction) bool {
	for _, f := range r.Formats {
		got, want := notation.Of(f, value), r.Notations[f]
		for i := range got {
			if got[i] != want[i] && got[i] != "" && want[i] != "" {
				return false
			}
		}
	}
	return true
}

// sameFormats reports whether a value has these formats and no others. A format that the
// program no longer knows is not compared.
func sameFormats(value string, formats []string) bool {
	has := map[string]bool{}
	for _, f := range formats {
		has[f] = true
	}
	for _, f := range notation.Formats() {
		name := f
		if f == "url" && notation.IsNone(f, value) {
			name = notation.Nowhere
		}
		if ok, known := notation.Match(f, value); known && ok != has[name] {
			return false
		}
	}
	return true
}
