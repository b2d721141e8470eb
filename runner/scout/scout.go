// Package scout takes a first look at two services that are not described yet.
// In come the addresses of blue and green and a few paths; out comes what a first
// suite can be made of: which paths both sides answer, also of those that blue's API
// description and links name, and what each side says it is. It sends GET requests
// alone, a few for each path, leaves out paths whose name says that a GET acts, and
// decides nothing: the suite that is written from its findings is judged by a run.
package scout

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/wire"
)

// WellKnown are the paths that are tried where the user named none: what frameworks
// and orchestrators call their health and version resources.
var WellKnown = []string{
	"/version", "/api/version", "/v1/version", "/info", "/build", "/build-info", "/actuator/info",
	"/health", "/healthz", "/actuator/health", "/livez", "/readyz", "/ready", "/status", "/ping", "/",
}

// samples is how often each side is asked for a path. What differs between two
// samples of one side is a clock, a request id or a pod, and never an identity.
const samples = 5

// A Must is what an identity's values must be to each other, as scenario files write it.
type Must string

// What identities demand.
const (
	Same   Must = "same"
	Differ Must = "differ"
)

// An Identity is a value by which a side can be recognised.
type Identity struct {
	// Get is the path that answers with it. It is at the path At of the body, or in the
	// header named Header.
	Get, At, Header string
	Must            Must
	// Blue and Green are the values that were seen, as text.
	Blue, Green string
}

// An Endpoint is a path that both sides answered as an API does.
type Endpoint struct {
	Path string
	// Media is the type of blue's answer, without parameters: application/json.
	Media string
	// Bytes is the size of blue's body.
	Bytes int
	// Green says what is wrong with green's answer, such as "answers 503"; empty: nothing was
	// seen. The case is there to fail.
	Green string
	// Known: the path is one of health or version, which says nothing of what clients ask.
	Known bool
}

// Skipped is a path that no case is made of.
type Skipped struct {
	Path, Why string
	// Guessed: nothing but its usual name spoke for the path.
	Guessed bool
}

// Found is what both services are.
type Found struct {
	Identity  []Identity
	Endpoints []Endpoint
	Skipped   []Skipped
}

// Asks reports whether a case asks more than health and version paths.
func (f *Found) Asks() bool {
	return slices.ContainsFunc(f.Endpoints, func(e Endpoint) bool { return !e.Known })
}

// An UnreachableError says that a side gave no answer to any request.
type UnreachableError struct {
	// Side is blue or green.
	Side string
	// Err is why the last request failed.
	Err *wire.Err
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s did not answer: %s: %s", e.Side, e.Err.Class, e.Err.Detail)
}

// A side is one service that is asked.
type side struct {
	name string
	base string
	wire *wire.Transport
}

// A look is a first look under way.
type look struct {
	sides      [2]*side
	found      *Found
	candidates []candidate
	asked      map[string]bool
	answered   [2]bool
	last       [2]*wire.Err
	// first is blue's first answer to each path that both sides answered, to find links in.
	first []answer
}

// An answer is what blue says at a path.
type answer struct {
	path string
	got  *wire.Exchange
}

// Look asks both sides for each path, and says what was found. Without paths it tries
// the well-known ones and those that blue's answers lead to; with paths it asks the
// well-known ones for identities alone. Rules:
//
//  1. A path makes a case when blue answers each sample with 2xx and a body, whatever green
//     does: a green that does not answer it is what the run has to find. Why another path
//     makes none is in Skipped.
//  2. A web page makes a case where the user named its path. It also does where nothing
//     else but health and version paths answers, unless blue sends a page for any path.
//  3. An identity is a value that all samples of a side agree on. Values that differ
//     between the sides tell two clusters apart; one with the name of a build that is
//     equal shows one release. At most one of each is chosen: that with the most telling name.
//  4. A side that gives no answer to any path is an error.
func Look(ctx context.Context, blueURL, greenURL string, paths []string) (*Found, error) {
	l := &look{sides: [2]*side{{name: "blue", base: blueURL}, {name: "green", base: greenURL}}, found: &Found{}, asked: map[string]bool{}}
	for _, s := range l.sides {
		var err error
		if s.wire, err = wire.New(wire.Config{BaseURL: s.base, Limits: wire.Limits{Body: 1 << 20}}); err != nil {
			return nil, fmt.Errorf("address of %s: %w", s.name, err)
		}
	}
	err := l.named(ctx, paths)
	if err == nil && len(paths) == 0 {
		err = l.discover(ctx)
	}
	if err != nil {
		return nil, err
	}
	for i, s := range l.sides { // Rule 4
		if !l.answered[i] && l.last[i] != nil {
			return nil, &UnreachableError{Side: s.name, Err: l.last[i]}
		}
	}
	l.found.Identity = choose(l.candidates)
	return l.found, nil
}

// named asks for the paths of the user, and for the well-known ones.
func (l *look) named(ctx context.Context, paths []string) error {
	how := asKnown
	if len(paths) > 0 {
		how = forIdentity
	}
	if err := l.askAll(ctx, paths, asNamed); err != nil {
		return err
	}
	return l.askAll(ctx, WellKnown, how)
}

// askAll asks for paths in their order.
func (l *look) askAll(ctx context.Context, paths []string, how purpose) error {
	for _, path := range paths {
		if err := l.ask(ctx, path, how); err != nil {
			return err
		}
	}
	return nil
}

// A purpose is why a path is asked for, which decides what becomes of its answers.
type purpose uint8

const (
	asNamed     purpose = iota + 1 // by the user: makes a case, also of a page
	asKnown                        // well-known: makes a case of health or version
	asFound                        // found in an answer: makes a case
	asPage                         // found in a page: makes a case, also of a page
	forIdentity                    // makes no case
)

// ask asks both sides for a path, once, and keeps what can be used.
func (l *look) ask(ctx context.Context, path string, how purpose) error {
	if l.asked[path] {
		return nil
	}
	l.asked[path] = true
	answers := [2][]*wire.Exchange{}
	for i, s := range l.sides {
		answers[i] = s.ask(ctx, path)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := answers[i][len(answers[i])-1].Err; err != nil {
			l.last[i] = err
		} else {
			l.answered[i] = true
		}
	}
	blue, green := answers[0][0], whyNot(answers[1])
	why := whyNot(answers[0]) // Rule 1
	page := why == "" && isHTML(blue)
	if why == "" {
		l.first = append(l.first, answer{path, blue})
		if page && how != asNamed && how != asPage { // Rule 2
			why = "answers with a web page"
		}
	}
	if why != "" {
		if how != forIdentity {
			// A guessed path is not worth a word unless a service has it and cannot answer.
			guessed := how == asKnown && blue.Status/100 != 5
			l.found.Skipped = append(l.found.Skipped, Skipped{Path: path, Why: ofSides(why, green), Guessed: guessed})
		}
		return nil
	}
	if green == "" && !page && isHTML(answers[1][0]) {
		green = "answers with a web page"
	}
	if green == "" && !page {
		l.candidates = append(l.candidates, identities(path, answers)...)
	}
	if how != forIdentity {
		l.found.Endpoints = append(l.found.Endpoints, Endpoint{
			Path: path, Media: media(blue), Bytes: len(blue.Answer), Green: green, Known: how == asKnown && path != "/",
		})
	}
	return nil
}

// ask sends the samples of a path, each on a fresh connection so that several pods
// get a chance to answer. It ends early where there is nothing to learn from more.
func (s *side) ask(ctx context.Context, path string) []*wire.Exchange {
	var out []*wire.Exchange
	for range samples {
		x := s.once(ctx, path)
		out = append(out, x)
		if x.Err != nil || x.Status/100 != 2 {
			break
		}
	}
	return out
}

// once asks for a path over a fresh connection.
func (s *side) once(ctx context.Context, path string) *wire.Exchange {
	return s.wire.Do(ctx, &wire.Request{
		Method: "GET", URL: strings.TrimSuffix(s.base, "/") + path, Fresh: true,
		Headers: []wire.Field{{Name: "Accept", Value: "application/json, */*;q=0.5"}},
	})
}

// whyNot says why no case can be made of what a side answers; empty: one can.
func whyNot(list []*wire.Exchange) string {
	switch x := list[len(list)-1]; {
	case x.Err != nil:
		return fmt.Sprintf("does not answer: %s: %s", x.Err.Class, x.Err.Detail)
	case x.Status/100 != 2:
		return fmt.Sprintf("answers %d", x.Status)
	case len(bytes.TrimSpace(x.Answer)) == 0:
		return "answers without a body"
	}
	return ""
}

// ofSides says why blue's answer makes no case, and of both sides where green's is alike.
func ofSides(blue, green string) string {
	if rest, ok := strings.CutPrefix(blue, "answers "); ok && blue == green {
		return "both sides answer " + rest
	}
	return "blue " + blue
}

// isHTML reports whether an answer is a page for people, as sign-in pages and
// single-page applications send for any path.
func isHTML(x *wire.Exchange) bool {
	if strings.Contains(media(x), "html") {
		return true
	}
	start := bytes.ToLower(bytes.TrimSpace(x.Answer[:min(len(x.Answer), 256)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// media is the type of an answer without parameters, in lower case.
func media(x *wire.Exchange) string {
	declared, _ := wire.Header(x.Headers, "Content-Type")
	kind, _, _ := strings.Cut(declared, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// scalars are the texts and numbers of a JSON body, by their path; none where the
// body is not JSON. Elements of lists are left out: their order is chance.
func scalars(body []byte) map[string]string {
	out := map[string]string{}
	v, err := diff.Read(body)
	if err != nil {
		return out
	}
	addScalars(out, v)
	return out
}

// addScalars adds those of one value.
func addScalars(out map[string]string, v diff.Value) {
	switch v.Type() {
	case diff.ObjectType:
		for c := range v.Children() {
			addScalars(out, c)
		}
	case diff.StringType, diff.NumberType:
		out[v.Path()] = v.Text()
	}
}
