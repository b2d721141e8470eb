// Package notify sends the verdict of a run to those who want to hear of it: Slack, and
// whatever takes a POST.
//
// In come the receivers of an env file, a [Summary] of the run without secrets, and the
// environment, which has the secrets that a request needs. Out go requests, and errors in
// which no secret is. The package decides nothing: whoever calls it has the verdict
// already, and no error changes it. All receivers together take at most [Budget].
package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// Budget is how long all receivers together may take. It is below the time that pipelines
// and clusters leave a process that they stop.
const Budget = 15 * time.Second

// Bounds of one receiver.
const (
	attempts  = 3
	firstWait = time.Second // before the second attempt, doubled before the third
	perTry    = 5 * time.Second
	mostSaid  = 5 // reasons in a summary
)

// A Summary is what receivers get: the verdict and what led to it.
type Summary struct {
	Tool string `json:"tool"`
	// Event is the verdict, or rollback.
	Event   string      `json:"event"`
	Run     string      `json:"run"`
	Folder  string      `json:"folder"`
	Verdict run.Verdict `json:"verdict"`
	// Reasons are the first of those why the verdict is no pass.
	Reasons   []string   `json:"reasons"`
	Suites    []string   `json:"suites"`
	Blue      string     `json:"blue"`
	Green     string     `json:"green"`
	Counts    run.Counts `json:"counts"`
	Causes    int        `json:"causes"`
	Started   time.Time  `json:"started"`
	ElapsedMS float64    `json:"elapsed_ms"`
	Digest    string     `json:"digest,omitempty"`
	// Link is where the report is read; empty: that is not known.
	Link string `json:"link,omitempty"`
}

// Of summarises a run.
func Of(r *run.Run, folder, digest string) Summary {
	s := Summary{
		Tool: "bgverify", Event: r.End.Verdict.String(), Run: r.Header.ID, Folder: folder, Verdict: r.End.Verdict,
		Reasons: slices.Clone(r.End.Reasons), Blue: r.Header.Sides.Blue.URL, Green: r.Header.Sides.Green.URL, Counts: r.End.Counts,
		Causes: len(r.End.Causes), Started: r.Header.Started, ElapsedMS: r.End.ElapsedMS, Digest: digest,
	}
	s.Reasons = s.Reasons[:min(mostSaid, len(s.Reasons))]
	for _, suite := range r.Header.Suites {
		s.Suites = append(s.Suites, suite.Name)
	}
	return s
}

// A Sender sends summaries.
type Sender struct {
	// Getenv has the secrets that receivers name.
	Getenv func(name string) (string, bool)
	// Redact removes secrets from a JSON document before it is sent.
	Redact func([]byte) []byte
	// Wait waits, or ends early with ctx; nil: as long as it says.
	Wait func(ctx context.Context, d time.Duration)
}

// Secrets are the values of the environment that the requests of receivers carry.
func Secrets(to []stage.Notify, getenv func(string) (string, bool)) []string {
	var out []string
	for _, n := range to {
		for _, name := range []string{n.WebhookEnv, n.SlackEnv, n.TokenEnv} {
			if value, ok := getenv(name); name != "" && ok {
				out = append(out, value)
			}
		}
	}
	return out
}

// Send tells everybody who wants to hear of the summary's event, at the same time, and
// returns what went wrong, one error a receiver. A receiver that is not reached is asked
// three times.
func (s Sender) Send(ctx context.Context, to []stage.Notify, sum Summary) []error {
	ctx, cancel := context.WithTimeout(ctx, Budget)
	defer cancel()
	client := &http.Client{
		Timeout: perTry,
		// A redirect could carry the token to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	}
	failures := make([]error, len(to))
	var group sync.WaitGroup
	for i := range to {
		if slices.Contains(to[i].On, sum.Event) {
			group.Go(func() { failures[i] = s.tell(ctx, client, &to[i], sum) })
		}
	}
	group.Wait()
	return slices.DeleteFunc(failures, func(err error) bool { return err == nil })
}

// tell sends a summary to one receiver.
func (s Sender) tell(ctx context.Context, client *http.Client, n *stage.Notify, sum Summary) error {
	to, token, err := s.address(n)
	if err == nil {
		sum.Link = link(n, sum)
		var body []byte
		if body, err = bodyOf(n, sum); err == nil {
			err = s.post(ctx, client, to, token, s.Redact(body))
		}
	}
	if err != nil {
		return fmt.Errorf("notify (%s): %w", n.Pos, err)
	}
	return nil
}

// address is where a receiver is, and the token that it wants.
func (s Sender) address(n *stage.Notify) (to *url.URL, token string, err error) {
	raw := n.Webhook
	for _, name := range []string{n.WebhookEnv, n.SlackEnv} {
		if name == "" {
			continue
		}
		var ok bool
		if raw, ok = s.Getenv(name); !ok {
			return nil, "", fmt.Errorf("the environment variable %s is not set", name)
		}
	}
	to, err = url.Parse(strings.TrimSpace(raw))
	if err != nil || to.Host == "" || to.Scheme != "https" && to.Scheme != "http" {
		return nil, "", errors.New("the URL is not one of http or https") // it may be a secret
	}
	if n.TokenEnv == "" {
		return to, "", nil
	}
	token, ok := s.Getenv(n.TokenEnv)
	if !ok {
		return nil, "", fmt.Errorf("the environment variable %s is not set", n.TokenEnv)
	}
	if to.Scheme != "https" && to.Hostname() != "127.0.0.1" {
		return nil, "", errors.New("a token is not sent over http")
	}
	return to, token, nil
}

// link is where the report of a run is read.
func link(n *stage.Notify, sum Summary) string {
	if n.Link == nil {
		return ""
	}
	return stage.FillNotify(n.Link, func(name string) string {
		if name == "folder" {
			return url.PathEscape(sum.Folder)
		}
		return url.PathEscape(sum.Run)
	})
}

// bodyOf is what a receiver gets.
func bodyOf(n *stage.Notify, sum Summary) ([]byte, error) {
	switch {
	case n.SlackEnv != "":
		return json.Marshal(map[string]string{"text": slackText(sum)})
	case n.Body == nil:
		return json.Marshal(sum)
	}
	values := map[string]string{
		"verdict": sum.Verdict.String(), "event": sum.Event, "run": sum.Run, "suites": strings.Join(sum.Suites, ", "),
		"reasons": strings.Join(sum.Reasons, "; "), "link": sum.Link, "blue": sum.Blue, "green": sum.Green, "digest": sum.Digest,
	}
	body := []byte(stage.FillNotify(n.Body, func(name string) string {
		quoted, err := json.Marshal(values[name])
		if err != nil {
			return ""
		}
		return string(quoted[1 : len(quoted)-1]) // it is inside quotes already
	}))
	if !json.Valid(body) {
		return nil, errors.New("body is not JSON once it is filled in")
	}
	return body, nil
}

// slackText is a message in Slack's form, where & < > are escaped and a link is <URL|text>.
func slackText(sum Summary) string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	lines := []string{fmt.Sprintf("*bgverify: %s* %s (%s)", sum.Event, escape(strings.Join(sum.Suites, ", ")), escape(sum.Run))}
	for _, reason := range sum.Reasons {
		lines = append(lines, "• "+escape(text.Visible(text.Cut(reason, 300))))
	}
	if sum.Link != "" {
		lines = append(lines, "<"+escape(sum.Link)+"|report>")
	}
	return strings.Join(lines, "\n")
}

// post sends a document until it is taken, or will not be.
func (s Sender) post(ctx context.Context, client *http.Client, to *url.URL, token string, body []byte) error {
	wait := s.Wait
	if wait == nil {
		wait = sleep
	}
	var err error
	for try := range attempts {
		if try > 0 {
			wait(ctx, firstWait<<(try-1))
		}
		if ctx.Err() != nil {
			return errors.Join(err, errors.New("no time is left"))
		}
		var again bool
		if again, err = once(ctx, client, to, token, body); !again {
			return err
		}
	}
	return fmt.Errorf("%w (%d attempts)", err, attempts)
}

// once sends a document once; again: it may help to repeat it.
func once(ctx context.Context, client *http.Client, to *url.URL, token string, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return false, errors.New("the URL cannot be asked")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "bgverify")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the URL, which may be a secret
		}
		return true, fmt.Errorf("%s: %w", to.Host, err)
	}
	defer res.Body.Close()                                      //nolint:errcheck // only read
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4<<10)) // what it says may repeat the token
	if res.StatusCode/100 == 2 {
		return false, nil
	}
	again = res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests
	return again, fmt.Errorf("%s answered %d", to.Host, res.StatusCode)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
