package rows

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"

	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A File reads the rows of a data file one by one. It is a [Source] by its method Open.
type File struct {
	FS fs.FS
	// Name is a slash path below the root of FS.
	Name string
	// Format is csv, json (a list of objects) or ndjson (one object a line).
	Format string
	// CP949 is set for a csv file as Excel writes it in Korea; any other file is UTF-8.
	CP949 bool
}

// cp949Hint is shown for a file that is not UTF-8, which is nearly always such an export.
const cp949Hint = "the bytes look like CP949, as Excel writes it: add encoding: cp949"

// Open starts at the first row and returns the columns. The file is closed when the rows
// end, also early; who wants the columns alone must begin the rows and stop, as finding the
// columns of JSON reads the first row.
func (f File) Open() ([]string, iter.Seq2[Row, error], error) {
	start := f.csv
	switch f.Format {
	case "json":
		start = f.json
	case "ndjson":
		start = f.ndjson
	}
	// Only regular files: reading a pipe would wait without end.
	file, err := source.OpenRegular(f.FS, f.Name)
	if err != nil {
		return nil, nil, err
	}
	// The columns are read at once, the rows when they are asked for.
	columns, rows, err := start(withoutBOM(file))
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return columns, func(yield func(Row, error) bool) {
		defer file.Close()
		rows(yield)
	}, nil
}

// withoutBOM skips the byte order mark that Excel and Windows editors write.
func withoutBOM(r io.Reader) *bufio.Reader {
	b := bufio.NewReaderSize(r, 64<<10)
	if head, err := b.Peek(3); err == nil && bytes.Equal(head, []byte("\ufeff")) {
		b.Discard(3)
	}
	return b
}

// csv reads RFC 4180: the first record names the columns, every record has as many cells.
// All cells are text; no cell becomes a number because it looks like one.
// Its mistakes have the line that encoding/csv counts, which is that of the file.
func (f File) csv(in *bufio.Reader) ([]string, iter.Seq2[Row, error], error) {
	source := io.Reader(in)
	if f.CP949 {
		source = korean.EUCKR.NewDecoder().Reader(in) // EUC-KR as browsers have it is CP949
	}
	r := csv.NewReader(source)
	// The record is reused: cells are their own strings, only the slice is not.
	r.ReuseRecord = true
	// A file without any record has no columns.
	header, err := r.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil, &Error{Msg: "the file is empty", Hint: "the first row names the columns"}
		}
		return nil, nil, csvError(err)
	}
	columns := append([]string(nil), header...)
	seen := map[string]bool{}
	// Space around names is cut; cells are kept as they are.
	for i, c := range columns {
		columns[i] = strings.TrimSpace(c)
		switch {
		case !utf8.ValidString(c):
			return nil, nil, &Error{1, "the file is not UTF-8", cp949Hint}
		// Two columns of one name would make the second unreachable.
		case seen[columns[i]]:
			return nil, nil, &Error{1, fmt.Sprintf("column %q is listed twice", columns[i]), ""}
		}
		seen[columns[i]] = true
	}
	return columns, func(yield func(Row, error) bool) {
		for number := 1; ; number++ {
			// The first mistake ends the rows: what follows it could be read in the wrong columns.
			record, err := r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			row := Row{Number: number, Cells: make([]template.Value, len(record))}
			if err != nil {
				yield(row, csvError(err))
				return
			}
			for i, c := range record {
				if !utf8.ValidString(c) || f.CP949 && strings.ContainsRune(c, utf8.RuneError) {
					// The place is that of the cell: a quoted cell may be on a later line than its row.
					line, _ := r.FieldPos(i)
					yield(row, invalidCell(line, f.CP949))
					return
				}
				row.Cells[i] = template.TextValue(c)
			}
			if !yield(row, nil) {
				return
			}
		}
	}, nil
}

// invalidCell is a cell that is not text in the file's encoding. The decoder replaces a byte
// that CP949 does not have by U+FFFD and reports nothing.
func invalidCell(line int, cp949 bool) error {
	if cp949 {
		return &Error{line, "a character that CP949 does not have", "is the file UTF-8? then leave encoding out"}
	}
	return &Error{line, "the file is not UTF-8", cp949Hint}
}

// csvError gives a mistake of encoding/csv its line and, where the cause is known, a hint.
func csvError(err error) error {
	var pe *csv.ParseError
	if !errors.As(err, &pe) {
		return source.PlainError(err)
	}
	hint := ""
	switch {
	case errors.Is(pe.Err, csv.ErrFieldCount):
		hint = "every row has as many cells as the first; a cell with a comma is quoted"
	case errors.Is(pe.Err, csv.ErrQuote), errors.Is(pe.Err, csv.ErrBareQuote):
		hint = `a quote inside a quoted cell is written twice: ""`
	}
	return &Error{pe.Line, "not valid CSV: " + pe.Err.Error(), hint}
}

// objectRow reads one JSON object in member order. Values keep their JSON text, so that
// 1.50 stays 1.50; a member that is written twice is an error.
func objectRow(raw []byte) (names []string, cells []template.Value, err error) {
	// A token at a time: a map would lose the order and the second of two members.
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("is not a JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		name, _ := t.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, nil, err
		}
		if seen[name] {
			return nil, nil, fmt.Errorf("has the member %q twice", name)
		}
		seen[name] = true
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			return nil, nil, err
		}
		names = append(names, name)
		cells = append(cells, template.JSONValue(compact.String()))
	}
	return names, cells, nil
}

// objects turns JSON objects into rows with the columns of the first. next returns io.EOF
// at the end and the line it is at, 0 when unknown. Without any object there are no columns
// and no rows, which the caller reports.
//
// The first object is read at once, for the columns, and kept for the first row.
func objects(next func() (raw []byte, line int, err error)) ([]string, iter.Seq2[Row, error], error) {
	raw, line, err := next()
	if errors.Is(err, io.EOF) {
		return nil, func(func(Row, error) bool) {}, nil
	}
	if err != nil {
		return nil, nil, &Error{line, "not valid JSON: " + err.Error(), ""}
	}
	columns, cells, err := objectRow(raw)
	if err != nil {
		return nil, nil, &Error{line, "row 1 " + err.Error(), "every row is an object: column to value"}
	}
	return columns, func(yield func(Row, error) bool) {
		// names and cells are those of the row at hand, in its own order.
		names := columns
		for number := 1; ; number++ {
			// A row may have its members in another order.
			row, err := Align(columns, names, cells)
			row.Number = number
			if err != nil {
				yield(row, &Error{line, fmt.Sprintf("row %d %v", number, err), "every row has the columns of the first"})
				return
			}
			if !yield(row, nil) {
				return
			}
			raw, line, err = next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				names, cells, err = objectRow(raw)
				if err != nil {
					err = fmt.Errorf("row %d %w", number+1, err)
				}
			}
			if err != nil {
				yield(row, &Error{line, "not valid JSON rows: " + err.Error(), ""})
				return
			}
		}
	}, nil
}

// json reads a list of objects one element at a time, so that a large list costs no memory.
// Text after the list is an error: it would be rows that are never sent.
// Its mistakes have no line: the decoder does not count them.
func (f File) json(in *bufio.Reader) ([]string, iter.Seq2[Row, error], error) {
	dec := json.NewDecoder(in)
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, nil, &Error{1, "the file is not a JSON list of objects", "one object a line is format: ndjson"}
	}
	// The closing bracket is read once; asking again is still the end.
	ended := false
	return objects(func() ([]byte, int, error) {
		if ended {
			return nil, 0, io.EOF
		}
		// One element at a time; its line is not known.
		if dec.More() {
			var raw json.RawMessage
			err := decodeInto(dec, &raw)
			return raw, 0, err
		}
		ended = true
		if _, err := dec.Token(); err != nil {
			return nil, 0, errors.New("the list is not closed")
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return nil, 0, errors.New("text after the list")
		}
		return nil, 0, io.EOF
	})
}

// decodeInto decodes one value. The end of the file inside a list is a mistake and must not
// be taken for the end of the rows.
func decodeInto(dec *json.Decoder, raw *json.RawMessage) error {
	err := dec.Decode(raw)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxLine bounds one line of NDJSON, in bytes.
// A longer line is reported as such, with its number.
const maxLine = 4 << 20

// ndjson reads one object a line; blank lines are passed over.
func (f File) ndjson(in *bufio.Reader) ([]string, iter.Seq2[Row, error], error) {
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 0, 64<<10), maxLine)
	line := 0
	return objects(func() ([]byte, int, error) {
		// The text is valid until the next Scan, and objects has read it by then.
		for sc.Scan() {
			line++
			text := bytes.TrimSpace(sc.Bytes())
			if len(text) == 0 {
				continue
			}
			if !json.Valid(text) {
				return nil, line, errors.New("the line is not one JSON value")
			}
			return text, line, nil
		}
		if err := sc.Err(); err != nil {
			return nil, line + 1, err
		}
		return nil, line, io.EOF
	})
}
