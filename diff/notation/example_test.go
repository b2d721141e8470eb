package notation_test

import (
	"fmt"

	"github.com/bgverify/bgverify/diff/notation"
)

// Two texts can name one moment and differ in how they write it: the first decides whether the
// values agree, the second whether a client that reads one can read the other.
func ExampleParseStamp() {
	blue, _ := notation.ParseStamp("2026-11-28T09:00:00Z")
	green, _ := notation.ParseStamp("2026-11-28 09:00:00Z")
	fmt.Println(blue.At.Equal(green.At), blue.Notation == green.Notation)
	// Output: true false
}

// A name that is not a format is not the same as a text that does not have it.
func ExampleMatch() {
	for _, name := range []string{"uuid", "hex", "colour"} {
		ok, known := notation.Match(name, "c0ffee")
		fmt.Println(name, ok, known)
	}
	// Output:
	// uuid false true
	// hex true true
	// colour false false
}
