package jmeter

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// A past is what the results of a run of the plan say of its thread groups.
type past map[string]*pastGroup

// A pastGroup is what the threads of one group did.
type pastGroup struct {
	threads     map[string]int64 // name of the thread, to the end of its last sample
	first, last int64            // milliseconds since 1970: first start and last end
	samples     int
	gaps        []int // milliseconds between two samples of a thread
}

// maxGaps bounds the waits that are kept of a group.
const maxGaps = 1_000_000

// threadOf is the group in the name of a thread: "Group name 1-12".
var threadOf = lazy.Regexp(`^(.*) [0-9]+-[0-9]+$`)

// of is the group of a name; nil: the results do not have it. A distributed run puts its
// host in front.
func (p past) of(group string) *pastGroup {
	if x := p[group]; x != nil {
		return x
	}
	var found *pastGroup
	for name, x := range p {
		if strings.HasSuffix(name, "-"+group) && group != "" {
			if found != nil {
				return nil // several hosts
			}
			found = x
		}
	}
	return found
}

// seconds is how long the group ran, rounded up.
func (g *pastGroup) seconds() int { return int((g.last - g.first + 999) / 1000) }

// perSecond is how many samples the group had in a second; 0: too few to say.
func (g *pastGroup) perSecond() float64 {
	if g.samples < 2 || g.last <= g.first {
		return 0
	}
	return float64(g.samples) * 1000 / float64(g.last-g.first)
}

// waits are the tenth and ninetieth percentile of the waits between two samples, in
// milliseconds; 0 where threads did not wait for 10 ms.
func (g *pastGroup) waits() (low, high int) {
	if len(g.gaps) == 0 {
		return 0, 0
	}
	slices.Sort(g.gaps)
	low, high = g.gaps[len(g.gaps)/10], g.gaps[(len(g.gaps)-1)*9/10]
	if high < 10 {
		return 0, 0
	}
	return low, high
}

// add counts one sample.
func (p past) add(thread string, start, elapsed int64) {
	name := thread
	if m := threadOf().FindStringSubmatch(thread); m != nil {
		name = m[1]
	}
	g := p[name]
	if g == nil {
		g = &pastGroup{threads: map[string]int64{}, first: start}
		p[name] = g
	}
	// The wait of a thread is from the end of its last sample to the start of the next one.
	if end, known := g.threads[thread]; known && start >= end && len(g.gaps) < maxGaps {
		g.gaps = append(g.gaps, int(min(start-end, maxThink)))
	}
	g.samples++
	g.first, g.last = min(g.first, start), max(g.last, start+elapsed)
	g.threads[thread] = max(g.threads[thread], start+elapsed)
}

// readResults reads a .jtl file, CSV or XML, into what its threads did.
func (p past) readResults(f model.File) error {
	if head := bytes.TrimLeft(f.Data[:min(len(f.Data), 4096)], "\xef\xbb\xbf \t\r\n"); len(head) > 0 && head[0] == '<' {
		return p.readXML(f)
	}
	return p.readCSV(f)
}

// columnsOf are where the columns of a CSV file are; JMeter's own order where the file
// has no header.
func columnsOf(row []string) (start, elapsed, thread int, header bool) {
	at := func(name string) int { return slices.Index(row, name) }
	if start, elapsed, thread = at("timeStamp"), at("elapsed"), at("threadName"); start >= 0 || elapsed >= 0 {
		return start, elapsed, thread, true
	}
	return 0, 1, 5, false
}

func (p past) readCSV(f model.File) error {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(f.Data, []byte("\xef\xbb\xbf"))))
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	wrong := func(line, col int, msg string) error { return place{line, col}.errorf(f.Name, "%s", msg) }
	var start, elapsed, thread int
	for n := 0; ; n++ {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			if n == 0 {
				return wrong(1, 1, "the file holds no results")
			}
			return nil
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			return wrong(parse.Line, parse.Column, "not CSV: "+parse.Err.Error())
		}
		if err != nil {
			return err
		}
		// The place is that of the row, whatever is wrong in it.
		line, _ := r.FieldPos(0)
		if n == 0 {
			header := false
			start, elapsed, thread, header = columnsOf(row)
			if start < 0 || elapsed < 0 || thread < 0 {
				return wrong(line, 1, "results need the columns timeStamp, elapsed and threadName")
			}
			if header {
				continue
			}
		}
		if len(row) <= max(start, elapsed, thread) {
			return wrong(line, 1, "the row has too few columns")
		}
		at, err := strconv.ParseInt(row[start], 10, 64)
		took, err2 := strconv.ParseInt(row[elapsed], 10, 64)
		if err != nil || err2 != nil || !plausible(at, took) {
			return wrong(line, 1, "timeStamp and elapsed are not milliseconds")
		}
		p.add(strings.Clone(row[thread]), at, took)
	}
}

// plausible reports whether a time and a duration are such that sums cannot overflow.
func plausible(at, took int64) bool { return at >= 0 && at < 1<<52 && took >= 0 && took < 1<<40 }

// readXML reads the outer samples of a file in XML; those inside them are parts.
func (p past) readXML(f model.File) error {
	d := xml.NewDecoder(bytes.NewReader(f.Data))
	d.CharsetReader = charset
	wrong := func(msg string) error {
		line, col := d.InputPos()
		return place{line, col}.errorf(f.Name, "%s", msg)
	}
	depth, found := 0, false
	for {
		token, err := d.RawToken()
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 && t.Name.Local != "testResults" {
				return wrong("not results of JMeter: the root element is <" + t.Name.Local + ">, not <testResults>")
			}
			if depth > maxDepth {
				return wrong("elements are nested more than " + strconv.Itoa(maxDepth) + " deep")
			}
			// Samples inside a sample are its redirects and resources: their time is part of it.
			if depth != 2 || t.Name.Local != "sample" && t.Name.Local != "httpSample" {
				continue
			}
			e := &element{attrs: t.Attr}
			at, err := strconv.ParseInt(e.attr("ts"), 10, 64)
			took, err2 := strconv.ParseInt(e.attr("t"), 10, 64)
			if err != nil || err2 != nil || !plausible(at, took) {
				return wrong("a sample without its times ts and t")
			}
			found = true
			p.add(e.attr("tn"), at, took)
		case xml.EndElement:
			depth--
		case xml.Directive:
			return wrong("document types and entities are not read")
		}
		switch {
		case errors.Is(err, io.EOF) && depth == 0 && found:
			return nil
		case errors.Is(err, io.EOF):
			return wrong("the file ends before its results do, or holds none")
		case err != nil:
			return wrong("not XML: " + err.Error())
		}
	}
}
