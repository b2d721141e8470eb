package literal_test

import (
	"fmt"
	"math/big"

	"github.com/bgverify/bgverify/diff/literal"
)

// Numbers are equal by value, however they are written, and are never rounded: the last two
// are one float64.
func ExampleSameNumber() {
	fmt.Println(literal.SameNumber([]byte("1"), []byte("10e-1")))
	fmt.Println(literal.SameNumber([]byte("9007199254740992"), []byte("9007199254740993")))
	// Output:
	// true
	// false
}

// A bound includes its end: 0.8 is exactly 0.1 from 0.7, where float64 makes it
// 0.10000000000000009.
func ExampleWithin() {
	tenth := big.NewRat(1, 10)
	fmt.Println(literal.Within([]byte("0.7"), []byte("0.8"), tenth, nil))
	fmt.Println(literal.Within([]byte("0.7"), []byte("0.81"), tenth, nil))
	// Output:
	// true
	// false
}
