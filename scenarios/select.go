package scenarios

import "iter"

// A Selection says which cases run. The zero Selection is all of them.
type Selection struct {
	Tag   string   // an expression: smoke and not (write or slow)
	Case  []string // globs over suite/case, suite/case[row] or case alone; any of them
	IDs   []string // exact ids, rows included (--rerun-failed); any of them
	Shard int      // 1..Of; 0 when Of is 0
	Of    int
}

// A Selected is a case that was picked, with its picked rows.
type Selected struct {
	Suite *Suite
	Case  *Case
	First int // place of its first row in the plan, rows counted over all suites
	Count int // rows; 1 for a case without data
	// Rows are read again at each iteration. A case without data has one zero Row.
	Rows iter.Seq2[Row, error]
}

// Select picks cases in the order of the suites. Shards split the rows that
// the other criteria leave: the union of all shards is the whole.
func Select(suites []*Suite, sel Selection) ([]Selected, error) {
	return nil, nil
}
