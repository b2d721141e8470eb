// Package problem is what is wrong in a file of a user: its place, one line that
// says what, and a hint what to write instead.
//
// The readers of package scenarios collect problems, all of them, before anything
// is sent; [Problems.Write] prints them for people with the source line and a
// caret. The package reads no file: the source line travels in the problem.
package problem

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// A Pos is a place in a scenario file. Line and Col count from 1; Col counts runes.
type Pos struct {
	File      string
	Line, Col int
}

// A Kind tells an error from a warning.
type Kind uint8

// The kinds of problem. Zero is invalid.
const (
	Error   Kind = iota + 1 // nothing is sent
	Warning                 // true but worth knowing
)

// A Problem is something wrong in a scenario file.
type Problem struct {
	// Pos is where the mistake begins; Line 0 is the file as a whole.
	Pos  Pos
	Kind Kind
	// Summary is one line in lower case: unknown key "querry" in case "channel-list"
	Summary string
	// Hint says what to write instead: did you mean "query"? It is empty where there is none.
	Hint string
	// Source is the line of the file at Pos, without its end.
	Source string
	// Width is how many characters are underlined from Pos.Col; at least 1.
	Width int
}

// Problems are sorted by file, line and column.
type Problems []Problem

// String is error or warning.
func (k Kind) String() string {
	switch k {
	case Error:
		return "error"
	case Warning:
		return "warning"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// String is file:line:col; the line and column are left out where unknown.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return p.File + ":" + strconv.Itoa(p.Line)
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
}

// HasErrors reports whether a problem is an error.
func (p Problems) HasErrors() bool {
	return slices.ContainsFunc(p, func(x Problem) bool { return x.Kind == Error })
}

// Sort orders by file, line, column, then errors before warnings, then text.
func (p Problems) Sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(
			strings.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Summary, b.Summary),
		)
	})
}

// MaxColumns bounds the source line that Write prints.
const MaxColumns = 160

// Write prints the problems for people, a blank line between two:
//
//	stb/home.yaml:31:5: error: unknown key "querry" in case "channel-list"
//	    querry: {region: "{{region}}"}
//	    ^^^^^^
//	  hint: did you mean "query"?
//
// Leading space of the source line is cut, wide characters count two columns,
// and control characters are never printed.
func (p Problems) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	for i, x := range p {
		if i > 0 {
			fmt.Fprintln(b)
		}
		fmt.Fprintf(b, "%s: %s: %s\n", Visible(x.Pos.String()), x.Kind, Visible(x.Summary))
		if x.Source != "" {
			line, caret := underline(x)
			fmt.Fprintf(b, "    %s\n    %s\n", line, caret)
		}
		if x.Hint != "" {
			fmt.Fprintf(b, "  hint: %s\n", Visible(x.Hint))
		}
	}
	return b.Flush()
}

// String is the problem's first line.
func (p Problem) String() string {
	return fmt.Sprintf("%s: %s: %s", p.Pos, p.Kind, p.Summary)
}

// underline cuts the source line to what fits and draws the carets below it.
func underline(p Problem) (line, caret string) {
	// The parts of a line far from the column are never shown: a line may be a megabyte.
	runes, at := window(p.Source, p.Pos.Col-1)
	from := 0
	for from < at && (runes[from] == ' ' || runes[from] == '\t') {
		from++
	}
	// A column far to the right is shown with what is just before it.
	prefix := ""
	if at-from > MaxColumns || cells(runes[from:at]) > MaxColumns/2 {
		from = max(from, at-MaxColumns/4)
		prefix = "…"
	}
	// What fits follows, wide characters counted as two.
	to := from
	for width := 0; to < len(runes); to++ {
		if width += cells(runes[to : to+1]); width > MaxColumns {
			break
		}
	}
	line = prefix + Visible(string(runes[from:to]))
	if to < len(runes) {
		line += "…"
	}
	width := 1
	if at < to {
		width = max(1, cells(runes[at:min(at+max(p.Width, 1), to)]))
	}
	return line, strings.Repeat(" ", columns.StringWidth(prefix)+cells(runes[from:at])) + strings.Repeat("^", width)
}

// window is the part of a line around a column that can be shown, and where the
// column is in it.
func window(line string, col int) (runes []rune, at int) {
	n := 0
	for _, r := range line {
		if n >= col-2*MaxColumns {
			if len(runes) >= 4*MaxColumns {
				break
			}
			runes = append(runes, r)
		}
		n++
	}
	return runes, min(max(min(col, 2*MaxColumns), 0), len(runes))
}

// columns measures text as a terminal shows it, whatever the locale says.
var columns = &runewidth.Condition{}

// cells is the width of printed text.
func cells(runes []rune) int {
	n := 0
	for _, r := range runes {
		n += columns.StringWidth(Visible(string(r)))
	}
	return n
}

// Visible makes text safe to print: tabs are one space, other control
// characters and those that turn the direction of text are shown as U+FFFD.
func Visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Cut shortens text that a problem quotes to n characters and an ellipsis.
func Cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
