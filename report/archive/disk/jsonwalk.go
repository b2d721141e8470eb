package disk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
)

// Lines of a log are written one after another, so that a buffer serves many of them.
var encodeBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// EncodeLine writes v as JSON on one line, without HTML's escapes. It ends without a line feed,
// and may be kept: the buffer is not shared with the caller.
func EncodeLine(v any) ([]byte, error) {
	buf := encodeBuffers.Get().(*bytes.Buffer)
	defer encodeBuffers.Put(buf)
	buf.Reset()
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.Clone(bytes.TrimSuffix(buf.Bytes(), []byte("\n"))), nil
}

// EachMember walks the members of the object that dec is about to read. do reads the member's
// value and says whether to go on. Only one member is in memory at a time. Walking stops where
// do returns false or an error; the rest of the object is then unread. do must read exactly the
// value.
func EachMember(dec *json.Decoder, do func(key string, dec *json.Decoder) (bool, error)) error {
	if err := delim(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("member name expected, got %v", token)
		}
		if more, err := do(key, dec); err != nil || !more {
			return err
		}
	}
	// This is the closing brace.
	_, err := dec.Token()
	return err
}

// EachElement walks the elements of the array that dec is about to read. do must read exactly
// one value. Its error ends the walk.
func EachElement(dec *json.Decoder, do func(dec *json.Decoder) error) error {
	if err := delim(dec, '['); err != nil {
		return err
	}
	for dec.More() {
		if err := do(dec); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// delim reads the bracket that opens an object or array, or says what is there instead.
func delim(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%s expected, got %v", want, token)
	}
	return nil
}

// SkipValue passes over one value, however large, without keeping it. A scalar is one token, an
// object or array all tokens up to its end.
func SkipValue(dec *json.Decoder) error {
	for depth := 0; ; {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
