package scenarios

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
)

// same compares what a suite means: places in files and texts of the loader say nothing.
func same(a, b any) string {
	return cmp.Diff(a, b, cmp.Exporter(func(reflect.Type) bool { return true }), cmp.FilterPath(func(p cmp.Path) bool {
		name := p.Last().String()
		return strings.HasSuffix(name, "Pos") || name == ".Origin" || name == ".Stage" || name == ".Files" || name == ".named" || name == ".LeftOut"
	}, cmp.Ignore()))
}

// Every key of defaults gives a step what the step would have by writing the key itself. The
// keys come from the table: one that is added and merged nowhere fails here.
func TestEveryDefaultReachesTheSteps(t *testing.T) {
	const frame = "suite: s\nvars: {token: t}\nsides:\n  blue: {url: https://b.example, services: {home: /home}}\n" +
		"  green: {url: https://g.example, services: {home: /home}}\n"
	for _, k := range keys.Tables["defaults"].Keys {
		step, example := "case: c\n    post: /x", k.Example
		if k.Name != "side_effects" {
			step += "\n    side_effects: idempotent"
		}
		where := "\n    " + k.Name + ": " + example
		if k.Name == "number" { // a key of suites, not of steps
			where = ""
		}
		inherited := load(t, "-- s.yaml --\n"+frame+"defaults: {"+k.Name+": "+example+"}\ncases:\n  - "+step+"\n", LoadOptions{Now: today}, "s.yaml")[0]
		text := "-- s.yaml --\n" + frame + "cases:\n  - " + step + where + "\n"
		if k.Name == "number" {
			text = strings.Replace(text, "vars:", "number: "+example+"\nvars:", 1)
		}
		written := load(t, text, LoadOptions{Now: today}, "s.yaml")[0]
		if d := same(written.Cases[0].Steps[0], inherited.Cases[0].Steps[0]); d != "" {
			t.Errorf("%s: %s in defaults is not what the step has by writing it (-written +inherited):\n%s", k.Name, example, d)
		}
		if k.Name == "expect" || k.Name == "side_effects" { // the language's own default; nothing loads without
			continue
		}
		plain := load(t, "-- s.yaml --\n"+frame+"cases:\n  - "+step+"\n", LoadOptions{Now: today}, "s.yaml")[0]
		if same(plain.Cases[0].Steps[0], inherited.Cases[0].Steps[0]) == "" {
			t.Errorf("%s: %s in defaults changes nothing", k.Name, example)
		}
	}
}

// Every key that env files and suites share counts for a suite as if the suite had written it,
// in addition to what only the stage may say. Variables are looked up, not merged.
func TestEveryStageKeyReachesTheSuite(t *testing.T) {
	const cases = "cases:\n  - {case: c, get: /x}\n"
	urls := "sides: {blue: {url: 'https://b.example'}, green: {url: 'https://g.example'}}\n"
	for _, k := range keys.Tables["env file"].Keys {
		if keys.Tables["suite"].Key(k.Name) == nil || k.Name == "doc" || k.Name == "vars" {
			continue
		}
		key, sides := k.Name+": "+k.Example+"\n", urls
		switch k.Name {
		case "sides":
			key, sides = urls, ""
		case "secrets": // names something
			sides += "env: [STB_KEY]\n"
		}
		env, problems := LoadEnv(oneFile("", "env.yaml", key+"limits: {}\n"), "env.yaml", LoadOptions{Now: today})
		if problems.HasErrors() {
			t.Fatalf("%s: %s", k.Name, written(t, problems))
		}
		staged := load(t, "-- s.yaml --\nsuite: s\n"+sides+cases, LoadOptions{Now: today, Env: env}, "s.yaml")[0]
		own := load(t, "-- s.yaml --\nsuite: s\n"+sides+key+cases, LoadOptions{Now: today}, "s.yaml")[0]
		own.Rules, staged.Rules = nil, nil // the steps carry the merged list
		if d := same(own, staged); d != "" {
			t.Errorf("%s of an env file is not what the suite has by writing it (-suite +env file):\n%s", k.Name, d)
		}
	}
}
