package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// maxAnnotations is what GitHub shows of one step.
const maxAnnotations = 10

// Annotations writes at most ten GitHub workflow commands, one per cause first,
// then cases that no cause speaks for: each at the line of the case's file. A
// passing run writes none.
func Annotations(w io.Writer, ran *run.Run) error {
	src := source.New(ran)
	if src.End.Verdict == run.Pass {
		return nil
	}
	// A cause is shown at the case that is its first example, so that one finding is not repeated
	// at each case that has it.
	example := map[string][]string{} // case id to the causes it is the example of
	for i := range src.End.Causes {
		c := &src.End.Causes[i]
		if i < maxAnnotations && len(c.Examples) > 0 {
			title := fmt.Sprintf("cause %d: %s in %s", source.Number(c.ID), c.Kind, c.Seen())
			text := words.Place(c.Where, c.Path) + ": " + source.Edit(c)
			example[c.Examples[0]] = append(example[c.Examples[0]], title, text)
		}
	}
	var causes, others []string
	for c, err := range src.Cases() {
		if err != nil {
			return fmt.Errorf("read the cases of run %s: %w", ran.Header.ID, err)
		}
		if texts := example[c.ID]; len(texts) > 0 {
			for i := 0; i < len(texts); i += 2 {
				causes = append(causes, command(c, texts[i], texts[i+1]))
			}
			continue
		}
		if c.Verdict > run.Pass && !differs(c) && len(others) < maxAnnotations {
			others = append(others, command(c, c.Verdict.String()+": "+c.ID, source.FirstReason(c)))
		}
	}
	// Causes come first: GitHub shows ten annotations of a step.
	all := append(causes, others...)
	for _, line := range all[:min(maxAnnotations, len(all))] {
		if _, err := io.WriteString(w, line); err != nil {
			return fmt.Errorf("write the annotations: %w", err)
		}
	}
	return nil
}

var (
	// The escapes of GitHub's workflow commands: of their text, and of their properties, in which
	// colon and comma separate. Without them a text of an answer could begin a command.
	commandText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// command is one ::error workflow command.
func command(c *run.CaseResult, title, message string) string {
	file, line := fileLine(c.At)
	props := "title=" + commandProperty.Replace(text.Visible(text.Cut(title, 200)))
	if file != "" {
		at := "file=" + commandProperty.Replace(text.Visible(file))
		if line > 0 {
			at += ",line=" + strconv.Itoa(line)
		}
		props = at + "," + props
	}
	return "::error " + props + "::" + commandText.Replace(text.Visible(text.Cut(message, 1000))) + "\n"
}
