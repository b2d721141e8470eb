package shift

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// A memory keeps a record in memory.
type memory struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (m *memory) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.b.Write(p)
}
func (m *memory) Sync() error  { return nil }
func (m *memory) Close() error { return nil }

func (m *memory) text() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.b.Bytes())
}

// tornEverywhere cuts a record at each byte: as soon as an intent is in it whole, the
// weights to restore are known too.
func tornEverywhere(t *testing.T, text []byte) {
	t.Helper()
	dir := t.TempDir()
	intent := bytes.Index(text, []byte(`"kind":"intent"`))
	if intent < 0 {
		t.Fatalf("no intent in\n%s", text)
	}
	intent += bytes.IndexByte(text[intent:], '\n')
	for n := 0; n < len(text); n += 7 {
		if err := os.WriteFile(filepath.Join(dir, auditFile), text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := ReadHistory(dir)
		if n <= intent {
			continue // nothing has left
		}
		if err != nil || !h.HasRecord || h.Progress.Recorded != (machine.Weights{Blue: 100}) || !h.Progress.Touched {
			t.Fatalf("cut at %d: %+v, %v", n, h, err)
		}
	}
}
