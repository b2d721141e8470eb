package diff

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// An element that moved says from where and to where, in files too.
func TestMovedNamesBothIndices(t *testing.T) {
	for _, c := range []struct {
		blue, green string
		from, to    int
	}{
		{`{"a":[1,2,3,4,5]}`, `{"a":[1,3,4,5,2]}`, 1, 4},
		{`{"a":[1,2,3,4,5]}`, `{"a":[5,1,2,3,4]}`, 4, 0},
		{`[{"id":1,"v":"a"},{"id":2,"v":"b"},{"id":3,"v":"c"},{"id":4,"v":"d"}]`, `[{"id":2,"v":"b"},{"id":3,"v":"c"},{"id":4,"v":"d"},{"id":1,"v":"a"}]`, 0, 3},
	} {
		r := Compare([]byte(c.blue), []byte(c.green), nil)
		if len(r.Differences) != 1 {
			t.Fatalf("%s and %s: %+v", c.blue, c.green, r.Differences)
		}
		d := &r.Differences[0]
		text, err := json.Marshal(d)
		if want := fmt.Sprintf(`"from":%d,"to":%d,`, c.from, c.to); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s and %s: %s, %v, want %s", c.blue, c.green, text, err, want)
		}
		if from, to, ok := d.Indices(); !ok || from != c.from || to != c.to {
			t.Errorf("%s and %s: from %d to %d, %v", c.blue, c.green, from, to, ok)
		}
	}
	r := Compare([]byte(`{"a":1}`), []byte(`{"a":2}`), nil)
	if _, _, ok := r.Differences[0].Indices(); ok {
		t.Error("a changed member has indices")
	}
}
