package media

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxXMLDepth bounds the nesting of elements.
const maxXMLDepth = 256

// xmlTree reads an XML document as an object:
//
//  1. An element is a member of its parent by its local name, always an array:
//     $.rss[0].channel[0].item[2].
//  2. An element with nothing but text is a string. Others are objects of
//     attributes ("@name"), child elements and "#text": their text, or a list of
//     the runs of text between children. Text is compared as it is. White space
//     with a line break between elements that have no other text is layout; it is text
//     below xml:space="preserve", in elements that have text next to elements anywhere
//     in the document, and around inline elements.
//  3. Prefixes carry no meaning: an element whose namespace is not its parent's
//     says so as "@xmlns", an attribute as "@{namespace}name". The value of xsi:type
//     is "{namespace}name" too. A prefix that any other value uses is part of that value:
//     "@xmlns:prefix" says what it is bound to.
//  4. "#order" holds the order of child elements with different names, as runs: "b*2 c b".
//  5. A processing instruction is a child named "?target".
//  6. A document type declaration, standalone="yes" and an encoding that is not the
//     one that the text was read in are facts.
func (d *Doc) xmlTree() error {
	r := &xmlReader{d: newXMLDecoder(d.Text), mixed: map[string]bool{}}
	r.stack = []*element{{text: []string{""}, explicit: []bool{false}}}
	for {
		from := r.d.InputOffset()
		token, err := r.d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return xmlError(r.d, err)
		}
		if err := r.token(token, d.Text[from:r.d.InputOffset()], int(from)); err != nil {
			return err
		}
	}
	if len(r.stack) > 1 {
		return &Error{len(d.Text), "not XML: unexpected EOF"}
	}
	if r.root == nil {
		return &Error{0, "no root element"}
	}
	d.xmlFacts(r.doctype)
	d.JSON = mustMarshal(r.stack[0].tree("", r.mixed))
	return nil
}

// newXMLDecoder reads text that is UTF-8 already. Its raw tokens keep prefixes as they are written and
// do not check nesting; xmlReader does both.
func newXMLDecoder(text []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // decoded already
	return d
}

// xmlFacts is rule 6.
func (d *Doc) xmlFacts(doctype string) {
	p := prolog(d.Text)
	if doctype != "" {
		d.fact(Fact{Name: "#doctype", Value: doctype})
	}
	if s := pseudoAttribute(p, "standalone"); s != "" && s != "no" {
		d.fact(Fact{Name: "#standalone", Value: s})
	}
	e := pseudoAttribute(p, "encoding")
	if e != "" && d.charset != "" && canonical(e) != d.charset && !(canonical(e) == "us-ascii" && d.charset == "utf-8") {
		d.fact(Fact{Name: "#encoding", Value: strings.ToLower(e) + ", but the text is in " + d.charset})
	}
}

// An xmlReader puts the tokens together.
type xmlReader struct {
	d       *xml.Decoder
	stack   []*element // the document, then the open elements
	root    *element
	doctype string
	mixed   map[string]bool // names of elements that have text next to elements
}

// token takes up one token; raw is how it is written, and at is its offset. What encoding/xml lets
// pass and XML 1.0 forbids is an error: text outside the root, an end tag of another element, a
// declaration that is not first.
func (r *xmlReader) token(token xml.Token, raw []byte, at int) error {
	top := r.stack[len(r.stack)-1]
	switch t := token.(type) {
	case xml.StartElement:
		return r.start(t, raw, at)
	case xml.EndElement:
		if len(r.stack) == 1 || top.raw != t.Name {
			return &Error{at, fmt.Sprintf("not XML: element <%s> closed by </%s>", rawName(top.raw), rawName(t.Name))}
		}
		r.stack = r.stack[:len(r.stack)-1]
		if top.isMixed() && top.name != "" {
			r.mixed[top.name] = true
		}
	case xml.CharData:
		if len(r.stack) == 1 {
			if strings.TrimSpace(string(t)) != "" {
				return &Error{at, "text outside the root element"}
			}
			return nil
		}
		top.addText(string(t), bytes.HasPrefix(raw, []byte("<![CDATA[")) || bytes.IndexByte(raw, '&') >= 0)
	case xml.ProcInst:
		if t.Target == "xml" {
			if at != 0 {
				return &Error{at, "not XML: a declaration that does not come first"}
			}
			return nil
		}
		top.addChild(&element{name: "?" + t.Target, text: []string{string(t.Inst)}, attrs: map[string]any{}})
	case xml.Directive:
		if r.root != nil || len(r.stack) > 1 {
			return &Error{at, "not XML: a document type declaration that is not before the root"}
		}
		r.doctype += plainLineEnds(string(raw))
	}
	return nil
}

// rawName is a name as it is written, with its prefix.
func rawName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// start opens an element. The depth is bounded, as the tree is built and compared by functions that
// call themselves.
func (r *xmlReader) start(t xml.StartElement, raw []byte, at int) error {
	top := r.stack[len(r.stack)-1]
	switch {
	case len(r.stack) > maxXMLDepth:
		return &Error{at, "XML nested too deep"}
	case len(r.stack) == 1 && r.root != nil:
		return &Error{at, "a second root element"}
	}
	if hasRawSpace(raw) {
		t = spacedTag(t, raw)
	}
	e, twice := newElement(t, top.scope)
	if twice != "" {
		return &Error{at, fmt.Sprintf("not XML: the attribute %q is there twice", twice)}
	}
	if len(r.stack) == 1 {
		r.root = e
	}
	top.addChild(e)
	e.keep = top.keep
	switch e.attrs["@{"+xmlSpace+"}space"] {
	case "preserve":
		e.keep = true
	case "default":
		e.keep = false
	}
	r.stack = append(r.stack, e)
	return nil
}

// hasRawSpace reports whether a tag has a line break or a tab in a value.
func hasRawSpace(tag []byte) bool {
	quote := byte(0)
	for _, c := range tag {
		switch {
		case quote != 0 && (c == '\n' || c == '\r' || c == '\t'):
			return true
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
	}
	return false
}

// spacedTag reads a tag again with the white space of its values as spaces, as
// parsers pass them on (XML 1.0 section 3.3.3); a reference such as &#10; stays
// a line break.
func spacedTag(t xml.StartElement, raw []byte) xml.StartElement {
	tag := strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(string(raw))
	if again, err := newXMLDecoder([]byte(tag)).RawToken(); err == nil {
		if s, ok := again.(xml.StartElement); ok {
			return s
		}
	}
	return t
}

// xmlError is an error of the decoder with the place that the decoder has come to.
func xmlError(d *xml.Decoder, err error) *Error {
	msg := err.Error()
	if se, ok := errors.AsType[*xml.SyntaxError](err); ok {
		msg = se.Msg
	}
	return &Error{int(d.InputOffset()), "not XML: " + msg}
}
