package text

import "testing"

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		n    int
		want string
	}{{0, "0 cases"}, {1, "1 case"}, {2, "2 cases"}, {999, "999 cases"}, {1000, "1,000 cases"}, {1234567, "1,234,567 cases"}, {-1000, "-1,000 cases"}} {
		if got := Count(tt.n, "case"); got != tt.want {
			t.Errorf("Count(%d) = %q, want %q", tt.n, got, tt.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		n        int
		want     string
	}{
		{"short enough", "abc", 3, "abc"},
		{"too long", "abcd", 3, "ab…"},
		{"runes, not bytes", "한국어", 3, "한국어"},
		{"cut between runes", "한국어로", 3, "한국…"},
		{"empty", "", 3, ""},
	} {
		if got := Cut(tt.in, tt.n); got != tt.want {
			t.Errorf("%s: Cut(%q, %d) = %q, want %q", tt.name, tt.in, tt.n, got, tt.want)
		}
	}
}
