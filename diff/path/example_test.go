package path_test

import (
	"fmt"

	"github.com/bgverify/bgverify/diff/path"
)

// A path that names one place can be followed step by step; one that can name several
// has no steps.
func ExampleParse() {
	for _, text := range []string{"$.channels[0]['name:en']", "$.channels[*].name", "channels"} {
		p, err := path.Parse(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		steps, single := p.Steps()
		fmt.Println(p, single, len(steps))
	}
	// Output:
	// $.channels[0]['name:en'] true 3
	// $.channels[*].name false 0
	// path, at byte 0: a path begins with $ (write $.channels)
}

// Places that differ only by an index, a key or an id are one place to a reader.
func ExampleGeneralise() {
	fmt.Println(path.Generalise("$.channels[?@.id=='ch-2'].shows[14].title"))
	// Output: $.channels[*].shows[*].title
}

// A rule for two places names both of them; for more than few it takes all.
func ExampleNarrow() {
	places := []string{"$.shows[1].title", "$.shows[4].title"}
	fmt.Println(path.Narrow(places, 2))
	fmt.Println(path.Narrow(places, 1))
	// Output:
	// $.shows[1,4].title
	// $.shows[*].title
}
