package scenarios

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/diff"
)

// The nearest of defaults, suite and env file says when numbers are equal, for
// every step and what it expects; a rule is needed for less than that.
func TestNumberReading(t *testing.T) {
	for name, tt := range map[string]struct {
		keys string
		env  diff.NumberReading
		want diff.NumberReading
	}{
		"nobody says":      {"", diff.Decimal, diff.Decimal},
		"the suite":        {"number: type\n", diff.Decimal, diff.Typed},
		"its defaults":     {"defaults: {number: type}\n", diff.Decimal, diff.Typed},
		"defaults win":     {"number: type\ndefaults: {number: decimal}\n", diff.Typed, diff.Decimal},
		"the stage":        {"", diff.Typed, diff.Typed},
		"suite over stage": {"number: decimal\n", diff.Typed, diff.Decimal},
	} {
		s := load(t, "-- a.yaml --\nsuite: a\n"+tt.keys+"cases: [{case: c, get: /, expect: {blue: {status: 404}}}]\n", LoadOptions{Env: &Env{Numbers: tt.env}}, "a.yaml")[0]
		step := s.Cases[0].Steps[0]
		if s.Numbers != tt.want || step.Numbers != tt.want || step.Expect.Numbers != tt.want || step.ExpectBlue.Numbers != tt.want {
			t.Errorf("%s: suite %v, step %v, expectations %v and %v, want %v", name, s.Numbers, step.Numbers, step.Expect.Numbers, step.ExpectBlue.Numbers, tt.want)
		}
		if len(step.Rules) > 0 {
			t.Errorf("%s: the reading became a rule: %+v", name, step.Rules)
		}
	}
}

// A word that is near another is suggested.
func TestNumberWords(t *testing.T) {
	for text, want := range map[string]string{
		"number: types":  `number must be one of "decimal" or "type", not "types"` + "\n" + `did you mean "type"?`,
		"numbers: type":  "did you mean \"number\"?",
		"number: lexeme": `number must be one of "decimal" or "type"`,
	} {
		files := fstest.MapFS{"a.yaml": {Data: []byte("suite: a\n" + text + "\ncases: [{case: c, get: /}]\n")}}
		_, problems := Load(files, []string{"a.yaml"}, LoadOptions{Now: today, Getenv: noEnv})
		var got strings.Builder
		for _, p := range problems {
			got.WriteString(p.Summary + "\n" + p.Hint + "\n")
		}
		if !strings.Contains(got.String(), want) {
			t.Errorf("%s: %q, want %q", text, got.String(), want)
		}
	}
}
