package words_test

import (
	"strings"
	"testing"

	"github.com/bgverify/bgverify/report/words"
)

func TestPoints(t *testing.T) {
	for _, tt := range []struct{ name, in, first, others string }{
		{"one finding", "green is no worse after 60 s: p50 +0.1 %", "green is no worse after 60 s: p50 +0.1 %", ""},
		{
			"several", "green is worse: p95 +21 % (at least +17 %; margin 10 %); p99 +38 %; and 3 by route",
			"green is worse: p95 +21 % (at least +17 %; margin 10 %)", "p99 +38 %|and 3 by route",
		},
		{"a bracket that does not open", "a); b", "a)", "b"},
		{"nothing", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first, others := words.Points(tt.in)
			if first != tt.first || strings.Join(others, "|") != tt.others {
				t.Errorf("Points(%q) = %q, %q, want %q, %q", tt.in, first, others, tt.first, tt.others)
			}
		})
	}
}
