package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"strings"

	"github.com/google/go-cmp/cmp"
	jd "github.com/josephburnett/jd/v2"
	nsf "github.com/nsf/jsondiff"
	wi2l "github.com/wI2L/jsondiff"

	"github.com/bgverify/bgverify/diff"
)

// An engine compares two bodies and says how many differences it reports; -1
// where it does not say.
type engine struct {
	name string
	run  func(blue, green []byte) (int, error)
	// large: it finishes corpus c in memory and time that a benchmark can spend.
	large bool
}

func mustRules(rules ...diff.Rule) *diff.Rules {
	r, errs := diff.Compile(rules, diff.Options{})
	if errs != nil {
		panic(errs)
	}
	return r
}

var (
	noRules    = mustRules()
	noiseRules = mustRules(diff.Rule{At: "$..updatedAt", Do: diff.DoIgnore, Why: "clock"})
)

func ours(rules *diff.Rules) func(blue, green []byte) (int, error) {
	return func(blue, green []byte) (int, error) {
		r := diff.Compare(blue, green, rules)
		return r.Total, nil
	}
}

func twoParses(blue, green []byte) (int, error) {
	return 0, errors.Join(diff.Validate(blue), diff.Validate(green))
}

func twoAny(blue, green []byte) (int, error) {
	var b, g any
	return 0, errors.Join(json.Unmarshal(blue, &b), json.Unmarshal(green, &g))
}

func decode(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// exact is a number as digits and exponent, zeros stripped.
func exact(n json.Number) string {
	s, neg := strings.CutPrefix(strings.ToLower(string(n)), "-")
	m, e, _ := strings.Cut(s, "e")
	exp := new(big.Int)
	if e != "" {
		exp.SetString(strings.TrimPrefix(e, "+"), 10)
	}
	whole, frac, _ := strings.Cut(m, ".")
	d := strings.TrimLeft(whole+frac, "0")
	exp.Sub(exp, big.NewInt(int64(len(frac))))
	t := strings.TrimRight(d, "0")
	exp.Add(exp, big.NewInt(int64(len(d)-len(t))))
	if t == "" {
		return "0"
	}
	if neg {
		t = "-" + t
	}
	return t + "e" + exp.String()
}

// counter counts what cmp reports as different.
type counter struct{ n int }

func (c *counter) PushStep(cmp.PathStep) {}
func (c *counter) PopStep()              {}
func (c *counter) Report(r cmp.Result) {
	if !r.Equal() {
		c.n++
	}
}

func goCmp(blue, green []byte) (int, error) {
	b, err := decode(blue)
	if err != nil {
		return 0, err
	}
	g, err := decode(green)
	if err != nil {
		return 0, err
	}
	var c counter
	cmp.Equal(b, g, cmp.Reporter(&c), cmp.Comparer(func(x, y json.Number) bool { return x == y || exact(x) == exact(y) }))
	return c.n, nil
}

func runWI2L(blue, green []byte) (int, error) {
	p, err := wi2l.CompareJSON(blue, green)
	return len(p), err
}

func runJD(blue, green []byte) (int, error) {
	b, err := jd.ReadJsonString(string(blue))
	if err != nil {
		return 0, err
	}
	g, err := jd.ReadJsonString(string(green))
	if err != nil {
		return 0, err
	}
	return len(b.Diff(g)), nil
}

func runNSF(blue, green []byte) (int, error) {
	o := nsf.Options{SkipMatches: true}
	d, _ := nsf.Compare(blue, green, &o)
	if d == nsf.FullMatch {
		return 0, nil
	}
	return -1, nil
}

var peers = []engine{
	{"wI2L/jsondiff", runWI2L, true},
	{"nsf/jsondiff", runNSF, true},
	{"go-cmp", goCmp, false}, // did not finish corpus c in minutes
	{"jd", runJD, false},     // not tried on corpus c
}
