package judge

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/mutate"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/random"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// controlWork bounds the bytes that the negative control of one pair compares. It is 256 KiB:
// large bodies get fewer mutants, so the control costs about as much for each pair.
const controlWork = 256 << 10

// minMutants are made of every body, however large.
const minMutants = 4

// negative repeats the comparison with mutated copies of blue's body. A comparison that passes
// because it looks at nothing is the worst fault of a tool like this one. The control shows for
// each pair that a real change would have been found. It never makes a pair pass, only broken
// or noted.
//
//  1. An equal pair: a mutant of blue against green's own answer must differ,
//     so that rules which look at one side only (rewrite, leak) stay true.
//  2. A pair that differs: a mutant of blue against blue must show more than
//     blue shows against itself.
//  3. The comparison of whole answers must find the first mutant that the probe finds: a
//     comparison that finds nothing, or looks at one side twice, is broken. It is asked
//     first, until it has found one; the probe, which costs less, counts the others.
//  4. Coverage counts mutants of body values alone; those of type, presence and
//     status are counted apart.
func (j *judging) negative(result *diff.Result) {
	c := &j.out.Step.Coverage
	// floor is the number of differences that a mutant has to exceed.
	blue, against, floor := j.Blue.readMessage(), j.Green.readMessage(), 0
	rules := j.Rules.Full
	if !result.Equal() { // Rule 2
		// Plain rules do not know the names of the sides, since blue is compared with itself
		// here.
		against, rules = blue, j.Rules.Plain
		base := diff.CompareMessages(blue, against, rules, nil)
		floor = base.Total
	}
	// The probe keeps what both comparisons have in common, and is only good for this pair.
	probe := diff.NewProbe(blue, against, rules)
	defer probe.Close()
	var missed string
	checked := false
	for m := range j.mutants() {
		found := false
		if !checked { // Rule 3
			// The full comparison is the slow way that also judges the pair itself. It is used
			// until it has found something, so that a broken probe cannot vouch for it.
			found = comparedTotal(blue, against, m.Body, rules) > floor
			checked = found
		}
		// The probe finds what the comparison did not: one of the two is wrong, and the pair
		// cannot be relied on.
		if !found {
			if found = probe.Total(m.Body) > floor; found && !checked {
				checked = true
				j.addReason(run.Broken,
					"negative control: the comparison does not find a change of %s at %s that was made on purpose; please report this",
					m.Class, m.Path)
			}
		}
		if m.Class == mutate.Value { // Rule 4
			c.Mutants++
			c.Killed += Count(found)
			continue
		}
		// A change of type or presence that would not be found is worth a note, as rules rarely
		// mean to allow that.
		c.Others++
		c.OthersKilled += Count(found)
		if !found && missed == "" {
			missed = fmt.Sprintf("negative control: a change of %s at %s would not be found", m.Class, m.Path)
		}
	}
	// The status is not part of the body and is tried once, by its own comparison.
	found := j.statusMutant()
	c.Others++
	c.OthersKilled += Count(found)
	if !found {
		missed = "negative control: another status would not be found"
	}
	if missed != "" {
		j.out.Step.Notes = append(j.out.Step.Notes, missed)
	}
}

// comparedTotal is the number of differences of a mutant, compared as answers are. The earlier
// reading is dropped with the body, since it belongs to blue's.
func comparedTotal(blue, against *diff.Message, body []byte, rules *diff.Rules) int {
	mutant := *blue
	mutant.Body, mutant.Read = body, diff.Value{}
	r := diff.CompareMessages(&mutant, against, rules, nil)
	return r.Total
}

// statusMutant reports whether another status would be found. The bodies play no part in it and
// are left out. The answer does not depend on bodies, rules at paths or the other side.
func (j *judging) statusMutant() bool {
	blue := diff.Message{Status: j.Blue.Status}
	mutant := diff.Message{Status: otherStatus(j.Blue.Status)}
	r := diff.CompareMessages(&blue, &mutant, j.Rules.Plain, nil)
	return !r.Equal()
}

// otherStatus is a status of another class than the one that came. A status of the same class
// might be covered by a rule that a suite writes for it.
func otherStatus(status int) int {
	if status >= 500 {
		return 200
	}
	return 500
}

// mutants draws the mutants of blue's body: fewer of large bodies. The seed depends on the
// pair's key, so that a run that is judged again makes the same mutants.
func (j *judging) mutants() iter.Seq[mutate.Mutant] {
	body := j.Blue.Answer
	most := j.Control.Mutants
	if n := controlWork / max(len(body), 1); n < most {
		most = max(n, min(minMutants, most))
	}
	seed := random.Number(j.Control.Seed, "mutants", j.Key)
	if !j.Blue.isJSON() {
		return textMutants(body, seed, most)
	}
	return mutate.Each(j.Blue.read().value, seed, most)
}

// textMutants changes one letter or digit of a body that is not JSON. A mutant's Body is good
// until the next one. The place is random. From there the next letter or digit is taken, within
// 4096 bytes, so that separators and binary parts are changed only where there is nothing else.
func textMutants(body []byte, seed uint64, most int) iter.Seq[mutate.Mutant] {
	return func(yield func(mutate.Mutant) bool) {
		if len(body) == 0 {
			return
		}
		mutant := slices.Clone(body)
		for i := range most {
			at := wordFrom(body, int(random.Number(seed, fmt.Sprint(i))%uint64(len(body))))
			// The copy is changed back after the mutant was used. One copy serves them all.
			mutant[at] = otherByte(body[at])
			if !yield(mutate.Mutant{Class: mutate.Value, Path: fmt.Sprintf("byte %d", at), Body: mutant}) {
				return
			}
			mutant[at] = body[at]
		}
	}
}

// wordFrom is the place of the first letter or digit from start on, past the end again from the
// beginning; start itself where there is none near.
func wordFrom(body []byte, start int) int {
	for k := range min(len(body), 4096) {
		if p := (start + k) % len(body); wordByte(body[p]) {
			return p
		}
	}
	return start
}

// wordByte reports whether a byte is an ASCII letter or digit: to change one leaves the syntax of
// most formats as it was.
func wordByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// otherByte stays in the byte's class, so that a number stays one. Other bytes have some bits
// flipped, which never gives the same byte.
func otherByte(b byte) byte {
	switch {
	case b >= '0' && b <= '9':
		return '0' + (b-'0'+3)%10
	case b >= 'a' && b <= 'z':
		return 'a' + (b-'a'+5)%26
	case b >= 'A' && b <= 'Z':
		return 'A' + (b-'A'+5)%26
	default:
		return b ^ 0x15
	}
}

// requestIDs are headers that a service draws anew for each request. Equal values in both
// answers therefore mean that one answer served both.
var requestIDs = []string{"X-Request-Id", "X-Correlation-Id", "X-Amzn-Requestid", "X-Amz-Cf-Id", "X-Trace-Id", "Cf-Ray"}

// oneCache recognises two answers that are one: the same request id, which the request did not
// carry, or both out of a cache with the same date and tag. The result is the reason in words,
// or empty. A date alone is not enough: two services often answer within one second.
func oneCache(blue, green *Answer) string {
	for _, name := range requestIDs {
		b, g := blue.first(name), green.first(name)
		if b != "" && b == g && !sent(blue.Exchange, b) {
			return fmt.Sprintf("one answer for both sides: the same %s %q; a cache or mesh may answer for them", name, text.Cut(b, 64))
		}
	}
	if !fromCache(blue) || !fromCache(green) {
		return ""
	}
	date, tag := blue.first("Date"), blue.first("Etag")
	if date != "" && date == green.first("Date") && tag == green.first("Etag") {
		return "one answer for both sides: both come from a cache and were made at the same second with the same tag"
	}
	return ""
}

// fromCache reports whether an answer says that a cache had it: an Age above 0, or a header by
// which caches report a hit. Caches that hide themselves are not found.
func fromCache(a *Answer) bool {
	if age := a.first("Age"); age != "" && age != "0" {
		return true
	}
	return slices.ContainsFunc([]string{"X-Cache", "X-Cache-Status", "Cf-Cache-Status", "X-Proxy-Cache"},
		func(name string) bool { return containsFold(a.first(name), "hit") })
}

// sent reports whether a request carried a value in any of its headers: a service that sends it
// back did not make it up. The comparison is of the whole value of one header.
func sent(x *wire.Exchange, value string) bool {
	return slices.ContainsFunc(x.Sent, func(f wire.Field) bool { return f.Value == value })
}

// containsFold finds a lower-case part in a text of any letter case.
func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), part)
}
