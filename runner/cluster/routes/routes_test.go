package routes_test

import (
	"testing"

	"github.com/bgverify/bgverify/runner/cluster/inventory"
	"github.com/bgverify/bgverify/runner/cluster/routes"
)

// A service counts as asked only where a request may have reached it.
func TestServicesThatARequestDoesNotReach(t *testing.T) {
	for _, row := range []struct{ from, object, path, not string }{
		{"HTTPRoute", `{"spec":{"rules":[{"matches":[{"path":{"type":"PathPrefix","value":"/epg"}}],"backendRefs":[{"name":"epg"}]},
{"backendRefs":[{"name":"web"}]}]}}`, "/epgs", "epg"},
		{"Ingress", `{"spec":{"defaultBackend":{"service":{"name":"web"}},"rules":[{"http":{"paths":[
{"path":"/epg/","pathType":"Prefix","backend":{"service":{"name":"epg"}}}]}}]}}`, "/epgs", "epg"},
		{"VirtualService", `{"spec":{"http":[{"match":[{"headers":{"x-canary":{"exact":"yes"}}}],"route":[{"destination":{"host":"canary"}}]},
{"route":[{"destination":{"host":"web"}}]}]}}`, "/epg", "canary"},
		{"VirtualService", `{"spec":{"http":[{"route":[{"destination":{"host":"canary"},"weight":0},
{"destination":{"host":"web"},"weight":100}]}]}}`, "/epg", "canary"},
		{"HTTPRoute", `{"spec":{"rules":[{"backendRefs":[{"name":"canary","weight":0},{"name":"web","weight":1}]}]}}`, "/epg", "canary"},
		{"HTTPRoute", `{"spec":{"rules":[{"matches":[{"path":{"type":"PathPrefix","value":"/epg"},"method":"POST"}],"backendRefs":[{"name":"writer"}]},
{"backendRefs":[{"name":"web"}]}]}}`, "/epg", "writer"},
		{"VirtualService", `{"spec":{"http":[{"match":[{"method":{"exact":"POST"}}],"route":[{"destination":{"host":"writer"}}]},
{"route":[{"destination":{"host":"web"}}]}]}}`, "/epg", "writer"},
		{"VirtualService", `{"spec":{"http":[{"match":[{"method":{"regex":"PUT|POST"}}],"route":[{"destination":{"host":"writer"}}]},
{"route":[{"destination":{"host":"web"}}]}]}}`, "/epg", "writer"},
		{"VirtualService", `{"spec":{"http":[{"match":[{"authority":{"exact":"internal"}}],"route":[{"destination":{"host":"canary"}}]},
{"route":[{"destination":{"host":"web"}}]}]}}`, "/epg", "canary"},
	} {
		table := routes.New(row.from, []inventory.Object{{Kind: row.from, Namespace: "stb", Name: "api", JSON: []byte(row.object)}})
		table.Note("GET", "https://api.example"+row.path, "")
		got := table.Coverage()
		asked := map[string]int{}
		for _, s := range got.Services {
			asked[s.Name] = s.Asked
		}
		if got.Problem != "" || asked[row.not] != 0 || asked["web"] != 1 {
			t.Errorf("%s %s: %v %q", row.from, row.object, asked, got.Problem)
		}
		if row.not == "writer" {
			table.Note("POST", "https://api.example/epg", "")
			if got := table.Coverage(); got.Asked != 2 {
				t.Errorf("%s: %+v", row.from, got)
			}
		}
		if row.path == "/epgs" {
			table.Note("GET", "https://api.example/epg/1", "")
			table.Note("GET", "https://api.example/epg", "")
			if got := table.Coverage(); got.Asked != 2 {
				t.Errorf("%s: %+v", row.from, got)
			}
		}
	}
}
