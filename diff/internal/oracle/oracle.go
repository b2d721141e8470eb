// Package oracle judges with encoding/json and go-cmp whether two bodies are equal
// under rules. It is for tests alone: laws, fuzz targets and planted mistakes hold the
// engine of package diff to it. It shares no code with the engine, only the Rule type, so
// that a mistake there and the same mistake here are unlikely to meet.
//
// The way of the data:
//
//	bytes -> encoding/json tokens -> a tree of plain Go values
//	      -> per side: what rules hide is taken out or replaced by what is left
//	         to compare (a type, a sorted list, a map by key, a tolerant value)
//	      -> cmp.Equal
//
// Its domain is smaller than the engine's; outside of it, it says so and has no
// opinion.
package oracle

import (
	"fmt"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/diff"
)

// An Opinion is a yes or no, or the reason why there is none.
type Opinion struct {
	Equal   bool
	Skipped string // why the pair is outside the common domain; empty when judged
}

// The bounds of the domain: cmp is exponential in the nesting of arrays.
const (
	maxBody   = 64 << 10
	maxArrays = 8
	maxDepth  = 128
)

// Equal judges a pair of JSON bodies again. What panics in it, a mistake of the oracle, is no
// opinion: a test must fail for the engine's mistakes alone.
func Equal(blue, green []byte, rules []diff.Rule, mode diff.Mode) (o Opinion) {
	j := &judge{mode: mode}
	defer func() {
		if p := recover(); p != nil {
			o = Opinion{Skipped: fmt.Sprintf("the judge failed: %v", p)}
		}
	}()
	if len(blue) > maxBody || len(green) > maxBody {
		return Opinion{Skipped: "a body of more than 64 KiB"}
	}
	if why := j.read(rules); why != "" {
		return Opinion{Skipped: why}
	}
	b, err := decode(blue)
	if err != nil {
		return Opinion{Skipped: "blue: " + err.Error()}
	}
	g, err := decode(green)
	if err != nil {
		return Opinion{Skipped: "green: " + err.Error()}
	}
	x := j.reduce(b, true)
	y := j.reduce(g, false)
	if j.skip != "" {
		return Opinion{Skipped: j.skip}
	}
	return Opinion{Equal: cmp.Equal(x, y, j.options()...)}
}

// options make cmp see numbers as decimals and, in subset mode, nothing that
// green has added.
func (j *judge) options() []cmp.Option {
	opts := []cmp.Option{cmp.Comparer(func(a, b number) bool { return a.normal() == b.normal() })}
	if j.mode == diff.Subset {
		opts = append(opts, cmp.FilterPath(func(p cmp.Path) bool {
			if _, ok := p.Last().(cmp.MapIndex); !ok || p.Index(-2).Type() != objectType {
				return false
			}
			x, _ := p.Last().Values()
			return !x.IsValid()
		}, cmp.Ignore()))
	}
	return opts
}

// judge holds the rules while both sides are reduced.
type judge struct {
	mode  diff.Mode
	rules []rule
	skip  string
}

// read prepares the rules; it names what is outside the domain.
func (j *judge) read(rules []diff.Rule) string {
	for i, r := range rules {
		if r.At == "" {
			continue
		}
		p, why := parsePath(r.At)
		if why != "" {
			return why
		}
		if r.Do == diff.DoLeak {
			continue
		}
		j.rules = append(j.rules, rule{Rule: r, path: p, line: i})
	}
	return ""
}

// give leaves the pair out of the domain. The first reason is kept.
func (j *judge) give(format string, args ...any) {
	if j.skip == "" {
		j.skip = fmt.Sprintf(format, args...)
	}
}
