package recorded

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bgverify/bgverify/runner/attack"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// headBytes is how much of a result file is looked at to name what it is.
const headBytes = 4096

// readResults calls each for every result of a file in any of vegeta's
// encodings, or of JMeter (JTL).
// The result is valid during the call only. A file that ends within a result, or
// that another tool wrote, is an error.
func readResults(in io.Reader, each func(*vegeta.Result)) error {
	br := bufio.NewReaderSize(in, 1<<16)
	head, _ := br.Peek(headBytes) // an error of the reader comes again below
	head = bytes.Clone(head)
	decode := decoderFor(br, head)
	var jtl *notJTLError
	for n := 1; ; n++ {
		res := vegeta.Result{} // gob leaves the fields of the result before
		switch err := decode(&res); {
		case errors.Is(err, io.EOF) && (n > 1 || len(bytes.TrimSpace(head)) == 0):
			return nil
		case errors.As(err, &jtl):
			return &NotResultsError{Tool: jtl.why, err: err}
		case err != nil && n == 1:
			return &NotResultsError{Tool: toolOf(head), err: err}
		case err != nil:
			return fmt.Errorf("result %d: %w", n, err)
		}
		each(&res)
	}
}

// decoderFor chooses the encoding by the first byte that is not space.
func decoderFor(br *bufio.Reader, head []byte) vegeta.Decoder {
	text := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		return newJSONDecoder(br)
	case isJTL(text):
		return newJTLDecoder(br)
	case bytes.HasPrefix(text, []byte("<")):
		return newJTLXMLDecoder(br)
	case bytes.HasPrefix(bytes.ToLower(text), []byte("timestamp,code,latency,")):
		_, _ = br.ReadString('\n') // a line of column names; an error comes again
		return vegeta.NewCSVDecoder(br)
	case len(text) > 0 && text[0] >= '0' && text[0] <= '9' && bytes.IndexByte(text, ',') > 0:
		return vegeta.NewCSVDecoder(br)
	}
	return vegeta.NewDecoder(br)
}

// newJSONDecoder reads results in JSON. Unlike vegeta's decoder it needs a
// timestamp, a status and a latency, takes a last line without its line end, and
// reports one that was cut.
func newJSONDecoder(r io.Reader) vegeta.Decoder {
	dec := json.NewDecoder(r)
	return func(res *vegeta.Result) error {
		var line struct {
			Timestamp *time.Time     `json:"timestamp"`
			Code      *uint16        `json:"code"`
			Latency   *time.Duration `json:"latency"`
			BytesIn   uint64         `json:"bytes_in"`
			Error     string         `json:"error"`
			Method    string         `json:"method"`
			URL       string         `json:"url"`
		}
		if err := dec.Decode(&line); err != nil {
			return err
		}
		if line.Timestamp == nil || line.Code == nil || line.Latency == nil {
			return errors.New("timestamp, code or latency is missing")
		}
		res.Timestamp, res.Code, res.Latency = *line.Timestamp, *line.Code, *line.Latency
		res.BytesIn, res.Error, res.Method, res.URL = line.BytesIn, line.Error, line.Method, line.URL
		return nil
	}
}

// A NotResultsError says that a file does not begin with a result of vegeta.
type NotResultsError struct {
	Tool string // what the file is and what to do with it; empty when unknown
	err  error
}

// Error names the tool that wrote the file where it is known, and else what the decoder said of
// the first result.
func (e *NotResultsError) Error() string {
	const what = "not a result file of vegeta (gob, CSV or JSON) or JMeter (CSV or XML)"
	if e.Tool != "" {
		return what + ": " + e.Tool
	}
	return fmt.Sprintf("%s: result 1: %v", what, e.err)
}

// Unwrap is what the decoder said.
func (e *NotResultsError) Unwrap() error { return e.err }

// What to do with the file of another tool.
const (
	recordAgain = "record both sides with vegeta attack, or let bgverify run load them (load: in a suite)"
	unpack      = "unpack it first"
	wholeFile   = "give the file that vegeta attack wrote, not what was made of it"
)

// tools are known by what is in the first bytes of their files, which are compared
// in lower case and without white space.
var tools = []struct {
	name, do string
	has      []string
}{
	{"a JSON output of k6", recordAgain, []string{`"metric":`, `"type":"point"`}},
	{"a JSON output of k6", recordAgain, []string{`"metric":`, `"type":"metric"`}},
	{"a summary of k6", recordAgain, []string{`"metrics":{`, `http_req`}},
	{"a CSV output of k6", recordAgain, []string{"metric_name,timestamp,metric_value"}},
	{"a damaged result file (JTL) of JMeter", recordAgain, []string{"timestamp", "elapsed", "label"}},
	{"a damaged result file (JTL) of JMeter", recordAgain, []string{"<testresults"}},
	{"a damaged result file (JTL) of JMeter", recordAgain, []string{"<httpsample"}},
	{"a CSV output of hey", recordAgain, []string{"response-time,dns+dialup"}},
	{"a summary of hey", recordAgain, []string{"summary:total:", "slowest:"}},
	{"an output of ab (ApacheBench)", recordAgain, []string{"apachebench"}},
	{"an output of ab (ApacheBench)", recordAgain, []string{"percentageserved,timeinms"}},
	{"an output of ab (ApacheBench)", recordAgain, []string{"starttimesecondsctimedtime"}},
	{"a summary of wrk", recordAgain, []string{"running", "threadsand", "connections"}},
	{"statistics of Locust", recordAgain, []string{"type,name,requestcount"}},
	{"a report of Artillery", recordAgain, []string{`"aggregate":{`}},
	{"a report of autocannon", recordAgain, []string{`"non2xx":`}},
	{"a report of oha", recordAgain, []string{`"successrate":`}},
	{"a report of Fortio", recordAgain, []string{`"durationhistogram":`}},
	{"a report of bombardier", recordAgain, []string{`"numberofconnections":`}},
	{"an HTTP archive (HAR)", "bgverify import har makes a suite of it", []string{`"log":{`, `"creator":`}},
	{"a report of vegeta", wholeFile, []string{`"latencies":{`}},
	{"a report of vegeta", wholeFile, []string{"[total,rate"}},
	{"a histogram of vegeta", wholeFile, []string{"value(ms)percentile"}},
	{"a plot of vegeta", wholeFile, []string{"<html", "vegeta"}},
	{"targets of vegeta", wholeFile, []string{`"method":`, `"url":`}},
}

// toolOf names what wrote the head of a file, and what to do; empty when unknown.
func toolOf(head []byte) string {
	for _, m := range []struct{ start, name, do string }{
		{"\x1f\x8b", "a gzip file", unpack},
		{"\x28\xb5\x2f\xfd", "a zstd file", unpack},
		{"PK\x03\x04", "a zip file", unpack},
		{"\xff\xfe", "text in UTF-16, as '>' of PowerShell writes it", "record with vegeta attack -output FILE"},
		{"\xfe\xff", "text in UTF-16", "record with vegeta attack -output FILE"},
		{"RUN\t", "a simulation.log of Gatling", recordAgain},
		{"ASSERTION\t", "a simulation.log of Gatling", recordAgain},
		{"GET http", "targets of vegeta", wholeFile},
		{"POST http", "targets of vegeta", wholeFile},
		{attack.Magic, "a record file of bgverify", "bgverify judge RUN judges the load stages of a run"},
	} {
		if bytes.HasPrefix(head, []byte(m.start)) {
			return m.name + "; " + m.do
		}
	}
	text := strings.ToLower(strings.Join(strings.Fields(string(head)), ""))
	for _, t := range tools {
		all := true
		for _, part := range t.has {
			all = all && strings.Contains(text, part)
		}
		if all {
			return t.name + "; " + t.do
		}
	}
	// A line of vegeta before version 12 has fewer columns.
	if line, _, _ := strings.Cut(string(head), "\n"); strings.Count(line, ",") >= 4 && line[0] >= '0' && line[0] <= '9' {
		return fmt.Sprintf("CSV of %d columns where vegeta 12 writes 12; vegeta encode -to csv writes them", strings.Count(line, ",")+1)
	}
	return ""
}
