package page

import (
	"strings"
)

// maxLineCells bounds the table that aligns two texts line by line.
const maxLineCells = 1 << 20

// alignLines lays two texts side by side, line by line: equal ends first, then
// the longest common subsequence of what is between them, or that part as a
// whole where it is too large.
func alignLines(blue, green string) []row {
	b, g := splitLines(blue), splitLines(green)
	// Most lines of two answers are equal; only what is between the equal ends needs the table.
	head := 0
	for head < len(b) && head < len(g) && b[head] == g[head] {
		head++
	}
	tail := 0
	for tail < len(b)-head && tail < len(g)-head && b[len(b)-1-tail] == g[len(g)-1-tail] {
		tail++
	}
	var rows []row
	same := func(lines []string) {
		for _, l := range lines {
			rows = append(rows, row{blue: l, green: l})
		}
	}
	same(b[:head])
	rows = append(rows, middle(b[head:len(b)-tail], g[head:len(g)-tail])...)
	same(b[len(b)-tail:])
	return rows
}

// splitLines splits a text into lines; the empty text has none.
func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// middle aligns what is between the equal ends of two texts.
func middle(b, g []string) []row {
	var rows []row
	var onlyBlue, onlyGreen []string
	flush := func() { // what differs is side by side as far as it goes
		for i := range max(len(onlyBlue), len(onlyGreen)) {
			switch {
			case i >= len(onlyGreen):
				rows = append(rows, row{mark: rowRemoved, blue: onlyBlue[i]})
			case i >= len(onlyBlue):
				rows = append(rows, row{mark: rowAdded, green: onlyGreen[i]})
			default:
				rows = append(rows, row{mark: rowChanged, blue: onlyBlue[i], green: onlyGreen[i]})
			}
		}
		onlyBlue, onlyGreen = nil, nil
	}
	// Past the bound the part is shown as replaced as a whole: a table of a million cells is 4 MB.
	if len(b)*len(g) > maxLineCells {
		onlyBlue, onlyGreen = b, g
		flush()
		return rows
	}
	common := commonTable(b, g)
	i, k := 0, 0
	for i < len(b) || k < len(g) {
		switch {
		case i < len(b) && k < len(g) && b[i] == g[k]:
			flush()
			rows = append(rows, row{blue: b[i], green: g[k]})
			i, k = i+1, k+1
		case k == len(g) || i < len(b) && common[i+1][k] >= common[i][k+1]:
			onlyBlue = append(onlyBlue, b[i])
			i++
		default:
			onlyGreen = append(onlyGreen, g[k])
			k++
		}
	}
	flush()
	return rows
}

// commonTable holds the length of the longest common subsequence of every pair of tails.
func commonTable(b, g []string) [][]int32 {
	t := make([][]int32, len(b)+1)
	cells := make([]int32, (len(b)+1)*(len(g)+1))
	for i := range t {
		t[i] = cells[i*(len(g)+1) : (i+1)*(len(g)+1)]
	}
	// Each cell follows from those to its right and below, so that the table is filled from its
	// end.
	for i := len(b) - 1; i >= 0; i-- {
		for k := len(g) - 1; k >= 0; k-- {
			if b[i] == g[k] {
				t[i][k] = t[i+1][k+1] + 1
			} else {
				t[i][k] = max(t[i+1][k], t[i][k+1])
			}
		}
	}
	return t
}
