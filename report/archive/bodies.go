package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/bgverify/bgverify/report/archive/disk"
)

// maxBody bounds a body that is read back.
const maxBody = 1 << 30

// A bodyRef says which content of bodies/ a body is.
type bodyRef struct {
	// SHA256 is the digest of the body as kept: redacted, not compressed.
	SHA256 string `json:"sha256"`
	// Size is in bytes, before compression.
	Size int64 `json:"size"`
	// At is where its content begins in the pack, Packed how long it is there;
	// a Packed of 0: the body is its own file.
	At     int64 `json:"at,omitempty"`
	Packed int64 `json:"packed,omitempty"`
}

// file is the name of the file that a large body has for itself.
func (b bodyRef) file() string { return b.SHA256 + ".zst" }

// A bodyStore keeps bodies by their content: small ones in the pack, larger
// ones once each in bodies/SHA256.zst.
type bodyStore struct {
	fs   disk.FS
	dir  string
	next atomic.Uint64 // numbers temporary files
	pack *pack

	mu            sync.Mutex // guards the rest
	recent, older map[[sha256.Size]byte]packPlace
	spoiled       map[string]bool // files that are not what their names say
}

// A packPlace is where a body is in the pack; the zero one is its own file.
type packPlace struct{ at, packed int64 }

// recentBodies bounds what a store remembers of what it has written: between
// this many and twice as many. A body that comes again after more others than
// that is kept again.
const recentBodies = 8192

// newBodyStore makes the store of a folder; it opens no file before the first body.
func newBodyStore(fsys disk.FS, dir string) *bodyStore {
	return &bodyStore{
		fs: fsys, dir: dir, pack: newPack(fsys, dir), recent: make(map[[sha256.Size]byte]packPlace),
		spoiled: make(map[string]bool),
	}
}

// The codecs are stateless between calls and shared.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
			zstd.WithLowerEncoderMem(true),
			zstd.WithZeroFrames(true)) // an empty body has a frame too
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
	ref := bodyRef{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(body))}
	at, known := s.known(sum)
	if !known {
		var err error
		if at, err = s.keep(sum, ref.file(), body); err != nil {
			return ref, fmt.Errorf("keep a body: %w", err)
		}
		s.remember(sum, at)
	}
	ref.At, ref.Packed = at.at, at.packed
	return ref, nil
}

// keep writes a body: a small one to the pack, a larger one into its own file,
// unless it has one.
func (s *bodyStore) keep(sum [sha256.Size]byte, file string, body []byte) (packPlace, error) {
	if len(body) <= mostPacked {
		buf := packBuffers.Get().(*[]byte)
		defer packBuffers.Put(buf)
		*buf = encoder().EncodeAll(body, (*buf)[:0])
		at, err := s.pack.add(sum, *buf)
		return packPlace{at, int64(len(*buf))}, err
	}
	full := filepath.Join(s.dir, file)
	there, err := disk.Exists(s.fs, full)
	s.mu.Lock()
	spoiled := s.spoiled[file]
	s.mu.Unlock()
	if there && !spoiled || err != nil {
		return packPlace{}, err
	}
	return packPlace{}, s.write(full, body)
}

// packBuffers hold compressed bodies on their way to the pack.
var packBuffers = sync.Pool{New: func() any { return new([]byte) }}

// known finds a body among those remembered.
func (s *bodyStore) known(sum [sha256.Size]byte) (packPlace, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.recent[sum]; ok {
		return at, true
	}
	at, ok := s.older[sum]
	return at, ok
}

// remember keeps where a body is. The older half of what is known goes when the recent
// one is full.
func (s *bodyStore) remember(sum [sha256.Size]byte, at packPlace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.recent) >= recentBodies {
		s.older, s.recent = s.recent, make(map[[sha256.Size]byte]packPlace, recentBodies)
	}
	s.recent[sum] = at
}

// write makes a body's file appear whole. It is not synced: Finish syncs all.
func (s *bodyStore) write(name string, body []byte) error {
	temp := filepath.Join(s.dir, disk.TempPrefix+strconv.FormatUint(s.next.Add(1), 10))
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

// whole reports whether a body is there and is the one that was kept; none is
// always. A file whose content did not reach the disk is noted, so that the body
// is kept again when it comes again.
func (s *bodyStore) whole(ref *bodyRef) (bool, error) {
	if ref == nil {
		return true, nil
	}
	packed, err := s.fetch(*ref)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, err
	}
	if _, err := unpack(*ref, packed); err == nil {
		return true, nil
	}
	if ref.Packed == 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.spoiled[ref.file()] = true
	}
	return false, nil
}

// get reads a body back and checks that it is the one that was asked for.
func (s *bodyStore) get(ref bodyRef) ([]byte, error) {
	packed, err := s.fetch(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("body %s is not in the archive: %w", ref.SHA256, err)
	}
	if err != nil {
		return nil, err
	}
	return unpack(ref, packed)
}

// fetch reads a body as it is kept.
func (s *bodyStore) fetch(ref bodyRef) ([]byte, error) {
	name := filepath.Join(s.dir, ref.file())
	if len(ref.SHA256) != 2*sha256.Size || filepath.Base(name) != ref.file() {
		return nil, fmt.Errorf("read a body: %q is not a digest", ref.SHA256)
	}
	if ref.Packed > 0 {
		return s.pack.read(ref.At, ref.Packed)
	}
	return disk.ReadAll(s.fs, name, maxBody)
}

// unpack makes a body of what is kept, and checks that it is the right one.
func unpack(ref bodyRef, packed []byte) ([]byte, error) {
	body, err := decoder().DecodeAll(packed, make([]byte, 0, min(ref.Size, 64<<20)))
	if err != nil {
		return nil, fmt.Errorf("body %s: %w", ref.SHA256, err)
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != ref.SHA256 {
		return nil, fmt.Errorf("body %s: its content is another", ref.SHA256)
	}
	return body, nil
}
