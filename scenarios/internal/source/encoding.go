package source

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
)

// LooksCP949 reports whether bytes that are not UTF-8 read as Korean text.
func LooksCP949(data []byte) bool {
	if len(data) > 64<<10 {
		data = data[:64<<10]
	}
	text, err := korean.EUCKR.NewDecoder().Bytes(data)
	if err != nil || utf8.Valid(data) {
		return false
	}
	hangul, bad := 0, 0
	for _, r := range string(text) {
		switch {
		case r >= 0xAC00 && r <= 0xD7A3:
			hangul++
		case r == utf8.RuneError:
			bad++
		}
	}
	return hangul > 0 && bad*10 <= hangul
}
