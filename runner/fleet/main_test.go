package fleet

import (
	"flag"
	"os"
	"testing"
)

// TestMain runs more tests at once than there are cores, since most wait for a load stage to
// end; -parallel on the command line replaces the number.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "6")
	os.Exit(m.Run())
}
