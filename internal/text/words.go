package text

import (
	"fmt"
	"reflect"
	"slices"
)

// Words are the words that files and reports use for the values of an enumeration, each at the
// index of its value. An empty word marks a value that does not exist.
type Words[T ~uint8] []string

// Of is the word of a value; of one without a word the name and number of its type, as in
// Kind(7), so that a String method built on it never fails.
func (w Words[T]) Of(v T) string {
	if int(v) >= len(w) || w[v] == "" {
		return fmt.Sprintf("%s(%d)", reflect.TypeFor[T]().Name(), uint8(v))
	}
	return w[v]
}

// Marshal is Of for files, where a value without a word is an error: it could not be read back.
// noun is what the error calls the enumeration.
func (w Words[T]) Marshal(noun string, v T) ([]byte, error) {
	if int(v) >= len(w) || w[v] == "" {
		return nil, fmt.Errorf("marshal invalid %s %d", noun, uint8(v))
	}
	return []byte(w[v]), nil
}

// Unmarshal finds the value of a word. A word that no value has is an error, and leaves 0.
func (w Words[T]) Unmarshal(noun string, word []byte, into *T) error {
	*into = 0
	at := slices.Index(w, string(word))
	if at < 0 || len(word) == 0 {
		return fmt.Errorf("unknown %s %q", noun, word)
	}
	*into = T(at)
	return nil
}
