package page

import (
	"testing"
)

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{"": "", "green": "Green", "über": "Über", "가입자": "가입자", "\xff": "\xff"} {
		if got := sentence(text); got != want {
			t.Errorf("sentence(%q) = %q, want %q", text, got, want)
		}
	}
}
