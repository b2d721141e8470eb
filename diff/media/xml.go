package media

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// maxXMLDepth bounds the nesting of elements.
const maxXMLDepth = 256

// An element of an XML document.
type element struct {
	name     string
	space    string
	attrs    map[string]any // "@name" -> value
	children []*element
	text     []string // runs of character data between child elements
}

// xmlTree is an XML document as an object:
//
//  1. An element is a member of its parent by its local name, always an array:
//     $.rss[0].channel[0].item[2].
//  2. An element with nothing but text is a string. Others are objects of
//     attributes ("@name"), child elements and "#text": their text, or a list of
//     the runs of text between children. White space alone between elements is
//     layout and not compared; elsewhere text is compared as it is.
//  3. Prefixes carry no meaning: an element whose namespace is not its parent's
//     says so as "@xmlns", an attribute as "@{namespace}name".
//  4. "#order" holds the order of child elements with different names, as runs.
//  5. Attribute order, comments, processing instructions, CDATA and entities
//     are ways of writing.
func xmlTree(text []byte) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // decoded already
	var root *element
	var stack []*element
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, xmlError(d, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := startElement(t)
			switch {
			case len(stack) >= maxXMLDepth:
				return nil, &Error{int(d.InputOffset()), "XML nested too deep"}
			case len(stack) > 0:
				top := stack[len(stack)-1]
				top.children = append(top.children, e)
				top.text = append(top.text, "")
			case root != nil:
				return nil, &Error{int(d.InputOffset()), "a second root element"}
			default:
				root = e
			}
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.text[len(top.text)-1] += string(t)
			} else if strings.TrimSpace(string(t)) != "" {
				return nil, &Error{int(d.InputOffset()), "text outside the root element"}
			}
		}
	}
	if root == nil {
		return nil, &Error{0, "no root element"}
	}
	return mustMarshal(map[string]any{root.name: []any{root.tree("")}}), nil
}

func xmlError(d *xml.Decoder, err error) *Error {
	msg := err.Error()
	if se, ok := errors.AsType[*xml.SyntaxError](err); ok {
		msg = se.Msg
	}
	return &Error{int(d.InputOffset()), "not XML: " + msg}
}

func startElement(t xml.StartElement) *element {
	e := &element{name: t.Name.Local, space: t.Name.Space, attrs: map[string]any{}, text: []string{""}}
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns":
		case a.Name.Space != "":
			e.attrs["@{"+a.Name.Space+"}"+a.Name.Local] = a.Value
		default:
			e.attrs["@"+a.Name.Local] = a.Value
		}
	}
	return e
}

// tree is the element as rules 2 to 4 say.
func (e *element) tree(parentSpace string) any {
	if e.space != parentSpace {
		e.attrs["@xmlns"] = e.space
	}
	if len(e.children) == 0 {
		if len(e.attrs) == 0 {
			return e.text[0]
		}
		if e.text[0] != "" {
			e.attrs["#text"] = e.text[0]
		}
		return e.attrs
	}
	out := e.attrs
	var runs []string
	for i, run := range e.text {
		e.text[i] = strings.TrimSpace(run)
		if e.text[i] != "" {
			runs = e.text
		}
	}
	if runs != nil {
		out["#text"] = runs
	}
	var order []string
	for _, c := range e.children {
		list, _ := out[c.name].([]any)
		out[c.name] = append(list, c.tree(e.space))
		if len(order) == 0 || order[len(order)-1] != c.name {
			order = append(order, c.name)
		}
	}
	if len(order) > 1 {
		out["#order"] = strings.Join(order, " ")
	}
	return out
}
