package runner

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

const oneCase = "suite: s\ncases: [{case: one, get: /a}]\n"

// TestNoEmptyPass: no way to nothing ends in a pass.
func TestNoEmptyPass(t *testing.T) {
	good := func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"v":1,"n":[1,2]}`) }
	status := func(code int, body string) func(*double, http.ResponseWriter, *seen) {
		return func(_ *double, w http.ResponseWriter, _ *seen) { w.WriteHeader(code); ok(w, "%s", body) }
	}
	tests := []struct {
		name   string
		file   string
		answer func(*double, http.ResponseWriter, *seen)
		change func(*Plan)
		want   run.Verdict
		reason string
	}{
		{"no suites", oneCase, good, func(p *Plan) { p.Suites = nil }, run.Broken, "nothing to run"},
		{"no cases", oneCase, good, func(p *Plan) { p.Suites[0].Cases = nil }, run.Broken, "nothing to run"},
		{"all skipped", "suite: s\ncases: [{case: one, get: /a, skip: later}]\n", good, nil, run.Broken, "nothing was judged: every case was skipped (1)"},
		{"only advisory", "suite: s\ngate: advisory\ncases: [{case: one, get: /a}]\n", good, nil, run.Broken, "nothing was judged"},
		{"both 500", oneCase, status(500, `{}`), nil, run.Fail, "got 500"},
		{"both 404", oneCase, status(404, `{"no":1}`), nil, run.Fail, "got 404"},
		{"both 302", oneCase, status(302, `{}`), nil, run.Fail, "got 302"},
		{"both empty", oneCase, status(200, ``), nil, run.Fail, "got an empty body"},
		{"both HTML", oneCase, status(200, "\n<!DOCTYPE html><p>sign in"), nil, run.Fail, "answers with an HTML page"},
		{"both error-shaped", oneCase, status(200, `{"error":{"message":"quota"}}`), nil, run.Fail, "an error in the body"},
		{"both success false", oneCase, status(200, `{"success":false,"data":[]}`), nil, run.Fail, "an error in the body: $.success false"},
		{"both broken JSON", oneCase, status(200, `{"v":1`), nil, run.Fail, ""},
		{"everything ignored", "suite: s\nrules: [{at: $.v, do: ignore, why: x}, {at: \"$.n[*]\", do: ignore, why: x}]\ncases: [{case: one, get: /a}]\n", good, nil, run.Inconclusive, "vacuous"},
		{"shape by default", "suite: s\ncases: [{case: one, get: /a}]\n", good, func(p *Plan) { p.Suites[0].Cases[0].Steps[0].Mode = 2 }, run.Inconclusive, "vacuous"},
		{"coverage below its minimum", "suite: s\ncoverage: {min: 90%}\nrules: [{at: $.v, do: ignore, why: x}]\ncases: [{case: one, get: /a}]\n", good, nil, run.Inconclusive, "below its minimum of 90 %"},
		{"same request id", oneCase, func(_ *double, w http.ResponseWriter, _ *seen) {
			w.Header().Set("X-Request-Id", "same")
			ok(w, `{"v":1}`)
		}, nil, run.Inconclusive, "one answer for both sides"},
		{"one cache for both", oneCase, func(_ *double, w http.ResponseWriter, _ *seen) {
			w.Header().Set("Age", "12")
			w.Header().Set("Date", "Mon, 23 Nov 2026 08:00:00 GMT")
			ok(w, `{"v":1}`)
		}, nil, run.Inconclusive, "both come from a cache"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blue, green := doubles(tt.answer)
			r := newRig(t, blue, green).file("s.yaml", tt.file)
			r.change = tt.change
			want(t, r.run(), tt.want, tt.reason)
			if tt.want.ExitStatus(0) == 0 {
				t.Error("it exits 0")
			}
		})
	}
}

func TestShapeWrittenOutMayPass(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, _ *seen) { ok(w, `{"v":%d}`, len(d.name)) })
	r := newRig(t, blue, green).file("s.yaml", "suite: s\ncases: [{case: one, get: /a, mode: shape}]\n")
	want(t, r.run(), run.Pass)
}

func TestUnreachable(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	file := `
suite: s
sides:
  blue: {services: {one: /, two: "%s"}}
  green: {services: {one: /, two: "%s"}}
cases:
  - {case: on-one, service: one, get: /a}
  - {case: on-two, service: two, get: /a}
`
	dead := "http://" + freeAddress(t)
	dead2 := "http://" + freeAddress(t)
	t.Run("green's service", func(t *testing.T) {
		r := newRig(t, good, good)
		r.file("s.yaml", fmt.Sprintf(file, r.blue.URL+"/", dead))
		want(t, r.run(), run.Fail, "green service two at "+dead+" is unreachable: refused", "green: refused")
		if c := r.sink.find(t, "s/on-one"); c.Verdict != run.Pass {
			t.Errorf("the other service's case is %s", c.Verdict)
		}
	})
	t.Run("blue's service", func(t *testing.T) {
		r := newRig(t, good, good)
		r.file("s.yaml", fmt.Sprintf(file, dead, r.green.URL+"/"))
		want(t, r.run(), run.Broken, "blue service two at "+dead+" is unreachable: refused")
		if c := r.sink.find(t, "s/on-one"); c.Verdict != run.Pass {
			t.Errorf("the other service's case is %s", c.Verdict)
		}
	})
	t.Run("both", func(t *testing.T) {
		r := newRig(t, good, good)
		r.file("s.yaml", fmt.Sprintf(file, dead, dead2))
		want(t, r.run(), run.Broken)
	})
	t.Run("a difference elsewhere still fails", func(t *testing.T) {
		r := newRig(t, good, jsonHandler(map[string]string{"/a": `{"v":2}`}))
		r.file("s.yaml", fmt.Sprintf(file, dead, r.green.URL+"/"))
		want(t, r.run(), run.Fail, "$.v changed", "blue service two")
	})
	t.Run("all of blue", func(t *testing.T) {
		r := newRig(t, good, good).file("s.yaml", oneCase)
		r.blue.Close()
		want(t, r.run(), run.Broken, "blue is unreachable")
		if len(r.sink.cases) != 0 {
			t.Errorf("%d cases were walked", len(r.sink.cases))
		}
	})
	t.Run("all of green", func(t *testing.T) {
		r := newRig(t, good, good).file("s.yaml", oneCase)
		r.green.Close()
		want(t, r.run(), run.Fail, "green at", "is unreachable: refused")
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestSidesMustBeTwoPlaces(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, r *seen) {
		ok(w, `{"v":1,"host":"%s"}`, r.header.Get("X-Cluster"))
	})
	r := newRig(t, blue, green)
	u, err := url.Parse(r.blue.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := u.Port()
	tests := []struct {
		name, blue, green, extra string
		want                     run.Verdict
		reason                   string
	}{
		{"literally", r.blue.URL, r.blue.URL, "", run.Broken, "are the same address"},
		{"localhost", r.blue.URL, "http://localhost:" + port, "", run.Broken, "are the same"},
		{"::1", "http://localhost:" + port, "http://[::1]:" + port, "", run.Broken, "are the same"},
		{"mapped", r.blue.URL, "http://[::ffff:127.0.0.1]:" + port, "", run.Broken, "are the same"},
		{"upper case and dot", "http://LOCALHOST.:" + port, r.blue.URL + "/", "", run.Broken, "are the same"},
		{"any address", r.blue.URL, "http://0.0.0.0:" + port, "", run.Broken, "are the same"},
		{"one address, two hosts", "http://blue.test:" + port, "http://green.test:" + port, "", run.Broken, "add an identity that must differ"},
		{"one address, pinned host", "http://blue.test:" + port, "http://green.test:" + port, ", host: api.test", run.Broken, "are the same place"},
		{"two places", r.blue.URL, r.green.URL, "", run.Pass, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pin := ""
			if strings.Contains(tt.name, "one address") {
				pin = ", resolve: 127.0.0.1"
			}
			own := &rig{t: t, files: map[string]*mapFile{}, blue: r.blue, green: r.green, ctx: t.Context(), sink: &memory{}, options: Options{Seed: 1}}
			own.file("s.yaml", fmt.Sprintf("suite: s\nsides: {blue: {url: %q%s%s}, green: {url: %q%s%s}}\ncases: [{case: one, get: /a}]\n", tt.blue, pin, tt.extra, tt.green, pin, tt.extra))
			own.noURLs = true
			want(t, own.run(), tt.want, tt.reason)
			if tt.want == run.Broken && len(own.sink.cases) != 0 {
				t.Error("cases were walked all the same")
			}
		})
	}
	t.Run("another service's address", func(t *testing.T) {
		own := &rig{t: t, files: map[string]*mapFile{}, blue: r.blue, green: r.green, ctx: t.Context(), sink: &memory{}, options: Options{Seed: 1}}
		own.file("s.yaml", fmt.Sprintf("suite: s\nsides: {blue: {services: {auth: /}}, green: {services: {auth: %q}}}\ncases: [{case: one, service: auth, get: /a}]\n", r.blue.URL))
		want(t, own.run(), run.Broken, "blue and green service auth are the same address")
	})
	t.Run("calibrate may", func(t *testing.T) {
		own := &rig{t: t, files: map[string]*mapFile{}, blue: r.blue, green: r.blue, ctx: t.Context(), sink: &memory{}, options: Options{Seed: 1, AllowSame: true}}
		own.file("s.yaml", oneCase)
		want(t, own.run(), run.Pass)
	})
}

func TestIdentity(t *testing.T) {
	version := func(blue, green func(n int) string) func(*double, http.ResponseWriter, *seen) {
		return func(d *double, w http.ResponseWriter, r *seen) {
			if r.path != "/version" {
				ok(w, `{"v":1}`)
				return
			}
			show := blue
			if d.name == "green" {
				show = green
			}
			ok(w, `{"commit":"%s","cluster":"%s"}`, show(d.count("/version")), d.name)
		}
	}
	is := func(v string) func(int) string { return func(int) string { return v } }
	const same = "identity: [{get: /version, at: $.commit, must: same, samples: 10}]\n"
	tests := []struct {
		name, identity string
		blue, green    func(int) string
		options        Options
		want           run.Verdict
		reason         string
	}{
		{"same", same, is("a"), is("a"), Options{}, run.Pass, ""},
		{"must be the same and is not", same, is("a"), is("b"), Options{}, run.Broken, `must be the same, but blue is "a" and green is "b"`},
		{"must differ and does not", "identity: [{get: /version, at: $.commit, must: differ}]\n", is("a"), is("a"), Options{}, run.Broken, "must differ, but both sides are"},
		{"expected value", "identity: [{get: /version, at: $.cluster, must: differ, green: green}]\n", is("a"), is("a"), Options{}, run.Pass, ""},
		{"other value", "identity: [{get: /version, at: $.cluster, must: differ, green: other}]\n", is("a"), is("a"), Options{}, run.Broken, `green must be "other", but is "green"`},
		{"half deployed", same, is("a"), func(n int) string {
			if n%10 == 3 {
				return "old"
			}
			return "a"
		}, Options{}, run.Fail, `green is not one thing: 9 of its answers say "a", 1 of its answers say "old"`},
		{"blue half deployed", same, func(n int) string {
			if n%10 == 3 {
				return "old"
			}
			return "a"
		}, is("a"), Options{}, run.Broken, "blue is not one thing"},
		{"changed mid-run", same, is("a"), func(n int) string {
			if n > 10 {
				return "b"
			}
			return "a"
		}, Options{}, run.Broken, `green was "a" before the run and is "b" after it`},
		{"no value", "identity: [{get: /version, at: $.build, must: same}]\n", is("a"), is("a"), Options{}, run.Broken, "blue cannot say what it is"},
		{"both say nothing", same, is(""), is(""), Options{}, run.Broken, "blue cannot say what it is: the value is empty"},
		{"green says nothing", "identity: [{get: /version, at: $.commit, must: differ}]\n", is("a"), is(" "), Options{}, run.Broken, "green cannot say what it is: the value is empty"},
		{"long and other at the end", same, is(strings.Repeat("a", 400)), is(strings.Repeat("a", 399) + "b"), Options{}, run.Broken, "must be the same"},
		{"green build", same, is("a"), is("a"), Options{GreenBuild: "a"}, run.Pass, ""},
		{"other green build", same, is("a"), is("a"), Options{GreenBuild: "z"}, run.Broken, `green is not the build "z"`},
		{"green build without an identity", "", is("a"), is("a"), Options{GreenBuild: "z"}, run.Broken, "no identity says what it is"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blue, green := doubles(version(tt.blue, tt.green))
			r := newRig(t, blue, green).file("s.yaml", "suite: s\n"+tt.identity+"cases: [{case: one, get: /a}]\n")
			r.options = tt.options
			end := r.run()
			want(t, end, tt.want, tt.reason)
			if tt.want == run.Pass && tt.identity != "" && len(end.Sides.Green.Identity) == 0 {
				t.Error("the end does not say what green is")
			}
		})
	}
}

func TestLimitsOffLoopback(t *testing.T) {
	suite := `
suite: s
cases:
  - {case: read, get: /a}
  - {case: query, post: /q, side_effects: none, json: {}}
  - {case: write, post: /w, side_effects: isolated, json: {}}
`
	walked := func(t *testing.T, env string, options Options) (*run.End, *rig, *double) {
		blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"v":1}`) })
		r := newRig(t, blue, green).file("s.yaml", suite)
		r.env, r.options = env, options
		e := newExecution(r.plan(), r.sink, nil)
		e.remote = true
		end, err := e.execute(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return end, r, blue
	}
	end, r, blue := walked(t, "require: [compare]\n", Options{})
	want(t, end, run.Pass)
	if c := r.sink.find(t, "s/write"); c.Verdict != run.Skip || !strings.Contains(c.Reasons[0], "writes are not allowed here") {
		t.Errorf("the write is %s %v", c.Verdict, c.Reasons)
	}
	if slices.Contains(blue.paths(), "POST /w") {
		t.Error("the write was sent")
	}
	if !slices.Contains(end.Audit.VerifiedWithout, "writes") {
		t.Errorf("verified without %v", end.Audit.VerifiedWithout)
	}
	end, _, _ = walked(t, "", Options{}) // as where a host could not be resolved when the plan was checked
	want(t, end, run.Inconclusive, "1 case not run: writes are not allowed here")
	for name, allowed := range map[string]func() (string, Options){
		"env file": func() (string, Options) { return "limits: {writes: allow}\n", Options{} },
		"flag":     func() (string, Options) { return "", Options{AllowWrites: true} },
	} {
		t.Run(name, func(t *testing.T) {
			env, options := allowed()
			end, r, _ := walked(t, env, options)
			want(t, end, run.Pass)
			if c := r.sink.find(t, "s/write"); c.Verdict != run.Pass {
				t.Errorf("the write is %s %v", c.Verdict, c.Reasons)
			}
			if slices.Contains(end.Audit.VerifiedWithout, "writes") {
				t.Errorf("verified without %v", end.Audit.VerifiedWithout)
			}
		})
	}
}

func TestRequire(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	r := newRig(t, good, good).file("s.yaml", oneCase)
	r.env = "require: [compare, load]\n"
	want(t, r.run(), run.Inconclusive, "the stage requires load, and it did not run")
}

func TestMaxRPS(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	r := newRig(t, good, good).file("s.yaml", "suite: s\ncases: [{case: one, get: /a, repeat: 6}]\n")
	r.env = "limits: {max_rps: 50}\n"
	begun := time.Now()
	want(t, r.run(), run.Pass)
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Errorf("6 requests a side at 50/s took %s", took)
	}
}

// limits: {data} caps the rows of each case by the seed, and the run says so.
func TestDataLimit(t *testing.T) {
	good := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ok(w, `{"path":%q}`, r.URL.Path) })
	rows := "id\n" + strings.Join(strings.Fields("a b c d e f g h i j k l"), "\n") + "\n"
	ids := func(seed uint64, env string) []string {
		r := newRig(t, good, good).file("rows.csv", rows).file("s.yaml", "suite: s\ncases:\n  - {case: many, get: \"/{{id}}\", data: {file: rows.csv, name: \"{{id}}\"}}\n  - {case: drawn, get: \"/{{id}}\", data: {file: rows.csv, name: \"{{id}}\", sample: 3}}\n  - {case: few, get: \"/{{id}}\", data: [{id: a}]}\n")
		r.env, r.options.Seed = env, seed
		end := r.run()
		want(t, end, run.Pass)
		var out []string
		for _, c := range r.sink.sorted() {
			out = append(out, c.ID)
		}
		text := strings.Join(append(end.Audit.VerifiedWithout, end.Warnings...), "\n")
		if said := strings.Contains(text, "8 data rows") && strings.Contains(text, "case s/many: 8 rows of rows.csv left out by limits: {data: 4}"); said != (env == "limits: {data: 4}\n") && env != "limits: {data: 2}\n" {
			t.Errorf("env %q: said %q", env, text)
		}
		return out
	}
	if got := ids(1, "limits: {data: 100}\n"); len(got) != 16 {
		t.Errorf("without a limit that bites: %d cases, want 16: %v", len(got), got)
	}
	first := ids(1, "limits: {data: 2}\n")
	if len(first) != 5 {
		t.Errorf("at most 2 rows a case: %v", first)
	}
	if again := ids(1, "limits: {data: 2}\n"); !slices.Equal(again, first) {
		t.Errorf("the same seed draws %v and %v", first, again)
	}
	if got := ids(1, "limits: {data: 4}\n"); len(got) != 8 {
		t.Errorf("at most 4 rows a case: %v", got)
	}
}

// Of many rows the negative control is made on a drawn share, and its line says so.
func TestControlOfManyRowsIsSaid(t *testing.T) {
	good := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ok(w, `{"path":%q}`, r.URL.Path) })
	for rows, said := range map[int]string{25: "", 60: " of 60 answers of cases with more than 25 rows"} {
		r := newRig(t, good, good).file("rows.csv", "id\n"+strings.Join(strings.Fields(strings.Repeat("x ", rows)), "\n")+"\n").
			file("s.yaml", "suite: s\ncases:\n  - {case: many, get: \"/{{id}}\", data: {file: rows.csv}}\n")
		end := r.run()
		want(t, end, run.Pass)
		i := slices.IndexFunc(end.Gates, func(g run.GateResult) bool { return g.Name == "coverage" })
		if i < 0 || strings.Contains(end.Gates[i].Measured, "made for a sample: ") != (said != "") || !strings.Contains(end.Gates[i].Measured, said) {
			t.Errorf("%d rows: %+v", rows, end.Gates)
		}
	}
}

func TestQuarantine(t *testing.T) {
	file := "suite: s\ncases:\n  - {case: one, get: /a}\n  - {case: sick, get: /missing, quarantine: {until: %s, ticket: STB-1}}\n"
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	r := newRig(t, good, good).file("s.yaml", fmt.Sprintf(file, time.Now().AddDate(0, 0, 7).Format(time.DateOnly)))
	want(t, r.run(), run.Pass)
	if c := r.sink.find(t, "s/sick"); c.Verdict != run.Skip || !strings.Contains(c.Reasons[0], "would be fail") || c.Quarantine == "" {
		t.Errorf("%s %v %q", c.Verdict, c.Reasons, c.Quarantine)
	}
	r = newRig(t, good, good).file("s.yaml", fmt.Sprintf(file, time.Now().AddDate(0, 0, 7).Format(time.DateOnly)))
	r.change = func(p *Plan) { p.World.Now = func() time.Time { return time.Now().AddDate(0, 0, 9) } }
	want(t, r.run(), run.Fail, "got 404")
}

func TestAdvisorySuiteNeverDecides(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`})
	r := newRig(t, good, good).file("s.yaml", oneCase).file("b.yaml", "suite: b\ngate: advisory\ncases: [{case: x, get: /missing}]\n")
	end := r.run()
	want(t, end, run.Pass)
	if all := strings.Join(end.Warnings, "\n"); !strings.Contains(all, "advisory suite b: fail") {
		t.Errorf("warnings %q", all)
	}
}

// What an identity shows says something, in one form whatever the order of members.
func TestIdentityText(t *testing.T) {
	for _, tt := range []struct {
		json, text, want string
	}{
		{`null`, "", ""},
		{`""`, "", ""},
		{`" "`, " ", ""},
		{`{ }`, "{ }", ""},
		{`[]`, "[]", ""},
		{`0`, "0", "0"},
		{`false`, "false", "false"},
		{`" a"`, " a", "a"},
		{`{"b": 10000000000000000000001, "a": [1, 2]}`, "", `{"a":[1,2],"b":10000000000000000000001}`},
		{"", " v1\n", "v1"},
		{"", "[]", "[]"}, // a body that is not looked into
	} {
		if got := identityText(scenarios.Value{JSON: tt.json, Text: tt.text}); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.json, tt.text, got, tt.want)
		}
	}
	long := strings.Repeat("a", 400)
	if run.ShortIdentity(long+"b") == run.ShortIdentity(long+"c") || run.ShortIdentity("v1") != "v1" {
		t.Error("a short form stands for two identities, or a short one is not kept as it is")
	}
}
