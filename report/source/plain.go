package source

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/bgverify/bgverify/internal/text"
)

// PlainJSON is json.Marshal without the escapes that only HTML needs, and with
// those that keep a terminal or an editor from obeying text of an answer.
func PlainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := WritePlain(&b, v); err != nil {
		return nil, err
	}
	return text.JSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// WritePlain is json.Marshal, with a line feed, into a writer, without the
// escapes that only HTML needs.
func WritePlain(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// List makes a nil slice an empty one: absent lists of run.json are [], never null.
func List[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
