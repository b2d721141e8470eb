package redact

import (
	"strings"
	"testing"
)

// What another program prints is shown without secrets and without the passwords of URLs,
// whole or cut, in whatever pieces it comes.
func TestOutput(t *testing.T) {
	const secret = "s3cr3t-of-the-stage"
	r := New([]byte("key"))
	r.Add("token", secret)
	const text = "plain\nby token " + secret + " at https://ops:hunter2pass@blue.example/a?b=" + secret + "\nproxy http://p:w0rdw0rd@proxy:8080, ratio 3:4\nasks: "
	show := func(step int) string {
		var b strings.Builder
		s := r.Screen(&b)
		for rest := text; rest != ""; {
			n := min(step, len(rest))
			if _, err := s.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := r.Output(text)
	for _, part := range []string{"plain\nby token <secret:token#", "@blue.example/a", "@proxy:8080, ratio 3:4\nasks: "} {
		if !strings.Contains(want, part) {
			t.Errorf("lost %q in %q", part, want)
		}
	}
	for step := 1; step <= len(text); step++ {
		if got := show(step); got != want {
			t.Fatalf("in pieces of %d: %q, want %q", step, got, want)
		}
	}
	for _, hidden := range []string{secret, "hunter2pass", "w0rdw0rd"} {
		if strings.Contains(want, hidden) {
			t.Errorf("%q shows in %q", hidden, want)
		}
	}
	if got := r.Output("exit status 1: " + secret[:12]); strings.Contains(got, secret[:12]) {
		t.Errorf("the beginning of a secret shows: %q", got)
	}
}

// A prompt without the end of its line is shown at once.
func TestScreenShowsPrompts(t *testing.T) {
	var b strings.Builder
	if _, err := New([]byte("key")).Screen(&b).Write([]byte("continue at 50%? [y/N] ")); err != nil || b.String() != "continue at 50%? [y/N] " {
		t.Errorf("%q, %v", b.String(), err)
	}
}
