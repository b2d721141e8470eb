package serve

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
)

// A payload is what Flagger posts. Other members are passed over: newer versions of
// Flagger send more.
type payload struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"`
	Checksum  string            `json:"checksum"`
	Metadata  map[string]string `json:"metadata"`
}

// A canary is the order of a payload, without the number of its id, and the conditions of
// its gate.
type canary struct {
	order Order
	ask   Ask
	key   string
}

// readCanary reads what Flagger asks about, and answers the mistakes itself.
//
// The key is made of what was deployed (namespace, name, checksum), of the order, and of
// the build of green. Runs of one key are numbered: a checksum comes again when a spec is
// deployed again, and then an old verdict must not count.
func (s *Server) readCanary(w http.ResponseWriter, r *http.Request) (canary, bool) {
	var c canary
	if !isJSON(w, r) {
		return c, false
	}
	var p payload
	if err := readJSON(r, &p, false); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return c, false
	}
	// All metadata but the tag is a condition of the gate. suites, env and green_build are the
	// order as well: Flagger sends the same metadata to each webhook.
	conditions := map[string]string{}
	for name, value := range p.Metadata {
		if name != "tag" {
			conditions[name] = value
		}
	}
	var err error
	// The checksum tells one rollout of a canary from the next. Without it an answer about an old
	// release would open the gate for a new one.
	if p.Checksum == "" {
		err = errors.New("the payload has no checksum: it is not from Flagger, or from a version that is too old")
	}
	ask, wrong := s.menu.readAsk(conditions)
	order, bad := s.menu.complete(Order{
		ID: "flagger", Suites: ask.Suites, Env: ask.Env, Tag: p.Metadata["tag"], GreenBuild: ask.Gate.GreenBuild,
	})
	if wrong != nil {
		bad = nil // the same names again
	}
	if err = errors.Join(err, wrong, bad); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return c, false
	}
	c = canary{order: order, ask: ask}
	// The key of a rollout is a digest of what was asked and of what is rolled out: the same
	// canary asks for the same run, however often it asks, and another build or order for another
	// one.
	parts := slices.Concat([]string{p.Namespace, p.Name, p.Checksum}, order.Flags(), order.Suites)
	digest := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	c.key = fmt.Sprintf("flagger-%x", digest[:12])
	c.ask.Suites, c.ask.Env = order.Suites, order.Env
	return c, true
}

// latest is the id of the newest run of a key, and its record; nil: there is none yet.
func (s *Server) latest(key string) (id string, rec *record, number int, err error) {
	// Runs of one key are numbered without gaps. An order that waits is found in the queue, one
	// that is over in its record.
	for n := 1; ; n++ {
		next := fmt.Sprintf("%s-%d", key, n)
		found, _ := s.queue.place(next)
		if found == nil {
			if found, err = s.records.read(next); err != nil {
				return "", nil, 0, err
			}
		}
		if found == nil {
			return id, rec, n - 1, nil
		}
		id, rec = next, found
	}
}

// flaggerRun starts the run of a canary unless there is one that still counts: one that
// waits or runs, or one that ended within half the accepted age. Half, so that the gate
// that Flagger asks afterwards does not find it too old. An interrupted run does not
// count: nothing was judged. A run that ended without a pass is refused as by the gate,
// so that Flagger moves no traffic in the hope of the next hook.
func (s *Server) flaggerRun(w http.ResponseWriter, r *http.Request) {
	c, ok := s.readCanary(w, r)
	if !ok {
		return
	}
	id, rec, number, err := s.latest(c.key)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	// A run that is over and too old, or was interrupted, is not asked about again: a new one is
	// made under the next number.
	if rec == nil || s.over(rec, c.ask) {
		id = fmt.Sprintf("%s-%d", c.key, number+1)
		c.order.ID = id
		if err := s.accept(c.order); err != nil {
			refuse(w, refusal(err), err)
			return
		}
	}
	answer := s.gate(id, c.ask)
	status := http.StatusAccepted
	if answer.State != Running && answer.State != Passed {
		status = answer.State.HTTPStatus()
	}
	s.tellFlagger(w, status, answer)
}

// over reports whether the newest run of a key does not count any more.
func (s *Server) over(rec *record, ask Ask) bool {
	if waiting, _ := s.queue.place(rec.Order.ID); waiting != nil {
		return false
	}
	// The stricter of the two limits holds. Half of it is taken, so that the answer is still young
	// enough when the gate asks after the rollout.
	limit := s.opts.MaxAge
	if age := ask.Gate.MaxAge; age > 0 && (limit <= 0 || age < limit) {
		limit = age
	}
	stale := limit > 0 && !rec.Ended.IsZero() && s.opts.Clock().Sub(rec.Ended) > limit/2
	return stale || s.gate(rec.Order.ID, Ask{AnyAge: true}).State == Interrupted
}

// flaggerGate answers whether the canary may go on: 200 for a pass and nothing else.
func (s *Server) flaggerGate(w http.ResponseWriter, r *http.Request) {
	c, ok := s.readCanary(w, r)
	if !ok {
		return
	}
	answer := s.canaryAnswer(c, c.ask)
	s.metrics.answered(answer.State)
	s.tellFlagger(w, answer.State.HTTPStatus(), answer)
}

// flaggerRollback answers whether Flagger must roll back: 200 when the run failed, however
// old it is, and a refusal for all else, also for a pass. It is no gate: here a 2xx means
// that traffic goes back to blue.
func (s *Server) flaggerRollback(w http.ResponseWriter, r *http.Request) {
	c, ok := s.readCanary(w, r)
	if !ok {
		return
	}
	// How old the failure is does not matter: what was judged is still being rolled out.
	ask := c.ask
	ask.AnyAge, ask.Gate.MaxAge = true, 0
	answer := s.canaryAnswer(c, ask)
	status := http.StatusForbidden
	if answer.State == Failed {
		status = http.StatusOK
		s.tellRollback(r.Context(), c, answer)
	}
	s.tellFlagger(w, status, answer)
}

// tellRollback reports a rollback, once a run and without making Flagger wait.
func (s *Server) tellRollback(ctx context.Context, c canary, a Answer) {
	// Flagger asks every few seconds while it rolls back; the receivers hear of it once.
	s.telling.Lock()
	known := s.told[a.ID]
	s.told[a.ID] = true
	s.telling.Unlock()
	if known || s.opts.RolledBack == nil {
		return
	}
	c.order.ID = a.ID
	s.tasks.Go(func() { s.opts.RolledBack(context.WithoutCancel(ctx), c.order, a, logLine{s}) })
}

// canaryAnswer answers for the newest run of a canary.
func (s *Server) canaryAnswer(c canary, ask Ask) Answer {
	id, _, _, err := s.latest(c.key)
	switch {
	case err != nil:
		return Answer{ID: c.key, State: Broken, Reasons: []string{err.Error()}}
	case id == "":
		return Answer{ID: c.key, State: Unknown, Reasons: []string{
			"no run was started for this checksum, build and order: pre-rollout must ask /flagger/run with the same metadata",
		}}
	}
	return s.gate(id, ask)
}

// tellFlagger answers in one line of text, which Flagger shows as an event.
func (s *Server) tellFlagger(w http.ResponseWriter, status int, a Answer) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	line := fmt.Sprintf("bgverify: run %s: %s", a.ID, a.State)
	if a.Place > 0 {
		line += fmt.Sprintf(", number %d in the queue", a.Place)
	}
	if len(a.Reasons) > 0 {
		line += ": " + a.Reasons[0]
	}
	fmt.Fprintln(w, text.Visible(text.Cut(line, maxField)))
}
