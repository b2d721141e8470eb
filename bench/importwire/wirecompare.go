package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// trace prints what is only wanted with -v.
func (p *wirePlay) trace(format string, args ...any) {
	if p.verbose {
		fmt.Printf(format, args...)
	}
}

// compare counts the requests of Newman that the suite sends too, and as they are.
func (p *wirePlay) compare(row *wireRow, want, got map[int][]string) {
	for item := -1; item < len(p.c.items); item++ {
		left := slices.Clone(got[item])
		for n, w := range want[item] {
			row.sent++
			second := w
			if n < len(p.again[item]) {
				second = p.again[item][n]
			}
			i := slices.IndexFunc(left, func(s string) bool { return sameRequest(w, second, s) })
			if item < 0 {
				row.scriptSent++
			}
			if item < 0 && i >= 0 {
				row.scriptSame++
			}
			if len(left) == 0 || item < 0 && i < 0 { // what a script sends has no number
				p.trace("--- not sent: %s item %d %s\n%s\n", p.c.name, item, p.path(item), w)
				continue
			}
			row.both++
			lossy := p.lossy[item]
			if !lossy {
				row.plain++
			}
			if i < 0 {
				p.trace("--- differs (lost code: %t): %s item %d %s\nNewman: %s\nsuite:  %s\n", lossy, p.c.name, item, p.path(item), w, left[0])
				left = left[1:]
				continue
			}
			row.equal++
			if !lossy {
				row.plainEqual++
			}
			left = slices.Delete(left, i, i+1)
		}
		if o := p.outcomes[item]; o != nil && len(want[item]) > 0 && len(got[item]) > 0 {
			switch {
			case (o[0] > 0) == (o[1] > 0):
				row.agree++
			case o[1] > 0:
				row.onlyUs++
			default:
				row.onlyPM++
			}
		}
	}
}

var word = regexp.MustCompile(`[A-Za-z0-9]+|[^A-Za-z0-9]`)

// sameRequest reports whether s is w, but for the words in which second differs from
// it: these are generated anew in every play, and must only be of the same kind.
func sameRequest(w, second, s string) bool {
	w, s = sameTimes(w, s)
	second, _ = sameTimes(second, s)
	if w == second || w == s {
		return w == s
	}
	a, b, c := word.FindAllString(w, -1), word.FindAllString(second, -1), word.FindAllString(s, -1)
	if len(a) != len(b) { // a generated value of several words: the kinds of words are compared
		return false
	}
	if len(a) != len(c) {
		return false
	}
	for i := range a {
		if a[i] == c[i] {
			continue
		}
		if a[i] == b[i] || isNumber(a[i]) != isNumber(c[i]) {
			return false
		}
	}
	return true
}

var isoTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?`)

// sameTimes gives two requests the same times where those of each are written alike and
// less than an hour apart: the two tools play one after the other.
func sameTimes(a, b string) (string, string) {
	x, y := isoTime.FindAllString(a, -1), isoTime.FindAllString(b, -1)
	if len(x) != len(y) {
		return a, b
	}
	for i := range x {
		const layout = "2006-01-02T15:04:05.999"
		t, err1 := time.Parse(layout[:min(len(x[i]), len(layout))], x[i])
		u, err2 := time.Parse(layout[:min(len(y[i]), len(layout))], y[i])
		if len(x[i]) == len(y[i]) && err1 == nil && err2 == nil && t.Sub(u).Abs() < time.Hour {
			b = strings.Replace(b, y[i], x[i], 1)
		}
	}
	return a, b
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (p *wirePlay) path(item int) string {
	if item < 0 {
		return "of a script"
	}
	return p.c.items[item].path
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func percent(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(of))
}
