package stage

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A Notify is one receiver of verdicts. Exactly one of Webhook, WebhookEnv and SlackEnv is
// set; the latter two name environment variables with the URL.
type Notify struct {
	Pos                           problem.Pos
	Webhook, WebhookEnv, SlackEnv string
	// On are words of verdicts, and rollback.
	On []string
	// Body is JSON with placeholders; nil: the summary. Link is where the report is read;
	// nil: that is not known.
	Body, Link *template.Template
	// TokenEnv names the environment variable with a bearer token; empty: none is sent.
	TokenEnv string
}

// notifyOn is what is reported where a receiver does not say.
var notifyOn = []string{"fail", "broken", "inconclusive", "rollback"}

// notifyWords are what may be reported.
var notifyWords = []string{"pass", "inconclusive", "broken", "fail", "interrupted", "rollback"}

// Placeholders of body and of link.
var (
	bodyNames = []string{"verdict", "run", "suites", "reasons", "link", "blue", "green", "event", "digest"}
	linkNames = []string{"run", "folder"}
)

// FillNotify puts a text in the place of each placeholder of a body or a link.
func FillNotify(t *template.Template, value func(name string) string) string {
	var b strings.Builder
	for i := range t.Parts {
		p := &t.Parts[i]
		b.WriteString(p.Literal)
		if p.Name != "" {
			b.WriteString(value(p.Name))
		}
	}
	return b.String()
}

// ReadNotify reads who hears of verdicts. Its rules:
//
//  1. A receiver has exactly one URL, or one variable with it.
//  2. A body is JSON once its placeholders are filled in, whatever they hold.
//  3. A token is not sent over http, except on this machine, and never to Slack.
func ReadNotify(o *keys.Mapping, host Host) []Notify {
	var out []Notify
	o.EachElement("notify", func(_ int, n *yaml.Node) {
		x := o.Reader.Object(n, "notify", "")
		if x.Node.Kind != yaml.MappingNode {
			return
		}
		v := Notify{Pos: x.Reader.Pos(x.Node), On: slices.Clone(notifyOn)}
		if x.Has("on") {
			v.On = nil
		}
		x.Bind(&v)
		x.RefuseEmpty("on", "name at least one verdict")
		for _, word := range v.On {
			if !slices.Contains(notifyWords, word) {
				x.Fail(x.At("on"), "known: "+strings.Join(notifyWords, ", "), "on: unknown verdict %q", problem.Cut(word, 40))
			}
		}
		checkNotify(x, &v, host)
		out = append(out, v)
	})
	return out
}

func checkNotify(x *keys.Mapping, v *Notify, host Host) {
	if x.Broken {
		return
	}
	given := 0
	for _, s := range []string{v.Webhook, v.WebhookEnv, v.SlackEnv} {
		if s != "" {
			given++
		}
	}
	if given != 1 { // Rule 1
		x.Fail(x.Node, "write one of webhook, webhook_env and slack_env", "a receiver needs exactly one URL, this one has %d", given)
	}
	if msg, hint := host.BadURL(v.Webhook); v.Webhook != "" && msg != "" {
		x.Fail(x.At("webhook"), hint, "webhook: %s", msg)
	}
	if v.SlackEnv != "" && (v.Body != nil || v.TokenEnv != "") { // Rule 3
		x.Fail(x.At("slack_env"), "use webhook_env for another form", "slack_env takes neither body nor token_env")
	}
	if u, err := url.Parse(v.Webhook); err == nil && u.Scheme == "http" && v.TokenEnv != "" && u.Hostname() != "127.0.0.1" { // Rule 3
		x.Fail(x.At("token_env"), "use https", "the token would be readable on its way")
	}
	checkPlaceholders(x, "body", v.Body, bodyNames)
	checkPlaceholders(x, "link", v.Link, linkNames)
	if v.Body == nil || x.Broken {
		return
	}
	// Rule 2: outside quotes a text would break the document, so two are tried.
	if !json.Valid([]byte(FillNotify(v.Body, func(string) string { return "x" }))) ||
		!json.Valid([]byte(FillNotify(v.Body, func(string) string { return "1 x" }))) {
		x.Fail(x.At("body"), `write body: '{"text": "{{verdict}}"}'`, "body is not JSON, or a placeholder is not inside quotes")
	}
}

func checkPlaceholders(x *keys.Mapping, key string, t *template.Template, known []string) {
	if t == nil {
		return
	}
	for i := range t.Parts {
		p := &t.Parts[i]
		switch {
		case p.Name != "" && !slices.Contains(known, p.Name):
			x.Fail(x.At(key), "known: "+strings.Join(known, ", "), "%s: unknown placeholder {{%s}}", key, problem.Cut(p.Name, 40))
		case len(p.Filters) > 0 || len(p.Args) > 0:
			x.Fail(x.At(key), "", "%s: placeholders take no filters here", key)
		}
	}
}
