package archive

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// A Gate says what an archived run must be for its verdict to be relied on. The
// zero Gate asks for a complete and untouched folder of a run that left nothing out.
type Gate struct {
	// Digest is the manifest digest that the run printed, with or without "sha256:";
	// empty: the folder is trusted as it is.
	Digest string
	// MaxAge is the longest accepted time since the answers came, see run.Run.Answered; 0: any
	// age.
	MaxAge time.Duration
	// Now is the time that MaxAge is measured at.
	Now time.Time
	// GreenBuild is a value that one of green's identities must have shown; empty: any
	// build.
	GreenBuild string
	// Service limits the answer to the suites of one service and to load of their cases;
	// empty: the whole run.
	Service string
	// Partial accepts a run of chosen cases.
	Partial bool
	// Without are the aspects that the run may have left out.
	Without []run.Aspect
	// Require are the aspects that the run must have shown.
	Require []run.Aspect
	// Stronger is an earlier run that this one must not ask less than; nil: any run is
	// accepted.
	Stronger *run.Run
	// After are stages that must have passed with the same suites and build; see Ladder.
	After Ladder
}

// An Answer is what a gate says. Verdict is Broken where the run cannot be
// relied on, whatever its own verdict; Reasons then say why.
type Answer struct {
	// Verdict is pass only when every condition of the Gate holds.
	Verdict run.Verdict
	// Reasons say why it is not pass, gravest first; empty for a pass.
	Reasons []string
	// Signal is the number of the signal that interrupted the run; 0: none did.
	Signal int
}

// clockSlack is how far ahead of ours the clock of the host that made a run may be.
const clockSlack = 5 * time.Minute

// Check opens a gate for a run or keeps it shut:
//
//  1. The folder must verify: complete, nothing changed, missing or added. It must not have the
//     name of another run.
//  2. The manifest must have the digest, when one is given.
//  3. Its answers must have come within MaxAge, and not in the future, whatever MaxAge is: to
//     judge old ones again makes them no younger.
//  4. One of green's identities must be GreenBuild, when one is given.
//  5. A pass must be one of all cases that the suites hold, unless Partial, and of
//     load, writes, comparison and identity, but for those in Without.
//  6. A pass must have shown what Require names, and ask no less than Stronger.
//  7. The stages of After must have passed: see Ladder.
//  8. Then the verdict is the run's own, or the service's (see ScopedVerdict).
func (g Gate) Check(f *Folder) Answer {
	if err := f.Verify(); err != nil {
		return refuse(err)
	}
	return g.judge(f)
}

// judge is Check for a folder that was verified.
func (g Gate) judge(f *Folder) Answer {
	m, digest, err := f.Manifest()
	if err != nil {
		return refuse(err)
	}
	r, err := f.Run()
	if err != nil {
		return refuse(err)
	}
	if history.OtherName(f.Path(), r.Header.ID) {
		return refuse(fmt.Errorf("the folder %s holds another run: %s", filepath.Base(f.Path()), r.Header.ID))
	}
	err = errors.Join(CheckDigest(digest, g.Digest), CheckAge(r, g.Now, g.MaxAge), CheckBuild(r, g.GreenBuild))
	if err != nil {
		return refuse(err)
	}
	verdict, reasons := g.verdict(r)
	if w := r.Header.Weaker; w != nil {
		reasons = append(slices.Clone(reasons), w.String())
	}
	if verdict != run.Pass {
		return Answer{verdict, reasons, r.End.Signal}
	}
	shut := append(g.absent(r), g.weaker(r)...)
	missing, climbed := g.climb(r, m)
	if shut = append(shut, missing...); len(shut) > 0 {
		return Answer{Verdict: run.Inconclusive, Reasons: append(shut, reasons...)}
	}
	reasons = append(slices.Clone(reasons), climbed...)
	if r.Header.Clients {
		reasons = append(reasons, fmt.Sprintf("judged on %s that clients made through bgverify tap", text.Count(r.End.Counts.Cases, "request")))
	}
	if without := r.End.Audit.VerifiedWithout; len(without) > 0 {
		reasons = append(reasons, "verified without "+strings.Join(without, " and "))
	}
	return Answer{verdict, reasons, r.End.Signal}
}

// verdict is the run's own, or that of the service.
func (g Gate) verdict(r *run.Run) (run.Verdict, []string) {
	if g.Service == "" {
		return r.End.Verdict, r.End.Reasons
	}
	return ScopedVerdict(r, g.Service)
}

// refuse answers that the run cannot be judged.
func refuse(err error) Answer {
	return Answer{Verdict: run.Broken, Reasons: strings.Split(err.Error(), "\n")}
}

// CheckDigest compares a manifest's digest with the one that was asked for;
// with none, anything goes.
func CheckDigest(got, want string) error {
	if want == "" {
		return nil
	}
	hex := strings.ToLower(strings.TrimPrefix(want, "sha256:"))
	if subtle.ConstantTimeCompare([]byte("sha256:"+hex), []byte(got)) != 1 {
		return fmt.Errorf("the folder's digest is %s, not sha256:%s", got, hex)
	}
	return nil
}

// CheckAge refuses a run whose answers are older than limit, or came later than now. With a
// limit of 0 any age is accepted, but no time in the future: a clock was wrong, and nobody
// knows how old the run is.
func CheckAge(run *run.Run, now time.Time, limit time.Duration) error {
	switch age := now.Sub(run.Answered()); {
	case run.Header.Started.IsZero():
		return errors.New("the run does not say when it began")
	case age < -clockSlack:
		return fmt.Errorf("the run ended %s from now: a clock is wrong", (-age).Round(time.Second))
	case limit > 0 && age > limit:
		return fmt.Errorf("the run is stale: it ended %s ago, more than %s", age.Round(time.Second), limit)
	}
	return nil
}

// CheckBuild refuses a run in which no identity of green showed build, and a merged run one of
// whose shards may have met another build.
func CheckBuild(r *run.Run, build string) error {
	if build == "" {
		return nil
	}
	var got []string
	for _, name := range slices.Sorted(maps.Keys(r.End.Sides.Green.Identity)) {
		value := r.End.Sides.Green.Identity[name]
		if value == build {
			return sameBuild(r.Header.Shards)
		}
		got = append(got, name+"="+value)
	}
	if len(got) == 0 {
		return fmt.Errorf("the run did not ask green what it is: nothing shows that it was %s", build)
	}
	return fmt.Errorf("the run judged another build of green: %s, not %s", strings.Join(got, ", "), build)
}

// sameBuild refuses shards that share no identity of green with those before them.
func sameBuild(shards []run.Shard) error {
	for _, s := range shards {
		if s.Apart {
			return fmt.Errorf("shard %d shares no identity of green with the shards before it: nothing shows that it judged the same "+
				"build", s.Number)
		}
	}
	return nil
}

// ofService reports whether a load stage counts for a service: one that puts it under
// load, wherever the stage is written. In a run of a version that did not record it
// each stage counts.
func ofService(l *run.LoadResult, service string) bool {
	return l.Services == nil || slices.Contains(l.Services, service)
}

// gatesOfSuites are the gates of a run that its suites' own verdicts explain,
// next to those of load stages. Every other gate is about the run as a whole.
var gatesOfSuites = []string{"services reachable", "responses equal", "expectations met", "cases judged", "coverage"}

// ScopedVerdict is the verdict on one service of a run of several: the worst of
// its required suites. What went wrong with the run as a whole counts for every
// service: an interruption, a gate that belongs to no suite, a verdict graver
// than any suite's. A service that no required suite judged is broken.
func ScopedVerdict(ran *run.Run, service string) (run.Verdict, []string) {
	var verdict, explained run.Verdict
	var reasons, services []string
	for i, head := range ran.Header.Suites {
		if i >= len(ran.End.Suites) {
			return run.Broken, []string{"the run has no totals for suite " + head.Name}
		}
		services = append(services, head.Service)
		if head.Gate == "advisory" {
			continue
		}
		end := ran.End.Suites[i]
		if end.Verdict == 0 {
			return run.Broken, []string{"the run has no verdict for suite " + head.Name}
		}
		explained = explained.Worse(end.Verdict)
		if head.Service == service {
			verdict = verdict.Worse(end.Verdict)
			for _, r := range end.Reasons {
				reasons = append(reasons, head.Name+": "+r)
			}
		}
	}
	switch {
	case ran.End.Verdict == run.Interrupted:
		return run.Interrupted, ran.End.Reasons
	case verdict == 0:
		services = slices.DeleteFunc(services, func(s string) bool { return s == "" })
		slices.Sort(services)
		return run.Broken, []string{fmt.Sprintf("no required suite of the run is of service %q; it has %s", service,
			strings.Join(slices.Compact(services), ", "))}
	case ran.End.Verdict > explained:
		return ran.End.Verdict.Worse(verdict), append(reasons, ran.End.Reasons...)
	}
	for i := range ran.Loads {
		l := &ran.Loads[i]
		if !ofService(l, service) || l.Suite < len(ran.Header.Suites) && ran.Header.Suites[l.Suite].Gate == "advisory" {
			continue
		}
		if v := weightOf(ran, l); v > verdict {
			verdict = v
			reasons = append(reasons, fmt.Sprintf("load %s: %s", l.Name, l.Reason))
		}
	}
	for _, g := range ran.End.Gates {
		if g.Verdict > run.Pass && !slices.Contains(gatesOfSuites, g.Name) && !strings.HasPrefix(g.Name, "load ") {
			verdict = verdict.Worse(g.Verdict)
			reasons = append(reasons, fmt.Sprintf("%s: %s, want %s", g.Name, g.Measured, g.Limit))
		}
	}
	if verdict == run.Skip {
		return run.Broken, append(reasons, "nothing of service "+service+" was judged")
	}
	return verdict, reasons
}
