package scenarios

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

const sided = "sides: {blue: {url: http://b.example}, green: {url: http://g.example}}\n"

// What the outside says decides what is a problem.
func TestOptions(t *testing.T) {
	const one = "cases: [{case: c, get: /}]\n"
	tests := []struct {
		name, why, text string
		opts            LoadOptions
		want            []string
	}{
		{"needs accepted", "validate does not know the outside", "suite: s\nneeds: [a]\ncases: [{case: c, get: '/{{a}}'}]\n", LoadOptions{}, nil},
		{"needs demanded", "run must have them", "suite: s\n" + sided + "needs: [a]\n" + one, LoadOptions{Demand: true}, []string{`x.yaml:3:9: error: the suite needs "a" from outside`}},
		{"needs from a flag", "--var answers", "suite: s\n" + sided + "needs: [a]\n" + one, LoadOptions{Demand: true, Vars: []Named{{Name: "a", Value: "1"}}}, nil},
		{"needs from an empty flag", "a variable of the pipeline is not set", "suite: s\n" + sided + "needs: [a, b]\n" + one, LoadOptions{Demand: true, Vars: []Named{{Name: "a", Value: ""}, {Name: "b", Value: " "}}}, []string{`x.yaml:3:9: error: the suite needs "a" from outside, and --var a= is empty`, `x.yaml:3:12: error: the suite needs "b" from outside, and --var b= is empty`}},
		{"needs from a flag that is given again", "the last counts", "suite: s\n" + sided + "needs: [a]\n" + one, LoadOptions{Demand: true, Vars: []Named{{Name: "a", Value: ""}, {Name: "a", Value: "1"}}}, nil},
		{"empty flag that nothing needs", "it sets a variable to nothing", "suite: s\n" + sided + "vars: {a: x}\ncases: [{case: c, get: '/{{a}}'}]\n", LoadOptions{Demand: true, Vars: []Named{{Name: "a", Value: ""}}}, nil},
		{"needs from the environment", "BGVERIFY_VAR_A answers", "suite: s\n" + sided + "needs: [a]\n" + one, LoadOptions{Demand: true, Getenv: environment("BGVERIFY_VAR_A", "1")}, nil},
		{"variable of an earlier form", "BGVERIFY_REGION would set the flag --region", "suite: s\nvars: {region: kr}\ncases: [{case: c, get: \"/{{region}}\"}]\n", LoadOptions{Getenv: environment("BGVERIFY_REGION", "us")}, []string{`x.yaml:3:26: error: environment variable BGVERIFY_REGION no longer sets the variable "region"`}},
		{"variable of an earlier form, as written", "the same", "suite: s\nvars: {region: kr}\ncases: [{case: c, get: \"/{{region}}\"}]\n", LoadOptions{Getenv: environment("BGVERIFY_region", "us")}, []string{`x.yaml:3:26: error: environment variable BGVERIFY_region no longer sets the variable "region"`}},
		{"variable named like a flag", "BGVERIFY_REGION is the flag", "suite: s\nvars: {region: kr}\ncases: [{case: c, get: \"/{{region}}\"}]\n", LoadOptions{Getenv: environment("BGVERIFY_REGION", "us"), IsFlag: func(v string) bool { return v == "BGVERIFY_REGION" }}, nil},
		{"both forms", "the new one answers", "suite: s\nvars: {region: kr}\ncases: [{case: c, get: \"/{{region}}\"}]\n", LoadOptions{Getenv: environment("BGVERIFY_REGION", "us", "BGVERIFY_VAR_REGION", "kr")}, nil},
		{"flag that nothing uses", "a mistyped one would change nothing", "suite: s\nvars: {region: seoul}\ncases: [{case: c, get: '/{{region}}'}]\n", LoadOptions{Vars: []Named{{Name: "regoin", Value: "busan"}, {Name: "region", Value: "jeju"}}}, []string{`--var regoin: warning: no suite uses the variable "regoin"`}},
		{"flag without needs", "a flag is a definition", "suite: s\ncases: [{case: c, get: '/{{a}}'}]\n", LoadOptions{Vars: []Named{{Name: "a", Value: "1"}}}, nil},
		{"environment demanded", "a listed variable must be set", "suite: s\n" + sided + "env: [A]\ncases: [{case: c, get: '/{{env.A}}'}]\n", LoadOptions{Demand: true}, []string{`x.yaml:4:26: error: environment variable "A" is not set`}},
		{"environment defaulted", "a default answers", "suite: s\n" + sided + "env: [A]\ncases: [{case: c, get: '/{{env.A | default: x}}'}]\n", LoadOptions{Demand: true}, nil},
		{"default without definition", "a default answers", "suite: s\ncases: [{case: c, get: '/{{a | default: x}}'}]\n", LoadOptions{}, nil},
		{"no url", "nothing can be sent", "suite: s\n" + one, LoadOptions{Demand: true}, []string{"x.yaml:1:8: error: side blue has no url", "x.yaml:1:8: error: side green has no url"}},
		{"urls from flags", "flags answer", "suite: s\n" + one, LoadOptions{Demand: true, BlueURL: "http://b.example", GreenURL: "http://g.example"}, nil},
		{"same urls from flags", "a side compared with itself", "suite: s\n" + one, LoadOptions{BlueURL: "http://b.example", GreenURL: "http://B.example:80/"}, []string{"x.yaml:1:8: error: blue and green are the same address: http://B.example:80/"}},
		{"same urls allowed", "calibrate does it on purpose", "suite: s\n" + one, LoadOptions{SameSides: true, BlueURL: "http://b.example", GreenURL: "http://b.example"}, nil},
		{"same url, other pin", "DNS has not moved yet", "suite: s\nsides: {blue: {url: http://a.example, resolve: 10.0.0.1}, green: {url: http://a.example, resolve: 10.0.0.2}}\n" + one, LoadOptions{}, nil},
		{"bad flag", "not a URL", "suite: s\n" + one, LoadOptions{BlueURL: "b.example", GreenURL: "http://g.example"}, []string{`--blue: error: "b.example" must begin with http:// or https://`}},
		{"address and port for a flag", "url.Parse refuses it", "suite: s\n" + one, LoadOptions{BlueURL: "127.0.0.1:8081", GreenURL: "http://g.example"}, []string{`--blue: error: "127.0.0.1:8081" must begin with http:// or https://`}},
		{"host and port for a flag", "url.Parse takes the host for a scheme", "suite: s\n" + one, LoadOptions{BlueURL: "http://b.example", GreenURL: "localhost:8082/api"}, []string{`--green: error: "localhost:8082/api" must begin with http:// or https://`}},
		{"no base needed", "every step names a service of its own", "suite: s\nsides: {blue: {services: {a: http://ab.example}}, green: {services: {a: http://ag.example}}}\ncases: [{case: c, service: a, get: /}]\n", LoadOptions{Demand: true}, nil},
		{"only", "a forgotten mark leaves out the rest", "suite: s\ncases: [{case: c, get: /}, {case: d, only: true, get: /}]\n", LoadOptions{}, []string{`x.yaml:2:35: warning: case "s/d" is marked only: a run without the other cases is inconclusive`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := tt.opts
			opts.Now = today
			if opts.Getenv == nil {
				opts.Getenv = noEnv
			}
			_, problems := Load(archiveFS(&txtar.Archive{Files: []txtar.File{{Name: "x.yaml", Data: []byte(tt.text)}}}), []string{"x.yaml"}, opts)
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if d := gocmp.Diff(tt.want, got); d != "" {
				t.Errorf("%s: problems of\n%s(-want +got):\n%s", tt.why, tt.text, d)
			}
		})
	}
}

// Marked cases are the only ones left.
func TestOnly(t *testing.T) {
	s := load(t, "-- x.yaml --\nsuite: s\ncases: [{case: c, get: /}, {case: d, only: true, get: /}]\nload: [{load: l, steps: [{case: c}], rate: 1/s}]\n", LoadOptions{}, "x.yaml")[0]
	if len(s.Cases) != 1 || s.Cases[0].ID != "s/d" || s.Loads != nil {
		t.Errorf("cases %v, loads %v", s.Cases, s.Loads)
	}
}

// A folder holds suites, parts, rules and env files, and nothing else.
func TestFolder(t *testing.T) {
	fsys := archiveFS(txtar.Parse([]byte(`
-- f/b/two.yml --
suite: two
cases: [{case: c, get: /}]
-- f/a.yaml --
suite: one
cases: [{case: c, get: /}]
-- f/parts.yaml --
parts: {p: [{step: x, gett: /}]}
-- f/rules.yaml --
rules: [{at: $.a, do: ignroe, why: x}]
-- f/env.yaml --
limits: {laod: allow}
-- f/other.yaml --
kind: Deployment
-- f/.hidden/x.yaml --
kind: Deployment
-- f/.x.yaml --
kind: Deployment
-- f/same.yaml --
suite: two
cases: [{case: c, get: /}]
-- f/readme.md --
text
`)))
	suites, problems := Load(fsys, []string{"f", "f/a.yaml"}, LoadOptions{Now: today})
	var names, got []string
	for _, s := range suites {
		names = append(names, s.Name)
	}
	for _, p := range problems {
		got = append(got, p.String())
	}
	if d := gocmp.Diff([]string{"one", "two", "two"}, names); d != "" {
		t.Errorf("suites by path (-want +got):\n%s", d)
	}
	want := []string{
		`f/env.yaml:1:10: error: unknown key "laod"`,
		`f/other.yaml:1:1: error: this is neither a suite nor a parts, rule or env file`,
		`f/parts.yaml:1:23: error: unknown key "gett" in part "p"`,
		`f/rules.yaml:1:23: error: do must be one of "ignore", "drop", "allow", "match", "map", "string", "rewrite", "number", "tolerance", "time", "format", "null", "empty", "embedded", "leak" or "only", not "ignroe"`,
		`f/same.yaml:1:8: error: duplicate suite "two"`,
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
	for path, want := range map[string]string{"nope": "nope: error: cannot read: no such file", "../x": "../x: error: a path may not leave the scenario folder", "f/b": ""} {
		_, problems := Load(fsys, []string{path}, LoadOptions{})
		got := ""
		if len(problems) > 0 {
			got = problems[0].String()
		}
		if got != want {
			t.Errorf("load %s: got %q, want %q", path, got, want)
		}
	}
}

// The env file's sides, rules and identities are merged; its variables stay apart.
func TestStage(t *testing.T) {
	fsys := archiveFS(txtar.Parse([]byte(`
-- env.yaml --
env: [KEY]
vars: {region: busan, key: "{{env.KEY}}"}
sides:
  blue: {url: "https://{{region}}.b.example", services: {auth: https://auth.b.example}, headers: {X-Stage: "1"}, vars: {device: EB}}
  green: {url: "https://{{region}}.g.example", services: {auth: https://auth.g.example}, vars: {device: EG}}
rules: [{at: $.stage, do: ignore, why: names the stage}]
identity: [{get: /version, must: same}]
-- x.yaml --
suite: s
sides:
  blue: {url: https://old.b.example, services: {auth: /auth, epg: /epg}, vars: {device: B}}
  green: {url: https://old.g.example, services: {auth: /auth, epg: /epg}, vars: {device: G}}
rules: [{at: $.own, do: ignore, why: x}]
cases: [{case: c, service: epg, get: "/{{region}}/{{device}}/{{key}}"}]
`)))
	opts := LoadOptions{Now: today, Demand: true, Getenv: environment("KEY", "k")}
	env, problems := LoadEnv(fsys, "env.yaml", opts)
	if len(problems) > 0 {
		t.Fatal(written(t, problems))
	}
	opts.Env = env
	suites, problems := Load(fsys, []string{"x.yaml"}, opts)
	if len(problems) > 0 {
		t.Fatal(written(t, problems))
	}
	s := suites[0]
	var services []string
	for _, x := range s.Green.Services {
		services = append(services, x.Name+" "+x.URL)
	}
	if s.Blue.URL != "https://busan.b.example" || s.Green.URL != "https://busan.g.example" || !slices.Equal(services, []string{"auth https://auth.g.example", "epg /epg"}) {
		t.Errorf("sides: %s, %s, %v", s.Blue.URL, s.Green.URL, services)
	}
	if s.Blue.Vars[0].Value.Text != "B" || s.Stage.Blue.Vars[0].Value.Text != "EB" || len(s.Blue.Headers) != 1 {
		t.Errorf("variables: %v, stage %v", s.Blue.Vars, s.Stage.Blue.Vars)
	}
	step := s.Cases[0].Steps[0]
	if len(step.Rules) != 2 || step.Rules[0].At != "$.stage" || len(s.Identity) != 1 || len(s.Rules) != 1 {
		t.Errorf("rules %v, identities %v", step.Rules, s.Identity)
	}
	opts.BlueURL = "http://127.0.0.1:8001"
	suites, problems = Load(fsys, []string{"x.yaml"}, opts)
	if len(problems) > 0 || suites[0].Blue.URL != opts.BlueURL {
		t.Errorf("flag: %v %s", problems, suites[0].Blue.URL)
	}
	opts.Getenv = noEnv
	_, problems = Load(fsys, []string{"x.yaml"}, opts)
	if got := written(t, problems); !strings.Contains(got, `environment variable "KEY" is not set`) {
		t.Errorf("environment of the stage: got\n%s", got)
	}
}

// Problems come sorted by file, line and column, each once, however they are found.
func TestProblemsAreSorted(t *testing.T) {
	fsys := archiveFS(txtar.Parse([]byte(`
-- b.yaml --
suite: b
cases:
  - {case: c, steps: [{use: "p.yaml#p"}], zz: 1}
  - {case: d, steps: [{use: "p.yaml#p"}], aa: 1}
-- a.yaml --
suite: a
cases: [{case: c, steps: [{use: "p.yaml#p"}]}]
-- p.yaml --
parts: {p: [{step: x, get: "/{{no}}", querry: 1}]}
`)))
	_, problems := Load(fsys, []string{"b.yaml", "a.yaml"}, LoadOptions{Now: today})
	if !slices.IsSortedFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Pos.File, b.Pos.File), a.Pos.Line-b.Pos.Line, a.Pos.Col-b.Pos.Col)
	}) || len(problems) != 4 {
		t.Errorf("got %d:\n%s", len(problems), written(t, problems))
	}
}

// Write reports the error of its writer, at every byte.
func TestWriteToFailingWriter(t *testing.T) {
	p := Problems{{Pos: Pos{File: "x.yaml", Line: 1, Col: 3}, Kind: Error, Summary: "sum\x1b[31m", Hint: "hint", Source: "  \t한글 text", Width: 2}, {Pos: Pos{File: "y"}, Kind: Warning, Summary: "s"}}
	whole := written(t, p)
	if strings.ContainsRune(whole, 0x1b) {
		t.Errorf("control characters are printed: %q", whole)
	}
	for n := range len(whole) {
		if err := p.Write(&failing{left: n}); err == nil {
			t.Errorf("no error from a writer that fails at byte %d of %d", n, len(whole))
		}
	}
}

type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if len(p) > f.left {
		n := f.left
		f.left = 0
		return n, errFull
	}
	f.left -= len(p)
	return len(p), nil
}

type fullError struct{}

func (fullError) Error() string { return "disk full" }

var errFull = fullError{}

// A secret is known and long enough to be told from other text.
func TestSecrets(t *testing.T) {
	const text = "suite: s\n" + sided + "env: [KEY]\nsecrets: [KEY, tokne, token, pin]\nvars: {pin: \"{{env.KEY}}\"}\ncases: [{case: c, get: \"/{{pin}}\", capture: {token: {at: $.token, same: true}}}]\n"
	for _, tt := range []struct {
		name, key string
		want      []string
	}{
		{"long", "123456", []string{`x.yaml:4:16: error: secret "tokne" is neither a variable nor in the env list`}},
		{"short", "12345", []string{
			`x.yaml:4:11: error: the secret "KEY" has 5 bytes; below 6 it cannot be distinguished from other text`,
			`x.yaml:4:16: error: secret "tokne" is neither a variable nor in the env list`,
			`x.yaml:4:30: error: the secret "pin" has 5 bytes; below 6 it cannot be distinguished from other text`,
		}},
	} {
		_, problems := Load(oneFile(text), []string{"x.yaml"}, LoadOptions{Now: today, Demand: true, Getenv: environment("KEY", tt.key)})
		var got []string
		for _, p := range problems {
			got = append(got, p.String())
		}
		if d := gocmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// An env file is held to its own shape before any suite is read.
func TestWrongEnvFiles(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"sides: {blue: {url: ftp://b.example}}\n", `env.yaml:1:21: error: url: "ftp://b.example" must begin with http:// or https://`},
		{"sides: {blue: {url: 'https://{{env.X}}.example'}}\n", `env.yaml:1:30: error: environment variable "X" is not in the env list`},
		{"limits: {load: yes}\n", `env.yaml:1:16: error: load must be one of "allow" or "deny", not "yes"`},
		{"limits: {data: allow}\n", `env.yaml:1:16: error: data must be a whole number, not "allow"`},
		{"limits: {data: 0}\n", `env.yaml:1:16: error: data must be between 1 and 1000000000`},
		{"require: [laod]\nlimits: {max_rps: 0}\n", `env.yaml:1:11: error: require takes compare, load, writes, identity, not "laod"|env.yaml:2:19: error: max_rps must be between 0.1 and 1e+06`},
		{"limits: {load: allow}\ncases: []\n", `env.yaml:2:1: error: unknown key "cases"`},
	} {
		_, problems := LoadEnv(oneFile("", "env.yaml", tt.text), "env.yaml", LoadOptions{Now: today})
		var got []string
		for _, p := range problems {
			got = append(got, p.String())
		}
		if strings.Join(got, "|") != tt.want {
			t.Errorf("env file\n%s: got %s, want %s", tt.text, strings.Join(got, "|"), tt.want)
		}
	}
	if _, problems := LoadEnv(oneFile("x"), "nope.yaml", LoadOptions{}); len(problems) != 1 || problems[0].String() != "nope.yaml: error: cannot read: no such file" {
		t.Errorf("a missing env file: %v", problems)
	}
}

// A folder that also keeps archived runs has its own suites, not the copies in the runs;
// a folder that only looks a little like a run is read.
func TestRunFoldersAreNotSuites(t *testing.T) {
	suite := &fstest.MapFile{Data: []byte("suite: s\ncases: [{case: c, get: /}]\n")}
	files := fstest.MapFS{"s.yaml": suite, "runs/r1/scenarios/s.yaml": suite}
	for _, name := range []string{"run.json", "plan.json", "events.ndjson"} {
		files["runs/r1/"+name] = &fstest.MapFile{}
	}
	if _, problems := Load(files, []string{"."}, LoadOptions{}); !problems.HasErrors() {
		t.Error("a folder without exchanges.ndjson is taken for a run")
	}
	files["runs/r1/exchanges.ndjson"] = &fstest.MapFile{}
	suites, problems := Load(files, []string{"."}, LoadOptions{})
	if problems.HasErrors() || len(suites) != 1 {
		t.Errorf("%d suites, %v: want the one outside the run", len(suites), problems)
	}
	if suites, _ := Load(files, []string{"runs/r1/scenarios"}, LoadOptions{}); len(suites) != 1 {
		t.Error("the suites of a run that is named are not read")
	}
}
