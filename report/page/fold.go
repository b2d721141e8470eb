package page

// What the pane folds away. It keeps foldContext rows around what differs; a run of
// fewer than foldLeast rows is not worth a fold; a case carries at most foldHidden
// rows that a fold hides, which a reader can unfold: past that, the raw body is the
// place to look.
const (
	foldContext = 2
	foldLeast   = 4
	foldHidden  = 600
)

// fold replaces runs of rows that are the same on both sides by one row that says
// how many they are. It keeps
//
//  1. titles, and every row that is not the same on both sides,
//  2. the rows next to a difference; an ignored one needs no surroundings,
//  3. the rows that open and close the objects and arrays around a kept row, so that
//     the reader sees which part of the body it belongs to.
func fold(rows []row) []row {
	keep := rowsToKeep(rows)
	keepClosers(rows, keep)
	var out []row
	hidden := 0
	for i := 0; i < len(rows); {
		end := i
		for end < len(rows) && !keep[end] {
			end++
		}
		if end-i < foldLeast { // a kept row has end == i
			end = max(end, i+1)
			out = append(out, rows[i:end]...)
			i = end
			continue
		}
		f := row{mark: rowFold, depth: rows[i].depth, folded: end - i}
		for _, r := range rows[i:end] {
			f.depth = min(f.depth, r.depth)
		}
		if hidden += end - i; hidden <= foldHidden {
			f.hidden = rows[i:end:end]
		}
		out = append(out, f)
		i = end
	}
	return out
}

// rowsToKeep marks the rows of rules 1 and 2, and those that open what is around them.
func rowsToKeep(rows []row) []bool {
	keep := make([]bool, len(rows))
	var open []int // the rows that opened the levels around the current one
	for i := range rows {
		r := &rows[i]
		if r.mark == rowTitle {
			keep[i] = true
			open = open[:0]
			continue
		}
		for len(open) > 0 && rows[open[len(open)-1]].depth >= r.depth {
			open = open[:len(open)-1]
		}
		if r.mark != rowSame {
			for _, o := range open {
				keep[o] = true
			}
			around := foldContext
			if r.mark == rowIgnored {
				around = 0
			}
			for k := max(0, i-around); k <= min(len(rows)-1, i+around); k++ {
				keep[k] = true
			}
		}
		open = append(open, i)
	}
	return keep
}

// keepClosers keeps the row that closes each kept row that opens something.
func keepClosers(rows []row, keep []bool) {
	for i := range rows {
		if !keep[i] || rows[i].mark == rowTitle || !opens(rows[i].blue) {
			continue
		}
		for k := i + 1; k < len(rows) && rows[k].depth >= rows[i].depth && rows[k].mark != rowTitle; k++ {
			if rows[k].depth == rows[i].depth {
				keep[k] = true
				break
			}
		}
	}
}

// opens reports whether a row begins an object or an array.
func opens(text string) bool {
	return text != "" && (text[len(text)-1] == '{' || text[len(text)-1] == '[')
}
