package scenarios

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/rows"
	"github.com/bgverify/bgverify/scenarios/template"
)

// readData reads the rows of a case: a file, or rows written in place. The rows are
// walked once here, to count them and to report every bad one, and never kept: a file of a
// million rows costs time and no memory.
func (b *builder) readData(w *walker, o *keys.Mapping, c *Case) *Data {
	n := o.Get("data")
	if n == nil {
		return nil
	}
	n = source.Deref(n)
	if n.Kind == yaml.SequenceNode {
		return b.finishRows(c, &Data{}, rowSource{w, n, w.readInlineRows(n), 0})
	}
	x := w.Object(n, "data", "data")
	d := &Data{File: x.FileName("file"), Name: x.Template("name")}
	sample := x.Int("sample", 0)
	// Neither or both.
	if x.Has("file") == x.Has("rows") && !x.Broken {
		x.Fail(x.Node, "write file: or rows:", "data needs a file or rows, one of them")
		return nil
	}
	open := rows.Source(nil)
	if v := x.Get("rows"); v != nil {
		if source.Deref(v).Kind != yaml.SequenceNode {
			x.Fail(v, "", "rows must be a list, not %s", keys.KindWord(source.Deref(v)))
			return nil
		}
		open = w.readInlineRows(source.Deref(v))
	} else if d.File != "" {
		w.files[d.File] = true
		// The format follows from the ending where it is not written.
		format := x.Word("format")
		if format == "" {
			format = map[string]string{
				".csv": "csv", ".json": "json", ".ndjson": "ndjson",
				".jsonl": "ndjson",
			}[strings.ToLower(path.Ext(d.File))]
		}
		// Only csv has encodings: JSON is UTF-8 by its standard.
		cp949 := x.Word("encoding") == "cp949"
		switch {
		case x.Broken:
			return nil
		case format == "":
			x.Fail(x.At("file"), "add format: csv, json or ndjson", "the format of %s is not clear from its name", d.File)
			return nil
		case cp949 && format != "csv":
			x.Fail(x.At("encoding"), "", "only csv files have an encoding; JSON is UTF-8")
			return nil
		}
		open = rows.File{FS: b.fsys, Name: d.File, Format: format, CP949: cp949}.Open
	}
	if x.Broken || open == nil {
		return nil
	}
	// Problems of the rows are reported where they are named.
	at := x.At("file")
	if !x.Has("file") {
		at = x.At("rows")
	}
	return b.finishRows(c, d, rowSource{w, at, open, sample})
}

// A rowSource is where the rows of a case come from.
type rowSource struct {
	*walker
	at     *yaml.Node // where problems of the rows are reported
	open   rows.Source
	sample int // rows to take at random; 0: all
}

// finishRows walks the rows once, reports what is wrong and takes the sample. Two samples may
// be asked for: the file's own (sample:), and the stage's limit on rows, which counts what it
// left out so that the report can say so. d.Rows stays nil where rows are wrong.
func (b *builder) finishRows(c *Case, d *Data, from rowSource) *Data {
	// This is the one walk; the rows are opened again when the case runs.
	columns, all, err := from.open()
	if err != nil {
		b.addRowProblem(from, d, err)
		return nil
	}
	d.Columns = columns
	// A column without a name cannot be used by anything.
	if slices.ContainsFunc(columns, func(c string) bool { return strings.TrimSpace(c) == "" }) {
		for range all { // closes the file
			break
		}
		from.Errorf(from.at, "name every column in the first row", "a column without a name in %s", cmp.Or(d.File, "data"))
		return nil
	}
	// A wrong name is reported once, not once a row.
	if !b.checkRowName(d) {
		d.Name = nil
	}
	seen := map[string]int{} // whole names: two with one hash are two rows
	for row, err := range all {
		if err != nil {
			b.addRowProblem(from, d, err)
			return d
		}
		d.Count++
		if d.Name != nil && !from.checkName(d, row, seen) {
			return d
		}
	}
	if d.Count == 0 {
		from.Errorf(from.at, "a case without rows proves nothing", "no rows in %s", cmp.Or(d.File, "data"))
		return d
	}
	d.Rows = rows.Reopening(from.open)
	// What the file asks for, then what the stage allows of it.
	wanted := d.Count
	if from.sample > 0 {
		wanted = min(wanted, from.sample)
	}
	kept := wanted
	if e := b.opts.Env; e != nil && e.Limits.Rows > 0 {
		kept = min(kept, e.Limits.Rows)
	}
	if d.Left = wanted - kept; kept < d.Count {
		d.Sample(kept, b.opts.Seed, c.ID)
	}
	return d
}

// checkName reports whether a row has its own name; seen has the rows by name so far.
func (from *rowSource) checkName(d *Data, row rows.Row, seen map[string]int) bool {
	name, err := d.RowName(row)
	if err != nil {
		from.Errorf(from.at, "", "name of row %d: %v", row.Number, err)
		return false
	}
	if first, dup := seen[name]; dup {
		from.failAt(d.Name.Pos, d.Name.Text, "name rows by what tells them apart, or add {{$row}}",
			"rows %d and %d have the same name %q", first, row.Number, problem.Cut(name, 40))
		return false
	}
	seen[name] = row.Number
	return true
}

// addRowProblem reports a mistake in rows: in the data file where its line is known, else where
// the rows are named.
func (b *builder) addRowProblem(from rowSource, d *Data, err error) {
	var re *rows.Error
	if errors.As(err, &re) && d.File != "" && re.Line > 0 {
		b.failAt(Pos{File: d.File, Line: re.Line, Col: 1}, "", re.Hint, "%s", re.Msg)
		return
	}
	hint := missingHint(from.fsys, d.File, err)
	if re != nil {
		hint = re.Hint
	}
	from.Errorf(from.at, hint, "cannot read %s: %v", cmp.Or(d.File, "rows"), err)
}

// missingHint says where a file was looked for that cannot be read, with the nearest name there.
func missingHint(fsys fs.FS, name string, err error) string {
	if err.Error() != "no such file" {
		return ""
	}
	folder := path.Dir(name)
	var names []string
	entries, _ := fs.ReadDir(fsys, folder)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if near := suggest.Nearest(path.Base(name), names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "a name is relative to the file that it is written in"
}

// checkRowName holds the name of rows to their columns, and reports whether it can be used.
// It asks a copy of the names that knows nothing but columns: no variable, flag or
// environment, since a row is named before any lane exists.
func (b *builder) checkRowName(d *Data) bool {
	if d.Name == nil {
		return true
	}
	// Neither variables nor needs answer in the name of a row.
	s := *b.suite
	s.Vars, s.Needs, s.Blue.Vars, s.Green.Vars, s.Stage = nil, nil, nil, nil, nil
	// The copy takes the problems and is thrown away; opts are copied with it.
	l := *b.loader
	n := newNames(b.loader, &s)
	n.l = &l
	n.l.opts.Vars, n.l.opts.Getenv = nil, nil
	n.columns = d.Columns
	n.l.problems = nil
	n.check(d.Name)
	for _, p := range n.l.problems {
		// Vars and captures, which other hints name, do not count here.
		if !strings.HasPrefix(p.Hint, "did you mean") {
			p.Hint = "the columns are " + strings.Join(d.Columns, ", ")
		}
		b.problems = append(b.problems, p)
	}
	return len(n.l.problems) == 0
}

// RowID is the id and name of a case's row: suite/case[row]. A zero row is the
// case itself.
// Ids of rows stay the same when the order of the file changes, if rows are named.
func (c *Case) RowID(row Row) (id, name string) {
	if c.Data == nil || row.Number == 0 {
		return c.ID, c.Name
	}
	// A name that cannot be made was reported when the rows were read.
	text, err := c.Data.RowName(row)
	if err != nil {
		text = strconv.Itoa(row.Number)
	}
	return c.ID + "[" + text + "]", c.Name + " [" + text + "]"
}

// readInlineRows reads rows written in the scenario file. The columns are those of the first.
func (w *walker) readInlineRows(n *yaml.Node) rows.Source {
	var columns []string
	var list []Row
	// A wrong row is reported and left out, so that every one of them is.
	for i, c := range n.Content {
		c = source.Deref(c)
		if c.Kind != yaml.MappingNode {
			w.Errorf(c, "write {column: value}", "a row must be a mapping, not %s", keys.KindWord(c))
			continue
		}
		// Each row is put in the order of the first.
		names, cells := w.readInlineRow(c)
		if i == 0 {
			columns = names
		}
		row, err := rows.Align(columns, names, cells)
		if err != nil {
			w.Errorf(c, "every row has the columns of the first", "row %d %v", i+1, err)
			continue
		}
		row.Number = i + 1
		list = append(list, row)
	}
	return func() ([]string, iter.Seq2[Row, error], error) {
		return columns, func(yield func(Row, error) bool) {
			for _, r := range list {
				if !yield(r, nil) {
					return
				}
			}
		}, nil
	}
}

// readInlineRow reads one row: names and cells in file order, values without placeholders.
func (w *walker) readInlineRow(n *yaml.Node) (names []string, cells []Value) {
	w.EachPair(n, func(k, v *yaml.Node) {
		if keys.EmptyNull(v) {
			w.Errorf(k, `write null, or "" for an empty text`, "column %q has no value", k.Value)
			return
		}
		// Cells keep their JSON type; text is not turned into a number.
		node := w.JSONNode(v, "column "+k.Value)
		if !node.Static() {
			w.Errorf(v, "use vars: for computed values", "cells take no placeholders")
			return
		}
		text, err := node.Render(nil)
		if err != nil {
			w.Errorf(v, "", "column %q: %v", k.Value, err)
			return
		}
		names = append(names, k.Value)
		cells = append(cells, template.JSONValue(text))
	})
	return names, cells
}
