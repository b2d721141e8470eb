package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/stage"
	"github.com/bgverify/bgverify/scenarios/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tmpl(t *testing.T, text string) *template.Template {
	t.Helper()
	out, errs := template.Parse(text, problem.Pos{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return out
}

func summary(v run.Verdict) Summary {
	r := &run.Run{
		Header: run.Header{ID: "7f3a", Suites: []run.SuiteHead{{Name: "stb"}}},
		End:    run.End{Verdict: v, Reasons: []string{`10 <cases> "differ"`, "b", "c", "d", "e", "f"}},
	}
	return Of(r, "2026-11-23-stb-7f3a", "sha256:9c")
}

// A hook is a receiver that answers with a list of statuses, the last one for good.
type hook struct {
	url      string
	mu       sync.Mutex
	statuses []int
	bodies   []string
	tokens   []string
}

func newHook(t *testing.T, statuses ...int) *hook {
	h := &hook{statuses: statuses}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies, h.tokens = append(h.bodies, string(body)), append(h.tokens, r.Header.Get("Authorization"))
		status := h.statuses[min(len(h.bodies), len(h.statuses))-1]
		if status == 302 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

func sender(env map[string]string) Sender {
	return Sender{
		Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Redact: func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "hunter2", "<secret>")) },
		Wait:   func(context.Context, time.Duration) {},
	}
}

// What each receiver gets: the summary, a body of one's own, Slack's form; without secrets.
func TestForms(t *testing.T) {
	h := newHook(t, 200)
	s := sender(map[string]string{"SLACK": h.url + "/T0/secret", "TOKEN": "tok", "HOOK": h.url})
	sum := summary(run.Fail)
	sum.Reasons[1] = "the password is hunter2"
	link := tmpl(t, "https://x.example/{{folder}}/report.html")
	for _, row := range []struct {
		name   string
		to     stage.Notify
		want   []string
		absent string
	}{
		{"summary", stage.Notify{Webhook: h.url, Link: link, TokenEnv: "TOKEN"}, []string{`"verdict":"fail"`, `"run":"7f3a"`, `"link":"https://x.example/2026-11-23-stb-7f3a/report.html"`, "<secret>"}, `"f"`},
		{"body", stage.Notify{WebhookEnv: "HOOK", Body: tmpl(t, `{"text": "green: {{verdict}}, {{reasons}}"}`)}, []string{`{"text": "green: fail, 10 \u003ccases\u003e \"differ\"; `}, "7f3a"},
		{"slack", stage.Notify{SlackEnv: "SLACK", Link: link}, []string{`*bgverify: fail* stb (7f3a)`, `amp;lt;`, "|report"}, ""},
	} {
		row.to.On = []string{"fail"}
		if errs := s.Send(t.Context(), []stage.Notify{row.to}, sum); len(errs) > 0 {
			t.Fatalf("%s: %v", row.name, errs)
		}
		got := h.bodies[len(h.bodies)-1]
		if !json.Valid([]byte(got)) {
			t.Errorf("%s: not JSON: %s", row.name, got)
		}
		got = strings.NewReplacer(`\u0026`, "amp;", `\u003csecret`, "<secret", `\u003c`, `\u003c`).Replace(got)
		for _, want := range row.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %s, want %s", row.name, got, want)
			}
		}
		if strings.Contains(got, "hunter2") || row.absent != "" && strings.Contains(got, row.absent) {
			t.Errorf("%s: got %s, which must not have %s", row.name, got, row.absent)
		}
	}
	if h.tokens[0] != "Bearer tok" || h.tokens[1] != "" {
		t.Errorf("tokens %q", h.tokens)
	}
}

// Receivers hear of what they asked for; failures are repeated where that may help, and
// are reported without the URL's secret.
func TestDelivery(t *testing.T) {
	for _, row := range []struct {
		name     string
		statuses []int
		on       string
		asked    int
		fails    string
	}{
		{"not asked for", []int{200}, "pass", 0, ""},
		{"taken", []int{204}, "fail", 1, ""},
		{"taken at the third attempt", []int{500, 429, 200}, "fail", 3, ""},
		{"never taken", []int{503}, "fail", 3, "answered 503 (3 attempts)"},
		{"refused", []int{404}, "fail", 1, "answered 404"},
		{"redirected", []int{302}, "fail", 1, "answered 302"},
	} {
		h := newHook(t, row.statuses...)
		s := sender(map[string]string{"HOOK": h.url + "/T0/sesame"})
		errs := s.Send(t.Context(), []stage.Notify{{WebhookEnv: "HOOK", On: []string{row.on}}}, summary(run.Fail))
		text := fmt.Sprint(errs)
		if len(h.bodies) != row.asked || (len(errs) > 0) != (row.fails != "") || !strings.Contains(text, row.fails) || strings.Contains(text, "sesame") {
			t.Errorf("%s: %d requests, %v; want %d and %q", row.name, len(h.bodies), errs, row.asked, row.fails)
		}
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	s := sender(map[string]string{"HOOK": gone.URL + "/sesame", "BAD": "sesame", "TOKEN": "t"})
	errs := s.Send(t.Context(), []stage.Notify{
		{WebhookEnv: "HOOK", On: []string{"fail"}},
		{WebhookEnv: "UNSET", On: []string{"fail"}},
		{SlackEnv: "BAD", On: []string{"fail"}},
		{Webhook: "http://hooks.invalid", TokenEnv: "TOKEN", On: []string{"fail"}},
	}, summary(run.Fail))
	if text := fmt.Sprint(errs); len(errs) != 4 || strings.Contains(text, "sesame") || !strings.Contains(text, "UNSET is not set") {
		t.Errorf("got %v", errs)
	}
	if got := Secrets([]stage.Notify{{WebhookEnv: "HOOK", TokenEnv: "TOKEN"}, {SlackEnv: "UNSET"}}, s.Getenv); !slices.Equal(got, []string{gone.URL + "/sesame", "t"}) {
		t.Errorf("secrets %q", got)
	}
}

// A receiver that never answers costs the budget and no more.
func TestNeverBlocks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client is gone
		cancel()                           // stands for the end of the budget
		<-r.Context().Done()
	}))
	defer h.Close()
	if errs := sender(nil).Send(ctx, []stage.Notify{{Webhook: h.URL, On: []string{"fail"}}}, summary(run.Fail)); len(errs) != 1 {
		t.Errorf("got %v, want one error", errs)
	}
}
