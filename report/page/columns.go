package page

import (
	"compress/gzip"
	"encoding/base64"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/runner/run"
)

// columns is every case of a run as the page's table needs it: one array for
// each column, texts joined by line feeds. An equal case costs some bytes here
// and nothing else.
type columns struct {
	n        int
	ids      strings.Builder
	names    strings.Builder // empty where the name says nothing new
	paths    strings.Builder
	verdicts []byte // the verdict's number as a digit
	methods  dictionary
	status   dictionary // blue and green: 200 500
	tags     dictionary // a case's tags, joined by spaces
	blueMS   []rounded
	greenMS  []rounded
	flaky    []int
	causes   [][]int // row, then its causes
	kinds    [][]any // row, kind: setup and teardown
	suites   []columnSuite
	details  []int // rows that have a detail, in order
}

// A columnSuite is a suite with the rows of its cases.
type columnSuite struct {
	Name    string `json:"name"`
	File    string `json:"file"`
	Owner   string `json:"owner"`
	Service string `json:"service"`
	First   int    `json:"first"` // row
	Cases   int    `json:"cases"`
}

// rounded is a duration in ms with three significant digits.
type rounded float64

// MarshalJSON writes three significant digits, whole milliseconds from 1000 on.
func (r rounded) MarshalJSON() ([]byte, error) {
	f := float64(r)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		f = 0
	}
	if f >= 1000 {
		return strconv.AppendFloat(nil, math.Round(f), 'f', -1, 64), nil
	}
	return strconv.AppendFloat(nil, f, 'g', 3, 64), nil
}

// A dictionary is a column of few distinct texts.
type dictionary struct {
	words []string
	index map[string]int32
	rows  []int32
}

// add appends a row with a word.
func (d *dictionary) add(word string) {
	i, ok := d.index[word]
	if !ok {
		if d.index == nil {
			d.index = map[string]int32{}
		}
		i = int32(len(d.words))
		d.index[word] = i
		d.words = append(d.words, word)
	}
	d.rows = append(d.rows, i)
}

// add appends the row of a case.
func (c *columns) add(k *run.CaseResult, src *pageRun) {
	// Suites without cases have a row in the list, so that the numbers of suites stay those of the
	// run.
	for len(c.suites) <= k.Suite {
		h := src.Head.Suites[len(c.suites)]
		c.suites = append(c.suites, columnSuite{
			Name: text.Visible(h.Name), File: text.Visible(h.File), Owner: text.Visible(h.Owner),
			Service: text.Visible(h.Service), First: c.n,
		})
	}
	c.suites[k.Suite].Cases++
	if c.n > 0 {
		c.ids.WriteByte('\n')
		c.names.WriteByte('\n')
		c.paths.WriteByte('\n')
	}
	c.ids.WriteString(text.Visible(k.ID))
	if !strings.HasSuffix(k.ID, k.Name) {
		c.names.WriteString(text.Visible(k.Name))
	}
	step := source.Leading(k)
	method, path := source.MethodPath(step)
	c.paths.WriteString(text.Visible(path))
	c.methods.add(text.Visible(method))
	c.verdicts = append(c.verdicts, '0'+byte(k.Verdict))
	var blue, green *run.SideResult
	if step != nil {
		blue, green = step.Blue, step.Green
	}
	c.status.add(statusWord(blue) + " " + statusWord(green))
	c.blueMS = append(c.blueMS, elapsed(blue))
	c.greenMS = append(c.greenMS, elapsed(green))
	c.tags.add(text.Visible(strings.Join(k.Tags, " ")))
	if k.Flaky {
		c.flaky = append(c.flaky, c.n)
	}
	if k.Kind != "" {
		c.kinds = append(c.kinds, []any{c.n, k.Kind})
	}
	if ids := src.CausesOfCase(k); len(ids) > 0 {
		c.causes = append(c.causes, append([]int{c.n}, numbers(ids)...))
	}
	c.n++
}

// statusWord is a side's status in the table: the code, the class of its error, or -
// where nothing was sent.
func statusWord(s *run.SideResult) string {
	switch {
	case s == nil:
		return "-"
	case s.Err != nil:
		return string(s.Err.Class)
	default:
		return strconv.Itoa(s.Status)
	}
}

// elapsed is the time of a side's answer; 0 where nothing was sent.
func elapsed(s *run.SideResult) rounded {
	if s == nil {
		return 0
	}
	return rounded(s.ElapsedMS)
}

// tableJSON is the columns in the page's data.
type tableJSON struct {
	Run      string        `json:"run"`
	Suites   []columnSuite `json:"suites"`
	Rows     int           `json:"rows"`
	IDs      string        `json:"ids"`
	Names    string        `json:"names"`
	Paths    string        `json:"paths"`
	Verdicts string        `json:"verdicts"`
	Methods  []string      `json:"methods"`
	Method   []int32       `json:"method"`
	Statuses []string      `json:"statuses"`
	Status   []int32       `json:"status"`
	TagSets  []string      `json:"tagSets"`
	Tags     []int32       `json:"tags"`
	BlueMS   []rounded     `json:"blueMs"`
	GreenMS  []rounded     `json:"greenMs"`
	Flaky    []int         `json:"flaky"`
	Kinds    [][]any       `json:"kinds"`
	Causes   [][]int       `json:"causes"`
	Details  []int         `json:"details"`
	Chunk    int           `json:"chunk"`
	Chunks   []int         `json:"chunks"` // where each chunk of details begins in their text
	Sides    [2]string     `json:"sides"`
	Demo     string        `json:"demo,omitempty"` // the command that its cases are run by
}

// json is the table as the page holds it. chunks are the offsets of the packed details.
func (c *columns) json(src *pageRun, chunks []int) tableJSON {
	return tableJSON{
		Run: src.Head.ID, Suites: c.suites, Rows: c.n, IDs: c.ids.String(), Names: c.names.String(), Paths: c.paths.String(),
		Verdicts: string(c.verdicts),
		Methods:  source.List(c.methods.words), Method: source.List(c.methods.rows), Statuses: source.List(c.status.words),
		Status:  source.List(c.status.rows),
		TagSets: source.List(c.tags.words), Tags: source.List(c.tags.rows), BlueMS: source.List(c.blueMS), GreenMS: source.List(c.greenMS),
		Flaky: source.List(c.flaky), Kinds: source.List(c.kinds),
		Causes: source.List(c.causes), Details: source.List(c.details), Chunk: detailChunk, Chunks: source.List(chunks),
		Sides: [2]string{src.End.Sides.Blue.URL, src.End.Sides.Green.URL}, Demo: src.Demo(),
	}
}

// pack is a value as JSON, gzipped, in base64: text that is inert in a page.
func pack(v any) (string, error) {
	return packed(func(w io.Writer) error { return source.WritePlain(w, v) })
}

// packTable is pack for the table, column by column, so that the JSON of a
// hundred thousand cases is never there as a whole.
func packTable(t *tableJSON) (string, error) {
	return packed(func(w io.Writer) error {
		// The members are written one after the other: encoding the table as a whole would hold
		// its JSON, some megabytes, once more.
		v, sign := reflect.ValueOf(t).Elem(), "{"
		for i := range v.NumField() {
			name, omit := strings.CutSuffix(v.Type().Field(i).Tag.Get("json"), ",omitempty")
			if omit && v.Field(i).IsZero() {
				continue
			}
			if _, err := io.WriteString(w, sign+`"`+name+`":`); err != nil {
				return err
			}
			if err := source.WritePlain(w, v.Field(i).Interface()); err != nil {
				return err
			}
			sign = ","
		}
		_, err := io.WriteString(w, "}")
		return err
	})
}

// packed gzips what write writes and encodes it in base64.
func packed(write func(io.Writer) error) (string, error) {
	var b strings.Builder
	text := base64.NewEncoder(base64.StdEncoding, &b)
	z := gzip.NewWriter(text)
	if err := write(z); err != nil {
		return "", err
	}
	z.Close() // into memory: no error to lose
	text.Close()
	return b.String(), nil
}
