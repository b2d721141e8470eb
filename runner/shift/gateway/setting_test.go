package gateway

import (
	"maps"
	"net/http"
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

// Where only a part of the rules was put back, neither the walk nor its rollback is where it wants to be.
func TestRulesThatArePutBack(t *testing.T) {
	begun, to := machine.Weights{Blue: 100}, machine.Weights{Blue: 60, Green: 40}
	half := strings.Replace(httpRouteText, `{"name":"svc-blue","weight":100},{"name":"svc-green","weight":0}`, `{"name":"svc-blue","weight":60},{"name":"svc-green","weight":40}`, 1)
	s, config := server(t, httpRouteText)
	d := NewHTTPRoute(routeOf(config))
	_, was, err := d.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(t.Context(), begun, to, true); err != nil {
		t.Fatal(err)
	}
	s.Put(half) // before the write is read back
	w, now, err := d.Read(t.Context())
	if err != nil || w == to {
		t.Errorf("a write that one rule does not have is read back as %v, %v", w, err)
	}
	if maps.Equal(was, now) {
		t.Error("that the rules disagree is not in the setting")
	}
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return r.Method == http.MethodPatch
	}
	if err := d.Write(t.Context(), w, begun, true); err == nil {
		t.Error("a patch that failed is reported as done")
	}
	if w, _, err = d.Read(t.Context()); err != nil || w == begun {
		t.Errorf("a rollback that did not happen is read back as %v, %v", w, err)
	}
	s.Fault = nil
	if err := d.Write(t.Context(), w, begun, true); err != nil {
		t.Errorf("the rollback is not tried again: %v", err)
	}
	if w, now, err = d.Read(t.Context()); err != nil || w != begun || !maps.Equal(was, now) {
		t.Errorf("after the rollback: %v, %v, %v", w, now, err)
	}
	if err := d.Write(t.Context(), begun, to, true); err != nil {
		t.Fatal(err)
	}
	if w, _, err = d.Read(t.Context()); err != nil || w != to {
		t.Errorf("a write of all rules is read back as %v, %v", w, err)
	}
	s.Put(half) // while it holds
	if w, _, err = d.Read(t.Context()); err != nil || w == to {
		t.Errorf("one rule is not what was asked for, and %v is read, %v", w, err)
	}
	s.Put(httpRouteText)
	if w, now, err = NewHTTPRoute(routeOf(config)).Read(t.Context()); err != nil || w != begun || !maps.Equal(was, now) {
		t.Errorf("for another process: %v, %v, %v", w, now, err)
	}
}
