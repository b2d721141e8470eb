package shift

import (
	"flag"
	"os"
	"testing"
)

// TestMain runs more tests at once than there are cores, since most wait for a hold or a disk
// that hangs; -parallel on the command line replaces the number.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8")
	os.Exit(m.Run())
}
