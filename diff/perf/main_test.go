package perf

import (
	"flag"
	"os"
	"testing"
)

// TestMain tries each law on fewer random samples than rapid's 100, unless the long form is
// asked for with BGVERIFY_LONG or -rapid.checks says how many.
func TestMain(m *testing.M) {
	if os.Getenv("BGVERIFY_LONG") == "" {
		_ = flag.Set("rapid.checks", "30")
	}
	os.Exit(m.Run())
}
