package text

import (
	"fmt"
	"math"
	"strconv"
)

// Seconds writes a duration given in seconds with three significant digits and its unit:
// 850 µs, 17.9 ms, 1.63 s; from two minutes on in minutes and seconds: 2 min 5 s.
func Seconds(s float64) string {
	switch abs := math.Abs(s); {
	case abs == 0:
		return "0 ms"
	case abs < 999.5e-6:
		return Significant(s*1e6) + " µs"
	case abs < 999.5e-3:
		return Significant(s*1e3) + " ms"
	case abs < 119.5:
		return Significant(s) + " s"
	}
	whole := int(math.Round(s))
	return fmt.Sprintf("%d min %d s", whole/60, whole%60)
}

// Significant writes a number with three significant digits, and all digits before the
// point: 0.21 has two of them, 1234 four. It never writes an exponent.
func Significant(f float64) string {
	digits := 0
	switch abs := math.Abs(f); {
	case abs < 9.995:
		digits = 2
	case abs < 99.95:
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64)
}
