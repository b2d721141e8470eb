package convert

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"path"
	"slices"
	"strings"
)

// A pmEnv is an environment or the globals.
type pmEnv struct {
	name string
	vars []pmVar
}

// readEnv reads an environment or globals: the JSON export (an object with
// values, or the list alone) or the YAML of v3.
func readEnv(f File) (pmEnv, error) {
	var v *jsonValue
	var err error
	if isYAML(f.Name) {
		v, err = parseYAML(f.Name, f.Data)
	} else {
		v, err = parseJSON(f.Name, f.Data)
	}
	if err != nil {
		return pmEnv{}, err
	}
	if inner := v.get("environment"); inner.has() && v.get("values") == nil {
		v = inner
	}
	name := strings.TrimSuffix(f.Name, path.Ext(f.Name))
	for _, ending := range []string{".postman_environment", ".postman_globals", ".environment"} {
		name = strings.TrimSuffix(name, ending)
	}
	e := pmEnv{name: orElse(v.get("name").str(), name)}
	list := v
	if v.kind == 'o' {
		list = v.get("values")
	}
	if list == nil || list.kind != 'a' {
		return e, &SourceError{f.Name, "$.values", v.at, "this is no environment: it has no list of values"}
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
	rows    [][]*jsonValue
	csv     bool
	file    string
}

// readData reads a data file. A csv is read as leniently as Postman does: spaces
// after commas, quotes inside fields, short and long rows.
func readData(f File) (*pmData, error) {
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
		return nil, &SourceError{f.Name, "", -1, "the data file has no rows"}
	}
	return d, nil
}

func (d *pmData) readCSV(f File) error {
	d.csv = true
	text, _, err := decodeText(f.Data)
	if err != nil {
		return &SourceError{f.Name, "", -1, err.Error()}
	}
	r := csv.NewReader(bytes.NewReader(bytes.ToValidUTF8(text, []byte("\ufffd"))))
	r.LazyQuotes, r.FieldsPerRecord, r.TrimLeadingSpace = true, -1, true
	records, err := r.ReadAll()
	if err != nil {
		return &SourceError{f.Name, "", -1, err.Error()}
	}
	for i, record := range records {
		if i == 0 {
			for _, c := range record {
				d.columns = append(d.columns, strings.TrimSpace(c))
			}
			continue
		}
		row := make([]*jsonValue, len(d.columns))
		for j := range row {
			row[j] = &jsonValue{kind: 's'}
			if j < len(record) {
				row[j].text = strings.TrimRight(record[j], " ")
			}
		}
		d.rows = append(d.rows, row)
	}
	return nil
}

func (d *pmData) readJSON(f File) error {
	v, err := parseJSON(f.Name, f.Data)
	if err != nil {
		return err
	}
	if v.kind != 'a' {
		return &SourceError{f.Name, "$", v.at, "iteration data must be a list of objects, not " + v.word()}
	}
	for i, x := range v.items {
		if x.kind != 'o' {
			return &SourceError{f.Name, fmt.Sprintf("$[%d]", i), x.at, "a row must be an object, not " + x.word()}
		}
		for _, k := range x.keys {
			if !slices.Contains(d.columns, k) {
				d.columns = append(d.columns, k)
			}
		}
	}
	for _, x := range v.items {
		row := make([]*jsonValue, len(d.columns))
		for j, c := range d.columns {
			if row[j] = x.get(c); row[j] == nil {
				row[j] = &jsonValue{kind: 's'}
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
				record[i] = v.text
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
			b.WriteString(quoted(name(d.columns[j])) + ": " + v.compact())
		}
		b.WriteString("}")
	}
	b.WriteString("\n]\n")
	return b.Bytes()
}
