package runner

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/random"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// An outgoing request is ready for one side.
type outgoing struct {
	// to is the service that is asked.
	to *services.Service
	// request is what is sent; a signer completes it.
	request *wire.Request
	// traceID is empty with trace off.
	traceID string
	// signer is nil where the request is complete.
	signer signer
	// answered looks at an answer and says whether it only asks for another
	// signature; nil: it never does.
	answered func(*wire.Exchange) (again bool)
}

// addedHeaders are what a request carries beyond what its suite says; trace off
// removes the first two.
var addedHeaders = []string{"traceparent", "X-Bgverify-Run", "User-Agent"}

// compose renders a step for a lane on one side.
//
//  1. The path is joined to the step's service of that side; an absolute URL
//     must have the origin of one of its services. A crossing lane moves a URL
//     of the other side to its own.
//  2. The step's fields win over the service's, and those over the side's.
//  3. A cookie of the step wins over the jar's of the same name.
//  4. Authentication is added unless the step writes its header itself.
func (w *walk) compose(ctx context.Context, step *scenarios.Step, sc *scope) (*outgoing, error) {
	rendered, err := step.Render(sc)
	if err != nil {
		return nil, err
	}
	// Rule 1
	to, target, err := w.target(step.Service, rendered.URL, sc)
	if err != nil {
		return nil, err
	}
	out := &outgoing{to: to, request: &wire.Request{
		Method: rendered.Method, URL: target, Body: rendered.Body, Timeout: step.Timeout,
		Resend: step.SideEffects == scenarios.NoEffects,
	}}
	if err := out.addDeclared(sc, func(name string) bool { return named(rendered.Headers, name) }); err != nil { // Rule 2
		return nil, err
	}
	for _, f := range rendered.Headers {
		out.add(f.Name, f.Value)
	}
	if rendered.ContentType != "" && !out.has("Content-Type") {
		out.add("Content-Type", rendered.ContentType)
	}
	// Rule 3
	if cookie := mergeCookies(rendered.Cookies, sc.lane.jar.Header(to.Logical(target))); cookie != "" && !out.has("Cookie") {
		out.add("Cookie", cookie)
	}
	// Rule 4
	auth := step.Auth
	if auth == nil {
		auth = to.Auth
	}
	if err := w.authorize(ctx, out, auth, step, sc); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	w.mark(out, step, sc)
	return out, nil
}

// target finds the service that a rendered URL leads to, and the absolute URL.
func (w *walk) target(name, rendered string, sc *scope) (*services.Service, string, error) {
	if sc.loose != nil && (strings.HasPrefix(rendered, "{{") ||
		strings.HasPrefix(rendered, "%7B%7B")) { // an address that an answer will give
		return &services.Service{Side: sc.side, Name: name, Base: &url.URL{}}, rendered, nil
	}
	// A path belongs to the service that the step names; an absolute URL, such as an answer gives,
	// to the service whose origin it has. Any other origin is refused: the request would leave the
	// two sides that are compared.
	own, other := pick(sc.side, w.suite.blue, w.suite.green), pick(sc.side, w.suite.green, w.suite.blue)
	if !strings.Contains(rendered, "://") || strings.HasPrefix(rendered, "/") || strings.HasPrefix(rendered, "?") {
		to := own.Find(name)
		if to == nil && name == "" {
			return nil, "", fmt.Errorf("%s has no url", sc.side)
		} else if to == nil {
			return nil, "", fmt.Errorf("%s has no service %q", sc.side, name)
		}
		return to, services.Join(to.Base, rendered), nil
	}
	u, err := url.Parse(rendered)
	if err != nil {
		return nil, "", err
	}
	if to := own.At(u); to != nil {
		return to, rendered, nil
	}
	if sc.lane.kind.crossing() {
		if from := other.At(u); from != nil {
			if to := own.Find(from.Name); to != nil {
				return to, services.Moved(rendered, from, to), nil
			}
		}
	}
	hint := ""
	if other.At(u) != nil {
		hint = fmt.Sprintf(", it is %s's", pick(sc.side, scenarios.Green, scenarios.Blue))
	}
	return nil, "", fmt.Errorf("%s is not an address of %s's services%s: nothing was sent", services.Origin(u), sc.side, hint)
}

// mark adds the headers that name the run and the trace.
func (w *walk) mark(out *outgoing, step *scenarios.Step, sc *scope) {
	run := w.suite.run
	if !out.has("User-Agent") {
		out.add("User-Agent", strings.TrimSuffix(run.plan.Tool.Name+"/"+run.plan.Tool.Version, "/"))
	}
	if !step.Trace {
		return
	}
	if !out.has("traceparent") {
		header, id := random.Traceparent(run.plan.Options.Seed, w.id, sc.step, sc.lane.kind.String())
		out.add("traceparent", header)
		out.traceID = id
	}
	if !out.has("X-Bgverify-Run") && run.plan.ID != "" {
		out.add("X-Bgverify-Run", run.plan.ID)
	}
}

// add adds a header field after those that are there.
func (o *outgoing) add(name, value string) {
	o.request.Headers = append(o.request.Headers, wire.Field{Name: name, Value: value})
}

// addDeclared adds the fields that files declare for the service, but those that the request
// itself writes.
func (o *outgoing) addDeclared(sc *scope, written func(name string) bool) error {
	for _, f := range o.to.Headers {
		if written(f.Name) {
			continue
		}
		value, err := sc.expand(f.Value)
		if err != nil {
			return err
		}
		o.add(f.Name, value)
	}
	return nil
}

// has reports whether a field of this name is there, in any spelling.
func (o *outgoing) has(name string) bool {
	return slices.ContainsFunc(o.request.Headers, func(f wire.Field) bool { return strings.EqualFold(f.Name, name) })
}

// named is outgoing.has for the fields of a rendered step.
func named(fields []scenarios.Named, name string) bool {
	return slices.ContainsFunc(fields, func(f scenarios.Named) bool { return strings.EqualFold(f.Name, name) })
}

// mergeCookies puts the step's cookies before the jar's; a name of the step
// hides the jar's. Names of cookies are case-sensitive.
func mergeCookies(own []scenarios.Named, jar string) string {
	var parts []string
	for _, c := range own {
		parts = append(parts, c.Name+"="+c.Value)
	}
	for p := range strings.SplitSeq(jar, "; ") {
		name, _, _ := strings.Cut(p, "=")
		if p != "" && !slices.ContainsFunc(own, func(c scenarios.Named) bool { return c.Name == name }) {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, "; ")
}

// authorize adds what auth asks for. Every credential is made known to the sink
// before it leaves.
func (w *walk) authorize(ctx context.Context, out *outgoing, auth *scenarios.Auth, step *scenarios.Step, sc *scope) error {
	if auth == nil || auth.Kind == scenarios.AuthNone {
		return nil
	}
	// These two have their own header, which the step may not have written.
	switch auth.Kind {
	case scenarios.AuthAPIKey:
		return w.apiKey(out, auth, sc)
	case scenarios.AuthHMAC:
		return w.signByHMAC(out, auth.HMAC, sc)
	}
	if out.has("Authorization") { // Rule 4
		return nil
	}
	var value string
	var err error
	switch auth.Kind {
	case scenarios.AuthDigest:
		return w.signByDigest(out, auth, step, sc)
	case scenarios.AuthAWS:
		return w.signByAWS(out, auth.AWS, sc)
	case scenarios.AuthBasic:
		var user, password string
		err = w.credentials(sc, []credential{{&user, auth.User, ""}, {&password, auth.Password, "password"}})
		value = basic(user, password)
	case scenarios.AuthBearer:
		value, err = w.secret(sc, "token", auth.Token)
		value = "Bearer " + value
	case scenarios.AuthOAuth2Client, scenarios.AuthOAuth2Password:
		value, err = w.oauth(ctx, out.to, auth, sc)
	default:
		err = fmt.Errorf("%s: kind %s is not known", auth.Pos, auth.Kind)
	}
	if err == nil {
		out.add("Authorization", value)
	}
	return err
}

// apiKey puts a key into a header or the query, whichever the file names. A header that the
// step writes itself is left alone.
func (w *walk) apiKey(out *outgoing, auth *scenarios.Auth, sc *scope) error {
	value, err := w.secret(sc, auth.Name, auth.Value)
	if err != nil {
		return err
	}
	if auth.In != "query" {
		if !out.has(auth.Name) {
			out.add(auth.Name, value)
		}
		return nil
	}
	// The key is escaped here; the rest of the query is sent as the file writes it.
	sep := "?"
	if strings.Contains(out.request.URL, "?") {
		sep = "&"
	}
	out.request.URL += sep + url.QueryEscape(auth.Name) + "=" + url.QueryEscape(value)
	return nil
}

// secret expands a credential and makes it unreadable in everything written.
func (w *walk) secret(sc *scope, name string, t *scenarios.Template) (string, error) {
	value, err := sc.expand(t)
	if err == nil && value != "" && !strings.HasPrefix(value, "{{") {
		w.tellSecret(name, value)
	}
	return value, err
}

// tellSecret makes a value unreadable in everything written from now on. A walk
// under load, of which there are many, only does so when something of it is kept.
func (w *walk) tellSecret(name, value string) {
	if w.loaded != nil {
		w.loaded.addSecret(name, value)
		return
	}
	w.suite.run.secret(name, value)
}

// A credential is a value that an auth is made of, and where it goes.
type credential struct {
	into   *string
	from   *scenarios.Template // nil: not given
	secret string              // the name under which the archive hides it; empty: it is no secret
}

// credentials expands what an auth is made of.
func (w *walk) credentials(sc *scope, list []credential) error {
	for _, c := range list {
		var err error
		if c.secret != "" {
			*c.into, err = w.secret(sc, c.secret, c.from)
		} else {
			*c.into, err = sc.expand(c.from)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// basic is the Authorization value of HTTP Basic; empty without a user.
func basic(user, password string) string {
	if user == "" && password == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
