package text

import (
	"fmt"
	"strings"
)

// Percent writes a share with at most two decimals: 97.35 %. It never rounds up
// to 100 %: that figure means all.
func Percent(share float64) string {
	text := fmt.Sprintf("%.2f", share*100)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if text == "100" && share < 1 {
		text = "99.99" // never rounded up to all
	}
	return text + " %"
}
