package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
)

// WriteDifferences writes what a comparison of two bodies found: one difference a
// line, blue's value before green's, then the causes with the rules that would
// silence them, and how much was compared. Nothing in it is obeyed by a terminal.
func WriteDifferences(w io.Writer, result *diff.Result, causes *cause.Set) error {
	b := bufio.NewWriter(w)
	for i := range result.Differences {
		d := &result.Differences[i]
		place := d.Path
		if d.Where != diff.InBody {
			place = strings.TrimSpace(d.Where.String() + " " + d.Path)
		}
		fmt.Fprintf(b, "%-9s %s  %s\n", d.Kind, text.Visible(place), valuesOf(d))
	}
	if more := result.Total - len(result.Differences); more > 0 {
		fmt.Fprintf(b, "… and %d more\n", more)
	}
	for _, note := range result.Notes {
		fmt.Fprintf(b, "note: %s\n", text.Visible(note))
	}
	// A cause repeats no difference: it says how often the same edit was found, and which rule
	// would hide it.
	for _, c := range causes.List() {
		fmt.Fprintf(b, "cause %d, %s: %s\n", source.Number(c.ID), timesOf(c.Count), text.Visible(editOf(&c)))
		if c.Rule != "" {
			fmt.Fprintf(b, "  a rule that would silence it: %s\n", strings.ReplaceAll(visibleLines(c.Rule), "\n", "\n  "))
		} else {
			fmt.Fprintf(b, "  no rule is proposed: %s\n", text.Visible(c.NoRule))
		}
	}
	if result.Equal() {
		fmt.Fprint(b, "equal")
	} else {
		fmt.Fprint(b, text.Count(result.Total, "difference"))
	}
	if result.HiddenTotal > 0 {
		fmt.Fprintf(b, ", %d ignored by rules", result.HiddenTotal)
	}
	fmt.Fprintf(b, "; %d of blue's %d values compared\n", result.Leaves.Compared, result.Leaves.Seen)
	return b.Flush()
}

// timesOf says how often a cause was seen.
func timesOf(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// editOf says what a cause did, also where its kind says it all.
func editOf(c *cause.Cause) string {
	if c.Edit == "" {
		return c.Kind.String()
	}
	return c.Edit
}

// visibleLines is text.Visible of each line.
func visibleLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i := range lines {
		lines[i] = text.Visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// valuesOf shows what the two sides have at a difference.
func valuesOf(d *diff.Difference) string {
	shown := ""
	from, to, moved := d.Indices()
	switch {
	case moved:
		shown = fmt.Sprintf("[%d] on blue, [%d] on green: %s", from, to, excerptLine(&d.Blue))
	case d.Blue.Type != diff.AbsentType && d.Green.Type != diff.AbsentType:
		shown = excerptLine(&d.Blue) + " -> " + excerptLine(&d.Green)
	case d.Blue.Type != diff.AbsentType:
		shown = "blue " + excerptLine(&d.Blue)
	case d.Green.Type != diff.AbsentType:
		shown = "green " + excerptLine(&d.Green)
	}
	if d.Note != "" {
		shown = strings.TrimSpace(shown + "  " + text.Visible(d.Note))
	}
	return shown
}

// excerptLine is an excerpt on one line, with nothing a terminal would obey.
func excerptLine(e *diff.Excerpt) string {
	shown := text.Visible(e.JSON)
	if e.Cut {
		shown += fmt.Sprintf("… (%d bytes)", e.Size)
	}
	return shown
}
