package page

import (
	"compress/gzip"
	"encoding/base64"
	"io"
	"math"
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

// write writes the table as the JSON object that data.js reads, column by column, so that the JSON of
// a hundred thousand cases is never there as a whole. chunks are the offsets of the packed details.
func (c *columns) write(w io.Writer, src *pageRun, chunks []int) error {
	type column struct {
		name  string
		value any
	}
	list := []column{
		{"run", src.Head.ID},
		{"suites", c.suites},
		{"rows", c.n},
		{"ids", c.ids.String()},
		{"names", c.names.String()},
		{"paths", c.paths.String()},
		{"verdicts", string(c.verdicts)},
		{"methods", source.List(c.methods.words)},
		{"method", source.List(c.methods.rows)},
		{"statuses", source.List(c.status.words)},
		{"status", source.List(c.status.rows)},
		{"tagSets", source.List(c.tags.words)},
		{"tags", source.List(c.tags.rows)},
		{"blueMs", source.List(c.blueMS)},
		{"greenMs", source.List(c.greenMS)},
		{"flaky", source.List(c.flaky)},
		{"kinds", source.List(c.kinds)},
		{"causes", source.List(c.causes)},
		{"details", source.List(c.details)},
		{"chunk", detailChunk},
		{"chunks", source.List(chunks)},
		{"sides", [2]string{src.End.Sides.Blue.URL, src.End.Sides.Green.URL}},
	}
	if demo := src.Demo(); demo != "" { // the command that its cases are run by
		list = append(list, column{"demo", demo})
	}
	for i, col := range list {
		sign := ","
		if i == 0 {
			sign = "{"
		}
		if _, err := io.WriteString(w, sign+`"`+col.name+`":`); err != nil {
			return err
		}
		if err := source.WritePlain(w, col.value); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "}")
	return err
}

// pack is a value as JSON, gzipped, in base64: text that is inert in a page.
func pack(v any) (string, error) {
	return packed(func(w io.Writer) error { return source.WritePlain(w, v) })
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
