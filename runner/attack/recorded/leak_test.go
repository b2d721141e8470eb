package recorded

import (
	"testing"

	"go.uber.org/goleak"
)

// No test leaves a goroutine behind: what is begun is ended.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
