package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/wire"
)

// standIns gives the secrets that an archive hid a value to be judged by: one that
// has exactly the formats which the archive says the secret had, the same for the
// same secret. A mark of which no such value can be made stays a mark, and fails a
// rule that asks more of it: nothing passes because it was hidden.
func standIns(folder *archive.Folder, secret func(name, value string)) func(key string) (*runner.Pair, error) {
	return func(key string) (*runner.Pair, error) {
		pair, err := folder.Pair(key)
		if err != nil || pair == nil {
			return pair, err
		}
		facts, err := folder.Redactions(key)
		if err != nil {
			return nil, err
		}
		out := *pair
		for _, r := range facts {
			if !r.Whole || r.Type != "string" {
				continue
			}
			value, ok := standIn(r)
			if !ok {
				continue
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(r.Mark, hiddenMark), "#")
			secret(name, value)
			out.Blue, out.Green = unhidden(out.Blue, r.Mark, value), unhidden(out.Green, r.Mark, value)
		}
		return &out, nil
	}
}

// unhidden puts a stand-in into the answer of a copy of an exchange.
func unhidden(x *wire.Exchange, mark, value string) *wire.Exchange {
	if x == nil || !bytes.Contains(x.Answer, []byte(mark)) {
		return x
	}
	out := *x
	out.Answer = bytes.ReplaceAll(x.Answer, []byte(mark), []byte(value))
	return &out
}

// standIn makes a value of exactly the formats of a hidden one.
func standIn(r archive.Redaction) (value string, ok bool) {
	if len(r.Formats) == 0 {
		return "", false
	}
	sum := sha256.Sum256([]byte(r.Mark))
	digits := hex.EncodeToString(sum[:])
	candidates := []string{
		"eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(sum[:16]) + "." + base64.RawURLEncoding.EncodeToString(sum[16:]),
		fmt.Sprintf("%s-%s-4%s-a%s-%s", digits[:8], digits[8:12], digits[13:16], digits[17:20], digits[20:32]),
		"01Z" + strings.ToUpper(digits[:23]),
		strings.Repeat(digits, 1+r.Length/len(digits))[:r.Length],
		"https://" + digits[:16] + ".invalid/",
		base64.StdEncoding.EncodeToString(sum[:]),
	}
	for _, candidate := range candidates {
		if sameFormats(candidate, r.Formats) {
			return candidate, true
		}
	}
	return "", false
}

// sameFormats reports whether a value has these formats and no others.
func sameFormats(value string, formats []string) bool {
	has := map[string]bool{}
	for _, f := range formats {
		has[f] = true
	}
	for _, f := range diff.Formats() {
		if ok, known := diff.MatchFormat(f, value); known && ok != has[f] {
			return false
		}
	}
	return true
}
