package disk

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A File is an open file of an FS. It has what the archive needs of an os.File and no more.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	// Stat describes the open file, also after its name was taken by another.
	Stat() (fs.FileInfo, error)
	// Sync returns when the content is on the disk, not only in the cache of the
	// operating system.
	Sync() error
	// Truncate sets the size in bytes. The log is cut so after half a line.
	Truncate(size int64) error
}

// An FS is all that the archive asks of a file system, so that tests can make
// any call fail. Names are paths of the operating system.
// An implementation must be safe for concurrent use, as OS is.
type FS interface {
	// OpenFile has the flags of package os.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Mkdir(name string, perm fs.FileMode) error // fails when it exists
	// Rename replaces what has the new name.
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error
	// Symlink makes a link that may point to nothing.
	Symlink(target, name string) error
	Readlink(name string) (string, error)
	// Lstat describes a link itself and not its target.
	Lstat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error) // sorted by name
	// SyncDir makes created and renamed files in a folder survive a loss of power.
	SyncDir(name string) error
	// Lock takes an exclusive advisory lock on an open file, held until the
	// file is closed or the process ends. ErrLocked: another holds it.
	Lock(f File, wait bool) error
}

// OS is the file system of the operating system.
// Its zero value is ready for use.
type OS struct{}

// OpenFile opens a file.
func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	// A nil *os.File in a File would not be nil, hence the two returns.
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Mkdir makes one folder.
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// Rename moves a file over another at once.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove deletes one file.
func (OS) Remove(name string) error { return os.Remove(name) }

// RemoveAll deletes a tree.
func (OS) RemoveAll(name string) error { return os.RemoveAll(name) }

// Symlink makes a symbolic link.
func (OS) Symlink(target, name string) error { return os.Symlink(target, name) }

// Readlink reads a symbolic link.
func (OS) Readlink(name string) (string, error) { return os.Readlink(name) }

// Lstat describes a file and follows no link.
func (OS) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

// ReadDir lists a folder, sorted by name.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// SyncDir makes the names in a folder durable.
func (OS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", name, err)
	}
	return nil
}

// Lock takes an exclusive lock with flock. It refuses files of another FS, which have no
// descriptor.
func (OS) Lock(f File, wait bool) error {
	file, ok := f.(*os.File)
	if !ok {
		return fmt.Errorf("lock: %T is not a file of the operating system", f)
	}
	return flock(file, wait)
}
