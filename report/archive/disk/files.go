package disk

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// TempPrefix begins the names of files that are not whole yet. Nothing that
// carries it is ever read; Finish and Resume remove what a killed run left.
const TempPrefix = ".tmp-"

// Writers of an archive write thousands of small files, each of which would need a buffer.
var writeBuffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}

// WriteTemp writes a file next to its final name; durable puts it on the disk. The caller
// renames the file or removes it; after an error nothing is left of it. The temporary name is
// in the same folder, as a rename is only atomic within one file system. Only the owner may
// read it, since archives hold answers.
func WriteTemp(fsys FS, name string, durable bool, write func(io.Writer) error) (temp string, err error) {
	temp = filepath.Join(filepath.Dir(name), TempPrefix+filepath.Base(name))
	f, err := fsys.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = fsys.Remove(temp) // the first error says it
		}
	}()
	bw := writeBuffers.Get().(*bufio.Writer)
	bw.Reset(f)
	defer writeBuffers.Put(bw)
	err = write(bw)
	// A full disk may show as late as at the flush, the sync or the close, so each of them is
	// checked, and the first error is returned.
	if err == nil {
		err = bw.Flush()
	}
	if err == nil && durable {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return temp, err
}

// WriteWhole makes a file appear whole or not at all, durably. Order matters: the content is on
// the disk before the name is, and the folder is synced last, so that the name survives a loss
// of power. The error names the file.
func WriteWhole(fsys FS, name string, write func(io.Writer) error) error {
	temp, err := WriteTemp(fsys, name, true, write)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := fsys.Rename(temp, name); err != nil {
		_ = fsys.Remove(temp)
		return fmt.Errorf("write %s: %w", name, err)
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// MakeDir makes a folder, and those above it, unless they are there. Folders are for the owner
// alone. It is safe for several processes to make the same one at once.
func MakeDir(fsys FS, name string) error {
	err := fsys.Mkdir(name, 0o700)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		info, serr := fsys.Lstat(name)
		if serr == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil // a link to a folder, as deployments have it; whether it works shows at the first write
		}
		if serr == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a folder", name)
		}
		return serr
	case errors.Is(err, fs.ErrNotExist) && filepath.Dir(name) != name:
		if err := MakeDir(fsys, filepath.Dir(name)); err != nil {
			return err
		}
		// Another process may have made it between the two calls.
		if err := fsys.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	default:
		return err
	}
}

// ReadAll reads a small file whole; one above limit is an error. The limit is in bytes. It
// protects against a file that was replaced by something large.
func ReadAll(fsys FS, name string, limit int64) ([]byte, error) {
	var b []byte
	err := Reading(fsys, name, func(f File) (err error) {
		// One byte more is read than allowed, which tells a file of exactly the limit from a larger
		// one.
		if b, err = io.ReadAll(io.LimitReader(f, limit+1)); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("read %s: larger than %d bytes", name, limit)
	}
	return b, nil
}

// CopyTo copies the content of a file. Errors of w are returned in the same way as errors of
// reading. What was written before an error stays written.
func CopyTo(fsys FS, w io.Writer, name string) error {
	return Reading(fsys, name, func(f File) error {
		if _, err := io.Copy(w, onlyReader{f}); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		return nil
	})
}

// OnlyReader hides every other method of a file, so that io.Copy reads through the FS. A file
// of the operating system has methods by which io.Copy would go past the FS, and a test could
// not make the read fail.
func OnlyReader(f io.Reader) io.Reader { return onlyReader{f} }

// An onlyReader has the Read of a file and nothing else.
type onlyReader struct{ io.Reader }

// OpenRead opens a file for reading.
func OpenRead(fsys FS, name string) (File, error) {
	return fsys.OpenFile(name, os.O_RDONLY, 0)
}

// Reading opens a file for reading, calls read and closes it. Errors of closing count where read
// returned none.
func Reading(fsys FS, name string, read func(File) error) error {
	f, err := OpenRead(fsys, name)
	if err != nil {
		return err
	}
	err = read(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Exists reports whether a name is taken. A link counts as taken even if what it points to is
// gone. An error means that it is not known.
func Exists(fsys FS, name string) (bool, error) {
	_, err := fsys.Lstat(name)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, err
	}
}
