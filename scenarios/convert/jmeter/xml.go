package jmeter

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// The bounds of a plan. JMeter nests two elements a level of the tree, so that
// a plan of a hundred nested controllers has a depth of two hundred.
const (
	maxDepth    = 500
	maxElements = 2_000_000
)

// A place is a line and a column of a plan, both from 1.
type place struct{ line, col int }

func (p place) String() string { return fmt.Sprintf("%d:%d", p.line, p.col) }

// An element is one XML element, with the text directly inside it.
type element struct {
	tag   string
	attrs []xml.Attr
	kids  []*element
	text  string
	at    place
}

func (e *element) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// child is the first element of a tag inside e; nil: there is none.
func (e *element) child(tag string) *element {
	for _, k := range e.kids {
		if k.tag == tag {
			return k
		}
	}
	return nil
}

// parseXML reads one XML document. Entities other than XML's own five, document
// types and deep nesting are refused, so that a small file cannot become a large
// one. A mistake is a *source.Error with its line and column.
func parseXML(file string, data []byte) (*element, error) {
	text, _, err := source.DecodeText(data)
	if err != nil {
		return nil, &source.Error{File: file, Offset: -1, Msg: err.Error()}
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = charset
	p := &parser{d: d, file: file}
	for {
		p.at.line, p.at.col = d.InputPos()
		token, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF) && len(p.open) > 0:
			return nil, p.fail("the file ends inside <%s>, which begins at %s", p.top().tag, p.top().at)
		case errors.Is(err, io.EOF) && p.root == nil:
			return nil, p.fail("the file holds no XML element")
		case errors.Is(err, io.EOF):
			return p.root, nil
		case err != nil:
			return nil, p.broken(err)
		}
		if err := p.token(token); err != nil {
			return nil, err
		}
	}
}

// charset accepts the encodings whose bytes JMeter plans are known to be written in.
func charset(name string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "us-ascii", "ascii", "utf8", "utf-16": // UTF-16 was decoded before
		return in, nil
	case "iso-8859-1", "latin1":
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		runes := make([]rune, len(data))
		for i, c := range data {
			runes[i] = rune(c)
		}
		return strings.NewReader(string(runes)), nil
	}
	return nil, fmt.Errorf("the encoding %q is not known: save the plan as UTF-8", name)
}

// A parser builds elements from tokens.
type parser struct {
	d     *xml.Decoder
	file  string
	at    place // of the token that is read
	root  *element
	open  []*element
	texts []*strings.Builder // of the open elements
	count int
}

func (p *parser) top() *element { return p.open[len(p.open)-1] }

func (p *parser) fail(format string, args ...any) error {
	return &source.Error{File: p.file, Offset: -1, Line: p.at.line, Col: p.at.col, Msg: fmt.Sprintf(format, args...)}
}

// broken is a mistake that the decoder found: it stands where the decoder is now.
func (p *parser) broken(err error) error {
	p.at.line, p.at.col = p.d.InputPos()
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return p.fail("not XML: %s", syntax.Msg)
	}
	return p.fail("not XML: %s", strings.TrimPrefix(err.Error(), "xml: "))
}

func (p *parser) token(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		if len(p.open) == 0 || p.top().tag != tagOf(t.Name) {
			return p.fail("</%s> closes an element that is not open", tagOf(t.Name))
		}
		last := len(p.open) - 1
		p.open[last].text = p.texts[last].String()
		p.open, p.texts = p.open[:last], p.texts[:last]
	case xml.CharData:
		if len(p.open) > 0 {
			p.texts[len(p.texts)-1].Write(t)
		} else if len(bytes.TrimSpace(t)) > 0 {
			return p.fail("text outside the root element")
		}
	case xml.Directive:
		return p.fail("document types and entities are not read")
	}
	return nil
}

func (p *parser) start(t xml.StartElement) error {
	p.count++
	e := &element{tag: tagOf(t.Name), at: p.at, attrs: append([]xml.Attr(nil), t.Attr...)}
	switch {
	case len(p.open) >= maxDepth:
		return p.fail("elements are nested more than %d deep", maxDepth)
	case p.count > maxElements:
		return p.fail("the file has more than %d elements", maxElements)
	case len(p.open) > 0:
		p.top().kids = append(p.top().kids, e)
	case p.root != nil:
		return p.fail("a second root element <%s>", e.tag)
	default:
		p.root = e
	}
	p.open = append(p.open, e)
	p.texts = append(p.texts, &strings.Builder{})
	return nil
}

func tagOf(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}
