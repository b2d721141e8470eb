package gateway

import (
	"maps"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// Everything of a route but the weights of both sides is in its setting, wherever it is written.
func TestSetting(t *testing.T) {
	read := func(text string) (machine.Weights, machine.Setting) {
		_, config := server(t, text)
		w, s, err := NewHTTPRoute(routeOf(config)).Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return w, s
	}
	_, was := read(httpRouteText)
	_, now := read(strings.NewReplacer(`"weight":100`, `"weight":60`, `"weight":0`, `"weight":40`).Replace(httpRouteText))
	if len(was) == 0 || !maps.Equal(was, now) {
		t.Errorf("the setting depends on the weights: %v and %v", was, now)
	}
	for name, change := range map[string][2]string{
		"a third backend":             {`[{"name":"svc-blue","weight":100},`, `[{"name":"svc-red","weight":7},{"name":"svc-blue","weight":100},`},
		"a third backend of weight 0": {`[{"name":"svc-blue","weight":100},`, `[{"name":"svc-red","weight":0},{"name":"svc-blue","weight":100},`},
		"another port":                {`{"name":"svc-green","weight":0}]}`, `{"name":"svc-green","port":81,"weight":0}]}`},
		"another rule":                {`"rules":[`, `"rules":[{"backendRefs":[{"name":"svc-blue"}]},`},
		"a match":                     {`{"backendRefs":[{"name":"svc-blue"`, `{"matches":[{"path":{"value":"/v2"}}],"backendRefs":[{"name":"svc-blue"`},
		"hostnames":                   {`"spec":{`, `"spec":{"hostnames":["api.example.com"],`},
	} {
		if _, now := read(strings.Replace(httpRouteText, change[0], change[1], 1)); maps.Equal(was, now) {
			t.Errorf("%s is not in the setting", name)
		}
	}
}

// Rules that disagree in the middle of a walk show the weights that were changed, whichever rule has them.
func TestRulesThatDisagree(t *testing.T) {
	for name, text := range map[string]string{
		"the first rule": strings.Replace(httpRouteText, `{"name":"svc-blue","weight":100},{"name":"svc-green","weight":0}`, `{"name":"svc-blue","weight":60},{"name":"svc-green","weight":40}`, 1),
		"the last rule":  strings.Replace(httpRouteText, `{"name":"svc-green","weight":0},{"name":"svc-blue","weight":100}`, `{"name":"svc-green","weight":40},{"name":"svc-blue","weight":60}`, 1),
	} {
		s, config := server(t, httpRouteText)
		d := NewHTTPRoute(routeOf(config))
		if w, _, err := d.Read(t.Context()); err != nil || w != (machine.Weights{Blue: 100}) {
			t.Fatalf("%v, %v", w, err)
		}
		s.Put(text)
		changed := machine.Weights{Blue: 60, Green: 40}
		if w, _, err := d.Read(t.Context()); err != nil || w != changed {
			t.Errorf("%s: %v, %v", name, w, err)
		}
		if err := d.Write(t.Context(), changed, machine.Weights{Blue: 100}, true); err != nil {
			t.Errorf("%s: a rollback from what was changed: %v", name, err)
		}
		if w, _, err := d.Read(t.Context()); err != nil || w != (machine.Weights{Blue: 100}) || d.Check(t.Context()) != nil {
			t.Errorf("%s: after the rollback: %v, %v", name, w, err)
		}
	}
}
