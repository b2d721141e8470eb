package report

// Bounds of a fold: how many rows stay around what differs, how short a run is
// not worth folding, and how many rows a step may hide in its page data.
const (
	foldContext = 2
	foldLeast   = 4
	foldHidden  = 600
)

// fold replaces runs of rows that are the same on both sides by one row that
// says how many they are. Rows next to what differs stay, and so does every row
// that opens or closes something around it, so that a reader sees where he is.
func fold(rows []row) []row {
	keep := make([]bool, len(rows))
	var open []int // indices of the rows that opened the levels around
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
			for k := max(0, i-foldContext); k <= min(len(rows)-1, i+foldContext); k++ {
				keep[k] = true
			}
		}
		open = append(open, i)
	}
	keepClosers(rows, keep)
	var out []row
	hidden := 0
	for i := 0; i < len(rows); {
		if keep[i] {
			out = append(out, rows[i])
			i++
			continue
		}
		end := i
		for end < len(rows) && !keep[end] {
			end++
		}
		if end-i < foldLeast {
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

func opens(text string) bool {
	return text != "" && (text[len(text)-1] == '{' || text[len(text)-1] == '[')
}
