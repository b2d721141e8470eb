package scenarios

// A Selection says which cases run. The zero Selection is all of them.
type Selection struct {
	Tag   string   // an expression: smoke and not (write or slow)
	Case  []string // globs over suite/case, suite/case[row] or case alone; any of them
	IDs   []string // exact ids, rows included (--rerun-failed); any of them
	Shard int      // 1..Of; 0 when Of is 0
	Of    int
}

// Select picks cases and rows in the order of the suites and returns copies of
// the suites with only those; suites left with nothing are dropped. Shards
// split the rows that the other criteria leave: the union of all shards is the
// whole. Load stages run only when neither tags, globs nor ids narrow the run.
func Select(suites []*Suite, sel Selection) ([]*Suite, error) {
	return nil, nil
}
