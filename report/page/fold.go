package page

// A folding says how much of what does not differ stays in sight.
type folding struct {
	context int  // rows around what differs
	least   int  // a run shorter than this is not worth folding
	hidden  int  // rows that may be kept out of sight, to be unfolded
	ignored bool // what a rule hides stays in sight
	whole   bool // parts without a difference, and the ends of values, stay
}

// The foldings of the pane, which can unfold, and of the page without scripts.
var (
	paneFolding   = folding{context: 2, least: 4, hidden: 600, ignored: true, whole: true}
	staticFolding = folding{context: 1, least: 2}
)

// fold replaces runs of rows that are the same on both sides by one row that
// says how many they are. Rows next to what differs stay, and so does every row
// that opens or closes something around it, so that a reader sees where he is.
func fold(rows []row, how folding) []row {
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
		if r.mark != rowSame && (how.ignored || r.mark != rowIgnored) {
			for _, o := range open {
				keep[o] = true
			}
			around := how.context
			if r.mark == rowIgnored { // it does not count: it needs no surroundings
				around = 0
			}
			for k := max(0, i-around); k <= min(len(rows)-1, i+around); k++ {
				keep[k] = true
			}
		}
		open = append(open, i)
	}
	if how.whole {
		keepClosers(rows, keep)
	}
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
		if end-i < how.least {
			out = append(out, rows[i:end]...)
			i = end
			continue
		}
		f := row{mark: rowFold, depth: rows[i].depth, folded: end - i}
		for _, r := range rows[i:end] {
			f.depth = min(f.depth, r.depth)
			if r.mark == rowIgnored {
				f.note = "or ignored"
			}
		}
		if hidden += end - i; hidden <= how.hidden {
			f.hidden = rows[i:end:end]
		}
		out = append(out, f)
		i = end
	}
	if !how.whole {
		out = worthReading(out)
	}
	return out
}

// worthReading leaves out the parts of an answer that hold nothing but a fold,
// and the fold that ends a part.
func worthReading(rows []row) []row {
	var out []row
	for i := 0; i < len(rows); {
		end := i + 1
		for end < len(rows) && rows[end].mark != rowTitle {
			end++
		}
		part := shortRuns(rows[i:end])
		if len(part) > 2 && part[len(part)-1].mark == rowFold {
			part = part[:len(part)-1]
		}
		if rows[i].mark != rowTitle || len(part) > 2 || len(part) == 2 && part[1].mark != rowFold {
			out = append(out, part...)
		}
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

// staticRun is how many rows that only one side has stand in the page without scripts.
const staticRun = 8

// shortRuns cuts long runs of rows that one side alone has.
func shortRuns(rows []row) []row {
	var out []row
	for i := 0; i < len(rows); {
		end := i + 1
		for end < len(rows) && rows[end].mark == rows[i].mark {
			end++
		}
		oneSided := rows[i].mark == rowAdded || rows[i].mark == rowRemoved
		if n := end - i - staticRun; oneSided && n > 1 {
			out = append(out, rows[i:i+staticRun]...)
			out = append(out, row{mark: rowFold, depth: rows[i].depth, folded: n, note: rowWords[rows[i].mark]})
		} else {
			out = append(out, rows[i:end]...)
		}
		i = end
	}
	return out
}
