// Package rows reads the data of cases: CSV, JSON and NDJSON files, or rows
// written in a suite, as one sequence of rows with the same columns.
//
// In comes a [Source] that can be opened again and again; out comes a [Data] whose
// rows are never kept in memory. A mistake is an [Error] with its line. The package
// knows nothing of YAML or of cases: it decides neither where problems are reported
// nor what the rows are for.
//
// The rules:
//
//  1. The first record of a csv file, or the first object of JSON, names the columns. Every
//     row has these columns and no other; the order of an object's members does not count.
//  2. Cells of csv are text. Cells of JSON keep their type and their spelling.
//  3. Rows are numbered from 1 as the file has them; a sample keeps the numbers.
//  4. The first mistake ends the rows. It is found by the walk that counts them, while
//     scenarios are read, and not in the middle of a run.
//  5. A file that changes between two walks is not noticed here.
//  6. A sample follows from seed and case id alone.
package rows

import (
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A Data is the rows of a case. They are read from their file at each iteration, so
// that memory does not grow with them.
type Data struct {
	// File is a path below the root of the loaded files; empty for rows written in place.
	File string
	// Name is the template of a row's name; nil: rows are named by their number.
	Name *template.Template
	// Columns name the cells of every row, in their order.
	Columns []string
	// Count is the number of rows, after sampling.
	Count int
	// Left is the number of rows that the stage's limits: {data} left out of what the file
	// asks for.
	Left int
	// Rows yields each row, or the error that ends them. It may be walked any number of times,
	// also at once; it is nil where the rows could not be read.
	Rows iter.Seq2[Row, error]
}

// A Row is one row of data: cells in column order.
type Row struct {
	// Number counts the rows of the file from 1, sampled or not; 0: the case has no data.
	Number int
	// Cells are in the order of the columns.
	Cells []template.Value
}

// A Source opens the rows from the beginning.
// Each call reads the file again; the rows of one call are walked once.
type Source func() (columns []string, rows iter.Seq2[Row, error], err error)

// An Error is a mistake in a data file.
type Error struct {
	// Line is that of the file, from 1; 0: unknown.
	Line int
	// Msg is lower case and one line.
	Msg string
	// Hint says what to write instead; it may be empty.
	Hint string
}

// Error is the message with its line.
func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Msg)
	}
	return e.Msg
}

// Reopening is an iterator that opens the rows from the beginning each time, so
// that they are never kept in memory.
// An error of opening is yielded as that of the first row.
func Reopening(open Source) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		_, rows, err := open()
		if err != nil {
			yield(Row{}, err)
			return
		}
		rows(yield)
	}
}

// Sample keeps k of the rows, chosen at random: the same for the same seed and case id. Each
// set of k rows is equally likely (Floyd's algorithm), and no row is read for the choice.
// k is at most Count.
func (d *Data) Sample(k int, seed uint64, id string) {
	// The case id makes two cases of one file sample different rows.
	h := fnv.New64a()
	h.Write([]byte(id))
	r := rand.New(rand.NewPCG(seed, h.Sum64()))
	// The random row i joins the set, or row j where i is in it already.
	chosen := map[int]bool{}
	for j := d.Count - k; j < d.Count; j++ { // Floyd's algorithm
		if i := r.IntN(j + 1); chosen[i] {
			chosen[j] = true
		} else {
			chosen[i] = true
		}
	}
	d.Rows = Pick(d.Rows, func(i int, _ Row) bool { return chosen[i] })
	d.Count = k
}

// Pick keeps the rows that f wants; i counts them from 0. Errors pass.
// The numbers of the rows stay those of the file.
func Pick(rows iter.Seq2[Row, error], f func(i int, row Row) bool) iter.Seq2[Row, error] {
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

// A rowScope answers the name of a row from its columns and $row.
type rowScope struct {
	d   *Data
	row Row
}

// Lookup finds a column.
func (s rowScope) Lookup(name string) (template.Value, bool, error) {
	// A name of a row sees its cells and nothing else.
	row := template.Sources{Columns: s.d.Columns, Cells: s.row.Cells}
	v, _, found := row.Find(name)
	return v, found, nil
}

// Generate answers $row.
func (s rowScope) Generate(generator string, _ []string, _ string, _ bool) (template.Value, error) {
	if generator == "row" {
		text := strconv.Itoa(s.row.Number)
		return template.Value{Text: text, JSON: text}, nil
	}
	return template.Value{}, errors.New("a row is named by its columns; nothing is generated")
}

// RowName is the name of a row: its number when the data has no name template. It is what ids
// of cases hold in brackets, so it is one line, printable, at most 200 characters and never
// empty.
func (d *Data) RowName(row Row) (string, error) {
	if d.Name == nil {
		return strconv.Itoa(row.Number), nil
	}
	v, err := d.Name.Expand(rowScope{d, row})
	if err != nil {
		return "", err
	}
	// Names are part of ids and file names of reports.
	name := problem.Cut(strings.TrimSpace(problem.Visible(v.Text)), 200)
	if name == "" {
		return "", errors.New("it is empty")
	}
	return name, nil
}

// Align puts the cells of a row in the order of the columns. A column that the row does not
// have, and one that the first row has not, are errors.
func Align(columns, names []string, cells []template.Value) (Row, error) {
	row := Row{Cells: make([]template.Value, len(columns))}
	for i, c := range columns {
		// Most rows have their members in the order of the first; the others are searched.
		found := i
		if i >= len(names) || names[i] != c {
			found = slices.Index(names, c)
		}
		if found < 0 {
			return row, fmt.Errorf("has no column %q", c)
		}
		row.Cells[i] = cells[found]
	}
	// With as many names as columns, and every column found, nothing is left over.
	extra := slices.IndexFunc(names, func(n string) bool { return len(names) > len(columns) && !slices.Contains(columns, n) })
	if extra >= 0 {
		return row, fmt.Errorf("has a column %q that the first row has not", names[extra])
	}
	return row, nil
}
