package naming

import "testing"

// What counts as a secret by its name.
func TestSecretName(t *testing.T) {
	tests := []struct {
		name, reason string
		want         bool
	}{
		{"password", "the word", true},
		{"adminPassword", "a part of the name", true},
		{"API key", "spaces say nothing", true},
		{"x-api-key", "nor do dashes", true},
		{"Api.Key", "nor dots", true},
		{"PRIVATE_KEY", "nor case", true},
		{"AWS_ACCESS_KEY_ID", "what a key is known by", true},
		{"X-CSRF-Token", "of a session", true},
		{"JSESSIONID", "of a session", true},
		{"jwt", "a signed token", true},
		{"sig", "of a signed address", true},
		{"key", "a whole name", true},
		{"session", "a whole name", true},
		{"token_type", "no exceptions", true},
		{"token_url", "an address may hold a key", true},
		{"monkey", "key is no part", false},
		{"author", "nor is auth", false},
		{"pinned", "nor is pin", false},
		{"expires_in", "a time", false},
		{"", "nothing", false},
	}
	for _, tt := range tests {
		if got := SecretName(tt.name); got != tt.want {
			t.Errorf("%q (%s) is a secret: %v, want %v", tt.name, tt.reason, got, tt.want)
		}
	}
}
