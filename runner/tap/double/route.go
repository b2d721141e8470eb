package double

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

// A Route names requests by method and path. An empty method is any, and so is an empty
// origin (scheme://host); in the path {{name}} and * are any one segment, and ** at the end
// any rest.
type Route struct{ Origin, Method, Path string }

// matches reports whether a request at a service is one of the route. The path is that at
// the service, or as the client wrote it.
func (r Route) matches(method string, service *url.URL, path string) bool {
	if r.Method != "" && r.Method != method || r.Origin != "" && r.Origin != originOf(service) {
		return false
	}
	if r.fits(path) {
		return true
	}
	base := strings.TrimRight(service.Path, "/")
	return r.Origin == "" && base != "" && strings.HasPrefix(path, base+"/") && r.fits(path[len(base):])
}

// fits compares a path with the route's, segment by segment. A slash at the end makes no
// difference.
func (r Route) fits(path string) bool {
	want, got := strings.Split(strings.Trim(r.Path, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	for i, segment := range want {
		switch {
		case segment == "**":
			return true
		case i >= len(got):
			return false
		case !fitsSegment(segment, got[i]):
			return false
		}
	}
	return len(want) == len(got)
}

// fitsSegment reports whether a segment is one of a pattern, whose placeholders stand for
// any text: v{{version}} fits v1, and {{id}}.m3u8 fits 7.m3u8.
func fitsSegment(pattern, got string) bool {
	if pattern == "*" {
		return true
	}
	before, rest, found := strings.Cut(pattern, "{{")
	if !found {
		return pattern == got
	}
	after := rest[strings.LastIndex(rest, "}}")+1:]
	after = strings.TrimPrefix(after, "}")
	return len(got) > len(before)+len(after) && strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
}

// originOf is scheme and host in one spelling.
func originOf(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

// acting are words of paths whose GETs do something: they are never asked twice.
var acting = []string{
	"heartbeat", "keepalive", "keep-alive", "ping", "logout", "signout", "sign-out", "logoff",
	"license", "licence", "drm", "unsubscribe", "revoke", "delete", "activate",
}

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

// unsafe reports whether a method may change something, as any but GET and HEAD may.
func unsafe(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// routes are what the suites say of requests.
type routes struct {
	signIns, reads, never []Route
	// acting are unsafe requests that some step declares to have effects.
	acting []Route
	ruled  []ruled
	// other judges what no step of the suites asks.
	other *scenarios.Step
}

// A ruled route is one whose rules a step of the suites has.
type ruled struct {
	Route
	literals int // segments without a placeholder
	query    []string
	identity bool                    // no step asks it
	statuses []scenarios.StatusMatch // that the step expects; none: any
	step     *scenarios.Step
}

// readRoutes reads the suites:
//
//  1. Sign-ins are the unsafe requests of setup. A POST is read like a GET where every step
//     that sends it is declared to have no side effects, and a GET with side effects is
//     never asked twice.
//  2. A request is judged by the rules, the mode and the comparison of the step that asks
//     its route and expects blue's status: of several the one with the most literal
//     segments, then with the most parameters that the request has too, then with the
//     fewest rules.
//  3. Any other request is judged by the rules of flags, of the env file and those that all
//     suites have in common. What an identity says must differ may differ on its route.
func readRoutes(plan *runner.Plan, answering scenarios.Side) *routes {
	env, suites := plan.Env, plan.Suites
	out := &routes{other: &scenarios.Step{Pos: suites[0].Pos, Compare: true, Rules: slices.Clone(plan.Rules)}}
	if env != nil {
		out.other.Rules, out.other.Numbers = append(out.other.Rules, env.Rules...), env.Numbers
	}
	out.other.Rules = append(out.other.Rules, commonRules(suites)...)
	if len(suites) == 1 {
		out.other.Numbers, out.other.MinCompared = suites[0].Numbers, suites[0].MinCompared
	}
	for _, s := range suites {
		for _, step := range s.Setup {
			if r, ok := routeOf(s, step, answering); ok && unsafe(r.Method) {
				out.signIns = append(out.signIns, r)
			}
		}
		lists := [][]*scenarios.Step{s.Setup}
		for _, c := range s.Cases {
			lists = append(lists, c.Steps, c.Cleanup)
		}
		for _, step := range slices.Concat(lists...) {
			out.addStep(s, step, answering)
		}
	}
	for _, s := range suites {
		for i := range s.Identity {
			out.addIdentity(s, &s.Identity[i], answering)
		}
	}
	return out
}

// commonRules are those of the first suite with cases that every other one with cases has
// too, from the same place of the same file.
func commonRules(suites []*scenarios.Suite) []diff.Rule {
	var out []diff.Rule
	first := true
	for _, s := range suites {
		if len(s.Cases) == 0 && len(suites) > 1 {
			continue
		}
		if first {
			out, first = slices.Clone(s.Rules), false
			continue
		}
		out = slices.DeleteFunc(out, func(r diff.Rule) bool {
			return !slices.ContainsFunc(s.Rules, func(o diff.Rule) bool { return o.Origin == r.Origin })
		})
	}
	return out
}

// addIdentity lets a value differ that must differ, where no step asks its route.
func (o *routes) addIdentity(s *scenarios.Suite, id *scenarios.Identity, side scenarios.Side) {
	base, err := url.Parse(baseOf(s, id.Service, side))
	if err != nil || id.Must != "differ" || id.At == "" && id.Header == "" {
		return
	}
	r := Route{originOf(base), http.MethodGet, strings.TrimRight(base.Path, "/") + id.Path}
	i := slices.IndexFunc(o.ruled, func(have ruled) bool { return have.Route == r })
	if i < 0 {
		step := *o.other
		i, o.ruled = len(o.ruled), append(o.ruled, ruled{Route: r, literals: strings.Count(r.Path, "/") + 1, step: &step})
	} else if !o.ruled[i].identity {
		return // a step's rules judge it
	}
	o.ruled[i].identity = true
	step := o.ruled[i].step
	rule := diff.Rule{At: id.At, Header: id.Header, Do: diff.DoIgnore, Why: "an identity says that it must differ", Origin: id.Pos.String()}
	if !slices.ContainsFunc(step.Rules, func(have diff.Rule) bool { return have.Origin == rule.Origin }) {
		step.Rules = append(slices.Clone(step.Rules), rule)
	}
}

// addStep makes a route of a step, which judges requests by its rules. A step whose URL is
// known only when it is sent has none.
func (o *routes) addStep(s *scenarios.Suite, step *scenarios.Step, answering scenarios.Side) {
	r, ok := routeOf(s, step, answering)
	if !ok {
		return
	}
	switch {
	case !unsafe(r.Method):
		if step.SideEffects != scenarios.Undeclared && step.SideEffects != scenarios.NoEffects {
			o.never = append(o.never, r)
		}
	case step.SideEffects == scenarios.NoEffects:
		o.reads = append(o.reads, r)
	default:
		o.acting = append(o.acting, r)
	}
	rule := ruled{Route: r, statuses: step.Expect.Status, step: &scenarios.Step{
		Pos: step.Pos, Compare: step.Compare, Mode: step.Mode, ModeWritten: step.ModeWritten, Numbers: step.Numbers,
		MinCompared: step.MinCompared, Rules: step.Rules,
	}}
	for _, f := range step.Request.Query {
		rule.query = append(rule.query, f.Name)
	}
	if _, query, ok := strings.Cut(step.Request.URL.Text, "?"); ok {
		for pair := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(pair, "=")
			rule.query = append(rule.query, name)
		}
	}
	for _, path := range slices.Compact([]string{r.Path, generalPath(r.Path)}) {
		rule.Path, rule.literals = path, 0
		for segment := range strings.SplitSeq(path, "/") {
			if segment != "*" && !strings.Contains(segment, "{{") {
				rule.literals++
			}
		}
		o.ruled = append(o.ruled, rule)
	}
}

// generalPath is a path with * for each segment that looks generated: the step that asks
// /titles/VOD-1001 speaks of all titles.
func generalPath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if isVariable(s) {
			segments[i] = "*"
		}
	}
	return strings.Join(segments, "/")
}

// baseOf is the URL of a side's service.
func baseOf(s *scenarios.Suite, service string, side scenarios.Side) string {
	config := &s.Blue
	if side == scenarios.Green {
		config = &s.Green
	}
	for i := range config.Services {
		if to := &config.Services[i]; to.Name == service && service != "" {
			if strings.HasPrefix(to.URL, "/") {
				return strings.TrimRight(config.URL, "/") + to.URL
			}
			return to.URL
		}
	}
	return config.URL
}

// routeOf is the route of a step on a side; false: its URL is not known before it is sent.
func routeOf(s *scenarios.Suite, step *scenarios.Step, side scenarios.Side) (Route, bool) {
	if step.Request.URL == nil {
		return Route{}, false
	}
	path, _, _ := strings.Cut(step.Request.URL.Text, "?")
	u, err := url.Parse(baseOf(s, step.Service, side))
	if err != nil || path != "" && !strings.HasPrefix(path, "/") {
		return Route{}, false
	}
	return Route{originOf(u), step.Request.Method, strings.TrimRight(u.Path, "/") + path}, true
}

// expects reports whether a status is one of those that the step expects.
func (r *ruled) expects(status int) bool {
	fits := func(s scenarios.StatusMatch) bool { return s.Low <= status && status <= s.High }
	return len(r.statuses) == 0 || slices.ContainsFunc(r.statuses, fits)
}

// stepOf is the step whose rules judge a request, whose URL is that of the answering side,
// where blue answered with a status (rule 2 of readRoutes).
func (o *routes) stepOf(method string, u *url.URL, status int) *scenarios.Step {
	var best *ruled
	var bestShared int
	query := u.Query()
	for i := range o.ruled {
		r := &o.ruled[i]
		if !r.expects(status) || !r.matches(method, u, u.Path) {
			continue
		}
		shared := 0
		for _, name := range r.query {
			if query.Has(name) {
				shared++
			}
		}
		if best == nil || r.literals > best.literals || r.literals == best.literals && (shared > bestShared ||
			shared == bestShared && len(r.step.Rules) < len(best.step.Rules)) {
			best, bestShared = r, shared
		}
	}
	if best == nil {
		return o.other
	}
	return best.step
}
