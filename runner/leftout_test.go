package runner

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// What the command line leaves out may pass; what a file or the environment
// leaves out is inconclusive, whichever of them it is.
func TestLeftOutBy(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	suite := "suite: s\ncases: [{case: one, get: /a}]\nload: [{load: peak, steps: [{case: one}], rate: 40/s, duration: 1s}]\n"
	for _, row := range []struct {
		name     string
		narrowed []run.Narrowing
		whole    scenarios.Size
		part     Part
		want     run.Verdict
		left     string
	}{
		{"a flag leaves out cases", []run.Narrowing{{By: run.ByFlag, Name: "--tag", Cases: true, Loads: true}}, scenarios.Size{Cases: 3}, OnlyCompare, run.Pass, "2 of 3 cases"},
		{"the environment leaves out cases", []run.Narrowing{{By: run.ByEnvironment, Name: "BGVERIFY_TAG", Cases: true}}, scenarios.Size{Cases: 3}, OnlyCompare, run.Inconclusive, "2 of 3 cases"},
		{"a mark leaves out cases", []run.Narrowing{{By: run.ByFile, Name: "only: true", At: "s.yaml:1:1", Cases: true}}, scenarios.Size{Cases: 3}, OnlyCompare, run.Inconclusive, "2 of 3 cases"},
		{"a flag leaves out load", []run.Narrowing{{By: run.ByFlag, Name: "--no-load", Loads: true}}, scenarios.Size{Cases: 1, Loads: 1}, OnlyCompare, run.Pass, "load"},
		{"the environment leaves out load", []run.Narrowing{{By: run.ByEnvironment, Name: "BGVERIFY_NO_LOAD", Loads: true}}, scenarios.Size{Cases: 1, Loads: 1}, OnlyCompare, run.Inconclusive, "load"},
		{"a flag does not cover what a mark leaves out", []run.Narrowing{{By: run.ByFlag, Name: "--case", Cases: true}, {By: run.ByFile, Name: "only: true", Cases: true}}, scenarios.Size{Cases: 3}, OnlyCompare, run.Inconclusive, "2 of 3 cases"},
		{"the environment narrows, and nothing is left out", []run.Narrowing{{By: run.ByEnvironment, Name: "BGVERIFY_TAG", Cases: true}}, scenarios.Size{Cases: 1}, OnlyCompare, run.Pass, "load"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, good, good).file("s.yaml", suite)
			r.options.Part = row.part
			r.change = func(p *Plan) { p.Narrowed, p.Whole = row.narrowed, row.whole }
			end := r.run()
			want(t, end, row.want)
			if !slices.Contains(end.Audit.VerifiedWithout, row.left) {
				t.Errorf("verified without %q, want %q", end.Audit.VerifiedWithout, row.left)
			}
		})
	}
}

// require knows four aspects, and each that the run did not show is inconclusive.
func TestRequireEach(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`, "/build": `{"v":"one"}`})
	other := jsonHandler(map[string]string{"/a": `{"v":1}`, "/build": `{"v":"two"}`})
	for _, row := range []struct {
		require, extra string
		want           run.Verdict
		reason         string
	}{
		{"compare", "", run.Pass, ""},
		{"load", "", run.Inconclusive, "the stage requires load, and it did not run"},
		{"writes", "", run.Inconclusive, "the stage requires writes, and no case that was run has a step with side effects"},
		{"identity", "", run.Inconclusive, "the stage requires identity, and nothing showed that blue and green are two places"},
		{"identity", "identity: [{get: /build, at: $.v, must: differ}]\n", run.Pass, ""},
		{"identity", "identity: [{get: /a, at: $.v, must: same}]\n", run.Inconclusive, "nothing showed that blue and green are two places"},
	} {
		t.Run(row.require+" "+strings.TrimSpace(row.extra), func(t *testing.T) {
			r := newRig(t, good, other).file("s.yaml", oneCase)
			r.env = "require: [" + row.require + "]\n" + row.extra
			end := r.run()
			want(t, end, row.want, row.reason)
		})
	}
}

// What a stage does not allow is refused before anything is sent, all of it at
// once; what the stage's require leaves out is not.
func TestRefused(t *testing.T) {
	var asked atomic.Int64
	count := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); ok(w, `{"v":1}`) })
	suite := `
suite: s
cases:
  - {case: read, get: /a}
  - {case: query, post: /q, side_effects: none, json: {}}
  - {case: write, post: /w, side_effects: isolated, json: {}}
  - {case: later, post: /w, side_effects: isolated, json: {}, skip: not yet}
  - {case: tidy, get: /a, cleanup: [{delete: /w, side_effects: idempotent}]}
load:
  - {load: peak, steps: [{case: read}], rate: 40/s, duration: 1s}
`
	for _, row := range []struct {
		name, env string
		options   Options
		want      []string
	}{
		{"nothing is said", "", Options{}, []string{"writes s/write", "writes s/tidy", "load peak"}},
		{"load is allowed", "limits: {load: allow}\n", Options{}, []string{"writes s/write", "writes s/tidy"}},
		{"flags allow both", "", Options{AllowLoad: true, AllowWrites: true}, nil},
		{"load does not run", "", Options{Part: OnlyCompare}, []string{"writes s/write", "writes s/tidy"}},
		{"only load runs", "", Options{Part: OnlyLoad}, []string{"load peak"}},
		{"the stage requires neither", "require: [compare]\n", Options{}, nil},
		{"the stage requires load", "require: [compare, load]\n", Options{}, []string{"load peak"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, count, count).file("s.yaml", suite)
			r.env, r.options = row.env, row.options
			plan := r.plan()
			for _, side := range []*scenarios.SideConfig{&plan.Suites[0].Blue, &plan.Suites[0].Green} {
				side.Resolve = "192.0.2.1"
			}
			var got []string
			for _, r := range Refused(t.Context(), plan) {
				got = append(got, fmt.Sprintf("%s %s", r.What, r.Name))
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("refused %q, want %q", got, row.want)
			}
		})
	}
	if asked.Load() > 0 {
		t.Errorf("%d requests were sent", asked.Load())
	}
}

// answeredFrom are answers of blue and green from addresses, with certificates.
func answeredFrom(blue, green, blueCertificate, greenCertificate string) [2]wire.Exchange {
	return [2]wire.Exchange{
		{Remote: netip.MustParseAddrPort(blue), Certificate: blueCertificate},
		{Remote: netip.MustParseAddrPort(green), Certificate: greenCertificate},
	}
}

// What shows blue and green to be two places, and what does not.
func TestApart(t *testing.T) {
	type pair struct{ blue, green string } // values at $.v that a rule explains
	for _, row := range []struct {
		name   string
		sides  [2]wire.Exchange
		values []pair
		want   bool
	}{
		{"nothing", [2]wire.Exchange{}, nil, false},
		{"two addresses alone", answeredFrom("10.0.0.1:80", "10.0.0.2:80", "", ""), nil, false},
		{"one certificate at two addresses", answeredFrom("10.0.0.1:443", "10.0.0.2:443", "c", "c"), nil, false},
		{"two certificates", answeredFrom("10.0.0.1:443", "10.0.0.1:443", "c", "d"), nil, true},
		{"two addresses, and a value that each side keeps to", answeredFrom("10.0.0.1:80", "10.0.0.2:80", "", ""), []pair{{"1", "2"}, {"1", "2"}}, true},
		{"such a value of two ports of one address", answeredFrom("10.0.0.1:80", "10.0.0.1:81", "", ""), []pair{{"1", "2"}, {"1", "2"}}, false},
		{"a value seen once may be a clock", answeredFrom("10.0.0.1:80", "10.0.0.2:80", "", ""), []pair{{"1", "2"}}, false},
		{"a clock", answeredFrom("10.0.0.1:80", "10.0.0.2:80", "", ""), []pair{{"1", "2"}, {"3", "4"}}, false},
		{"a side's own address sent back", answeredFrom("10.0.0.1:80", "10.0.0.2:80", "", ""), []pair{{`"blue.example"`, `"green.example"`}, {`"blue.example"`, `"green.example"`}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, http.NotFoundHandler(), http.NotFoundHandler()).file("s.yaml", oneCase)
			plan := r.plan()
			plan.Suites[0].Blue.URL, plan.Suites[0].Green.URL = "http://blue.example", "http://green.example"
			e := newExecution(plan, r.sink, nil)
			if problems := e.build(); problems != nil {
				t.Fatal(problems)
			}
			s := e.suites[0]
			e.places.AddAnswer("", scenarios.Blue, &row.sides[0])
			e.places.AddAnswer("", scenarios.Green, &row.sides[1])
			for _, v := range row.values {
				e.places.AddExplained(&run.StepResult{Compared: true, Ignored: []diff.Difference{{
					Kind: diff.Changed, Where: diff.InBody, Path: "$.v", Rule: "s.yaml:1:1", Blue: diff.Excerpt{JSON: v.blue}, Green: diff.Excerpt{JSON: v.green},
				}}}, s.reflected)
			}
			if got := e.places.Apart(); got != row.want {
				t.Errorf("apart is %t, want %t", got, row.want)
			}
		})
	}
}
