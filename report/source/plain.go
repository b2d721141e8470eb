package source

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/bgverify/bgverify/internal/text"
)

// PlainJSON is json.Marshal without the escapes that only HTML needs, and with those that keep
// a terminal or an editor from obeying text of an answer. The result has no line feed at its
// end.
func PlainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := WritePlain(&b, v); err != nil {
		return nil, err
	}
	return text.JSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// WritePlain is json.Marshal, with a line feed, into a writer, without the escapes that only
// HTML needs. It does not escape what a terminal obeys; callers that need it use PlainJSON.
func WritePlain(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	// Without this, < and & of a URL would be hard to read.
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// List makes a nil slice an empty one: absent lists of run.json are [], never null. Readers of
// JSON in typed languages often refuse null where they expect a list.
func List[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
