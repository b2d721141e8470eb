package postman

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// A pmEnv is an environment or the globals.
type pmEnv struct {
	name string
	vars []pmVar
}

// readEnv reads an environment or globals: the JSON export (an object with
// values, or the list alone) or the YAML of v3.
func readEnv(f model.File) (pmEnv, error) {
	var v *source.Value
	var err error
	if isYAML(f.Name) {
		v, err = parseYAML(f.Name, f.Data)
	} else {
		v, err = source.ParseJSON(f.Name, f.Data)
	}
	if err != nil {
		return pmEnv{}, err
	}
	if inner := v.Get("environment"); inner.Exists() && v.Get("values") == nil {
		v = inner
	}
	name := strings.TrimSuffix(f.Name, path.Ext(f.Name))
	for _, ending := range []string{".postman_environment", ".postman_globals", ".environment"} {
		name = strings.TrimSuffix(name, ending)
	}
	e := pmEnv{name: cmp.Or(v.Get("name").Str(), name)}
	list := v
	if v.Kind == 'o' {
		list = v.Get("values")
	}
	if list == nil || list.Kind != 'a' {
		return e, &source.Error{File: f.Name, Path: "$.values", Offset: v.Offset, Msg: "this is not an environment: it has no list of values"}
	}
	e.vars = readVars(list)
	return e, nil
}

func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

// A pmData is the iteration data: rows as the language reads them.
type pmData struct {
	columns []string // Postman's names, in order
	rows    [][]*source.Value
	csv     bool
	file    string
}

// readData reads a data file. A csv is read as leniently as Postman does: spaces
// after commas, quotes inside fields, short and long rows.
func readData(f model.File) (*pmData, error) {
	d := &pmData{file: f.Name}
	var err error
	if strings.EqualFold(path.Ext(f.Name), ".csv") {
		err = d.readCSV(f)
	} else {
		err = d.readJSON(f)
	}
	switch {
	case err != nil:
		return nil, err
	case len(d.columns) == 0 || len(d.rows) == 0:
		return nil, &source.Error{File: f.Name, Path: "", Offset: -1, Msg: "the data file has no rows"}
	}
	return d, nil
}

func (d *pmData) readCSV(f model.File) error {
	d.csv = true
	text, _, err := source.DecodeText(f.Data)
	if err != nil {
		return &source.Error{File: f.Name, Path: "", Offset: -1, Msg: err.Error()}
	}
	r := csv.NewReader(bytes.NewReader(bytes.ToValidUTF8(text, []byte("\ufffd"))))
	r.LazyQuotes, r.FieldsPerRecord, r.TrimLeadingSpace = true, -1, true
	records, err := r.ReadAll()
	if err != nil {
		return &source.Error{File: f.Name, Path: "", Offset: -1, Msg: err.Error()}
	}
	for i, record := range records {
		if i == 0 {
			for _, c := range record {
				d.columns = append(d.columns, strings.TrimSpace(c))
			}
			continue
		}
		row := make([]*source.Value, len(d.columns))
		for j := range row {
			row[j] = &source.Value{Kind: 's'}
			if j < len(record) {
				row[j].Text = strings.TrimRight(record[j], " ")
			}
		}
		d.rows = append(d.rows, row)
	}
	return nil
}

func (d *pmData) readJSON(f model.File) error {
	v, err := source.ParseJSON(f.Name, f.Data)
	if err != nil {
		return err
	}
	if v.Kind != 'a' {
		return &source.Error{File: f.Name, Path: "$", Offset: v.Offset, Msg: "iteration data must be a list of objects, not " + v.Word()}
	}
	for i, x := range v.Items {
		if x.Kind != 'o' {
			return &source.Error{File: f.Name, Path: fmt.Sprintf("$[%d]", i), Offset: x.Offset, Msg: "a row must be an object, not " + x.Word()}
		}
		for _, k := range x.Keys {
			if !slices.Contains(d.columns, k) {
				d.columns = append(d.columns, k)
			}
		}
	}
	for _, x := range v.Items {
		row := make([]*source.Value, len(d.columns))
		for j, c := range d.columns {
			if row[j] = x.Get(c); row[j] == nil {
				row[j] = &source.Value{Kind: 's'}
			}
		}
		d.rows = append(d.rows, row)
	}
	return nil
}

// render writes the rows with our names of the columns.
func (d *pmData) render(name func(string) string) []byte {
	var b bytes.Buffer
	if d.csv {
		w := csv.NewWriter(&b)
		record := make([]string, len(d.columns))
		for i, c := range d.columns {
			record[i] = name(c)
		}
		w.Write(record)
		for _, row := range d.rows {
			for i, v := range row {
				record[i] = v.Text
			}
			if len(record) == 1 && record[0] == "" {
				b.WriteString("\"\"\n") // an empty line would be no row
				continue
			}
			w.Write(record)
			w.Flush()
		}
		w.Flush()
		return b.Bytes()
	}
	b.WriteString("[")
	for i, row := range d.rows {
		b.WriteString(map[bool]string{true: "\n  {", false: ",\n  {"}[i == 0])
		for j, v := range row {
			if j > 0 {
				b.WriteString(", ")
			}
			b.WriteString(source.Quoted(name(d.columns[j])) + ": " + v.Compact())
		}
		b.WriteString("}")
	}
	b.WriteString("\n]\n")
	return b.Bytes()
}
