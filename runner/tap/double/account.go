package double

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/internal/text"
)

// A skip is why a request was not asked twice.
type skip uint8

const (
	unsafeMethod skip = iota + 1
	actingGet
	withSession
	notWhole
	notAnswered
	blueFailed
	dropped
	sharedService
	conditional
	nothing
	written
	noAnswer
	byExpectations
	skips // one past the last
)

var skipWords = [skips]string{
	unsafeMethod: "that may change something", actingGet: "with GET on a route that acts", withSession: "of a session that the other side does not know",
	notWhole: "whose answer was not kept whole: too large, endless or cut short", notAnswered: "that the answering side did not answer",
	sharedService: "to a service that both sides share", conditional: "with a condition, of whose answers nothing can be compared",
	noAnswer: "that green did not answer: each is a failure", byExpectations: "on routes that the suites do not compare",
	written:    "for what the client had changed on one side alone",
	nothing:    "of whose answers the rules compare nothing",
	blueFailed: "that blue answered with a status from 500 up", dropped: "that came faster than the other side could be asked",
}

// maxRoutes bounds the routes that are listed, and maxName the length of their names.
const (
	maxRoutes = 500
	maxName   = 300
)

// An account counts what clients asked.
type account struct {
	mu       sync.Mutex
	requests int
	clients  map[string]bool
	skipped  [skips]int
	asked    int                    // pairs that both sides were asked for
	compared int                    // of them, those that are evidence
	routes   map[string]map[int]int // service and route -> status -> requests
	order    []string
	// forgotten counts sessions that were given up since all together were too large.
	forgotten int
}

var variable = regexp.MustCompile(`^[0-9]+$|^[0-9a-fA-F-]{16,}$|^[A-Za-z]*[_-]?[0-9][A-Za-z0-9_-]*$`)

// collection is a path up to its first generated segment: what an item belongs to.
func collection(path string) string {
	segments := strings.Split(strings.TrimRight(path, "/"), "/")
	for i, s := range segments {
		if isVariable(s) {
			return strings.Join(segments[:i], "/")
		}
	}
	return strings.Join(segments, "/")
}

// isVariable reports whether a segment looks generated.
func isVariable(s string) bool {
	return variable.MatchString(s) && (len(s) > 3 || strings.Trim(s, "0123456789") == "")
}

// routeName is a method and path with what looks generated left out.
func routeName(service, method, path string) string {
	name := text.Cut(method+" "+generalPath(path), maxName)
	if service != "" {
		name = service + ": " + name
	}
	return name
}

// see counts a request that passed, with the status that its client got. Routes beyond
// maxRoutes are counted in requests alone.
func (a *account) see(client, route string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests++
	if len(a.clients) < 100_000 {
		a.clients[client] = true
	}
	if a.routes[route] == nil {
		if len(a.order) >= maxRoutes {
			return
		}
		a.routes[route] = map[int]int{}
		a.order = append(a.order, route)
	}
	a.routes[route][status]++
}

// skip counts a request that was not asked twice.
func (a *account) skip(why skip) { a.add(&a.skipped[why], 1) }

// add adds to one of the counts.
func (a *account) add(to *int, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*to += n
}

// lines are the account as a reader sees it.
func (a *account) lines() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := []string{fmt.Sprintf("%s of %s passed; %s compared", text.Count(a.requests, "request"), text.Count(len(a.clients), "client"), text.Count(a.compared, "pair"))}
	for why, n := range a.skipped {
		if n > 0 {
			out = append(out, fmt.Sprintf("not compared: %s %s", text.Count(n, "request"), skipWords[why]))
		}
	}
	if a.forgotten > 0 {
		out = append(out, text.Count(a.forgotten, "session")+" forgotten to keep memory bounded; such clients were not compared until they signed in again")
	}
	for _, route := range a.order {
		var statuses []int
		for status := range a.routes[route] {
			statuses = append(statuses, status)
		}
		slices.Sort(statuses)
		parts := make([]string, len(statuses))
		for i, status := range statuses {
			parts[i] = fmt.Sprintf("%d (%d)", status, a.routes[route][status])
		}
		out = append(out, "  "+text.Visible(route)+"  "+strings.Join(parts, ", "))
	}
	return out
}
