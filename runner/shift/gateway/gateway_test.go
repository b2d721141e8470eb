package gateway

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/runner/cluster/kubetest"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

const (
	httpRouteText = `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"api","namespace":"stb"},"spec":{"rules":[
		{"backendRefs":[{"name":"svc-blue","weight":100},{"name":"svc-green","weight":0}]},
		{"filters":[{"type":"RequestRedirect"}]},
		{"backendRefs":[{"name":"svc-green","weight":0},{"name":"svc-blue","weight":100}]}]}}`
	virtualServiceText = `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"api","namespace":"stb"},"spec":{"http":[
		{"route":[{"destination":{"host":"api","subset":"v1"},"weight":100},{"destination":{"host":"api","subset":"v2"}}]}]}}`
)

func server(t *testing.T, texts ...string) (*kubetest.Server, string) {
	s := kubetest.New(t)
	s.Serve(kubetest.HTTPRoute, kubetest.VirtualService, kubetest.Application)
	s.Put(texts...)
	return s, kubetest.Kubeconfig(t, []string{"gateway"}, s)
}

func routeOf(config string) shiftfile.Route {
	return shiftfile.Route{Kubeconfig: config, Context: "gateway", Namespace: "stb", Name: "api", Blue: "svc-blue", Green: "svc-green"}
}

// Both kinds of route are walked, every rule with both backends in one patch.
func TestWalkOneStep(t *testing.T) {
	s, config := server(t, httpRouteText, virtualServiceText)
	ofIstio := routeOf(config)
	ofIstio.Blue, ofIstio.Green = "api:v1", "api:v2"
	for name, d := range map[string]*Driver{"HTTPRoute": NewHTTPRoute(routeOf(config)), "VirtualService": NewVirtualService(ofIstio)} {
		before := len(s.Patches())
		begun, to := machine.Weights{Blue: 100}, machine.Weights{Blue: 75, Green: 25}
		if err := d.Check(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if have, _, err := d.Read(t.Context()); err != nil || have != begun {
			t.Fatalf("%s: %v, %v", name, have, err)
		}
		if err := d.Write(t.Context(), begun, to, true); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if have, _, err := d.Read(t.Context()); err != nil || have != to || len(s.Patches()) != before+1 {
			t.Errorf("%s: %v, %v after %d patches", name, have, err, len(s.Patches())-before)
		}
		if err := d.Write(t.Context(), begun, to, true); !errors.Is(err, shift.ErrRefused) {
			t.Errorf("%s: a write from other weights: %v", name, err)
		}
		if err := d.Write(t.Context(), machine.Weights{}, begun, false); err != nil {
			t.Errorf("%s: back: %v", name, err)
		}
		if have, _, err := d.Read(t.Context()); err != nil || have != begun {
			t.Errorf("%s: back to %v, %v", name, have, err)
		}
		if by := d.ByHand(begun)[0]; !strings.Contains(by, "kubectl patch") || !strings.Contains(by, `"value":100`) {
			t.Errorf("%s: by hand %s", name, by)
		}
	}
}

// A conflict of several writers is tried again; a missing right is a refusal.
func TestAnswersToAPatch(t *testing.T) {
	s, config := server(t, httpRouteText)
	d := NewHTTPRoute(routeOf(config))
	begun, to := machine.Weights{Blue: 100}, machine.Weights{Blue: 75, Green: 25}
	conflicts := 1
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch || conflicts == 0 {
			return false
		}
		conflicts--
		kubetest.Status(w, http.StatusConflict, "Conflict", "the object has been modified; please apply your changes to the latest version and try again")
		return true
	}
	if err := d.Write(t.Context(), begun, to, true); err == nil || errors.Is(err, shift.ErrRefused) {
		t.Errorf("a conflict: %v", err)
	}
	if err := d.Write(t.Context(), begun, to, true); err != nil {
		t.Errorf("after a conflict: %v", err)
	}
	s.Forbid("patch", kubetest.HTTPRoute.String())
	if err := d.Write(t.Context(), to, begun, false); !errors.Is(err, shift.ErrRefused) {
		t.Errorf("without the right: %v", err)
	}
	if have, _, err := d.Read(t.Context()); err != nil || have != to {
		t.Errorf("at the end: %v, %v", have, err)
	}
}

// What a walk would not move, or Argo CD would put back, is refused.
func TestCheckRefuses(t *testing.T) {
	owned := strings.Replace(httpRouteText, `"name":"api","namespace":"stb"`, `"name":"api","namespace":"stb","annotations":{"argocd.argoproj.io/tracking-id":"stb-app:gateway.networking.k8s.io/HTTPRoute:stb/api"}`, 1)
	app := `{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"stb-app","namespace":"argocd"},"spec":{"syncPolicy":{"automated":{"selfHeal":true}}}}`
	for name, row := range map[string]struct {
		texts []string
		want  string
	}{
		"a third backend":  {[]string{strings.Replace(httpRouteText, `{"name":"svc-green","weight":0}]},`, `{"name":"svc-green","weight":0},{"name":"svc-red"}]},`, 1)}, "third backend"},
		"a rule of one":    {[]string{strings.Replace(httpRouteText, `{"filters":[{"type":"RequestRedirect"}]}`, `{"backendRefs":[{"name":"svc-blue"}]}`, 1)}, "only one of the two"},
		"rules disagree":   {[]string{strings.Replace(httpRouteText, `{"name":"svc-green","weight":0},{"name":"svc-blue","weight":100}`, `{"name":"svc-green","weight":5},{"name":"svc-blue","weight":95}`, 1)}, "disagree"},
		"no such backends": {[]string{strings.ReplaceAll(httpRouteText, "svc-green", "svc-other")}, "no rule with both backends"},
		"healed":           {[]string{owned, app}, "Argo CD heals"},
		"no such route":    {nil, "not found"},
	} {
		_, config := server(t, row.texts...)
		if err := NewHTTPRoute(routeOf(config)).Check(t.Context()); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ignores := strings.Replace(app, `"syncPolicy"`, `"ignoreDifferences":[{"kind":"HTTPRoute"}],"syncPolicy"`, 1)
	_, config := server(t, owned, ignores)
	if err := NewHTTPRoute(routeOf(config)).Check(t.Context()); err != nil {
		t.Errorf("ignored differences: %v", err)
	}
}
