// Package scout takes a first look at two services that nobody has described yet.
// In come the addresses of blue and green and a few paths; out comes what a first
// suite can be made of: which of the paths both sides answer as an API does, and
// what each side says it is. It sends GET requests alone, a few for each path, and
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
}

// Skipped is a path that no case is made of.
type Skipped struct{ Path, Why string }

// Found is what both services are.
type Found struct {
	Identity  []Identity
	Endpoints []Endpoint
	Skipped   []Skipped
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

// Look asks both sides for each path, and says what was found. Without paths it tries
// the well-known ones; with paths it asks those too, but for identities alone. Rules:
//
//  1. A path makes a case when both sides answer each sample with 2xx and a body
//     that is not HTML; why another one does not is in Skipped.
//  2. An identity is a value that all samples of a side agree on. Values that differ
//     between the sides tell two clusters apart; one with the name of a build that is
//     equal shows one release. At most one of each is chosen: that with the most telling name.
//  3. A side that gives no answer to any path is an error.
func Look(ctx context.Context, blueURL, greenURL string, paths []string) (*Found, error) {
	sides := [2]*side{{name: "blue", base: blueURL}, {name: "green", base: greenURL}}
	for _, s := range sides {
		var err error
		if s.wire, err = wire.New(wire.Config{BaseURL: s.base, Limits: wire.Limits{Body: 1 << 20}}); err != nil {
			return nil, fmt.Errorf("address of %s: %w", s.name, err)
		}
	}
	found := &Found{}
	var candidates []candidate
	answered := [2]bool{}
	var last [2]*wire.Err
	ask := slices.Clone(WellKnown)
	if len(paths) > 0 {
		ask = append(slices.Clone(paths), slices.DeleteFunc(ask, func(p string) bool { return slices.Contains(paths, p) })...)
	}
	for i, path := range ask {
		named := len(paths) == 0 || i < len(paths)
		answers := [2][]*wire.Exchange{}
		for i, s := range sides {
			answers[i] = s.ask(ctx, path)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err := answers[i][len(answers[i])-1].Err; err != nil {
				last[i] = err
			} else {
				answered[i] = true
			}
		}
		if why := whyNot(answers); why != "" { // Rule 1
			if named {
				found.Skipped = append(found.Skipped, Skipped{path, why})
			}
			continue
		}
		if blue := answers[0][0]; named {
			found.Endpoints = append(found.Endpoints, Endpoint{Path: path, Media: media(blue), Bytes: len(blue.Answer)})
		}
		candidates = append(candidates, identities(path, answers)...)
	}
	for i, s := range sides { // Rule 3
		if !answered[i] && last[i] != nil {
			return nil, &UnreachableError{Side: s.name, Err: last[i]}
		}
	}
	found.Identity = choose(candidates)
	return found, nil
}

// ask sends the samples of a path, each on a fresh connection so that several pods
// get a chance to answer. It ends early where there is nothing to learn from more.
func (s *side) ask(ctx context.Context, path string) []*wire.Exchange {
	var out []*wire.Exchange
	for range samples {
		x := s.wire.Do(ctx, &wire.Request{
			Method: "GET", URL: strings.TrimSuffix(s.base, "/") + path, Fresh: true,
			Headers: []wire.Field{{Name: "Accept", Value: "application/json, */*;q=0.5"}},
		})
		out = append(out, x)
		if x.Err != nil || x.Status/100 != 2 {
			break
		}
	}
	return out
}

// whyNot says why no case can be made of the answers of both sides; empty: it can.
func whyNot(answers [2][]*wire.Exchange) string {
	for i, list := range answers {
		name := [2]string{"blue", "green"}[i]
		x := list[len(list)-1]
		switch {
		case x.Err != nil:
			return fmt.Sprintf("%s: %s: %s", name, x.Err.Class, x.Err.Detail)
		case x.Status/100 != 2:
			return fmt.Sprintf("%s answers %d", name, x.Status)
		case len(bytes.TrimSpace(x.Answer)) == 0:
			return name + " answers without a body"
		case isHTML(x):
			return name + " answers with a web page"
		}
	}
	return ""
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
	kind, _, _ := strings.Cut(header(x, "Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// header is the first value of a header field; empty: there is none.
func header(x *wire.Exchange, name string) string {
	for _, f := range x.Headers {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// scalars are the texts and numbers of a JSON body, by their path; none where the
// body is not JSON. Elements of lists are left out: their order is chance.
func scalars(body []byte) map[string]string {
	out := map[string]string{}
	v, err := diff.Read(body)
	if err != nil {
		return out
	}
	var walk func(v diff.Value)
	walk = func(v diff.Value) {
		switch v.Type() {
		case diff.ObjectType:
			for c := range v.Children() {
				walk(c)
			}
		case diff.StringType, diff.NumberType:
			out[v.Path()] = v.Text()
		}
	}
	walk(v)
	return out
}
