// Command status prints in one line which conformance data is here, and which tests
// are skipped without the rest.
package main

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/internal/conformance"
)

func main() {
	var skipped []string
	for _, set := range conformance.Sets {
		if _, ok := conformance.Find(".", set.Name); !ok {
			skipped = append(skipped, set.Tests+" ("+set.Name+")")
		}
	}
	switch {
	case len(skipped) == 0:
		fmt.Println("conformance data: all here, no test was skipped for want of it")
	default:
		fmt.Printf("conformance data: %d of %d sets are here; skipped: %s\n", len(conformance.Sets)-len(skipped), len(conformance.Sets),
			strings.Join(skipped, ", "))
	}
}
