package attack

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs more tests at once than there are cores, since most parallel tests wait
// for a load stage to end; -parallel on the command line replaces the number. No test
// leaves a goroutine behind.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "4")
	goleak.VerifyTestMain(m)
}
