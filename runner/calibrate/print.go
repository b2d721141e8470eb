package calibrate

import (
	"fmt"
	"io"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
)

// Write writes the rules as a rule file, each below its evidence, and what has no
// rule as comments. hide replaces the secrets in a value that is shown, also the beginning
// of one at its end: the value may have been cut there.
func (c *Result) Write(w io.Writer, hide func(string) string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# bgverify calibrate: %s of %s against itself, %s compared, %s unstable.\n",
		text.Count(c.rounds, "round"), c.seen.asked, text.Count(c.seen.compared, "answer"), text.Count(len(c.proposals), "field"))
	// All of the output is YAML: what is not a rule is a comment.
	rules := len(rulesOf(c.proposals))
	if len(c.proposals) == 0 {
		b.WriteString("rules: []\n")
	} else if rules > 0 {
		b.WriteString("# Read the evidence before you paste: a rule hides real regressions within its bounds.\nrules:\n")
	}
	// The rules, so that the output is a rule file as it is.
	for _, p := range c.proposals {
		if p.rule != nil {
			fmt.Fprintf(&b, "  # %s: %s\n  %s\n", p.class, p.group.evidence(hide), diff.RuleYAML(*p.rule))
		}
	}
	// Below them, as comments, what a reader has to settle by hand.
	var findings, none, left []string
	for _, g := range c.findings {
		findings = append(findings, g.place()+": "+g.evidence(hide))
	}
	for _, p := range c.proposals {
		if p.rule == nil {
			none = append(none, fmt.Sprintf("%s: %s: %s: %s", p.group.place(), p.class, text.Visible(p.why), p.group.evidence(hide)))
		}
	}
	for _, g := range c.left {
		left = append(left, g.place()+": "+g.evidence(hide))
	}
	section(&b, "Findings: stable on blue, unstable on green. No rule is proposed; look at green.", findings)
	section(&b, "No rule is proposed for:", none)
	section(&b, "Still unstable in the last round under these rules:", left)
	section(&b, "Accepted only once, so that later rounds could not be compared:", c.seen.onceLines())
	section(&b, "Not measured:", c.seen.unmeasured())
	// Last, whether the rules held when they were tried.
	if c.tried > 0 {
		tried := "# The rules were tried in " + text.Count(c.tried, "more round")
		if c.settle > 0 && c.held {
			tried += ", the last after " + c.settle.String()
		}
		if c.held {
			b.WriteString(tried + ": they hold.\n")
		} else {
			b.WriteString(tried + ": what did not hold is listed above.\n")
		}
	}
	_, err := w.Write([]byte(b.String()))
	return err
}

// section writes lines as a comment with a title; without lines it writes nothing.
func section(b *strings.Builder, title string, lines []string) {
	if len(lines) > 0 {
		fmt.Fprintf(b, "# %s\n#   %s\n", title, strings.Join(lines, "\n#   "))
	}
}
