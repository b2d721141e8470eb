package replay

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// A JudgedLoad is a load stage of an archived run, judged again from its records. Its figures
// may differ from those of the run only where margins were changed.
type JudgedLoad struct {
	Name    string      `json:"name"`    // suite/stage
	Verdict run.Verdict `json:"verdict"` // now
	Was     run.Verdict `json:"was"`     // in the run
	// Reason is what the records alone do not say; it may be empty.
	Reason string `json:"reason"`
	// Beyond are findings of the run that its records do not show.
	Beyond []string `json:"beyond_records,omitempty"`
	// Judged are the figures for programs, and Report for people; nil for a stage that ended without
	// a verdict.
	Judged *attack.Document `json:"judged,omitempty"`
	Report *attack.Report   `json:"-"`
}

// JudgeLoad judges a stage again. margins changes what it was judged by; nil keeps that, and
// then the verdict must be the run's: any other is broken. A stage that ended without a verdict
// from its records stays as it was. The error is for records that cannot be read: they are
// missing, foreign, or broken. Nothing is sent, so that generators and connections are judged
// by what the run noted of them.
func JudgeLoad(
	folder *archive.Folder, r *run.Run, l *run.LoadResult, margins func(perf.Margins) perf.Margins,
) (*JudgedLoad, error) {
	s := &JudgedLoad{Name: l.Name, Verdict: l.Verdict, Was: l.Verdict, Reason: l.Reason}
	if l.Suite >= 0 && l.Suite < len(r.Header.Suites) {
		s.Name = r.Header.Suites[l.Suite].Name + "/" + l.Name
	}
	// Other verdicts did not come from records: the stage was skipped, broken or stopped.
	switch l.Verdict {
	case run.Pass, run.Fail, run.Inconclusive:
	default:
		return s, nil
	}
	if !filepath.IsLocal(l.Records) { // a foreign run.json may name any file
		return nil, fmt.Errorf("load %s: %q names no records", s.Name, l.Records)
	}
	file, err := os.Open(filepath.Join(folder.Path(), filepath.FromSlash(l.Records)))
	// A run that is itself a judgement has no records; the message names the run that has them.
	if errors.Is(err, fs.ErrNotExist) && r.Header.Parent != "" {
		return nil, fmt.Errorf("the records of load %s are in the run that this one judged again: bgverify judge %s", s.Name, r.Header.Parent)
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", s.Name, err)
	}
	defer file.Close()
	if s.Report, err = attack.Rejudge(file, margins); err != nil {
		return nil, fmt.Errorf("load %s: %s: %w", s.Name, l.Records, err)
	}
	// What answers and connections showed is not in the records, and still counts.
	s.Judged = s.Report.Document()
	s.Verdict, s.Reason = run.OfOutcome(s.Report.Outcome).Worse(l.Beyond()), ""
	for _, f := range l.Findings {
		s.Beyond = append(s.Beyond, f.String())
	}
	// Equal margins must give the equal verdict. If they do not, the records or the program
	// changed.
	switch {
	case margins == nil && s.Verdict != s.Was:
		s.Reason = fmt.Sprintf("the records say %s, the run says %s", s.Verdict, s.Was)
		s.Verdict = run.Broken
	// A stage may end early once its margins are met; wider evidence for other margins was not
	// taken.
	case margins != nil && s.Verdict == run.Inconclusive && s.Was != run.Inconclusive:
		s.Reason = "the load ended when it was decided by its own margins; other margins may need a longer load"
	}
	return s, nil
}

// JudgeLoads judges all load stages of a run again; see JudgeLoad. The verdict is the gravest of
// them, and broken where no stage ran: nothing is proven by stages that were skipped. A run
// without a load stage, and a folder whose files are not those of its manifest, are errors.
func JudgeLoads(folder *archive.Folder, margins func(perf.Margins) perf.Margins) (r *run.Run, stages []*JudgedLoad,
	v run.Verdict, err error,
) {
	if err := folder.Verify(); err != nil {
		return nil, nil, 0, err
	}
	if r, err = folder.Run(); err != nil {
		return nil, nil, 0, err
	}
	if len(r.Loads) == 0 {
		return nil, nil, 0, errors.New("the run has no load stage")
	}
	for i := range r.Loads {
		stage, err := JudgeLoad(folder, r, &r.Loads[i], margins)
		if err != nil {
			return nil, nil, 0, err
		}
		v = v.Worse(stage.Verdict)
		stages = append(stages, stage)
	}
	if v == run.Skip {
		v = run.Broken
	}
	return r, stages, v, nil
}

// A Document is what JudgeLoads found, as JSON.
type Document struct {
	Run     string        `json:"run"` // the folder
	Verdict run.Verdict   `json:"verdict"`
	Stages  []*JudgedLoad `json:"stages"`
}

// WriteStages writes the judged stages of a run as text for a terminal. The error is that of to.
func WriteStages(to io.Writer, stages []*JudgedLoad) error {
	var b strings.Builder
	for _, s := range stages {
		fmt.Fprintf(&b, "%s: %s; in the run: %s\n", text.Visible(s.Name), s.Verdict, s.Was)
		if s.Report != nil {
			fmt.Fprintf(&b, "%s%s\n", s.Report, s.Report.Measured())
		}
		for _, finding := range s.Beyond {
			fmt.Fprintf(&b, "found in the run, not in its records: %s\n", text.Visible(finding))
		}
		if s.Reason != "" {
			fmt.Fprintln(&b, text.Visible(s.Reason))
		}
		fmt.Fprintln(&b)
	}
	_, err := io.WriteString(to, b.String())
	return err
}
