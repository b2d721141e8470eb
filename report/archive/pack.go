package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/bgverify/bgverify/report/archive/disk"
)

// packName is the file in bodies/ that holds the small ones.
const packName = "pack.zst"

// mostPacked is the largest body that goes into the pack. A larger one is worth
// its own file, which a reader finds by its digest.
const mostPacked = 64 << 10

// A pack holds bodies one after the other. Each is two frames: a skippable one
// with its digest, then its content, so that `zstd -dc pack.zst` gives all of
// them and every body says which it is. An entry is named by where its content
// begins and how long that is; an index is not needed to read one, and the rest of
// an entry that a killed run left at the end is cut off before the next is added.
type pack struct {
	fs   disk.FS
	name string

	mu   sync.Mutex // guards everything below
	f    disk.File  // nil until the first body
	size int64
	buf  []byte
}

const (
	packMagic  = 0x184D2A5B // of a skippable frame
	packHead   = 8 + packedHead
	packedHead = sha256.Size + 8 // digest, length of the frame that follows
)

// add appends a body that has been compressed and says where its content begins.
func (p *pack) add(digest [sha256.Size]byte, packed []byte) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.f == nil {
		if err := p.open(); err != nil {
			return 0, err
		}
	}
	b := binary.LittleEndian.AppendUint32(p.buf[:0], packMagic)
	b = binary.LittleEndian.AppendUint32(b, packedHead)
	b = append(b, digest[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(packed)))
	b = append(b, packed...)
	p.buf = b
	n, err := p.f.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return 0, err
	}
	at := p.size + packHead
	p.size += int64(n)
	return at, nil
}

// open opens the pack after its last whole entry.
func (p *pack) open() error {
	f, err := p.fs.OpenFile(p.name, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		p.size, err = wholeEntries(f, info.Size())
		if err == nil && p.size < info.Size() {
			err = f.Truncate(p.size)
		}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	p.f = f
	return nil
}

// wholeEntries is the size of the entries of a pack that are there to their end.
func wholeEntries(r io.Reader, size int64) (int64, error) {
	br := bufio.NewReader(disk.OnlyReader(r))
	var head [packHead]byte
	for at := int64(0); ; {
		_, err := io.ReadFull(br, head[:])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
		length := binary.LittleEndian.Uint64(head[packHead-8:])
		if binary.LittleEndian.Uint32(head[:]) != packMagic || length > uint64(size-at-packHead) {
			return at, nil
		}
		if _, err := io.CopyN(io.Discard, br, int64(length)); err != nil {
			return 0, err
		}
		at += packHead + int64(length)
	}
}

// read reads the content at a place, still compressed.
func (p *pack) read(at, length int64) ([]byte, error) {
	if at < packHead || length < 0 || length > maxBody {
		return nil, fmt.Errorf("read %s: no body at byte %d", p.name, at)
	}
	packed := make([]byte, length)
	err := disk.Reading(p.fs, p.name, func(f disk.File) error {
		n, err := f.ReadAt(packed, at)
		if int64(n) == length {
			return nil // io.EOF with the last byte
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s at byte %d: %w", p.name, at, err)
	}
	return packed, nil
}

// close lets go of the file; it does not sync.
func (p *pack) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.f == nil {
		return nil
	}
	err := p.f.Close()
	p.f = nil
	return err
}

// newPack makes the pack of a folder; its file is made with the first body.
func newPack(fsys disk.FS, dir string) *pack {
	return &pack{fs: fsys, name: filepath.Join(dir, packName)}
}
