package scenarios

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// load reads a suite of an archive that must have no error.
func load(t *testing.T, archive string, opts LoadOptions, paths ...string) []*Suite {
	t.Helper()
	if opts.Now.IsZero() {
		opts.Now = today
	}
	if opts.Getenv == nil {
		opts.Getenv = noEnv
	}
	suites, problems := Load(archiveFS(txtar.Parse([]byte(archive))), paths, opts)
	if problems.HasErrors() {
		t.Fatalf("problems:\n%s", written(t, problems))
	}
	return suites
}

func whole(t *testing.T) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile("testdata/whole.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// testdata/whole.txtar uses every key of the language, and each one is read.
func TestEveryKeyIsRead(t *testing.T) {
	a := whole(t)
	fsys := archiveFS(a)
	cert, key := certificate(t, today.AddDate(1, 0, 0))
	for _, folder := range []string{"envs", "suites"} {
		fsys[folder+"/ca.pem"].Data = append(slices.Clone(cert), key...)
	}
	env, problems := LoadEnv(fsys, "envs/stage.yaml", LoadOptions{Now: today, Getenv: noEnv})
	if len(problems) > 0 {
		t.Fatalf("env file:\n%s", written(t, problems))
	}
	getenv := func(name string) (string, bool) {
		return map[string]string{"STB_KEY": "k-123456"}[name], name == "STB_KEY"
	}
	_, problems = Load(fsys, []string{"suites"}, LoadOptions{Now: today, Getenv: getenv, Env: env, Demand: true, Vars: []Named{{Name: "account", Value: "a1"}}})
	if len(problems) > 0 {
		t.Errorf("suites:\n%s", written(t, problems))
	}
	if _, problems = LoadConfig(fsys, "bgverify.yaml"); len(problems) > 0 {
		t.Errorf("config:\n%s", written(t, problems))
	}
	for _, name := range []string{"shift.yaml", "haproxy.yaml", "route53.yaml", "httproute.yaml", "virtualservice.yaml"} {
		if _, problems = shiftfile.Load(fsys, name, noEnv); len(problems) > 0 {
			t.Errorf("%s:\n%s", name, written(t, problems))
		}
	}
	used := map[string]bool{}
	schema := compiled(t)("")
	for name, f := range fsys {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(f.Data, &doc); err != nil {
			t.Fatal(err)
		}
		root := map[string]string{"suite": "suite", "parts": "parts file", "rule": "rule file", "env": "env file", "config": "config", "shift": "shift file"}[fileKind(topKeys(doc.Content[0]), name)]
		countKeys(&keys.Shape{Form: keys.FormObject, Table: root}, doc.Content[0], used)
		checkAgainst(t, schema, name, f.Data)
	}
	for _, name := range keys.Order {
		for _, k := range keys.Tables[name].Keys {
			shared := (name == "case" || name == "step") && (used["case."+k.Name] || used["step."+k.Name])
			if !used[name+"."+k.Name] && !shared && k.Name != "only" { // only: see TestOnly
				t.Errorf("testdata/whole.txtar does not use %s of %s", k.Name, name)
			}
		}
	}
}

// countKeys notes which keys of which tables a tree uses.
func countKeys(s *keys.Shape, n *yaml.Node, used map[string]bool) {
	n = source.Deref(n)
	switch s.Form {
	case keys.FormObject:
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if k := keys.Tables[s.Table].Key(n.Content[i].Value); k != nil {
				used[s.Table+"."+k.Name] = true
				countKeys(k.Shape, n.Content[i+1], used)
			}
		}
	case keys.FormMap:
		for i := 1; i < len(n.Content); i += 2 {
			countKeys(s.Elem, n.Content[i], used)
		}
	case keys.FormList:
		if n.Kind == yaml.SequenceNode {
			for _, c := range n.Content {
				countKeys(s.Elem, c, used)
			}
		}
	case keys.FormUnion:
		for _, alt := range s.Alts {
			isList, isMap := alt.Form == keys.FormList, alt.Form == keys.FormObject || alt.Form == keys.FormMap
			if isList == (n.Kind == yaml.SequenceNode) && isMap == (n.Kind == yaml.MappingNode) {
				countKeys(alt, n, used)
			}
		}
	}
}

// The suite of the specification's first section loads as it stands there.
func TestSpecExample(t *testing.T) {
	data, err := os.ReadFile("testdata/example.txtar")
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, string(data), LoadOptions{}, "home.yaml")[0]
	ids := []string{}
	for _, c := range s.Cases {
		ids = append(ids, c.ID)
	}
	if d := cmp.Diff([]string{"stb-home/channel-list", "stb-home/epg", "stb-home/purchase", "stb-home/first-picture"}, ids); d != "" {
		t.Errorf("cases (-want +got):\n%s", d)
	}
	list := s.Cases[0].Steps[0]
	if list.Timeout != 5*time.Second || list.Auth.Kind != AuthBearer || !slices.Equal(list.Expect.Status, []StatusMatch{{200, 299}}) {
		t.Errorf("defaults are not merged: timeout %v, auth %v, status %v", list.Timeout, list.Auth, list.Expect.Status)
	}
	if len(list.Rules) != 4 || list.Rules[0].Origin != "home.yaml:33:5" {
		t.Errorf("rules of the suite: %d, first from %q", len(list.Rules), list.Rules[0].Origin)
	}
	if setup := s.Setup[0]; setup.Auth.Kind != AuthNone || setup.Service != "auth" || setup.SideEffects != Idempotent {
		t.Errorf("setup: auth %v, service %q, effects %v", setup.Auth.Kind, setup.Service, setup.SideEffects)
	}
	epg := s.Cases[1]
	if epg.Data.Count != 2 || !slices.Equal(epg.Data.Columns, []string{"channel", "date", "programs"}) {
		t.Errorf("rows: %d of %v", epg.Data.Count, epg.Data.Columns)
	}
	if last := epg.Steps[0].Rules[4]; last.Do != diff.DoTolerance || *last.Rel != 0.2 {
		t.Errorf("rule of the case: %+v", last)
	}
	play := s.Cases[3]
	if len(play.Steps) != 2 || !play.Crossover || play.Steps[0].With[0][0].Name != "content" {
		t.Errorf("part is not inlined: %d steps", len(play.Steps))
	}
	if l := s.Loads[0]; l.Rate != 200 || l.Duration != 2*time.Minute || l.Margins.P95.Rel != 0.1 || l.Steps[0].Target != s.Cases[0] || l.Steps[0].Weight != 7 {
		t.Errorf("load: %+v", l)
	}
	want := []string{"common/play.yaml", "common/session.yaml", "epg.csv", "home.yaml", "schemas/epg.json"}
	if d := cmp.Diff(want, s.Files); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
}

// The shipped suites load without a problem, warnings included.
func TestShippedSuites(t *testing.T) {
	for _, dir := range []string{"stb", "httpbin"} {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			t.Logf("no %s", dir)
			continue
		}
		suites, problems := Load(os.DirFS("."), []string{dir}, LoadOptions{Now: time.Now(), Getenv: noEnv})
		if len(problems) > 0 {
			t.Errorf("%s:\n%s", dir, written(t, problems))
		}
		if len(suites) == 0 {
			t.Errorf("%s: no suite", dir)
		}
	}
}

// What the types hold after defaults, overrides and parts are merged.
func TestMerging(t *testing.T) {
	s := load(t, `
-- a.yaml --
suite: a
defaults:
  headers: {Accept: json, X-A: "1"}
  expect: {status: 2xx, headers: {x: a, z: b}, body: {"$.a": 1}}
  retry: {for: connect}
  mode: subset
cases:
  - case: c
    get: /
    headers: {accept: xml}
    expect: {status: 404, headers: {X: c}, body: {"$.b": 2}, green: {status: 410, body: {"$.a": 3}}}
  - case: d
    rules: [{at: $.a, do: number, as: lexeme}]
    steps:
      - {step: one, get: /, rules: [{at: $.b, do: number, as: lexeme}]}
      - {use: "parts.yaml#p", step: first, with: {x: "1"}}
      - {use: "parts.yaml#p", step: second, with: {x: "2"}}
-- parts.yaml --
parts:
  p: [{use: parts.yaml#q, with: {y: "{{x}}"}}]
  q: [{step: x, get: "/{{x}}/{{y}}", repeat: 3}]
`[1:], LoadOptions{}, "a.yaml")[0]
	c := s.Cases[0].Steps[0]
	var headers []string
	for _, h := range c.Request.Headers {
		headers = append(headers, h.Name+"="+h.Value.Text)
	}
	if d := cmp.Diff([]string{"X-A=1", "accept=xml"}, headers); d != "" {
		t.Errorf("headers (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"status 404", "z b", "X c", "$.a 1", "$.b 2"}, expected(&c.Expect)); d != "" {
		t.Errorf("expectation (-want +got):\n%s", d)
	}
	if c.ExpectBlue != nil {
		t.Errorf("blue has an expectation of its own")
	}
	if d := cmp.Diff([]string{"status 410", "z b", "X c", "$.b 2", "$.a 3"}, expected(c.ExpectGreen)); d != "" {
		t.Errorf("expectation of green (-want +got):\n%s", d)
	}
	if c.Retry == nil || c.Mode != diff.Subset || !c.ModeWritten || !c.Compare || !c.Trace || c.Repeat != 1 || c.Timeout != defaultTimeout {
		t.Errorf("defaults are not merged: %+v", c)
	}
	var names []string
	for _, s := range s.Cases[1].Steps {
		names = append(names, s.Name)
	}
	if d := cmp.Diff([]string{"one", "first / x", "second / x"}, names); d != "" {
		t.Errorf("names of inlined steps (-want +got):\n%s", d)
	}
	one, second := s.Cases[1].Steps[0], s.Cases[1].Steps[2]
	if len(one.Rules) != 2 || one.Rules[0].At != "$.a" || one.Rules[1].Origin != "a.yaml:15:37" {
		t.Errorf("rules of case and step: %+v", one.Rules)
	}
	if len(second.With) != 2 || second.With[0][0].Value.Text != "2" || second.With[1][0].Name != "y" || second.Repeat != 3 {
		t.Errorf("arguments, outermost first: %+v", second.With)
	}
}

// expected lists an expectation in short.
func expected(e *Expect) []string {
	out := []string{fmt.Sprintf("status %d", e.Status[0].Low)}
	for _, h := range e.Headers {
		out = append(out, h.Name+" "+h.Matchers[0].Value.Text)
	}
	for _, b := range e.Body {
		out = append(out, b.Path+" "+b.Matchers[0].Value.Text)
	}
	return out
}
