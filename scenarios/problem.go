package scenarios

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// HasErrors reports whether a problem is an error.
func (p Problems) HasErrors() bool {
	return slices.ContainsFunc(p, func(x Problem) bool { return x.Kind == Error })
}

// sort orders by file, line, column, then errors before warnings, then text.
func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(
			strings.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Summary, b.Summary),
		)
	})
}

// maxColumns bounds the source line that Write prints.
const maxColumns = 160

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
		fmt.Fprintf(b, "%s: %s: %s\n", visible(x.Pos.String()), x.Kind, visible(x.Summary))
		if x.Source != "" {
			line, caret := underline(x)
			fmt.Fprintf(b, "    %s\n    %s\n", line, caret)
		}
		if x.Hint != "" {
			fmt.Fprintf(b, "  hint: %s\n", visible(x.Hint))
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
	runes, at := window(p.Source, p.Pos.Col-1)
	from := 0
	for from < at && (runes[from] == ' ' || runes[from] == '\t') {
		from++
	}
	prefix := ""
	if at-from > maxColumns || cells(runes[from:at]) > maxColumns/2 {
		from = max(from, at-maxColumns/4)
		prefix = "…"
	}
	to := from
	for width := 0; to < len(runes); to++ {
		if width += cells(runes[to : to+1]); width > maxColumns {
			break
		}
	}
	line = prefix + visible(string(runes[from:to]))
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
		if n >= col-2*maxColumns {
			if len(runes) >= 4*maxColumns {
				break
			}
			runes = append(runes, r)
		}
		n++
	}
	return runes, min(max(min(col, 2*maxColumns), 0), len(runes))
}

// columns measures text as a terminal shows it, whatever the locale says.
var columns = &runewidth.Condition{}

// cells is the width of printed text.
func cells(runes []rune) int {
	n := 0
	for _, r := range runes {
		n += columns.StringWidth(visible(string(r)))
	}
	return n
}

// visible makes text safe to print: tabs are one space, other control
// characters and those that turn the direction of text are shown as U+FFFD.
func visible(s string) string {
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
