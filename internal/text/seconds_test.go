package text

import "testing"

func TestSeconds(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0 ms", 0.00000085: "0.85 µs", 0.00085: "850 µs", 0.0009996: "1.00 ms", 0.0179: "17.9 ms", 0.9999: "1.00 s", 1.63: "1.63 s",
		119: "119 s", 119.6: "2 min 0 s", 1234: "20 min 34 s", -0.0179: "-17.9 ms",
	} {
		if got := Seconds(seconds); got != want {
			t.Errorf("Seconds(%g) = %q, want %q", seconds, got, want)
		}
	}
}
