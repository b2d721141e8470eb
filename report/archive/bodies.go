package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// maxBody bounds a body that is read back.
const maxBody = 1 << 30

// A bodyRef says which content of bodies/ a body is.
type bodyRef struct {
	SHA256 string `json:"sha256"` // of the body as kept: redacted, not compressed
	Size   int64  `json:"size"`
}

func (b bodyRef) file() string { return b.SHA256 + ".zst" }

// A bodyStore keeps each distinct body once, in bodies/SHA256.zst.
type bodyStore struct {
	fs   FS
	dir  string
	next atomic.Uint64 // numbers temporary files

	mu     sync.Mutex // guards recent
	recent map[[32]byte]struct{}
}

// recentBodies bounds what a store remembers of what it has written; anything
// older is found on the disk.
const recentBodies = 4096

func newBodyStore(fsys FS, dir string) *bodyStore {
	return &bodyStore{fs: fsys, dir: dir, recent: make(map[[32]byte]struct{})}
}

// The codecs are stateless between calls and shared.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxBody))
		if err != nil {
			panic(err) // the options are constants
		}
		return d
	})
)

// put keeps a body and says which it is.
func (s *bodyStore) put(body []byte) (bodyRef, error) {
	sum := sha256.Sum256(body)
	ref := bodyRef{hex.EncodeToString(sum[:]), int64(len(body))}
	s.mu.Lock()
	_, known := s.recent[sum]
	s.mu.Unlock()
	if known {
		return ref, nil
	}
	name := filepath.Join(s.dir, ref.file())
	switch there, err := exists(s.fs, name); {
	case err != nil:
		return ref, fmt.Errorf("keep a body: %w", err)
	case !there:
		if err := s.write(name, body); err != nil {
			return ref, fmt.Errorf("keep a body: %w", err)
		}
	}
	s.mu.Lock()
	if len(s.recent) >= recentBodies {
		clear(s.recent)
	}
	s.recent[sum] = struct{}{}
	s.mu.Unlock()
	return ref, nil
}

// write makes a body's file appear whole. It is not synced: Finish syncs all.
func (s *bodyStore) write(name string, body []byte) error {
	temp := filepath.Join(s.dir, tempPrefix+strconv.FormatUint(s.next.Add(1), 10))
	f, err := s.fs.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(encoder().EncodeAll(body, nil))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = s.fs.Rename(temp, name)
	}
	if err != nil {
		_ = s.fs.Remove(temp)
	}
	return err
}

// get reads a body back and checks that it is the one that was asked for.
func (s *bodyStore) get(ref bodyRef) ([]byte, error) {
	name := filepath.Join(s.dir, ref.file())
	if len(ref.SHA256) != 2*sha256.Size || filepath.Base(name) != ref.file() {
		return nil, fmt.Errorf("read a body: %q is not a digest", ref.SHA256)
	}
	packed, err := readAll(s.fs, name, maxBody)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("body %s is not in the archive: %w", ref.SHA256, err)
		}
		return nil, err
	}
	body, err := decoder().DecodeAll(packed, make([]byte, 0, min(ref.Size, 64<<20)))
	if err != nil {
		return nil, fmt.Errorf("body %s: %w", ref.SHA256, err)
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != ref.SHA256 {
		return nil, fmt.Errorf("body %s: its content is another", ref.SHA256)
	}
	return body, nil
}
