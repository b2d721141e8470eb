package diff_test

import (
	"strings"
	"testing"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/internal/oracle"
)

// A mistake in the engine must not pass: what it overlooks, the oracle
// notices.
func TestOracleCatchesPlantedBugs(t *testing.T) {
	blue := `{"id":"a","items":[{"id":1,"price":1650,"tags":["x","y"]},{"id":2,"price":99}],"ok":true}`
	for bug, green := range map[string]string{
		"wrong hash at the root":       strings.Replace(blue, "1650", "1651", 1),
		"wrong hashes below":           strings.Replace(blue, `"y"`, `"z"`, 1),
		"last member of green skipped": strings.Replace(blue, `"ok":true`, `"ok":true,"more":1`, 1),
		"last element of blue skipped": strings.Replace(blue, `,{"id":2,"price":99}`, "", 1),
	} {
		if r := diff.Compare([]byte(blue), []byte(green), nil); r.Equal() {
			t.Errorf("%s: the pair is equal", bug)
		}
		if r := diff.CompareWithBug(bug, []byte(blue), []byte(green)); !r.Equal() {
			t.Errorf("%s hides nothing: %v", bug, r.Differences)
		}
		if o := oracle.Equal([]byte(blue), []byte(green), nil, diff.Strict); o.Skipped != "" || o.Equal {
			t.Errorf("%s: the oracle does not notice: %+v", bug, o)
		}
	}
}
