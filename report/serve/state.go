package serve

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// A State is what the server knows of a run. The zero State is invalid.
type State uint8

// The states, with the status that a gate answers each with.
const (
	Passed       State = iota + 1 // 200
	Failed                        // 409
	Inconclusive                  // 412
	Running                       // 425, also while it waits
	Broken                        // 500: it could not be judged, or cannot be relied on
	Interrupted                   // 410
	Unknown                       // 404
)

var states = [...]struct {
	name   string
	status int
}{
	Passed: {"passed", http.StatusOK}, Failed: {"failed", http.StatusConflict},
	Inconclusive: {"inconclusive", http.StatusPreconditionFailed}, Running: {"running", http.StatusTooEarly},
	Broken: {"broken", http.StatusInternalServerError}, Interrupted: {"interrupted", http.StatusGone},
	Unknown: {"unknown", http.StatusNotFound},
}

// String is the state's word; that of an invalid one is broken.
func (s State) String() string { return states[s.valid()].name }

// HTTPStatus is what a gate answers. It is 200 for Passed and at least 404 for all else.
func (s State) HTTPStatus() int { return states[s.valid()].status }

func (s State) valid() State {
	if s == 0 || int(s) >= len(states) {
		return Broken
	}
	return s
}

// MarshalText writes the state's word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// stateOf is the state of a run with a verdict.
func stateOf(v run.Verdict) State {
	switch v {
	case run.Pass:
		return Passed
	case run.Fail:
		return Failed
	case run.Inconclusive:
		return Inconclusive
	case run.Interrupted, run.Incomplete:
		return Interrupted
	default: // broken, skip: nothing was judged, and invalid ones
		return Broken
	}
}

// An Answer is what the server says about one run.
type Answer struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Place is the run's in the queue: 1 is next; 0 while it runs, and afterwards.
	Place int `json:"place,omitempty"`
	// Reasons say why the state is not passed, gravest first.
	Reasons []string `json:"reasons,omitempty"`
	// Folder is the run's below the archive root; empty: it has none yet.
	Folder string `json:"folder,omitempty"`
	// Digest is that of the run folder's manifest.
	Digest string `json:"digest,omitempty"`
}

// An Ask is what a caller wants a run to be, beyond a pass.
type Ask struct {
	// Gate are the conditions that bgverify gate has too. Now is set by the server.
	Gate archive.Gate
	// Suites are those that the run must have been ordered with; none: any.
	Suites []string
	// Env is the env file that it must have been ordered with; empty: any.
	Env string
	// AnyAge switches off the server's limit.
	AnyAge bool
}

// gate answers for the run with an id.
func (s *Server) gate(id string, ask Ask) Answer {
	if !history.ValidID(id) {
		return Answer{ID: id, State: Unknown, Reasons: []string{"this cannot be the id of a run"}}
	}
	// The queue first: its record is newer than the one on the disk.
	if rec, place := s.queue.place(id); rec != nil {
		return Answer{ID: id, State: Running, Place: place}
	}
	rec, err := s.records.read(id)
	if err != nil {
		return Answer{ID: id, State: Broken, Reasons: []string{err.Error()}}
	}
	if rec == nil {
		return Answer{ID: id, State: Unknown, Reasons: []string{
			"this server has no order with that id; bgverify gate answers for runs that were started elsewhere",
		}}
	}
	// Digests of a whole folder are computed, and gates may be asked often.
	s.checks <- struct{}{}
	defer func() { <-s.checks }()
	return s.answer(id, rec, ask)
}

// answer answers for an order that is over.
func (s *Server) answer(id string, rec *record, ask Ask) Answer {
	a := Answer{ID: id, State: Broken}
	path, err := history.FindID(disk.OS{}, s.opts.Root, id)
	if err != nil {
		a.Reasons = []string{err.Error()}
		return a
	}
	// No folder yet: another server may be about to make it.
	if path == "" && s.underWay(rec) {
		return elsewhere(a)
	}
	if path == "" {
		return withoutFolder(a, rec)
	}
	a.Folder = strings.TrimPrefix(strings.TrimPrefix(path, s.opts.Root), "/")
	folder, err := archive.Open(path)
	if err != nil {
		a.Reasons = []string{err.Error()}
		return a
	}
	// A folder without an end belongs to a run that is under way, or to one that was killed.
	if done, err := folder.Complete(); err == nil && !done {
		if s.underWay(rec) {
			return elsewhere(a)
		}
		a.State = Interrupted
		a.Reasons = []string{"the run was killed, or could not be finished; bgverify resume " + id + " continues it"}
		return a
	}
	return s.judge(a, rec, folder, ask)
}

// underWay reports whether an order waits or runs, here or at another server over the same archive.
func (s *Server) underWay(rec *record) bool {
	if !rec.Ended.IsZero() {
		return false
	}
	if rec.Server == s.records.own { // it may have been taken a moment ago
		known, _ := s.queue.place(rec.Order.ID)
		return known != nil
	}
	return s.records.lives(rec.Server)
}

// elsewhere answers for an order that is under way at another server.
func elsewhere(a Answer) Answer {
	a.State, a.Reasons = Running, []string{"it waits or runs at another server over the same archive"}
	return a
}

// withoutFolder answers for an order whose run has no folder.
func withoutFolder(a Answer, rec *record) Answer {
	const signalled = 128
	switch {
	case rec.Ended.IsZero():
		a.State, a.Reasons = Interrupted, []string{"the server was killed before the run began"}
	case rec.Status > signalled:
		a.State = Interrupted
	case rec.Digest != "":
		a.Reasons = []string{"the run folder is gone"}
	case rec.Log == "":
		a.Reasons = []string{"the run did not begin"}
	}
	if rec.Log != "" {
		a.Reasons = append(a.Reasons, lines(rec.Log)...)
	}
	return a
}

// judge holds a finished run to the order that it was made for and to what the caller
// asks (rule 2).
func (s *Server) judge(a Answer, rec *record, folder *archive.Folder, ask Ask) Answer {
	// The limits of the server hold where the caller has none, or wider ones.
	gate := ask.Gate
	gate.Now, gate.After.Root = s.opts.Clock(), s.opts.Root
	if s.opts.MaxAge > 0 && !ask.AnyAge && (gate.MaxAge <= 0 || gate.MaxAge > s.opts.MaxAge) {
		gate.MaxAge = s.opts.MaxAge
	}
	if gate.GreenBuild == "" {
		gate.GreenBuild = rec.Order.GreenBuild
	}
	// The folder has to be the one that this order made, unchanged since: its digest is in the
	// record.
	_, digest, err := folder.Manifest()
	if err == nil {
		err = ordered(rec, folder, digest)
	}
	a.Digest = digest
	if err != nil {
		a.Reasons = []string{err.Error()}
		return a
	}
	answer := gate.Check(folder)
	a.State, a.Reasons = stateOf(answer.Verdict), answer.Reasons
	// A pass of other suites or of another stage is not an answer to what was asked.
	if a.State == Passed {
		if why := other(rec.Order, ask); why != "" {
			a.State, a.Reasons = Inconclusive, append([]string{why}, a.Reasons...)
		}
	}
	return a
}

// ordered refuses a run that is not the one that was ordered.
func ordered(rec *record, folder *archive.Folder, digest string) error {
	r, err := folder.Run()
	switch {
	case err != nil:
		return err
	case rec.Order.ID != r.Header.ID:
		return errors.New("the folder is of run " + r.Header.ID)
	case !slices.Equal(rec.Order.Suites, r.Header.Paths):
		return errors.New("the folder is of a run of other suites: " + strings.Join(r.Header.Paths, ", "))
	case !slices.Equal(rec.Order.Flags(), r.Header.Flags):
		return errors.New("the folder is of a run with other flags: " + strings.Join(r.Header.Flags, " "))
	case r.End.Verdict == run.Interrupted || rec.Digest == "":
		return nil // it may have been resumed since
	}
	return archive.CheckDigest(digest, rec.Digest)
}

// other says how an order differs from the one that a caller asks about; empty: it does
// not.
func other(o Order, ask Ask) string {
	switch {
	case len(ask.Suites) > 0 && !slices.Equal(o.Suites, ask.Suites):
		return "the run was ordered with suites " + strings.Join(o.Suites, ", ")
	case ask.Env != "" && o.Env != ask.Env:
		return "the run was ordered with env file " + o.Env
	}
	return ""
}
