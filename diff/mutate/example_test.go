package mutate_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/mutate"
)

// Without rules every mutant is found. Under a rule that ignores the values of all members those
// with another value are missed, and so would such a fault of green be. An ignored value must still
// be there and have its type, so the other mutants are found.
func ExampleMutants() {
	body := []byte(`{"id":1,"title":"News","live":true}`)
	wide, problems := diff.Compile([]diff.Rule{{At: "$.*", Do: diff.DoIgnore, Why: "too wide"}}, diff.Options{})
	if len(problems) > 0 {
		fmt.Println(problems)
		return
	}
	missed := map[string]bool{}
	for _, m := range mutate.Mutants(body, 1, 8) {
		if result := diff.Compare(body, m.Body, wide); result.Equal() {
			missed[m.Class] = true
		}
	}
	fmt.Println(slices.Sorted(maps.Keys(missed)))
	// Output: [value]
}
