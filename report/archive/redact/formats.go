package redact

import (
	"encoding/json"

	"github.com/bgverify/bgverify/diff/notation"
)

// formatsOf lists the formats that s has, as rules name and know them: what is
// concluded from them later is what a rule would have concluded. A value that means none has no format,
// for a rule takes it for no other one; see notation.IsNone.
func formatsOf(s string) []string {
	if len(s) > 64<<10 {
		return nil
	}
	var names []string
	for _, name := range notation.Formats() {
		switch ok, known := notation.Match(name, s); {
		case !ok || !known:
		case !notation.IsNone(name, s):
			names = append(names, name)
		case name == "url":
			names = append(names, notation.Nowhere)
		}
	}
	return names
}

// spelled is the value of a piece of a JSON string.
func spelled(raw string) string {
	var s string
	if json.Unmarshal([]byte(`"`+raw+`"`), &s) != nil {
		return raw
	}
	return s
}
