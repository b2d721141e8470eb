package recorded

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// jtlElement reads a sample with its parts. Their own samples do not count, but a
// part that failed makes the sample a failure (rule 3).
func jtlElement(d *xml.Decoder, t xml.StartElement) (*jtlSample, error) {
	s := &jtlSample{}
	names := map[string]*string{
		"ts": &s.start, "t": &s.elapsed, "lb": &s.label, "rc": &s.code, "rm": &s.message, "s": &s.success, "by": &s.bytes,
	}
	for _, a := range t.Attr {
		if to := names[a.Name.Local]; to != nil {
			*to = a.Value
		}
	}
	for _, n := range []struct{ attr, text string }{{"ts", s.start}, {"t", s.elapsed}, {"rc", s.code}, {"s", s.success}, {"by", s.bytes}} {
		if n.text == "" {
			return nil, &notJTLError{"a result file (JTL) of JMeter whose samples have no " + n.attr +
				"; record it with times, codes, success and bytes"}
		}
	}
	path := []string{"httpSample"}
	text := "" // of the element that is open
	for len(path) > 0 {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > 100 {
				return nil, errors.New("samples are nested more than 100 deep")
			}
			text = ""
			s.partFailed(t)
		case xml.EndElement:
			if path[len(path)-1] != t.Name.Local {
				return nil, fmt.Errorf("</%s> closes an element that is not open", t.Name.Local)
			}
			s.closed(path, text)
			path, text = path[:len(path)-1], ""
		case xml.CharData:
			text += string(t)
		}
	}
	return s, nil
}

// partFailed books the sample of a part where it says that it failed.
func (s *jtlSample) partFailed(t xml.StartElement) {
	if t.Name.Local != "httpSample" && t.Name.Local != "sample" {
		return
	}
	label, failed := "", false
	for _, a := range t.Attr {
		switch a.Name.Local {
		case "lb":
			label = a.Value
		case "s":
			ok, err := strconv.ParseBool(a.Value)
			failed = err != nil || !ok
		}
	}
	if failed {
		s.failure += "part " + strconv.Quote(label) + " failed "
	}
}

// closed takes the text of an element at its end. Assertions count at any depth.
func (s *jtlSample) closed(path []string, text string) {
	switch strings.Join(path, "/") {
	case "httpSample/java.net.URL":
		s.url = strings.TrimSpace(text)
	case "httpSample/method":
		s.method = strings.TrimSpace(text)
	}
	if len(path) < 3 || path[len(path)-2] != "assertionResult" {
		return
	}
	text = strings.TrimSpace(text)
	switch is, _ := strconv.ParseBool(text); path[len(path)-1] {
	case "failure", "error":
		if is {
			s.failure += "assertion " + path[len(path)-1] + " "
		}
	case "failureMessage":
		s.failure += text
	}
}
