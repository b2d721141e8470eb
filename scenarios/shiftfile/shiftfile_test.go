package shiftfile

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/scenarios/problem"
)

func loadShift(text string, env map[string]string) (*File, problem.Problems) {
	return Load(fstest.MapFS{"shift.yaml": {Data: []byte(text)}}, "shift.yaml", func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok && v != ""
	})
}

const wholeShift = `
shift: api.example.com
steps: [1%, 25%, 100%]
hold: {min: 2m, settle: 10s}
before: {gate: {run: latest, max_age: 4h, green_build: "{{env.BUILD}}", without: [writes]}}
during: {probe: {suites: [suites], tag: smoke, through: "https://api.example.com", every: 500ms, budget: 2}}
after: {run: {suites: [suites], tag: smoke, load: none}}
confirm: {at: [25%], exec: ./ask.sh}
on_fail: pause
driver: {exec: {get: ./get.sh, set: ./set.sh, max: 100}}
`

func TestLoad(t *testing.T) {
	s, problems := loadShift(wholeShift, map[string]string{"BUILD": "9f2c"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.Name != "api.example.com" || len(s.Steps) != 3 || s.Steps[1] != 0.25 || s.Hold.Min != 2*time.Minute || s.Hold.Max != 10*time.Minute {
		t.Errorf("read as %+v", s)
	}
	if s.Gate.GreenBuild != "9f2c" || s.Gate.Out != "runs" || s.Probe.MinGreen != 200 || s.Probe.Budget != 2 || s.OnFail != "pause" || s.Driver.Exec.Max != 100 {
		t.Errorf("read as %+v %+v %+v", s.Gate, s.Probe, s.Driver.Exec)
	}
}

// A walk that nothing can stop needs a word of its author.
func TestLoadUnchecked(t *testing.T) {
	const bare = "shift: a\nsteps: [100%]\ndriver: {exec: {get: g, set: s}}\n"
	for name, row := range map[string]struct{ extra, want string }{
		"nothing":            {"", "nothing is checked"},
		"empty why":          {"unchecked: ''\n", ""},
		"blank why":          {"unchecked: '  '\n", ""},
		"bare true":          {"unchecked: true\n", "nothing is checked"},
		"empty before":       {"before: {}\n", ""},
		"empty after":        {"after: {}\n", ""},
		"empty during":       {"during: {}\n", ""},
		"with a check":       {"unchecked: drill\nafter: {run: {suites: [s]}}\n", "contradict"},
		"confirm of no step": {"confirm: {at: [], exec: ./ask.sh}\n", ""},
	} {
		_, problems := loadShift(bare+row.extra, nil)
		if !problems.HasErrors() || !strings.Contains(problems[0].Summary, row.want) || problems[0].Pos.Line == 0 {
			t.Errorf("%s: want a problem about %q, got %v", name, row.want, problems)
		}
	}
	if s, problems := loadShift(bare+"unchecked: the pool is empty\n", nil); len(problems) > 0 || s.Unchecked != "the pool is empty" {
		t.Errorf("got %v", problems)
	}
}

// Every mistake is a problem with its place; one that is accepted would move traffic otherwise than written.
func TestLoadRefuses(t *testing.T) {
	for name, row := range map[string]struct{ old, new, want string }{
		"no stage before":      {"green_build: ", "after: [], green_build: ", "after is empty"},
		"falling steps":        {"[1%, 25%, 100%]", "[1%, 1%, 100%]", "steps must rise"},
		"zero step":            {"[1%, 25%, 100%]", "[0%, 25%]", "steps must rise"},
		"no steps":             {"[1%, 25%, 100%]", "[]", "steps is empty"},
		"ratio":                {"[1%, 25%, 100%]", "[0.01, 25%]", "must be a percentage"},
		"variable not set":     {"env.BUILD", "env.OTHER", "OTHER"},
		"variable of a suite":  {"env.BUILD", "build", "has no variable"},
		"empty build":          {`"{{env.BUILD}}"`, `""`, "green_build is empty"},
		"confirm elsewhere":    {"at: [25%]", "at: [50%]", "no step is 50%"},
		"two drivers":          {"driver: {", `driver: {haproxy: {socket: "unix:///s", backend: b, blue: x, green: y}, `, "exactly one"},
		"no driver":            {"driver: {exec: {get: ./get.sh, set: ./set.sh, max: 100}}", "driver: {}", "exactly one"},
		"through without host": {"https://api.example.com", "api.example.com", "through"},
		"empty confirmation":   {"confirm: {at: [25%], exec: ./ask.sh", "confirm: {at: [25%], exec: ''", "exec is empty"},
		"blank confirmation":   {"confirm: {at: [25%], exec: ./ask.sh", "confirm: {at: [25%], exec: '  '", "exec is empty"},
		"only a comment":       {"confirm: {at: [25%], exec: ./ask.sh", "confirm: {at: [25%], exec: '# ./ask.sh'", "exec is empty"},
		"empty name":           {"shift: api.example.com", "shift: ''", "is not a name"},
		"empty tag":            {"tag: smoke", "tag: ''", "tag is empty"},
		"empty set":            {"set: ./set.sh", "set: ''", "set is empty"},
		"failures for all":     {"budget: 2", "budget: 5, min_green: 5", "budget accepts 5 failures"},
		"no answers":           {"budget: 2", "min_green: 0", "min_green"},
		"unknown key":          {"on_fail: pause", "on_failure: pause", "unknown key"},
		"unknown policy":       {"on_fail: pause", "on_fail: stop", "on_fail"},
		"same server":          {"driver: {exec: {get: ./get.sh, set: ./set.sh, max: 100}}", `driver: {haproxy: {socket: "unix:///s", backend: b, blue: x, green: x}}`, "the same server"},
		"bare socket":          {"driver: {exec: {get: ./get.sh, set: ./set.sh, max: 100}}", `driver: {haproxy: {socket: /s, backend: b, blue: x, green: y}}`, "unix://"},
	} {
		_, problems := loadShift(strings.Replace(wholeShift, row.old, row.new, 1), map[string]string{"BUILD": "9f2c"})
		if !problems.HasErrors() || !strings.Contains(problems[0].Summary, row.want) || problems[0].Pos.Line == 0 {
			t.Errorf("%s: want a problem about %q, got %v", name, row.want, problems)
		}
	}
}
