package text

import (
	"bytes"
	"encoding/json"
	"strings"
)

// RepeatedMember is the name of a member that an object of a JSON document holds twice, or "". Names
// that differ in case alone are one name, as they are for encoding/json, which silently takes the last value.
// A document that is not JSON is searched up to its error.
func RepeatedMember(document []byte) string {
	type level struct {
		names map[string]bool // nil for an array
		value bool            // the next token is the value of a member
	}
	levels := []level{{}}
	dec := json.NewDecoder(bytes.NewReader(document))
	for {
		token, err := dec.Token()
		if err != nil {
			return ""
		}
		top := &levels[len(levels)-1]
		name, isText := token.(string)
		switch {
		case token == json.Delim('}') || token == json.Delim(']'):
			levels = levels[:len(levels)-1]
			continue
		case top.names != nil && !top.value && isText:
			folded := strings.ToLower(strings.ToUpper(name))
			if top.names[folded] {
				return name
			}
			top.names[folded], top.value = true, true
			continue
		}
		top.value = false
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{names: map[string]bool{}})
		case json.Delim('['):
			levels = append(levels, level{})
		}
	}
}
