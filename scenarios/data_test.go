package scenarios

import (
	"bytes"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/korean"
)

func oneFile(text string, more ...string) fstest.MapFS {
	fsys := fstest.MapFS{"x.yaml": {Data: []byte(text)}}
	for i := 0; i+1 < len(more); i += 2 {
		fsys[more[i]] = &fstest.MapFile{Data: []byte(more[i+1])}
	}
	return fsys
}

// rowsOf reads a case's rows as column=JSON.
func rowsOf(t *testing.T, c *Case) []string {
	t.Helper()
	var out []string
	for row, err := range c.Data.Rows {
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		text.WriteString(fmt.Sprint(row.Number))
		for i, cell := range row.Cells {
			text.WriteString(" " + c.Data.Columns[i] + "=" + cell.JSON)
		}
		out = append(out, text.String())
	}
	return out
}

func TestDataFormats(t *testing.T) {
	cp949, err := korean.EUCKR.NewEncoder().String("채널,제목\nCH1,\"뽀로로, \"\"극장판\"\"\"\nCH2,똠방각하\n")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, why, data, file, content string }{
		{"csv", "cells are text, quotes and commas right", "{file: f.csv}", "f.csv", "채널,제목\nCH1,\"뽀로로, \"\"극장판\"\"\"\nCH2,똠방각하\n"},
		{"bom and crlf", "as Excel writes UTF-8", "{file: f.csv}", "f.csv", "\ufeff채널,제목\r\nCH1,\"뽀로로, \"\"극장판\"\"\"\r\nCH2,똠방각하\r\n"},
		{"cp949", "as Excel writes otherwise", "{file: f.csv, encoding: cp949}", "f.csv", cp949},
		{"json", "a list of objects", "{file: f.json}", "f.json", `[{"채널": "CH1", "제목": "뽀로로, \"극장판\""}, {"제목": "똠방각하", "채널": "CH2"}]`},
		{"ndjson", "an object a line", "{file: f.ndjson}", "f.ndjson", "{\"채널\": \"CH1\", \"제목\": \"뽀로로, \\\"극장판\\\"\"}\n\n{\"채널\": \"CH2\", \"제목\": \"똠방각하\"}\n"},
		{"inline", "rows in place", `[{채널: CH1, 제목: 뽀로로, "극장판"}]`, "", ""},
		{"rows", "rows with a name", `{rows: [{채널: CH1, 제목: '뽀로로, "극장판"'}, {제목: 똠방각하, 채널: CH2}], name: "{{제목}}"}`, "", ""},
	}
	want := []string{`1 채널="CH1" 제목="뽀로로, \"극장판\""`, `2 채널="CH2" 제목="똠방각하"`}
	for _, tt := range tests {
		if tt.name == "inline" {
			tt.data = `[{채널: CH1, 제목: '뽀로로, "극장판"'}, {채널: CH2, 제목: 똠방각하}]`
		}
		suites, problems := Load(oneFile("suite: s\ncases: [{case: c, get: '/{{채널}}', data: "+tt.data+"}]\n", tt.file, tt.content), []string{"x.yaml"}, LoadOptions{Now: today})
		if len(problems) > 0 {
			t.Errorf("%s (%s):\n%s", tt.name, tt.why, written(t, problems))
			continue
		}
		c := suites[0].Cases[0]
		for range 2 { // rows may be ranged over again
			if d := cmp.Diff(want, rowsOf(t, c)); d != "" || c.Data.Count != 2 {
				t.Errorf("%s (%s): %d rows (-want +got):\n%s", tt.name, tt.why, c.Data.Count, d)
			}
		}
	}
}

// Cells of JSON keep their types; those of csv are text.
func TestCellTypes(t *testing.T) {
	s, problems := Load(oneFile("suite: s\ncases: [{case: c, get: '/{{a}}', data: [{a: 1.50, b: 010, c: [1, {d: x}], e: true, f: null, g: \"7\"}]}]\n"), []string{"x.yaml"}, LoadOptions{Now: today})
	if problems.HasErrors() {
		t.Fatal(written(t, problems))
	}
	want := []string{`1 a=1.50 b="010" c=[1,{"d":"x"}] e=true f=null g="7"`}
	if d := cmp.Diff(want, rowsOf(t, s[0].Cases[0])); d != "" {
		t.Errorf("cells (-want +got):\n%s", d)
	}
}

func TestCP949Hint(t *testing.T) {
	cp949, err := korean.EUCKR.NewEncoder().String("a,제목\n1,드라마 영화 예능\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, data, content, want string }{
		{"undeclared", "{file: f.csv}", cp949, "f.csv:1:1: error: the file is not UTF-8\n  hint: the bytes look like CP949, as Excel writes it: add encoding: cp949\n"},
		{"in a cell", "{file: f.csv}", "a\n" + strings.TrimPrefix(cp949[strings.Index(cp949, "1,"):], "1,"), "f.csv:2:1: error: the file is not UTF-8\n  hint: the bytes look like CP949, as Excel writes it: add encoding: cp949\n"},
		{"declared wrongly", "{file: f.csv, encoding: cp949}", "a\n드라마 영화 \xff\n", "f.csv:2:1: error: a character that CP949 does not have\n  hint: is the file UTF-8? then leave encoding out\n"},
	} {
		_, problems := Load(oneFile("suite: s\ncases: [{case: c, get: '/{{a}}', data: "+tt.data+"}]\n", "f.csv", tt.content), []string{"x.yaml"}, LoadOptions{Now: today})
		if got := written(t, problems); got != tt.want {
			t.Errorf("%s: got\n%swant\n%s", tt.name, got, tt.want)
		}
	}
	_, problems := Load(fstest.MapFS{"x.yaml": {Data: []byte("suite: s\n# " + cp949)}}, []string{"x.yaml"}, LoadOptions{})
	if got := written(t, problems); !strings.Contains(got, "save the file as UTF-8") {
		t.Errorf("scenario file: got\n%s", got)
	}
}

func TestRowIDs(t *testing.T) {
	s := load(t, "-- x.yaml --\nsuite: s\ncases:\n  - {case: c, name: 채널, get: '/{{a}}', data: {rows: [{a: x}, {a: y}], name: \"{{a}}/{{$row}}\"}}\n  - {case: d, get: '/{{a}}', data: [{a: x}]}\n  - {case: e, get: /}\n", LoadOptions{}, "x.yaml")[0]
	var got []string
	for _, c := range s.Cases[:2] {
		for row := range c.Data.Rows {
			id, name := c.RowID(row)
			got = append(got, id+" | "+name)
		}
	}
	id, name := s.Cases[2].RowID(Row{})
	got = append(got, id+" | "+name)
	want := []string{"s/c[x/1] | 채널 [x/1]", "s/c[y/2] | 채널 [y/2]", "s/d[1] | d [1]", "s/e | e"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("ids (-want +got):\n%s", d)
	}
}

// A sample is drawn by the seed: the same for the same seed, another for others,
// in file order, without repetition.
func TestSample(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("a\n")
	for i := range 1000 {
		fmt.Fprintln(&csv, i)
	}
	fsys := oneFile("suite: s\ncases: [{case: c, get: '/{{a}}', data: {file: f.csv, sample: 100}}]\n", "f.csv", csv.String())
	draw := func(seed uint64) []string {
		s, problems := Load(fsys, []string{"x.yaml"}, LoadOptions{Now: today, Seed: seed})
		if len(problems) > 0 {
			t.Fatal(written(t, problems))
		}
		rows := rowsOf(t, s[0].Cases[0])
		if len(rows) != 100 || s[0].Cases[0].Data.Count != 100 {
			t.Fatalf("%d rows, count %d", len(rows), s[0].Cases[0].Data.Count)
		}
		return rows
	}
	a := draw(1)
	if !slices.Equal(a, draw(1)) {
		t.Error("the same seed draws other rows")
	}
	if slices.Equal(a, draw(2)) {
		t.Error("another seed draws the same rows")
	}
	seen := map[string]bool{}
	last := -1
	for _, r := range a {
		var n int
		fmt.Sscan(r, &n)
		if seen[r] || n <= last {
			t.Fatalf("row %q is repeated or out of order", r)
		}
		seen[r], last = true, n
	}
}

// bigCSV is a file of n rows that exists nowhere.
type bigCSV struct{ n int }

func (b bigCSV) Open(name string) (fs.File, error) {
	if name == "x.yaml" {
		return fstest.MapFS{"x.yaml": {Data: []byte("suite: s\ncases: [{case: c, get: '/{{a}}', data: {file: f.csv}}]\n")}}.Open(name)
	}
	f, err := fstest.MapFS{"f.csv": {}}.Open("f.csv")
	return &bigFile{File: f, left: b.n, buf: []byte("a,b\n")}, err
}

type bigFile struct {
	fs.File
	left int
	buf  []byte
}

func (f *bigFile) Read(p []byte) (int, error) {
	if len(f.buf) == 0 {
		if f.left == 0 {
			return f.File.Read(p)
		}
		chunk := min(f.left, 100)
		f.left -= chunk
		f.buf = bytes.Repeat([]byte("123456789,abcdefghijklmnopqrstuvwxyz\n"), chunk)
	}
	n := copy(p, f.buf)
	f.buf = f.buf[n:]
	return n, nil
}

// Memory does not grow with the rows: 50,000 are read twice in a few MB.
func TestRowsInFlatMemory(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	s, problems := Load(bigCSV{50_000}, []string{"x.yaml"}, LoadOptions{Now: today})
	if len(problems) > 0 {
		t.Fatal(written(t, problems))
	}
	n, peak := 0, uint64(0)
	for _, err := range s[0].Cases[0].Data.Rows {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%10_000 == 0 {
			peak = max(peak, heap())
		}
	}
	if n != 50_000 || s[0].Cases[0].Data.Count != n {
		t.Errorf("%d rows, count %d", n, s[0].Cases[0].Data.Count)
	}
	if grown := int64(peak) - int64(before); grown > 2<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	runtime.KeepAlive(s)
}

// An error in a file that changed after loading reaches the one who ranges.
func TestRowsChangedAfterLoading(t *testing.T) {
	fsys := oneFile("suite: s\ncases: [{case: c, get: '/{{a}}', data: {file: f.csv}}]\n", "f.csv", "a\n1\n2\n")
	s, problems := Load(fsys, []string{"x.yaml"}, LoadOptions{Now: today})
	if len(problems) > 0 {
		t.Fatal(written(t, problems))
	}
	delete(fsys, "f.csv")
	for _, err := range s[0].Cases[0].Data.Rows {
		if err == nil {
			t.Error("a row of a file that is gone")
		}
		return
	}
	t.Error("no row and no error")
}
