package hint_test

import (
	"errors"
	"fmt"

	"github.com/bgverify/bgverify/internal/hint"
)

// The hint is apart from the error, so that a caller can wrap the error and still print the
// hint on another line.
func ExampleErrorf() {
	err := fmt.Errorf("read the plan: %w", hint.Errorf("give --rate a number above 0", "rate %d is too low", -3))
	fmt.Println(err)
	if e, ok := errors.AsType[*hint.Error](err); ok {
		fmt.Println("hint:", e.Hint)
	}
	// Output:
	// read the plan: rate -3 is too low
	// hint: give --rate a number above 0
}
