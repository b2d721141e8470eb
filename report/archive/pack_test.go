package archive

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/report/archive/disk"
)

// TestBodiesAreReadBack: what is put is read, wherever it is kept, by the store
// that put it and by one that only reads.
func TestBodiesAreReadBack(t *testing.T) {
	dir := t.TempDir()
	s := newBodyStore(disk.OS{}, dir)
	defer s.pack.close()
	rapid.Check(t, func(t *rapid.T) {
		body := bytes.Repeat(rapid.SliceOf(rapid.Byte()).Draw(t, "piece"), rapid.IntRange(0, 4000).Draw(t, "times"))
		ref, err := s.put(body)
		if err != nil {
			t.Fatal(err)
		}
		if small := len(body) <= mostPacked; small != (ref.Packed > 0) {
			t.Fatalf("a body of %d bytes: packed %d", len(body), ref.Packed)
		}
		for _, from := range []*bodyStore{s, newBodyStore(disk.OS{}, dir)} {
			if got, err := from.get(ref); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%d bytes put, %d read back: %v", len(body), len(got), err)
			}
		}
		if again, err := s.put(body); err != nil || again != ref {
			t.Fatalf("the same body again: %v, want %v, %v", again, ref, err)
		}
	})
}

// TestPackIsOneStream: any zstd reads the pack as all its bodies in turn.
func TestPackIsOneStream(t *testing.T) {
	s := newBodyStore(disk.OS{}, t.TempDir())
	var want strings.Builder
	for i := range 50 {
		body := strings.Repeat(fmt.Sprintf("body %d ", i), i)
		if _, err := s.put([]byte(body)); err != nil {
			t.Fatal(err)
		}
		want.WriteString(body)
	}
	if err := s.pack.close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(s.dir, packName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	if got, err := io.ReadAll(dec); err != nil || string(got) != want.String() {
		t.Errorf("%d bytes in one stream, want %d: %v", len(got), len(want.String()), err)
	}
}

// TestPackIsTakenUpAgain: wherever a kill cut the pack, what was whole is read,
// what comes after it too, and nothing half lies between them.
func TestPackIsTakenUpAgain(t *testing.T) {
	bodies := []string{"", "first", strings.Repeat("second ", 40)}
	whole := t.TempDir()
	s := newBodyStore(disk.OS{}, whole)
	refs := make([]bodyRef, len(bodies))
	for i, body := range bodies {
		var err error
		if refs[i], err = s.put([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.pack.close(); err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(filepath.Join(whole, packName))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(packed) + 1 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, packName), packed[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := newBodyStore(disk.OS{}, dir)
		ref, err := s.put([]byte("third"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.get(ref); err != nil || string(got) != "third" {
			t.Fatalf("cut at %d: %q, %v", cut, got, err)
		}
		end := int64(0)
		for i, old := range refs {
			if old.At+old.Packed > int64(cut) {
				break
			}
			if got, err := s.get(old); err != nil || string(got) != bodies[i] {
				t.Fatalf("cut at %d: body %d is %q, %v", cut, i, got, err)
			}
			end = old.At + old.Packed
		}
		if ref.At != end+packHead {
			t.Fatalf("cut at %d: the next body stands at %d, want %d", cut, ref.At, end+packHead)
		}
		if err := s.pack.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBodyThatIsAnother: content that is not what its digest says is an error,
// never another body.
func TestBodyThatIsAnother(t *testing.T) {
	s := newBodyStore(disk.OS{}, t.TempDir())
	defer s.pack.close()
	one, err := s.put([]byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.put([]byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	for name, ref := range map[string]bodyRef{
		"another's place":      {one.SHA256, one.Size, two.At, two.Packed},
		"before the pack":      {one.SHA256, one.Size, -1, one.Packed},
		"behind the pack":      {one.SHA256, one.Size, 1 << 40, one.Packed},
		"more than there is":   {one.SHA256, one.Size, one.At, 1 << 20},
		"more than memory has": {one.SHA256, one.Size, one.At, 1 << 60},
		"a file that is not":   {one.SHA256, one.Size, 0, 0},
		"not a digest":         {"../../etc/passwd", 1, 0, 0},
	} {
		if got, err := s.get(ref); err == nil {
			t.Errorf("%s: read %q", name, got)
		}
	}
}
