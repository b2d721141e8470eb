package run

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// A Header is what is known of a run before the first request: the first event.
type Header struct {
	Schema  int       `json:"schema"`
	ID      string    `json:"id"`
	Tool    Tool      `json:"tool"`
	Started time.Time `json:"started"`
	Seed    uint64    `json:"seed"`
	Parent  string    `json:"parent,omitempty"` // the run it was re-judged from
	// Answered is when the run whose answers were judged again had ended; zero: this run asked.
	Answered time.Time   `json:"answered,omitzero"`
	Sides    Sides       `json:"sides"`
	Suites   []SuiteHead `json:"suites"`
	Planned  Planned     `json:"planned"`
	Audit    Audit       `json:"audit"`
	Flags    []string    `json:"flags"` // as given, secrets redacted
	Env      Environment `json:"environment"`
	// Verb made the run: demo, rediff, tap; empty for run.
	Verb string `json:"verb,omitempty"`
	// Stage is the name of the env file: as bgverify.yaml lists it, or else its path as it was
	// given; empty: the run had none.
	Stage string `json:"stage,omitempty"`
	// Clients: the cases are requests that clients made through a tap, not those of suites.
	Clients bool `json:"clients,omitempty"`
	// Added are the header names that requests carry beyond what suites say.
	Added []string `json:"added_headers,omitempty"`
	// Narrowed are the flags, variables and marks that made the run smaller than
	// its suites.
	Narrowed []Narrowing `json:"narrowed,omitempty"`
	// Paths are the files and folders that the suites were named by.
	Paths []string `json:"paths,omitempty"`
	// Asks is what the suites ask; absent where an only has removed cases.
	Asks *Asks `json:"asks,omitempty"`
	// Weaker is what the suites ask less than in the last complete run of them.
	Weaker *WeakerThan `json:"weaker,omitempty"`
	// Shards are the runs that this one was merged from, by number; none: it was not.
	Shards []Shard `json:"shards,omitempty"`
}

// Flag is the value that a run was given for a flag, as --name=value; empty where it had none.
func (h *Header) Flag(name string) string {
	for _, text := range h.Flags {
		if value, ok := strings.CutPrefix(text, "--"+name+"="); ok {
			return value
		}
	}
	return ""
}

// Tool names the program that made a run.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Environment is the machine a run was made on.
type Environment struct {
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	CPUs     int    `json:"cpus"`
	Hostname string `json:"hostname"`
}

// Sides says what was compared with what.
type Sides struct {
	Blue  SideHead `json:"blue"`
	Green SideHead `json:"green"`
}

// A SideHead is one side as the run found it: its base URL, those of its other services by
// name, and the HTTP version that its answers came in. Insecure says that certificates
// were not verified.
type SideHead struct {
	URL      string            `json:"url"`
	Services map[string]string `json:"services,omitempty"`
	Identity map[string]string `json:"identity,omitempty"` // what it said it is
	Protocol string            `json:"protocol,omitempty"`
	Insecure bool              `json:"insecure,omitempty"`
}

// A SuiteHead is a suite as planned. Gate is required or advisory; an advisory suite is
// reported and does not decide. Wave is the step of the migration that it belongs to, 0
// for none.
type SuiteHead struct {
	Name    string `json:"name"`
	File    string `json:"file"`
	Service string `json:"service,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Wave    int    `json:"wave,omitempty"`
	Gate    string `json:"gate"`
	// Number says when numbers are equal: decimal or type. Empty in runs of versions
	// that knew decimal alone.
	Number string `json:"number,omitempty"`
	Cases  int    `json:"cases"`
	Loads  int    `json:"loads"`
}

// Planned counts what a run set out to do.
type Planned struct {
	Cases int `json:"cases"`
	Loads int `json:"loads"`
	// OfCases and OfLoads are what the suites hold, whatever was chosen of it;
	// absent in runs of versions that did not count them.
	OfCases int `json:"of_cases,omitempty"`
	OfLoads int `json:"of_loads,omitempty"`
}

// Partial reports whether cases were left out by a choice (--case, --tag, --shard,
// --rerun-failed, --only-load, only).
func (p Planned) Partial() bool { return p.Cases < p.OfCases }

// Audit says who ran what, for whom, and what was left out. The commit, the actor and the
// CI job come from the environment; Dirty says that the scenario files differ from the
// commit, and VerifiedWithout is what the caller declared as not covered.
type Audit struct {
	ScenariosCommit string   `json:"scenarios_commit,omitempty"`
	Dirty           bool     `json:"dirty,omitempty"`
	Actor           string   `json:"actor,omitempty"`
	CI              string   `json:"ci,omitempty"`
	Ticket          string   `json:"ticket,omitempty"`
	VerifiedWithout []string `json:"verified_without,omitempty"`
}

// Add takes over what another part of the run found of the same side, where h does not know it
// yet. The maps of o are not shared.
func (h *SideHead) Add(o *SideHead) {
	h.URL, h.Protocol, h.Insecure = cmp.Or(h.URL, o.URL), cmp.Or(h.Protocol, o.Protocol), h.Insecure || o.Insecure
	h.Services, h.Identity = withMissing(h.Services, o.Services), withMissing(h.Identity, o.Identity)
}

// SharesIdentity reports whether two have shown an identity of one name.
func (h *SideHead) SharesIdentity(o *SideHead) bool {
	for name := range o.Identity {
		if _, known := h.Identity[name]; known {
			return true
		}
	}
	return false
}

// withMissing is a with the members of b that it lacks.
func withMissing(a, b map[string]string) map[string]string {
	out := maps.Clone(b)
	if out == nil {
		return a
	}
	maps.Copy(out, a)
	return out
}

// SetIdentity keeps what a side said it is; an empty value is not kept.
func (h *SideHead) SetIdentity(name, value string) {
	if value == "" {
		return
	}
	if h.Identity == nil {
		h.Identity = map[string]string{}
	}
	h.Identity[name] = ShortIdentity(value)
}

// ShortIdentity is an identity as it is kept: a long one is cut, with a digest of all of it,
// so that two that differ never have one short form.
func ShortIdentity(value string) string {
	short := text.Cut(value, MaxGot)
	if short == value {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return short + " sha256:" + hex.EncodeToString(sum[:8])
}
