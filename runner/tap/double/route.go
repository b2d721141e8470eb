package double

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios"
)

// A Route names requests by method and path. An empty method is any; in the path
// {{name}} and * are any one segment, and ** at the end any rest.
type Route struct{ Method, Path string }

// matches reports whether a request is one of the route.
func (r Route) matches(method, path string) bool {
	if r.Method != "" && r.Method != method {
		return false
	}
	want, got := strings.Split(strings.Trim(r.Path, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	for i, segment := range want {
		switch {
		case segment == "**":
			return true
		case i >= len(got):
			return false
		case segment != "*" && !strings.Contains(segment, "{{") && segment != got[i]:
			return false
		}
	}
	return len(want) == len(got)
}

// acting are words of paths whose GETs do something: they are never asked twice.
var acting = []string{"heartbeat", "keepalive", "keep-alive", "ping", "logout", "signout", "sign-out", "logoff", "license", "licence", "drm", "unsubscribe", "revoke", "delete", "activate"}

// mayAct reports whether a path looks as if its GET did something.
func mayAct(path string) bool {
	for segment := range strings.SplitSeq(strings.ToLower(path), "/") {
		if slices.ContainsFunc(acting, func(word string) bool {
			return segment == word || strings.HasPrefix(segment, word+".") || strings.HasPrefix(segment, word+"s")
		}) {
			return true
		}
	}
	return false
}

// Named are what suites say of routes: sign-ins are the unsafe requests of their
// setup, and acting are requests with side effects, whatever their method is.
func Named(suites []*scenarios.Suite) (signIns, never []Route) {
	for _, s := range suites {
		for _, step := range s.Setup {
			if r := routeOf(step); unsafe(r.Method) {
				signIns = append(signIns, r)
			}
		}
		for _, c := range s.Cases {
			for _, step := range c.Steps {
				if step.SideEffects != scenarios.Undeclared && step.SideEffects != scenarios.NoEffects {
					never = append(never, routeOf(step))
				}
			}
		}
	}
	return signIns, never
}

func routeOf(step *scenarios.Step) Route {
	path, _, _ := strings.Cut(step.Request.URL.Text, "?")
	return Route{step.Request.Method, path}
}

func unsafe(method string) bool { return method != http.MethodGet && method != http.MethodHead }
