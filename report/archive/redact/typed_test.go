package redact

import (
	"testing"
)

func TestCookieAttribute(t *testing.T) {
	for _, test := range []struct {
		path string
		want bool
		why  string
	}{
		{"set-cookie[session].path", true, "an attribute is no secret"},
		{"set-cookie[session]", false, "the cookie's value is"},
		{"set-cookie[a].path]", false, "a hostile cookie name that ends like an attribute"},
		{"set-cookie[a].token", false, "not an attribute of any cookie"},
		{"cookie[a].path", false, "a request's cookies have no attributes"},
	} {
		if got := cookieAttribute(test.path); got != test.want {
			t.Errorf("cookieAttribute(%q) = %t, want %t: %s", test.path, got, test.want, test.why)
		}
	}
}
