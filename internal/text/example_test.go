package text_test

import (
	"fmt"

	"github.com/bgverify/bgverify/internal/text"
)

// A text of a server cannot move the cursor, start a line, or turn the direction of writing.
func ExampleVisible() {
	fmt.Println(text.Visible("title\x1b[2J\nPASS \u202egpj.exe"))
	// Output: title\x1b[2J\nPASS \u202egpj.exe
}

// Numbers of things are written with their noun, in the singular for one.
func ExampleCount() {
	fmt.Println(text.Count(1, "case"), "of", text.Count(10000, "case"))
	// Output: 1 case of 10,000 cases
}
