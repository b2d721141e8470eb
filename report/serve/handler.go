package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive/history"
)

// Handler answers all requests.
//
// A path that is not clean is refused before anything looks at it: cleaning would send the
// caller of /v1/gate/../.. on to the history page, which a client that follows redirects
// takes for a pass.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/runs", s.postRun)
	mux.HandleFunc("GET /v1/runs/{id}", s.getRun)
	mux.HandleFunc("GET /v1/gate/{id}", s.getGate)
	mux.HandleFunc("POST /flagger/run", s.flaggerRun)
	mux.HandleFunc("POST /flagger/gate", s.flaggerGate)
	mux.HandleFunc("POST /flagger/rollback", s.flaggerRollback)
	mux.HandleFunc("GET /metrics", s.getMetrics)
	mux.HandleFunc("GET /{path...}", s.getPage)
	guarded := s.authorized(http.NewCrossOriginProtection().Handler(mux))
	// Headers are set before anything else, so that refusals have them too. /healthz needs no
	// token: it says nothing but that the server runs. All other paths are checked for what a
	// proxy and this server might read differently.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Content-Security-Policy", closed)
		switch {
		case r.URL.Path == "/healthz" && r.Method == http.MethodGet:
			fmt.Fprintln(w, "ok")
		case !cleanPath(r.URL):
			refuse(w, http.StatusBadRequest, errors.New("the path is not clean"))
		default:
			guarded.ServeHTTP(w, r)
		}
	})
}

// cleanPath reports whether a path has no empty, dot or escaped segment.
func cleanPath(u *url.URL) bool {
	// RawPath is set where a path is escaped in an unusual way, such as %2F for a slash.
	if u.RawPath != "" || !strings.HasPrefix(u.Path, "/") {
		return false
	}
	return u.Path == "/" || path.Clean(u.Path) == strings.TrimSuffix(u.Path, "/")
}

// A mistake is what a caller did wrong, as JSON.
type mistake struct {
	Errors []string `json:"errors"`
}

// refuse answers with an error, which has a line a mistake. A hint follows its mistake.
func refuse(w http.ResponseWriter, status int, err error) {
	var m mistake
	for _, e := range each(err) {
		line := text.Visible(e.Error())
		var with *hint.Error
		if errors.As(e, &with) && with.Hint != "" {
			line += " (" + text.Visible(with.Hint) + ")"
		}
		m.Errors = append(m.Errors, line)
	}
	writeJSON(w, status, m)
}

// each are the errors that were joined into one.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range joined.Unwrap() {
			out = append(out, each(e)...)
		}
		return out
	}
	return []error{err}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	doc, err := json.Marshal(v)
	if err != nil { // our own types: cannot happen, and must not look like a pass
		http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(text.JSON(doc), '\n')) // a caller that is gone needs no answer
}

// isJSON refuses bodies of another type: what a page of another site may send without
// asking is never JSON.
func isJSON(w http.ResponseWriter, r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return true
	}
	refuse(w, http.StatusUnsupportedMediaType, errors.New("the Content-Type is not application/json"))
	return false
}

// postRun takes an order.
func (s *Server) postRun(w http.ResponseWriter, r *http.Request) {
	if !isJSON(w, r) {
		return
	}
	var o Order
	if err := readJSON(r, &o, true); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	o, err := s.menu.complete(o)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if err := s.accept(o); err != nil {
		refuse(w, refusal(err), err)
		return
	}
	w.Header().Set("Location", "/v1/runs/"+o.ID)
	writeJSON(w, http.StatusAccepted, s.gate(o.ID, Ask{}))
}

// refusal is the status for an order that was not accepted.
func refusal(err error) int {
	switch {
	case errors.Is(err, errConflict):
		return http.StatusConflict
	case errors.Is(err, errFull):
		return http.StatusTooManyRequests
	case errors.Is(err, errClosing):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// A description is what is known of a run, next to the answer of its gate.
type description struct {
	Answer
	Suites     []string  `json:"suites"`
	Env        string    `json:"env,omitempty"`
	Tag        string    `json:"tag,omitempty"`
	GreenBuild string    `json:"green_build,omitempty"`
	Asked      time.Time `json:"asked"`
	Began      time.Time `json:"began,omitzero"`
	Ended      time.Time `json:"ended,omitzero"`
	// Exit is the exit status of bgverify run; absent until the run has ended.
	Exit *int `json:"exit,omitempty"`
	// Report is where the report is read.
	Report string `json:"report,omitempty"`
	// Log is the beginning of what the run wrote to standard error.
	Log []string `json:"log,omitempty"`
}

// getRun describes a run. It has status 200 for every run that was ordered: it is not a
// gate.
func (s *Server) getRun(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	// The order may be waiting, or be over and in its record; the state comes from the archive in
	// both cases.
	answer := s.gate(id, Ask{})
	rec, _ := s.queue.place(id)
	if rec == nil && history.ValidID(id) {
		var err error
		if rec, err = s.records.read(id); err != nil {
			refuse(w, http.StatusInternalServerError, err)
			return
		}
	}
	if rec == nil {
		writeJSON(w, Unknown.HTTPStatus(), answer)
		return
	}
	o := rec.Order
	d := description{
		Answer: answer, Suites: o.Suites, Env: o.Env, Tag: o.Tag, GreenBuild: o.GreenBuild,
		Asked: rec.Asked, Began: rec.Began, Ended: rec.Ended, Log: lines(rec.Log),
	}
	if !rec.Ended.IsZero() {
		d.Exit = &rec.Status
	}
	if answer.Folder != "" {
		d.Report = "/" + answer.Folder + "/report.html"
	}
	writeJSON(w, http.StatusOK, d)
}

// getGate answers a gate: with the status of the state, or with style=state always with
// 200 and the state as JSON.
func (s *Server) getGate(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("read the query: %w", err))
		return
	}
	style := ""
	given := map[string]string{}
	// A name that is given twice would be read one way here and another way by a proxy.
	for name, values := range query {
		if len(values) != 1 {
			refuse(w, http.StatusBadRequest, fmt.Errorf("%s is given more than once", cut(name)))
			return
		}
		if name == "style" {
			style = values[0]
			continue
		}
		given[name] = values[0]
	}
	ask, err := s.menu.readAsk(given)
	if _, has := query["style"]; has && style != "state" {
		err = errors.Join(err, hint.Errorf("style=state, or none", "unknown style %q", cut(style)))
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	answer := s.gate(r.PathValue("id"), ask)
	s.metrics.answered(answer.State)
	if style == "state" {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	writeJSON(w, answer.State.HTTPStatus(), answer)
}
