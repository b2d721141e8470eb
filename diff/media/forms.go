package media

import (
	"hash/maphash"
	"slices"
	"strings"
)

// A Harmless form is one of the ways to write the same content: two bodies that
// differ in nothing else have equal trees and equal facts.
type Harmless struct {
	Name   string
	Kinds  []Kind
	What   string // what may differ
	Why    string // why no reader of the format may see it
	Source string // where the format says so
}

// A form is the index of a Harmless form in forms, and of its digest in a writing. The order is that
// of the table in the documentation.
type form uint8

const (
	whiteSpace form = iota
	memberOrder
	escapes
	numberForm
	blankLines
	lineEnds
	lastLine
	attributeOrder
	tagOrder
	comments
	declaration
	prefixes
	tagSpacing
	emptyTags
	references
	attributeSpace
	layout
	fieldOrder
	percentForm
	boundary
	partHeaders
	charsetForm
	byteOrderMark
	numForms
)

// forms is the whole list: a difference in bytes that is not one of these is a
// difference.
var forms = [numForms]Harmless{
	whiteSpace: {
		"white space",
		[]Kind{JSON, NDJSON},
		"white space between the tokens", "it separates tokens and is part of none",
		"RFC 8259 section 2; for NDJSON, the line break itself: jsonlines.org",
	},
	memberOrder: {
		"member order",
		[]Kind{JSON, NDJSON},
		"the order of an object's members", "an object is an unordered collection",
		"RFC 8259 section 4",
	},
	escapes: {
		"escapes",
		[]Kind{JSON, NDJSON},
		"a character as itself or as an escape", "both are the same character",
		"RFC 8259 sections 7 and 8.3",
	},
	numberForm: {
		"number notation",
		[]Kind{JSON, NDJSON, M3U8},
		"1, 1.0 and 1e0; in a playlist also 6. and .5",
		"one exact decimal value; `number: type` of a suite tells 1 from 1.0, a rule `number: lexeme` every notation",
		"RFC 8259 section 6; RFC 8216 section 4.2",
	},
	blankLines: {
		"blank lines",
		[]Kind{M3U8},
		"lines without a character other than white space", "they are ignored",
		"RFC 8216 section 4.1",
	},
	lineEnds: {
		"line ends",
		[]Kind{M3U8, XML},
		"LF or CRLF; in XML also CR", "both end a line",
		"RFC 8216 section 4.1; XML 1.0 section 2.11",
	},
	lastLine: {
		"last line",
		[]Kind{M3U8},
		"whether the last line has an end", "a line ends with the playlist too",
		"RFC 8216 section 4.1, as players read it",
	},
	attributeOrder: {
		"attribute order",
		[]Kind{M3U8, XML},
		"the order of the attributes of one tag", "attributes are named, not counted",
		"RFC 8216 section 4.2; XML 1.0 section 3.1",
	},
	tagOrder: {"order of head tags", []Kind{M3U8}, "the order of the tags before the first segment or variant, where none of them is " +
		"EXT-X-DEFINE", "each holds for the whole playlist", "RFC 8216 section 4.3.3"},
	comments: {"comments", []Kind{M3U8, XML}, "the text and place of comments; in a playlist lines that begin with # and are neither " +
		"#EXT… nor #NAME:…", "they are not part of the content", "RFC 8216 section 4.1; XML 1.0 section 2.5"},
	declaration: {
		"XML declaration",
		[]Kind{XML},
		"whether there is one, its quotes, and the name of the encoding that the bytes are in",
		"version 1.0, standalone=no and the actual encoding hold without it", "XML 1.0 sections 2.8, 2.9 and 4.3.3",
	},
	prefixes: {
		"namespace prefixes",
		[]Kind{XML},
		"the prefix of a namespace, where names are declared, and declarations that nothing " +
			"uses; not a prefix that values use", "a name is its namespace and its local part",
		"Namespaces in XML 1.0 section 2.1; Exclusive XML Canonicalization section 3",
	},
	tagSpacing: {
		"white space and quotes in tags",
		[]Kind{XML},
		"white space between attributes, around =, before > and ?>, and whether a value is between \" or '",
		"it separates and is part of no name or value", "XML 1.0 sections 2.3, 2.6 and 3.1",
	},
	emptyTags: {"empty elements", []Kind{XML}, "<a/> or <a></a>", "both are an element without content", "XML 1.0 section 3.1"},
	references: {
		"character references and CDATA",
		[]Kind{XML},
		"a character as itself, as a reference or in a CDATA section",
		"both are the same character", "XML 1.0 sections 2.7, 4.1 and 4.6",
	},
	attributeSpace: {
		"white space in attribute values",
		[]Kind{XML},
		"a line break or a tab, written as such, or a space",
		"parsers pass on a space", "XML 1.0 section 3.3.3",
	},
	layout: {"layout", []Kind{XML}, "white space with a line break between elements that have no text next to them, and any outside " +
		"of the root element", "indentation; where xml:space is preserve, where an element of that name has text next to elements, and between " +
		"inline elements such as span it is compared", "XML 1.0 sections 2.8 and 2.10; a convention, for without a DTD the format does not say"},
	fieldOrder: {
		"field order",
		[]Kind{Form},
		"the order of fields with different names, and empty fields between &&",
		"fields are looked up by name", "URL standard, section 5.1",
	},
	percentForm: {
		"percent-encoding",
		[]Kind{Form},
		"a character as itself, as + or as %XX, and name or name= for an empty value",
		"both decode to the same text", "URL standard, section 5.1",
	},
	boundary: {
		"boundary",
		[]Kind{Multipart},
		"the text that separates the parts, and white space after it",
		"it is made up anew for each answer", "RFC 2046 section 5.1.1",
	},
	partHeaders: {
		"headers of parts",
		[]Kind{Multipart},
		"letter case and order of names, white space around values",
		"field names have no letter case, fields of different names no order", "RFC 2045 section 2.1; RFC 5322 section 2.2",
	},
	charsetForm: {
		"charset",
		[]Kind{XML, HTML, Text, JSON, NDJSON, M3U8, Form},
		"the encoding, where each side declares its own",
		"the characters are the same; Content-Type is compared as a header", "RFC 9110 section 8.3.2; XML 1.0 section 4.3.3",
	},
	byteOrderMark: {
		"byte order mark",
		[]Kind{XML, HTML, Text, JSON, NDJSON, M3U8, Form},
		"nothing: both sides begin with one, and it is not part of what is compared",
		"a reader may skip it; on one side alone it is a difference", "RFC 8259 section 8.1",
	},
}

// HarmlessForms returns the table of harmless forms: all ways in which the bytes of two
// bodies may differ without a difference being reported.
func HarmlessForms() []Harmless { return slices.Clone(forms[:]) }

// Met returns the forms in which two documents of one kind differ, in the order
// of the table. What it finds says nothing about their content. A byte order mark
// is reported where both have one.
func Met(blue, green *Doc) []Harmless {
	if blue.Kind != green.Kind {
		return nil
	}
	b, g := blue.writing(), green.writing()
	var out []Harmless
	for f := range numForms {
		if b[f] != g[f] && f != byteOrderMark || f == byteOrderMark && blue.marked && green.marked {
			out = append(out, forms[f])
		}
	}
	return out
}

// HasMark reports whether the body begins with a byte order mark.
func (d *Doc) HasMark() bool { return d.marked }

// A writing is how a document is written, one digest a form.
type writing [numForms]uint64

// seed differs from process to process: digests of writings are compared and never kept.
var seed = maphash.MakeSeed()

// add takes up a piece of the document's notation; n says where it is, as a
// number of tokens or lines. Nothing is done on a nil writing.
func (w *writing) add(f form, n int, text string) {
	if w == nil {
		return
	}
	w[f] = (w[f]^maphash.String(seed, text))*0x9E3779B97F4A7C15 + uint64(n) + 1
}

// addNumber takes up the notation of a number, not its value.
func (w *writing) addNumber(text string) {
	if w == nil {
		return
	}
	var shape [24]byte
	out := shape[:0]
	mantissa := text
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		mantissa = text[:e]
		out = append(out, text[e:]...)
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if point {
		zeros := len(fraction) - len(strings.TrimRight(fraction, "0"))
		out = append(out, '.', byte(zeros), byte(min(len(fraction), 1)))
	}
	digits := strings.TrimPrefix(whole, "-")
	if zeros := len(digits) - len(strings.TrimLeft(digits, "0")); zeros > 0 || digits == "" {
		out = append(out, 'z', byte(zeros), byte(min(len(digits), 2)))
	}
	if strings.Trim(mantissa, "-0.") == "" && whole != digits {
		out = append(out, '-') // minus zero
	}
	w.add(numberForm, 0, string(out))
}

// writing reads the document once more for its notation.
func (d *Doc) writing() *writing {
	w := &writing{}
	w.add(charsetForm, 0, d.charset)
	switch d.Kind {
	case JSON, NDJSON:
		scanJSON(d.Text, w)
	case XML:
		scanXML(d.Text, w)
	case M3U8:
		_, _ = playlist(d.Text, w)
	case Form:
		_, _ = formTree(d.Text, w)
	case Multipart:
		_, _ = partsTree(d.body, d.boundary, w)
	}
	return w
}
