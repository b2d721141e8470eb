package scenarios

import (
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// data reads the rows of a case: a file, or rows written in place. The rows are
// walked once here, to count them and to report every bad one, and never kept.
func (b *builder) data(w *walker, o *obj, c *Case) *Data {
	n := o.get("data")
	if n == nil {
		return nil
	}
	n = deref(n)
	if n.Kind == yaml.SequenceNode {
		return b.finishRows(w, n, c, &Data{}, w.inlineRows(n), 0)
	}
	x := w.object(n, "data", "data")
	d := &Data{File: x.fileName("file"), Name: x.template("name")}
	sample := x.int("sample", 0)
	if x.has("file") == x.has("rows") && !x.broken {
		x.fail(x.n, "write file: or rows:", "data needs a file or rows, one of them")
		return nil
	}
	rows := rowSource(nil)
	if v := x.get("rows"); v != nil {
		if deref(v).Kind != yaml.SequenceNode {
			x.fail(v, "", "rows must be a list, not %s", kindWord(deref(v)))
			return nil
		}
		rows = w.inlineRows(deref(v))
	} else if d.File != "" {
		w.files[d.File] = true
		format := x.word("format")
		if format == "" {
			format = map[string]string{".csv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"}[strings.ToLower(path.Ext(d.File))]
		}
		cp949 := x.word("encoding") == "cp949"
		switch {
		case x.broken:
			return nil
		case format == "":
			x.fail(x.at("file"), "add format: csv, json or ndjson", "the format of %s cannot be told from its name", d.File)
			return nil
		case cp949 && format != "csv":
			x.fail(x.at("encoding"), "", "only csv files have an encoding; JSON is UTF-8")
			return nil
		}
		rows = fileRows{fsys: b.fsys, file: d.File, format: format, cp949: cp949}.open
	}
	x.done("")
	if x.broken || rows == nil {
		return nil
	}
	at := x.at("file")
	if !x.has("file") {
		at = x.at("rows")
	}
	return b.finishRows(w, at, c, d, rows, sample)
}

// A rowSource opens the rows from the beginning.
type rowSource func() (columns []string, rows iter.Seq2[Row, error], err error)

// A rowError is a mistake in a data file.
type rowError struct {
	line int // 0: unknown
	msg  string
	hint string
}

func (e *rowError) Error() string {
	if e.line > 0 {
		return fmt.Sprintf("line %d: %s", e.line, e.msg)
	}
	return e.msg
}

// finishRows walks the rows once, reports what is wrong and draws the sample.
func (b *builder) finishRows(w *walker, n *yaml.Node, c *Case, d *Data, open rowSource, sample int) *Data {
	columns, rows, err := open()
	if err != nil {
		b.rowProblem(w, n, d, err)
		return nil
	}
	d.Columns = columns
	for _, col := range columns {
		if strings.TrimSpace(col) == "" {
			for range rows { // closes the file
				break
			}
			w.errorf(n, "name every column in the first row", "a column without a name in %s", orElse(d.File, "data"))
			return nil
		}
	}
	if !b.checkRowName(d) {
		d.Name = nil
	}
	seen := map[string]int{} // whole names: two with one hash are two rows
	for row, err := range rows {
		if err != nil {
			b.rowProblem(w, n, d, err)
			return d
		}
		d.Count++
		if d.Name == nil {
			continue
		}
		name, err := d.RowName(row)
		if err != nil {
			w.errorf(n, "", "name of row %d: %v", row.Number, err)
			return d
		}
		if first, dup := seen[name]; dup {
			w.add(Problem{Pos: d.Name.Pos, Width: len([]rune(d.Name.Text)), Summary: fmt.Sprintf("rows %d and %d have the same name %q", first, row.Number, cut(name, 40)), Hint: "name rows by what tells them apart, or add {{$row}}"})
			return d
		}
		seen[name] = row.Number
	}
	if d.Count == 0 {
		w.errorf(n, "a case without rows proves nothing", "no rows in %s", orElse(d.File, "data"))
		return d
	}
	d.Rows = again(open)
	wanted := d.Count
	if sample > 0 {
		wanted = min(wanted, sample)
	}
	kept := wanted
	if e := b.opts.Env; e != nil && e.Limits.Rows > 0 {
		kept = min(kept, e.Limits.Rows)
	}
	if d.Left = wanted - kept; kept < d.Count {
		d.drawSample(kept, b.opts.Seed, c.ID)
	}
	return d
}

// again is an iterator that opens the rows anew each time.
func again(open rowSource) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		_, rows, err := open()
		if err != nil {
			yield(Row{}, err)
			return
		}
		rows(yield)
	}
}

func (b *builder) rowProblem(w *walker, n *yaml.Node, d *Data, err error) {
	var re *rowError
	if errors.As(err, &re) && d.File != "" && re.line > 0 {
		b.add(Problem{Pos: Pos{d.File, re.line, 1}, Summary: re.msg, Hint: re.hint})
		return
	}
	hint := ""
	if re != nil {
		hint = re.hint
	}
	w.errorf(n, hint, "cannot read %s: %v", orElse(d.File, "rows"), err)
}

// checkRowName holds the name of rows to their columns.
func (b *builder) checkRowName(d *Data) bool {
	if d.Name == nil {
		return true
	}
	s := *b.suite
	s.Vars, s.Needs, s.Blue.Vars, s.Green.Vars, s.Stage = nil, nil, nil, nil, nil
	l := *b.loader
	n := newNames(b.loader, &s)
	n.l = &l
	n.l.opts.Vars, n.l.opts.Getenv = nil, nil
	n.columns = d.Columns
	n.l.problems = nil
	n.check(d.Name)
	for _, p := range n.l.problems {
		p.Hint = didYouMeanColumn(p.Hint, d.Columns)
		b.problems = append(b.problems, p)
	}
	return len(n.l.problems) == 0
}

func didYouMeanColumn(hint string, columns []string) string {
	if strings.HasPrefix(hint, "did you mean") {
		return hint
	}
	return "the columns are " + strings.Join(columns, ", ")
}

// drawSample keeps a drawn part of the rows, the same for the same seed and case.
func (d *Data) drawSample(k int, seed uint64, id string) {
	h := fnv.New64a()
	h.Write([]byte(id))
	r := rand.New(rand.NewPCG(seed, h.Sum64()))
	chosen := map[int]bool{}
	for j := d.Count - k; j < d.Count; j++ { // Floyd's algorithm
		if i := r.IntN(j + 1); chosen[i] {
			chosen[j] = true
		} else {
			chosen[i] = true
		}
	}
	d.Rows = pick(d.Rows, func(i int, _ Row) bool { return chosen[i] })
	d.Count = k
}

// pick keeps the rows that f wants; i counts them from 0. Errors pass.
func pick(rows iter.Seq2[Row, error], f func(i int, row Row) bool) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		i := 0
		for row, err := range rows {
			if err != nil || f(i, row) {
				if !yield(row, err) || err != nil {
					return
				}
			}
			i++
		}
	}
}

// rowScope answers the name of a row from its columns.
type rowScope struct {
	d   *Data
	row Row
}

// Lookup finds a column.
func (s rowScope) Lookup(name string) (Value, bool, error) {
	row := Sources{Columns: s.d.Columns, Cells: s.row.Cells}
	v, ok := row.given(name)
	return v, ok, nil
}

// Generate answers $row.
func (s rowScope) Generate(generator string, _ []string, _ string, _ bool) (Value, error) {
	if generator == "row" {
		text := strconv.Itoa(s.row.Number)
		return Value{text, text}, nil
	}
	return Value{}, errors.New("a row is named by its columns; nothing is drawn")
}

// RowName is the name of a row: its number when the data has no name template.
func (d *Data) RowName(row Row) (string, error) {
	if d.Name == nil {
		return strconv.Itoa(row.Number), nil
	}
	v, err := d.Name.Expand(rowScope{d, row})
	if err != nil {
		return "", err
	}
	name := cut(strings.TrimSpace(visible(v.Text)), 200)
	if name == "" {
		return "", errors.New("it is empty")
	}
	return name, nil
}

// RowID is the id and name of a case's row: suite/case[row]. A zero row is the
// case itself.
func (c *Case) RowID(row Row) (id, name string) {
	if c.Data == nil || row.Number == 0 {
		return c.ID, c.Name
	}
	text, err := c.Data.RowName(row)
	if err != nil {
		text = strconv.Itoa(row.Number)
	}
	return c.ID + "[" + text + "]", c.Name + " [" + text + "]"
}

// inlineRows reads rows written in the scenario file.
func (w *walker) inlineRows(n *yaml.Node) rowSource {
	var columns []string
	var rows []Row
	for i, c := range n.Content {
		c = deref(c)
		if c.Kind != yaml.MappingNode {
			w.errorf(c, "write {column: value}", "a row must be a mapping, not %s", kindWord(c))
			continue
		}
		names, cells := w.inlineRow(c)
		if i == 0 {
			columns = names
		}
		row, err := align(columns, names, cells)
		if err != nil {
			w.errorf(c, "every row has the columns of the first", "row %d %v", i+1, err)
			continue
		}
		row.Number = i + 1
		rows = append(rows, row)
	}
	return func() ([]string, iter.Seq2[Row, error], error) {
		return columns, func(yield func(Row, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		}, nil
	}
}

func (w *walker) inlineRow(n *yaml.Node) (names []string, cells []Value) {
	w.pairs(n, func(k, v *yaml.Node) {
		if emptyNull(v) {
			w.errorf(k, `write null, or "" for an empty text`, "column %q has no value", k.Value)
			return
		}
		node := w.jsonNode(v, "column "+k.Value)
		if !node.static() {
			w.errorf(v, "use vars: for computed values", "cells take no placeholders")
			return
		}
		text, err := node.render(nil)
		if err != nil {
			w.errorf(v, "", "column %q: %v", k.Value, err)
			return
		}
		names = append(names, k.Value)
		cells = append(cells, JSONValue(text))
	})
	return names, cells
}

// align puts the cells of a row in the order of the columns.
func align(columns, names []string, cells []Value) (Row, error) {
	row := Row{Cells: make([]Value, len(columns))}
	for i, c := range columns {
		found := -1
		if i < len(names) && names[i] == c {
			found = i
		} else {
			for j, n := range names {
				if n == c {
					found = j
				}
			}
		}
		if found < 0 {
			return row, fmt.Errorf("has no column %q", c)
		}
		row.Cells[i] = cells[found]
	}
	if len(names) > len(columns) {
		for _, n := range names {
			known := false
			for _, c := range columns {
				known = known || c == n
			}
			if !known {
				return row, fmt.Errorf("has a column %q that the first row has not", n)
			}
		}
	}
	return row, nil
}
