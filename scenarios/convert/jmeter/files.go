package jmeter

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// A folder is what is next to the plan: the only files that an import reads.
type folder struct {
	files fs.FS
	known map[string][]byte
}

// read reads a file that the plan names: by its path below the plan's folder, or
// by its name alone, as plans hold paths of the machine they were written on.
func (f *folder) read(name string) ([]byte, bool) {
	name = strings.TrimSpace(strings.ReplaceAll(name, `\`, "/"))
	if name == "" || strings.Contains(name, "${") || f.files == nil {
		return nil, false
	}
	for _, candidate := range []string{path.Clean(name), path.Base(name)} {
		if !fs.ValidPath(candidate) || candidate == "." {
			continue
		}
		if data, known := f.known[candidate]; known {
			return data, true
		}
		if data, err := source.ReadFile(f.files, candidate); err == nil {
			f.known[candidate] = data
			return data, true
		}
	}
	return nil, false
}

// cell is a column of the first row of a file, as ${__CSVRead(file,column)} reads it.
func (f *folder) cell(file, column string) (string, bool) {
	data, found := f.read(file)
	i, err := strconv.Atoi(strings.TrimSpace(column))
	if !found || err != nil || i < 0 {
		return "", false
	}
	line, _, _ := strings.Cut(string(data), "\n")
	cells := strings.Split(strings.TrimRight(line, "\r"), ",")
	if i >= len(cells) {
		return "", false
	}
	return strings.TrimSpace(cells[i]), true
}

// A table is the rows of a data file.
type table struct {
	name    string // of the file
	columns []string
	rows    [][]string
}

// maxRows bounds a data file that is read.
const maxRows = 1_000_000

// readTable reads the file of a CSVDataSet. why says why there is none.
func (p *plan) readTable(n *node) (t *table, why string) {
	names := p.names
	file := names.constantOr(n.trimmed("filename"))
	columns := strings.TrimSpace(names.constantOr(n.text("variableNames")))
	t = &table{name: baseName(file)}
	for c := range strings.SplitSeq(columns, ",") {
		if c = strings.TrimSpace(c); c != "" {
			t.columns = append(t.columns, c)
		}
	}
	// The columns are returned even where the file cannot be read: the report names what they
	// would have set.
	data, found := p.files.read(file)
	if !found {
		return t, "the file " + strconv.Quote(naming.OneLine(file, 80)) + " is missing next to the plan"
	}
	// An encoding that is not UTF-8 is read only where the data set names it.
	text, _, err := source.DecodeText(data)
	switch encoding := strings.ToLower(names.constantOr(n.trimmed("fileEncoding"))); {
	case err != nil:
		return t, err.Error()
	case !utf8.Valid(text) && (encoding == "iso-8859-1" || encoding == "windows-1252"):
		text = []byte(latin1(text))
	case !utf8.Valid(text):
		return t, "its text is not UTF-8"
	}
	delimiter := names.constantOr(n.text("delimiter"))
	if delimiter == `\t` || delimiter == "\t" {
		delimiter = "\t"
	} else {
		delimiter = cmp.Or(strings.TrimSpace(delimiter), ",")
	}
	// The first line names the columns unless the data set does; then it may be skipped.
	rows, err := cells(text, delimiter, n.flag("quotedData"))
	switch {
	case err != nil:
		return t, "it is not a table: " + err.Error()
	case len(t.columns) == 0 && len(rows) > 0:
		t.columns, rows = rows[0], rows[1:]
	case n.flag("ignoreFirstLine") && len(rows) > 0:
		rows = rows[1:]
	}
	t.rows = rows
	if len(t.columns) == 0 || len(rows) == 0 {
		return t, "it has no rows"
	}
	return t, ""
}

// cells cuts text into rows. JMeter reads quotes only where the data set says so.
func cells(text []byte, delimiter string, quoted bool) ([][]string, error) {
	if quoted && utf8.RuneCountInString(delimiter) == 1 {
		r := csv.NewReader(bytes.NewReader(text))
		r.Comma, _ = utf8.DecodeRuneInString(delimiter)
		r.FieldsPerRecord, r.LazyQuotes = -1, true
		return r.ReadAll()
	}
	var out [][]string
	for line := range strings.SplitSeq(string(text), "\n") {
		if line = strings.TrimRight(line, "\r"); line != "" && len(out) < maxRows {
			out = append(out, strings.Split(line, delimiter))
		}
	}
	return out, nil
}

// cell is a cell; what a short row lacks is empty.
func (t *table) cell(row, column int) string {
	if r := t.rows[row%len(t.rows)]; column < len(r) {
		return r[column]
	}
	return ""
}

// join puts the tables of a case side by side, as every iteration takes the next
// row of each; a shorter table begins again.
func join(tables []*table) *table {
	out := &table{name: tables[0].name}
	rows := 0
	for _, t := range tables {
		out.columns = append(out.columns, t.columns...)
		rows = max(rows, len(t.rows))
	}
	for i := range rows {
		var row []string
		for _, t := range tables {
			for c := range t.columns {
				row = append(row, t.cell(i, c))
			}
		}
		out.rows = append(out.rows, row)
	}
	return out
}

// tableAsset writes a table as a data file of the suite, with the language's names.
func (p *plan) tableAsset(t *table) *model.Data {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	head := make([]string, len(t.columns))
	for i, c := range t.columns {
		head[i] = p.names.name("v", c)
		if naming.SecretName(c) {
			p.Report.Note("", "the column %s of the data file %s holds secrets in plain text", c, t.name)
		}
	}
	rows := append([][]string{head}, t.rows...)
	for i, r := range rows {
		full := make([]string, len(head))
		copy(full, r)
		rows[i] = full
	}
	if err := w.WriteAll(rows); err != nil {
		panic(err) // a buffer takes everything
	}
	stem := strings.TrimSuffix(t.name, path.Ext(t.name))
	return &model.Data{File: p.Asset("data", stem+".csv", b.Bytes())}
}

func base64Text(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func sha256Text(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
