package suggest_test

import (
	"fmt"

	"github.com/bgverify/bgverify/internal/suggest"
)

// A word that is near a known one has a hint; of a word that is near none, the few known ones
// are listed.
func ExampleHint() {
	known := []string{"headers", "query", "body"}
	fmt.Println(suggest.Hint("qeury", known))
	fmt.Println(suggest.Hint("timeout", known))
	// Output:
	// did you mean "query"?
	// known: headers, query, body
}
