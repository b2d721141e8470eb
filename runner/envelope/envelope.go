// Package envelope finds out whether an answer with a success status is an error
// all the same, as most APIs can send one, or holds nothing. It is pure.
//
// In comes a decoded body with its tree; out comes a Finding with the value that shows it. What
// members are called decides: names.go lists what each name can be, object.go has the rules that
// are built on that, and says.go what values mean. A wrong finding fails a good answer, and a
// missing one lets two equal errors pass, so that each rule wants more than one sign unless the
// sign is clear.
package envelope

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
)

// A Class says what kind of answer was found.
type Class uint8

// The classes of findings. Zero is invalid.
const (
	Error Class = iota + 1 // a failure that a success status hides
	Empty                  // a body that says nothing: {}, [], {"data": null}, false
)

// A Finding is why an answer is not taken for a success.
type Finding struct {
	Class Class
	// Path leads to the value in the body's tree, such as $.header.resultCode.
	// It is empty where the finding has no place there: text, a header, a part.
	Path string
	// Value is that value as JSON, or a description where Path is empty.
	Value string
}

// A Field is a header field or trailer.
type Field struct{ Name, Value string }

// A Body is a decoded body.
type Body struct {
	Kind media.Kind
	Type string     // Content-Type as received
	Raw  []byte     // as received
	Text []byte     // in UTF-8; as received for binary bodies
	Tree diff.Value // as package media reads it; absent: the body cannot be read
}

// Find looks for an error or for nothing in a body that came with a 2xx. Its rules:
//
//  1. A media type of problems (RFC 9457) is an error.
//  2. An object is judged by its members, whatever the case of their names and
//     with or without _ and -; see object. So are the objects below members that
//     envelopes are made of: header, response, result, meta, ….
//  3. XML and forms are objects with other brackets: attributes and elements are members.
//  4. Elements of an array, lines of NDJSON and elements of results or responses
//     are errors only when they are nothing but an envelope: an order whose
//     status is FAILED is data.
//  5. Each part of a multipart body is a body.
//  6. Text is an error when it is what proxies and runtimes write; see textError.
//  7. A frame that ends a gRPC-Web or Connect stream with an error is an error.
//  8. A body without a value is empty, see isEmpty, and so is a playlist that names nothing to play.
func Find(b *Body) (Finding, bool) {
	// What the server declares comes first: it knows better than the bytes what it sends.
	declared := strings.ToLower(strings.TrimSpace(b.Type))
	if strings.HasPrefix(declared, "application/problem+") { // Rule 1
		return Finding{Class: Error, Value: "declared as application/problem"}, true
	}
	if f, ok := framed(b.Raw, declared); ok { // Rule 7
		return f, true
	}
	if strings.HasPrefix(declared, "multipart/") { // Rule 5
		return parts(b)
	}
	// A body that cannot be read is reported by the comparison. It is not an envelope.
	if !b.Tree.Exists() {
		return Finding{}, false
	}
	root := rootOf(b.Tree)
	switch b.Kind {
	case media.JSON, media.NDJSON:
		return document(root)
	case media.XML, media.Form: // Rule 3
		root.nested = true
		return document(root)
	case media.M3U8: // Rule 8
		if !root.some(func(m view) bool { return slices.Contains(playable, m.name) }) {
			return Finding{Class: Empty, Value: "a playlist without segments"}, true
		}
	case media.Text: // Rule 6
		return textError(b.Text, b.Type)
	// The bytes are looked at only where they are short and text throughout.
	case media.Binary: // and text that is declared as bytes
		if len(b.Raw) <= maxErrorText && utf8.Valid(b.Raw) {
			return textError(b.Raw, "")
		}
	}
	return Finding{}, false
}

// playable are the members of a playlist's tree that name media.
var playable = []string{"segments", "variants", "media", "tail"}

// document judges a whole JSON or XML document, or the list of the lines of NDJSON.
func document(root view) (Finding, bool) {
	switch {
	case root.nested && isAdList(root): // Error elements are addresses to report errors to
		return Finding{}, false
	case root.isObject():
		if v, ok := object(root, outside{}); ok {
			return v.finding(Error), true
		}
	case root.isArray():
		if v, ok := batch(root); ok {
			return v.finding(Error), true
		}
	// A document that is one string may hold another document, which some gateways encode twice, or
	// the words of a proxy.
	case root.is(diff.StringType):
		if f, ok := inText([]byte(root.v.Text())); ok {
			return f, true
		}
		if f, ok := textError([]byte(root.v.Text()), ""); ok {
			return f, true
		}
	}
	return empty(root)
}

// isAdList reports whether an XML document is a list of ads (VAST, VMAP).
func isAdList(root view) bool {
	return root.some(func(m view) bool { return strings.EqualFold(m.name, "VAST") || strings.EqualFold(m.name, "VMAP") })
}

// empty finds a body without content: null, or objects and lists that hold nothing.
func empty(root view) (Finding, bool) {
	if !isEmpty(root, true) {
		return Finding{}, false
	}
	return Finding{Class: Empty, Path: "$", Value: string(bytes.TrimSpace(root.v.JSON()))}, true
}

// isEmpty reports whether a value says nothing: null, a false that is all, "", [] and {}, lists of
// these, and objects whose members are null, {} or, below a name that says only
// that there is content (data, result, …), empty. A named list or object without
// elements says that there are none. inside is set where a value has no such name.
func isEmpty(v view, inside bool) bool {
	switch {
	// Deeper values are not looked at, and count as content: an answer is called empty only where that
	// is certain.
	case v.depth > deepest:
		return false
	case v.is(diff.NullType), v.parent == nil && v.isBool(false):
		return true
	case v.is(diff.StringType):
		return inside && v.text() == ""
	case v.isArray():
		return inside && !v.some(func(e view) bool { return !isEmpty(e, true) })
	case v.isObject() && (inside || v.some(func(view) bool { return true })):
		return !v.some(func(m view) bool { return !isEmpty(m, v.nested && v.parent == nil || roleOf(m.name)&(data|wrap) != 0) })
	}
	return false
}
