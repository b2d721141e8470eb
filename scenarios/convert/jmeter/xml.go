package jmeter

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
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

// errorf is a mistake of a file at a place.
func (p place) errorf(file, format string, args ...any) error {
	return &source.Error{File: file, Offset: -1, Line: p.line, Col: p.col, Msg: fmt.Sprintf(format, args...)}
}

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

// each calls f for an element and everything inside it.
func (e *element) each(f func(*element)) {
	f(e)
	for _, k := range e.kids {
		k.each(f)
	}
}

// mentions reports whether a text of an element uses a variable.
func (e *element) mentions(name string) bool {
	if strings.Contains(e.text, "${"+name+"}") || strings.Contains(e.text, `vars.get("`+name+`")`) || strings.Contains(e.text, `vars.get('`+name+`')`) {
		return true
	}
	return slices.ContainsFunc(e.kids, func(k *element) bool { return k.mentions(name) })
}

// parseXML reads one XML document. Entities other than XML's own five, document
// types and deep nesting are refused, so that a small file cannot become a large
// one. A mistake is a *source.Error with its line and column.
func parseXML(file string, data []byte) (*element, error) {
	text, _, err := source.DecodeText(data)
	if err != nil {
		return nil, &source.Error{File: file, Offset: -1, Msg: err.Error()}
	}
	// The decoder does not check that elements match when it gives raw tokens, which keep the
	// prefixes of names; that is done here, with places.
	p := &parser{d: xml.NewDecoder(bytes.NewReader(text)), file: file}
	p.d.CharsetReader = charset
	var root *element
	for {
		token, err := p.next()
		switch t := token.(type) {
		case nil:
			if err == nil && root == nil {
				err = p.fail("the file holds no XML element")
			}
			return root, err
		case xml.StartElement:
			if root != nil {
				return nil, p.fail("a second root element <%s>", tagOf(t.Name))
			}
			if root, err = p.element(t, 1); err != nil {
				return nil, err
			}
		case xml.EndElement:
			return nil, p.fail("</%s> closes an element that is not open", tagOf(t.Name))
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, p.fail("text outside the root element")
			}
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
		return strings.NewReader(latin1(data)), nil
	}
	return nil, fmt.Errorf("the encoding %q is not known: save the plan as UTF-8", name)
}

// latin1 is text of ISO 8859-1, whose bytes are the first 256 characters of Unicode.
func latin1(data []byte) string {
	runes := make([]rune, len(data))
	for i, c := range data {
		runes[i] = rune(c)
	}
	return string(runes)
}

// A parser builds elements from tokens.
type parser struct {
	d     *xml.Decoder
	file  string
	at    place // of the token that was read last
	count int   // of elements
}

func (p *parser) fail(format string, args ...any) error { return p.at.errorf(p.file, format, args...) }

// next is the next token; nil at the end of the file and where the error says what is wrong.
func (p *parser) next() (xml.Token, error) {
	p.at.line, p.at.col = p.d.InputPos()
	token, err := p.d.RawToken()
	var syntax *xml.SyntaxError
	switch _, isType := token.(xml.Directive); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case isType:
		return nil, p.fail("document types and entities are not read")
	case err == nil:
		return token, nil
	}
	// The mistake is where the decoder is now.
	p.at.line, p.at.col = p.d.InputPos()
	if errors.As(err, &syntax) {
		return nil, p.fail("not XML: %s", syntax.Msg)
	}
	return nil, p.fail("not XML: %s", strings.TrimPrefix(err.Error(), "xml: "))
}

// element reads an element to its end; depth counts it and those around it.
func (p *parser) element(begin xml.StartElement, depth int) (*element, error) {
	e := &element{tag: tagOf(begin.Name), at: p.at, attrs: slices.Clone(begin.Attr)}
	switch p.count++; {
	case depth > maxDepth:
		return nil, p.fail("elements are nested more than %d deep", maxDepth)
	case p.count > maxElements:
		return nil, p.fail("the file has more than %d elements", maxElements)
	}
	var text strings.Builder
	for {
		token, err := p.next()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case nil:
			return nil, p.fail("the file ends inside <%s>, which begins at %s", e.tag, e.at)
		case xml.StartElement:
			kid, err := p.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			e.kids = append(e.kids, kid)
		case xml.EndElement:
			if tagOf(t.Name) != e.tag {
				return nil, p.fail("</%s> closes an element that is not open", tagOf(t.Name))
			}
			e.text = text.String()
			return e, nil
		case xml.CharData:
			text.Write(t)
		}
	}
}

func tagOf(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}
