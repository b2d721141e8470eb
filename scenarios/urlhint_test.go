package scenarios

import "testing"

// An address that lacks only its scheme is completed; nothing else is.
func TestURLHint(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"127.0.0.1:8081", "write http://127.0.0.1:8081, or https://127.0.0.1:8081 if it speaks TLS"},
		{"localhost:8082/api", "write http://localhost:8082/api, or https://localhost:8082/api if it speaks TLS"},
		{"[::1]:80", "write http://[::1]:80, or https://[::1]:80 if it speaks TLS"},
		{"api.example", "write http://api.example, or https://api.example if it speaks TLS"},
		{"ftp://api.example", ""},
		{"htp://api.example", "did you mean http://api.example?"},
		{"https/api.example:8443/v1", "did you mean https://api.example:8443/v1?"},
		{"http://", "write http://HOST:PORT"},
		{"http://$BLUE", "a variable was not replaced: is it set, and does the text reach the shell in double quotes?"},
		{"http://a.example:91010", "a port is a number from 1 to 65535"},
		{"http://api.example", ""},
		{"localhost:99999", ""}, // its port is not read as one
		{"/path", ""},
		{"", ""},
	} {
		if got := urlHint(tt.url); got != tt.want {
			t.Errorf("urlHint(%q) = %q, want %q", tt.url, got, tt.want)
		}
	}
}
