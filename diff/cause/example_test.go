package cause_test

import (
	"fmt"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
)

// Two cases in which green multiplies every price by 100 have one cause, whatever the
// prices and the places in the lists.
func ExampleSet() {
	set := cause.NewSet()
	for id, bodies := range [][2]string{
		{`{"shows":[{"price":1650},{"price":990}]}`, `{"shows":[{"price":165000},{"price":99000}]}`},
		{`{"shows":[{"price":20}]}`, `{"shows":[{"price":2000}]}`},
	} {
		result := diff.Compare([]byte(bodies[0]), []byte(bodies[1]), nil)
		set.Add(fmt.Sprintf("case-%d", id+1), result.Differences)
	}
	for _, c := range set.List() {
		fmt.Printf("%s %s, %s: %d differences in %d cases\n", c.Path, c.Kind, c.Edit, c.Count, c.Cases)
	}
	// Output: $.shows[*].price changed, x100: 3 differences in 2 cases
}
