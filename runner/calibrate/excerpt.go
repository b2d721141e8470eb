package calibrate

import (
	"github.com/tidwall/gjson"

	"github.com/bgverify/bgverify/diff"
)

// textOf is the text that an excerpt holds; false where it is not a whole JSON
// string. An excerpt is a value that the comparison has read already, so it is not
// read strictly again.
func textOf(e *diff.Excerpt) (string, bool) {
	if !gjson.Valid(e.JSON) {
		return "", false
	}
	v := gjson.Parse(e.JSON)
	return v.String(), v.Type == gjson.String
}

// statusOf is the status that an excerpt holds; false where it is not a whole number.
func statusOf(e *diff.Excerpt) (int, bool) {
	if !gjson.Valid(e.JSON) {
		return 0, false
	}
	v := gjson.Parse(e.JSON)
	return int(v.Int()), v.Type == gjson.Number && v.Num == float64(v.Int())
}
