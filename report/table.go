package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	draw "github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// A column of a terminal table.
type column struct {
	title string
	right bool
	// flex columns give way when the table is wider than the terminal: their
	// text wraps, and is cut after the third line.
	flex bool
}

// columnsOf are columns by their titles. A title that ends with > is of numbers, which are aligned
// to the right; one that ends with ~ is of text that is broken where the table is too wide.
func columnsOf(titles ...string) []column {
	out := make([]column, len(titles))
	for i, title := range titles {
		plain := strings.TrimRight(title, ">~")
		out[i] = column{title: plain, right: title == plain+">", flex: title == plain+"~"}
	}
	return out
}

// gap is the space between two columns.
const gap = 2

// writeTable writes a table without borders, its columns aligned by display
// width, so that Korean names line up. width 0 is unlimited. Style, alignment
// and widths are all set here: nothing is left to what the library finds in the
// environment.
func writeTable(w io.Writer, cols []column, rows [][]string, width int, ascii bool) error {
	// The library draws. What is fitted into the width is decided here, by columns, since it wraps
	// every column alike.
	rows = fit(cols, rows, width)
	align := make([]tw.Align, len(cols))
	titles := make([]string, len(cols))
	for i, c := range cols {
		align[i], titles[i] = tw.AlignLeft, c.title
		if c.right {
			align[i] = tw.AlignRight
		}
	}
	symbols := tw.NewSymbols(tw.StyleLight)
	if ascii {
		symbols = tw.NewSymbols(tw.StyleASCII)
	}
	cell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft, PerColumn: align},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: strings.Repeat(" ", gap), Overwrite: true}},
	}
	var out strings.Builder
	t := tablewriter.NewTable(&out,
		tablewriter.WithConfig(tablewriter.Config{Header: cell, Row: cell, Behavior: tw.Behavior{AutoHide: tw.Off, TrimSpace: tw.Off}}),
		tablewriter.WithEastAsian(tw.Off),
		tablewriter.WithRenderer(draw.NewBlueprint(tw.Rendition{
			Symbols: symbols,
			Borders: tw.BorderNone,
			Settings: tw.Settings{
				Separators: tw.Separators{ShowHeader: tw.On, ShowFooter: tw.Off, BetweenRows: tw.Off, BetweenColumns: tw.Off},
				Lines:      tw.Lines{ShowTop: tw.Off, ShowBottom: tw.Off, ShowHeaderLine: tw.On, ShowFooterLine: tw.Off},
			},
		})))
	t.Header(titles)
	if err := t.Bulk(rows); err != nil {
		return err
	}
	if err := t.Render(); err != nil {
		return err
	}
	rule := strings.Repeat(symbols.Row(), gap)
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(strings.TrimSuffix(line, rule+"\n"), " \n") // under the last column's padding
		if bare, ok := strings.CutSuffix(line, plain); ok {
			line = strings.TrimRight(bare, " ") + plain // the library pads before it ends a colour
		}
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// leastFlex is how narrow a column that gives way may become.
const leastFlex = 12

// fit wraps the cells of flex columns until the table is at most width wide.
func fit(cols []column, rows [][]string, width int) [][]string {
	widths := make([]int, len(cols))
	total := -gap
	for i, c := range cols {
		widths[i] = twwidth.Width(c.title)
		for _, row := range rows {
			widths[i] = max(widths[i], twwidth.Width(row[i]))
		}
		total += widths[i] + gap
	}
	if width == 0 || total <= width {
		return rows
	}
	// The widest column gives way by one until the table fits, so that columns that may be broken
	// end up with about the same width.
	for ; total > width; total-- {
		widest := -1
		for i, c := range cols {
			if c.flex && widths[i] > leastFlex && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	out := make([][]string, len(rows))
	for i, row := range rows {
		out[i] = append([]string(nil), row...)
		for k, c := range cols {
			if c.flex {
				out[i][k] = strings.Join(wrap(row[k], widths[k], 3), "\n")
			}
		}
	}
	return out
}

// WriteReasons writes a line for each reason, broken between words to fit width columns. Width 0
// breaks nothing.
func WriteReasons(w io.Writer, reasons []string, width int) {
	for _, reason := range reasons {
		lines := []string{text.Visible(reason)}
		if width > 0 {
			lines = wrap(lines[0], max(width-4, leastFlex), math.MaxInt)
		}
		fmt.Fprintf(w, "  - %s\n", strings.Join(lines, "\n    "))
	}
}

// wrap breaks text into lines of at most width columns: at spaces, and inside
// words that are longer than a line. Past the last line the text is cut.
func wrap(s string, width, lines int) []string {
	var out []string
	for s != "" && len(out) < lines {
		if twwidth.Width(s) <= width {
			return append(out, s)
		}
		// A line ends at the last blank that fits. A word longer than the column is cut where the
		// column ends, and so is the last line.
		end, space, used := len(s), -1, 0
		for i, r := range s {
			if w := twwidth.Width(string(r)); used+w > width {
				end = i
				break
			} else {
				used += w
			}
			if r == ' ' {
				space = i
			}
		}
		if end == 0 { // one rune is wider than the column
			break
		}
		if s[end] == ' ' {
			space = end
		}
		if space > 0 && len(out) < lines-1 {
			end = space
		}
		out = append(out, s[:end])
		s = strings.TrimLeft(s[end:], " ")
	}
	if s != "" && len(out) > 0 {
		last := []rune(out[len(out)-1])
		out[len(out)-1] = strings.TrimRight(string(last[:len(last)-1]), " ") + "…"
	}
	return out
}

// Fit is text for one line of a terminal of so many columns: controls made
// visible, and cut where it is wider. columns 0 is unlimited.
func Fit(s string, columns int) string {
	s = text.Visible(s)
	if columns <= 0 || twwidth.Width(s) <= columns {
		return s
	}
	used := 0
	for i, r := range s {
		if used += twwidth.Width(string(r)); used > columns {
			return s[:i]
		}
	}
	return s
}
