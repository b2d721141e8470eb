package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// How many rows of the clusters' tables a terminal shows; the page and run.json have all.
const (
	textWaiting  = 20
	textObjects  = 20
	textServices = 20
)

// WriteReady writes what a wait for green came to: the verdict, counts by kind and wave,
// and every object that is not ready.
func WriteReady(w io.Writer, r *run.Ready, opts TextOptions) error {
	t := &textReport{w: bufio.NewWriter(w), opts: opts}
	t.ready(r, len(r.Waiting))
	return t.end("what is ready")
}

// ReadyLine is the state of a wait in one line: counts, the first wave that waits, and
// the first objects that are not ready.
func ReadyLine(r *run.Ready) string {
	parts := []string{"ready    " + text.Seconds(r.WaitedS)}
	for _, k := range r.Kinds {
		parts = append(parts, fmt.Sprintf("%s %d/%d", k.Name, k.Ready, k.Of+k.Missing))
	}
	// The first wave that is not ready is what the others wait for.
	for _, wave := range r.Waves {
		if wave.Ready < wave.Of {
			parts = append(parts, fmt.Sprintf("wave %s %d/%d", wave.Name, wave.Ready, wave.Of))
			break
		}
	}
	const named = 2
	for i := range r.Waiting[:min(named, len(r.Waiting))] {
		item := &r.Waiting[i]
		parts = append(parts, fmt.Sprintf("%s (%s)", item.Title(), text.Cut(strings.Join(item.Reasons, "; "), 60)))
	}
	if len(r.Waiting) == 0 && len(r.Reasons) > 0 {
		parts = append(parts, text.Cut(r.Reasons[0], 120))
	}
	if r.Verdict == run.Pass {
		parts = append(parts, "settling for "+text.Seconds(r.SettleS))
	}
	return text.Visible(strings.Join(parts, "  "))
}

// ready writes the state of green with at most so many objects that wait.
func (t *textReport) ready(r *run.Ready, most int) {
	answer := "green is ready"
	if r.Verdict != run.Pass {
		answer = "green is not ready"
	}
	t.line("%s  %s after %s", t.word(r.Verdict), answer, text.Seconds(r.WaitedS))
	for _, k := range r.Kinds {
		line := fmt.Sprintf("  %-12s %d of %d ready", t.safe(k.Name), k.Ready, k.Of)
		if k.Missing > 0 {
			line += fmt.Sprintf(", %d missing", k.Missing)
		}
		t.line("%s", line)
	}
	if len(r.Waves) > 0 {
		var waves []string
		for _, w := range r.Waves {
			waves = append(waves, fmt.Sprintf("%s: %d of %d", w.Name, w.Ready, w.Of))
		}
		t.fill("  ", "waves        "+strings.Join(waves, ", "))
	}
	if r.Verdict == run.Pass {
		t.line("")
		return
	}
	// What is about objects is in the table below.
	for _, reason := range r.Reasons[:min(len(r.Reasons), textReasons+1)] {
		t.fill("  - ", reason)
	}
	t.line("")
	var rows [][]string
	for i := range r.Waiting[:min(most, len(r.Waiting))] {
		item := &r.Waiting[i]
		rows = append(rows, []string{fmt.Sprint(item.Wave), t.safe(item.Title()), t.safe(strings.Join(item.Reasons, "; "))})
	}
	t.table(columnsOf("WAVE>", "NOT READY~", "WAITS FOR~"), rows)
	if n := waitingForArgo(r); n > 0 {
		t.line("%s for Argo CD's next comparison, which comes every few minutes; refresh: true asks for it now", waits(n))
	}
}

// waitingForArgo counts the applications that miss nothing but the next comparison.
func waitingForArgo(r *run.Ready) int {
	n := 0
	for i := range r.Waiting {
		if r.Waiting[i].Waits {
			n++
		}
	}
	return n
}

// waits says how many applications wait, with its verb.
func waits(n int) string {
	if n == 1 {
		return "1 application waits"
	}
	return fmt.Sprintf("%d applications wait", n)
}

// WriteAlike writes what a comparison of both clusters found: causes, objects of one side
// alone, versions, and what could not be read.
func WriteAlike(w io.Writer, a *run.Alike, opts TextOptions) error {
	t := &textReport{w: bufio.NewWriter(w), opts: opts}
	t.alike(a, len(a.Causes)+len(a.Only))
	return t.end("what differs")
}

// alike writes a comparison of both clusters, with at most so many rows a table.
func (t *textReport) alike(a *run.Alike, most int) {
	answer := "the clusters are alike"
	if a.Verdict != run.Pass {
		answer = "the clusters are not alike"
	}
	t.line("%s  %s: %s compared, %d differ, %d only on blue, %d only on green", t.word(a.Verdict), answer,
		text.Count(a.Objects, "object"), a.Differ, a.OnlyBlue, a.OnlyGreen)
	t.line("  blue   %s", t.safe(words.Versions(a.Versions.Blue, a.Versions.BlueKubelets)))
	t.line("  green  %s", t.safe(words.Versions(a.Versions.Green, a.Versions.GreenKubelets)))
	for _, u := range a.Unread {
		t.fill("  - ", "could not be read: "+u)
	}
	for _, r := range a.Reasons {
		if a.Differ+a.OnlyBlue+a.OnlyGreen+len(a.Unread) == 0 {
			t.line("  - %s", t.safe(r))
		}
	}
	t.line("")
	t.alikeTables(a, most)
	for _, d := range a.Deprecated {
		t.fill("  ", "deprecated: "+d)
	}
}

// alikeTables writes the causes, the objects of one side, and the versions that green
// does not serve.
func (t *textReport) alikeTables(a *run.Alike, most int) {
	var rows [][]string
	for i := range a.Causes[:min(most, len(a.Causes))] {
		c := &a.Causes[i]
		rows = append(rows, []string{
			fmt.Sprint(c.Objects), t.safe(c.ObjectKind), t.safe(c.Path), t.safe(c.EditText()), t.safe(strings.Join(c.Examples, ", ")),
		})
	}
	t.table(columnsOf("OBJECTS>", "KIND", "DIFFERENCE~", "EDIT~", "SUCH AS~"), rows)
	rows = nil
	for i := range a.Only[:min(most, len(a.Only))] {
		rows = append(rows, []string{a.Only[i].Side, t.safe(a.Only[i].Title())})
	}
	t.table(columnsOf("ONLY ON", "OBJECT~"), rows)
	rows = nil
	for _, r := range a.Removed {
		rows = append(rows, []string{t.safe(r.APIVersion), t.safe(r.Kind), fmt.Sprint(r.Objects), t.safe(strings.Join(r.Examples, ", "))})
	}
	t.table(columnsOf("NOT SERVED BY GREEN~", "KIND", "OBJECTS>", "SUCH AS~"), rows)
}

// clusters writes what a run found of the clusters, where the gates do not say it all.
func (t *textReport) clusters() {
	c := t.src.End.Clusters
	if c == nil {
		return
	}
	// What passed is a row of the gates; only what did not has a section.
	if c.Ready != nil && c.Ready.Verdict != run.Pass {
		t.ready(c.Ready, textWaiting)
	}
	if c.Alike != nil && (c.Alike.Verdict != run.Pass || len(c.Alike.Removed) > 0) {
		t.alike(c.Alike, textObjects)
	}
	if c.Services != nil && c.Services.Asked < c.Services.Of {
		t.unasked(c.Services)
		return
	}
}

// unasked lists the services that no case asked, with their routes.
func (t *textReport) unasked(s *run.ServiceCoverage) {
	t.line("%d of %s were not asked by any case", s.Of-s.Asked, text.Count(s.Of, "service"))
	var rows [][]string
	for i := range s.Services {
		a := &s.Services[i]
		if a.Asked > 0 || len(rows) == textServices {
			continue
		}
		var routes []string
		for _, r := range a.Routes {
			routes = append(routes, r.Route)
		}
		rows = append(rows, []string{t.safe(strings.TrimPrefix(a.Namespace+"/"+a.Name, "/")), t.safe(strings.Join(routes, ", "))})
	}
	t.table(columnsOf("SERVICE~", "ROUTES~"), rows)
}
