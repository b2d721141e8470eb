package diff_test

import (
	"fmt"

	"github.com/bgverify/bgverify/diff"
)

// Two bodies, of which rules accept what may differ. What is left counts against
// green, with the place and the values.
func ExampleCompare() {
	blue := []byte(`{"serverTime": 1, "channels": [{"id": "ch-1", "price": 1650}, {"id": "ch-2", "price": 990}]}`)
	green := []byte(`{"serverTime": 2, "channels": [{"id": "ch-2", "price": 1990}, {"id": "ch-1", "price": 1650.0}]}`)
	rules, mistakes := diff.Compile([]diff.Rule{
		{At: "$.serverTime", Do: diff.DoIgnore, Why: "clock of the pod"},
		{At: "$.channels", Do: diff.DoMatch, By: []string{"id"}, As: "set"},
	}, diff.Options{})
	if len(mistakes) > 0 {
		fmt.Println(mistakes[0].Msg)
		return
	}
	result := diff.Compare(blue, green, rules)
	for _, d := range result.Differences {
		fmt.Printf("%s %s: %s, on green %s\n", d.Path, d.Kind, d.Blue.JSON, d.Green.JSON)
	}
	fmt.Printf("%d hidden, %d of %d values compared\n", result.HiddenTotal, result.Leaves.Compared, result.Leaves.Seen)
	// Output:
	// $.channels[?@.id=='ch-2'].price changed: 990, on green 1990
	// 1 hidden, 4 of 5 values compared
}

// A rule that cannot be right is refused, with the key it is about and a hint.
func ExampleCompile() {
	_, mistakes := diff.Compile([]diff.Rule{{At: "$.price", Do: diff.DoIgnore}}, diff.Options{})
	for _, m := range mistakes {
		fmt.Printf("%s: %s (%s)\n", m.Field, m.Msg, m.Hint)
	}
	// Output:
	// why: ignore needs a why (the reason a colleague would accept)
}
