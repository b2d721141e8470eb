package suggest

import (
	"fmt"
	"testing"
)

func TestNearest(t *testing.T) {
	for _, tt := range []struct{ word, want string }{
		{"querry", "query"}, {"qeury", "query"}, {"QUERY", "query"}, {"hedaers", "headers"}, {"x", ""}, {"gte", "get"}, {"timout", "timeout"}, {"completely", ""},
	} {
		if got := Nearest(tt.word, []string{"get", "query", "headers", "timeout"}); got != tt.want {
			t.Errorf("Nearest(%q): got %q, want %q", tt.word, got, tt.want)
		}
	}
	if got := fmt.Sprint(Distance("ab", "ba", 3), Distance("abc", "abc", 3), Distance("a", "abcdef", 3)); got != "1 0 4" {
		t.Errorf("distances: %s", got)
	}
}
