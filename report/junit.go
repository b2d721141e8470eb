package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// junitReport writes junit.xml. Its rules:
//
//  1. One flat level of suites: the verdict's, a testcase per gate, then one per
//     scenario suite.
//  2. The file is valid under the schemas of Jenkins xUnit (junit-10), junit-4
//     and Ant at once: a testcase holds at most one of skipped, error, failure
//     and nothing else, a skip's reason is its text, suites carry no time zone.
//  3. No two testcases share a name: consumers keep one of them and lose the other.
//  4. Characters that XML cannot hold become U+FFFD. No CDATA.
//  5. Above foldAbove cases the equal ones fold into one testcase per route.
//
// A suite is held in memory until its counts are known, and parsed once more
// before it is written: a file that cannot be read is an error, never a report.
type junitReport struct {
	w     *bufio.Writer
	src   *source.Run
	names map[string]int
	open  int // suite that cases are collected for; -1 before the first
	id    int // of the next suite
	suite junitSuite
}

// foldAbove is the number of cases above which equal ones fold.
const foldAbove = 20000

// Bounds on what one testcase and one suite may hold.
const (
	junitCaseText  = 64 << 10
	junitSuiteText = 64 << 20
)

// A junitSuite collects the testcases of one suite until its counts are known: the
// schemas want them as attributes of the element that begins it.
type junitSuite struct {
	tests, failures, errors, skipped int
	ms                               float64
	cases                            bytes.Buffer
	routes                           []string // folded, in order of appearance
	folded                           map[string]*folded
}

// A folded is the equal cases of one route, counted instead of listed.
type folded struct {
	cases int
	ms    float64
}

// newJUnit renders junit.xml.
func newJUnit(w *bufio.Writer, src *source.Run, _ page.Options) renderer {
	return &junitReport{w: w, src: src, names: map[string]int{}, open: -1}
}

// Begin writes the suite of the verdict: a testcase for each gate, and the run's facts
// as properties.
func (j *junitReport) Begin() error {
	j.w.WriteString(xml.Header + "<testsuites>\n")
	e := &j.src.End
	j.suite = junitSuite{}
	spoken := false
	for _, g := range e.Gates {
		j.gate(g)
		spoken = spoken || g.Verdict == e.Verdict
	}
	if !spoken { // rule 1: the verdict always has a testcase that says it
		j.gate(run.GateResult{
			Name: "run", Measured: e.Verdict.String(), Limit: "pass", Verdict: e.Verdict,
			Reason: strings.Join(e.Reasons, "; "),
		})
	}
	return j.writeSuite("bgverify.verdict", [][2]string{
		{"bgverify.run", j.src.Head.ID},
		{"bgverify.verdict", e.Verdict.String()},
		{"bgverify.exit", fmt.Sprint(e.Verdict.ExitStatus(e.Signal))},
		{"bgverify.blue", e.Sides.Blue.URL},
		{"bgverify.green", e.Sides.Green.URL},
		{"bgverify.verified_without", strings.Join(j.src.Audit().VerifiedWithout, ", ")},
	}, strings.ToUpper(e.Verdict.String())+": "+words.Answer(e.Verdict)+"\n"+strings.Join(e.Reasons, "\n"))
}

// gate writes a gate as a testcase. An inconclusive gate fails the build, except where
// the run passed in spite of it because the user chose to be warned only.
func (j *junitReport) gate(g run.GateResult) {
	text := "measured " + g.Measured + ", limit " + g.Limit
	c := junitCase{
		class: "bgverify.verdict", name: "gate: " + g.Name, verdict: g.Verdict, kind: "gate." + g.Verdict.String(),
		message: cmp.Or(g.Reason, text), content: text,
	}
	switch {
	case g.Verdict == run.Skip:
		c.content = c.message
	case g.Verdict == run.Inconclusive && j.src.End.Verdict == run.Pass: // the user's policy: warn
		c.verdict, c.content = run.Skip, "inconclusive: "+c.message
	}
	j.testcase(c)
}

// Add writes a case as a testcase of its suite, or folds it (rule 5).
func (j *junitReport) Add(c *run.CaseResult) error {
	if err := j.openSuite(c.Suite); err != nil {
		return err
	}
	if j.src.End.Counts.Cases > foldAbove && c.Verdict == run.Pass && !c.Flaky {
		j.fold(c)
		return nil
	}
	t := junitCase{
		class: j.class(c.Suite), name: strings.TrimSpace(c.ID + " " + source.RequestLine(c)), ms: c.ElapsedMS, verdict: c.Verdict,
		message: source.FirstReason(c),
	}
	switch c.Verdict {
	case run.Pass:
	case run.Skip:
		t.content = t.message
	case run.Inconclusive:
		t.kind, t.content = "case.inconclusive", j.src.Details(c)
	case run.Broken, run.Interrupted, run.Incomplete:
		t.kind, t.content = source.BrokenType(c), j.src.Details(c)
	default:
		t.kind, t.message = j.src.Failure(c)
		t.content = j.src.Details(c)
	}
	j.testcase(t)
	return nil
}

// fold counts an equal case under its route.
func (j *junitReport) fold(c *run.CaseResult) {
	route := source.RouteOf(c)
	if j.suite.folded == nil {
		j.suite.folded = map[string]*folded{}
	}
	f := j.suite.folded[route]
	if f == nil {
		f = &folded{}
		j.suite.folded[route] = f
		j.suite.routes = append(j.suite.routes, route)
	}
	f.cases++
	f.ms += c.ElapsedMS
}

// class is the classname of a suite's testcases: consumers group by what comes before
// the last dot.
func (j *junitReport) class(suite int) string { return "bgverify." + j.src.Head.Suites[suite].Name }

// openSuite writes the suites before i and starts collecting for it.
func (j *junitReport) openSuite(i int) error {
	for j.open < i {
		if err := j.closeSuite(); err != nil {
			return err
		}
		j.open++
		j.suite = junitSuite{}
	}
	return nil
}

// closeSuite writes the suite that is open, the folded cases and the load stages after
// the others.
func (j *junitReport) closeSuite() error {
	if j.open < 0 {
		return nil
	}
	class := j.class(j.open)
	for _, route := range j.suite.routes {
		f := j.suite.folded[route]
		j.testcase(junitCase{class: class, name: fmt.Sprintf("%s (%d equal cases)", route, f.cases), ms: f.ms, verdict: run.Pass})
	}
	for _, l := range j.src.Loads[j.open] {
		j.testcase(junitCase{
			class: class, name: "load " + l.Name, ms: l.Seconds * 1000, verdict: l.Verdict, kind: "load." + l.Verdict.String(),
			message: l.Reason, content: loadText(&l),
		})
	}
	h, e := j.src.Head.Suites[j.open], j.src.End.Suites[j.open]
	return j.writeSuite(class, [][2]string{
		{"bgverify.file", h.File},
		{"bgverify.service", h.Service},
		{"bgverify.owner", h.Owner},
		{"bgverify.verdict", e.Verdict.String()},
	}, strings.Join(e.Reasons, "\n"))
}

// End writes the suites that are left, those without cases too.
func (j *junitReport) End() error {
	if err := j.openSuite(len(j.src.Head.Suites) - 1); err != nil {
		return err
	}
	if err := j.closeSuite(); err != nil {
		return err
	}
	_, err := j.w.WriteString("</testsuites>\n")
	return err
}

// A junitCase is a testcase. Of one that passed, class, name and time are written; of one that was
// skipped its content too.
type junitCase struct {
	class, name            string
	ms                     float64
	verdict                run.Verdict
	kind, message, content string
}

// testcase adds one to the open suite (rule 2).
func (j *junitReport) testcase(c junitCase) {
	s := &j.suite
	s.tests++
	s.ms += c.ms
	b := &s.cases
	fmt.Fprintf(b, `    <testcase classname="%s" name="%s" time="%.3f"`, xmlAttr(c.class), xmlAttr(j.unique(c.name)), c.ms/1000)
	element := "error"
	switch c.verdict {
	case run.Pass:
		b.WriteString("/>\n")
		return
	case run.Skip:
		element, c.kind = "skipped", ""
		s.skipped++
	case run.Fail, run.Inconclusive:
		element = "failure"
		s.failures++
	default:
		s.errors++
	}
	b.WriteString(">\n      <" + element)
	if c.kind != "" {
		fmt.Fprintf(b, ` type="%s" message="%s"`, xmlAttr(c.kind), xmlAttr(text.Cut(c.message, 1000)))
	}
	if b.Len() > junitSuiteText {
		c.content = "left out: the suite's content passed its bound; see report.html"
	}
	b.WriteString(">" + xmlText(cut(c.content, junitCaseText)) + "</" + element + ">\n    </testcase>\n")
}

// unique makes a name that no testcase had before: white space collapsed, as
// readers do, and a number added where that name was taken.
func (j *junitReport) unique(name string) string {
	name = strings.Join(strings.Fields(xmlChars(name)), " ")
	for candidate := name; ; {
		n := j.names[candidate]
		j.names[candidate] = n + 1
		if n == 0 {
			return candidate
		}
		candidate = fmt.Sprintf("%s (%d)", name, n+1)
	}
}

// writeSuite writes the open suite with its counts.
func (j *junitReport) writeSuite(name string, properties [][2]string, out string) error {
	s := &j.suite
	host := j.src.Head.Env.Hostname
	if strings.TrimSpace(host) == "" {
		host = "localhost"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `  <testsuite name="%s" tests="%d" failures="%d" errors="%d" skipped="%d" time="%.3f" timestamp="%s" hostname="%s" id="%d" package="bgverify">`+"\n",
		xmlAttr(name), s.tests, s.failures, s.errors, s.skipped, s.ms/1000, j.src.Head.Started.UTC().Format("2006-01-02T15:04:05"),
		xmlAttr(host), j.id)
	j.id++
	b.WriteString("    <properties>\n")
	for _, p := range properties {
		fmt.Fprintf(&b, `      <property name="%s" value="%s"/>`+"\n", p[0], xmlAttr(p[1]))
	}
	b.WriteString("    </properties>\n")
	s.cases.WriteTo(&b)
	fmt.Fprintf(&b, "    <system-out>%s</system-out>\n    <system-err></system-err>\n  </testsuite>\n", xmlText(cut(out, junitCaseText)))
	if err := wellFormed(bytes.NewReader(b.Bytes())); err != nil {
		return fmt.Errorf("suite %s would not be readable: %w", name, err)
	}
	_, err := b.WriteTo(j.w)
	return err
}

// wellFormed reads XML to its end.
func wellFormed(r io.Reader) error {
	d := xml.NewDecoder(r)
	for {
		if _, err := d.RawToken(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// xmlChars replaces what XML 1.0 cannot hold, and what turns text around.
func xmlChars(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if words.Control(r) || r == 0xfffe || r == 0xffff {
			return 0xfffd
		}
		return r
	}, s)
}

var (
	// The escapes of text and of attributes in XML. Line breaks of attributes are written as
	// references, as parsers turn them into spaces otherwise.
	textEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	attrEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\n", "&#10;", "\t", "&#9;")
)

// xmlText writes text between two tags.
func xmlText(s string) string { return textEscapes.Replace(xmlChars(s)) }

// xmlAttr writes text inside a quoted attribute; line feeds and tabs survive there only
// as references.
func xmlAttr(s string) string { return attrEscapes.Replace(xmlChars(s)) }

// cut keeps at most n bytes of text, at a rune's border, and says so.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "\n… cut"
}

// loadText lists a load stage's comparisons.
func loadText(l *run.LoadResult) string {
	var b strings.Builder
	b.WriteString(l.Reason + "\n")
	for i := range l.Comparisons {
		c := &l.Comparisons[i]
		v := words.Row(c)
		fmt.Fprintf(&b, "%s  blue %s  green %s  %s %s  margin %s  %d blocks (%d dropped)  MDE %s  %s\n", v.Name, v.Blue, v.Green, v.Change,
			v.Interval, v.Margin, c.Blocks, c.Dropped, v.MDE, words.OutcomeVerdict(c.Outcome))
	}
	return b.String()
}
