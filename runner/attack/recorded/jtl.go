package recorded

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// The results of JMeter (JTL) become results of vegeta:
//
//  1. A sample counts when it is of HTTP. Samples of scripts and the sums that
//     transaction controllers write are passed over, and so are the parts of a
//     sample: redirects and resources of a page are in its time already.
//  2. The time stamp is the start, in milliseconds or as a date. Times are whole
//     milliseconds; a latency of 0 is half of one (but see notMeasured).
//  3. A sample that JMeter failed with a status that succeeds (an assertion did not
//     hold) has its message as the error text, so that it counts as an error.
//     "Non HTTP response code" is status 0. A status that fails stays a failure
//     even where JMeter ignored it. A sample with the message of a failed assertion
//     or with a part that failed is a failure whatever it says of itself.
//  4. The size is what JMeter counts: head and body. An empty body is therefore
//     seen by the size of its path only.
//  5. The address is that of the sample; without one, its label is the path.

// jtlColumns are those that JMeter writes when it names none, as JMeter 2 does.
var jtlColumns = []string{
	"timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName", "dataType", "success", "bytes",
	"grpThreads", "allThreads", "Latency",
}

// jtlNoTime is the latency of a sample that took 0 ms.
const jtlNoTime = time.Millisecond / 2

// jtlNeeded are the columns without which results cannot be judged.
var jtlNeeded = []string{"timeStamp", "elapsed", "responseCode", "success", "bytes"}

// isJTL reports whether the head of a file is JMeter's CSV, with or without names.
func isJTL(text []byte) bool {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if bytes.HasPrefix(bytes.ToLower(line), []byte("timestamp")) && bytes.Contains(bytes.ToLower(line), []byte("elapsed")) {
		return true
	}
	cells, err := csv.NewReader(bytes.NewReader(line)).Read()
	return err == nil && len(cells) >= 9 && len(cells[0]) == 13 && isDigits(cells[0]) && isDigits(cells[1]) &&
		(cells[7] == "true" || cells[7] == "false")
}

// isDigits reports whether a cell is a whole number without a sign, as times and counts of
// JMeter are.
func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// A notJTLError is a file of JMeter that cannot be judged; it says why.
type notJTLError struct{ why string }

// Error is why the file cannot be judged, with the setting of JMeter that mends it.
func (e *notJTLError) Error() string { return e.why }

// newJTLDecoder reads JMeter's CSV.
func newJTLDecoder(br *bufio.Reader) vegeta.Decoder {
	head, _ := br.Peek(headBytes)
	r := csv.NewReader(br)
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	if line, _, _ := bytes.Cut(head, []byte("\n")); bytes.IndexByte(line, ',') < 0 {
		for _, delimiter := range []rune{';', '\t', '|'} {
			if bytes.ContainsRune(line, delimiter) {
				r.Comma = delimiter
				break
			}
		}
	}
	columns := jtlColumns
	named := bytes.HasPrefix(bytes.ToLower(bytes.TrimLeft(head, " \t\r\n")), []byte("timestamp"))
	at := map[string]int{}
	return func(res *vegeta.Result) error {
		if named {
			cells, err := r.Read()
			if err != nil {
				return err
			}
			columns, named = slices.Clone(cells), false
		}
		if len(at) == 0 {
			for i, c := range columns {
				at[c] = i
			}
			for _, c := range jtlNeeded {
				if _, has := at[c]; !has {
					return &notJTLError{"a result file (JTL) of JMeter without the column " + c + "; record it with jmeter.save.saveservice." +
						saveName(c) + "=true"}
				}
			}
		}
		for {
			cells, err := r.Read()
			if err != nil {
				return err
			}
			if len(cells) <= at["success"] || len(cells) <= at["bytes"] {
				return fmt.Errorf("a line of %d columns where the first has %d", len(cells), len(columns))
			}
			s := jtlSample{}
			for name, to := range s.fields() {
				if i, has := at[name]; has && i < len(cells) {
					*to = cells[i]
				}
			}
			if _, has := at["URL"]; has && (s.url == "null" || s.url == "") && !strings.HasPrefix(s.code, "Non HTTP") {
				continue // not a sample of HTTP
			}
			if strings.HasPrefix(s.message, "Number of samples in transaction") {
				continue
			}
			return s.result(res)
		}
	}
}

// saveName is the property of JMeter that saves a column.
func saveName(column string) string {
	switch column {
	case "timeStamp":
		return "timestamp_format=ms, time"
	case "elapsed":
		return "time"
	case "responseCode":
		return "response_code"
	case "success":
		return "successful"
	}
	return column
}

// A jtlSample is a sample as it is written.
type jtlSample struct {
	start, elapsed, label, code, message, failure, success, bytes, url, method string
}

// fields are where the columns that count are kept, by the names that JMeter gives them. Other
// columns are passed over.
func (s *jtlSample) fields() map[string]*string {
	return map[string]*string{
		"timeStamp": &s.start, "elapsed": &s.elapsed, "label": &s.label, "responseCode": &s.code, "responseMessage": &s.message,
		"failureMessage": &s.failure, "success": &s.success, "bytes": &s.bytes, "URL": &s.url,
	}
}

// jtlTimes are the forms of a time stamp that is not milliseconds.
var jtlTimes = []string{
	"2006/01/02 15:04:05.000", "2006/01/02 15:04:05", "2006-01-02 15:04:05.000", "2006-01-02 15:04:05",
	"2006-01-02T15:04:05.000Z07:00", time.RFC3339,
}

// result makes a result of vegeta. Rules 2 to 5.
func (s *jtlSample) result(res *vegeta.Result) error {
	elapsed, err := strconv.ParseInt(s.elapsed, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a time in milliseconds", s.elapsed)
	}
	if res.Timestamp, err = jtlTime(s.start); err != nil {
		return err
	}
	res.Latency = time.Duration(elapsed) * time.Millisecond
	if elapsed == 0 {
		res.Latency = jtlNoTime
	}
	if res.BytesIn, err = strconv.ParseUint(s.bytes, 10, 64); err != nil {
		return fmt.Errorf("%q is not a number of bytes", s.bytes)
	}
	if code, err := strconv.ParseUint(s.code, 10, 16); err == nil && code >= 100 && code <= 999 {
		res.Code = uint16(code)
	}
	ok, err := strconv.ParseBool(s.success)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not true or false", s.success)
	case !ok && res.Code == 0:
		res.Error = s.code + " " + s.message
	case strings.TrimSpace(s.failure) != "" || (!ok && res.Code < 400):
		res.Error = "JMeter: " + s.failure + " " + s.message // not the status line: an error text
	}
	res.Method = s.method
	if res.URL = s.url; res.URL == "null" || res.URL == "" {
		res.URL = "/" + url.PathEscape(s.label)
	}
	return nil
}

// jtlTime reads a time stamp (rule 2). A date without a zone is taken as UTC, in
// both files.
func jtlTime(text string) (time.Time, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(ms), nil
	}
	for _, layout := range jtlTimes {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time stamp of JMeter", text)
}

// newJTLXMLDecoder reads JMeter's XML, one sample at a time.
func newJTLXMLDecoder(br *bufio.Reader) vegeta.Decoder {
	d := xml.NewDecoder(br)
	depth := 0
	return func(res *vegeta.Result) error {
		for {
			token, err := d.RawToken()
			if errors.Is(err, io.EOF) && depth > 0 {
				return io.ErrUnexpectedEOF
			}
			if err != nil {
				return err
			}
			switch t := token.(type) {
			case xml.Directive:
				return errors.New("document types and entities are not read")
			case xml.StartElement:
				depth++
				if t.Name.Local != "httpSample" {
					continue
				}
				s, err := jtlElement(d, t)
				if err != nil {
					return err
				}
				depth-- // its end was read
				return s.result(res)
			case xml.EndElement:
				depth--
				if depth < 0 {
					return errors.New("an element is closed that is not open")
				}
			}
		}
	}
}
