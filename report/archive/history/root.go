package history

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/report/archive/disk"
)

// Names under an archive root, and in a run's folder, that tell what is a run.
const (
	RunFile    = "run.json"      // of a run: what it came to
	EventsFile = "events.ndjson" // of a run: its log
	// HistoryFile has a line for each complete run, and IndexFile the same as a page. Both
	// are below the root, as is LatestLink, a link to the newest complete run.
	HistoryFile = "history.ndjson"
	IndexFile   = "index.html"
	LatestLink  = "latest"

	rootLockFile = ".lock"          // held while folders, history or latest change
	keyFile      = ".redaction-key" // keys the marks of secrets
	pinsFile     = "pins"           // ids of runs that prune keeps, one a line
	// TrashPrefix begins the names of folders that prune is about to delete.
	TrashPrefix = ".trash-"
)

// ErrNotFound says that nothing in the archive answers to a name. It is wrapped with what was
// looked for; test for it with errors.Is.
var ErrNotFound = errors.New("no such run")

// keySize is the size of the redaction key in bytes.
const keySize = 32

// StartLayout is how a folder's name writes the start of its run. It has no colons, which
// Windows does not allow in names, and sorts by time as text.
const StartLayout = "2006-01-02T15-04-05Z"

var (
	idPattern   = lazy.Regexp(`^[A-Za-z0-9._-]{1,64}$`)
	namePattern = lazy.Regexp(`^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z-`)
)

// ValidID reports whether s can be a run's id. Names of nothing but dots are folders of the
// file system and not ids.
func ValidID(s string) bool { return idPattern().MatchString(s) && strings.Trim(s, ".") != "" }

// WithRoot runs do while no other process changes the root's folders, history and links. It waits
// for the lock as long as it takes. The lock is given up when do returns; its error comes
// first. do must not call WithRoot again, which would wait for itself.
func WithRoot(fsys disk.FS, root string, do func() error) error {
	lock, err := fsys.OpenFile(filepath.Join(root, rootLockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock the archive: %w", err)
	}
	if err := fsys.Lock(lock, true); err != nil {
		_ = lock.Close()
		return fmt.Errorf("lock the archive: %w", err)
	}
	err = do()
	if cerr := lock.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("unlock the archive: %w", cerr)
	}
	return err
}

// LoadKey reads the root's redaction key, and makes it first when make is set. The caller holds
// the root's lock when it may be made. The key makes equal secrets have equal marks in all runs
// of a root, and keeps others from trying values against a mark. random is the source of new
// keys.
func LoadKey(fsys disk.FS, root string, random io.Reader) ([]byte, error) {
	name := filepath.Join(root, keyFile)
	text, err := disk.ReadAll(fsys, name, 1<<10)
	if err == nil {
		key, derr := hex.DecodeString(strings.TrimSpace(string(text)))
		if derr != nil || len(key) != keySize {
			return nil, fmt.Errorf("%s is not a key of %d hex digits: remove it, and marks of earlier runs no longer compare with new ones",
				name, 2*keySize)
		}
		return key, nil
	}
	// Any other error than a missing file must not lead to a new key.
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key := make([]byte, keySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("make a redaction key: %w", err)
	}
	err = disk.WriteWhole(fsys, name, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%x\n", key)
		return err
	})
	return key, err
}

// RunNames lists the run folders of a root, oldest first. Folders with other names are not runs
// and are left alone. A root that is not there has none.
func RunNames(fsys disk.FS, root string) ([]string, error) {
	entries, err := fsys.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the archive: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && namePattern().MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil // sorted by name, hence by start
}

// OtherName reports whether a folder is named as a run's folder is, but not as that of the run
// with an id: somebody put another run into its place. A folder with any other name may hold
// any run.
func OtherName(path, id string) bool {
	name := filepath.Base(path)
	return namePattern().MatchString(name) && !strings.HasSuffix(name, "-"+id)
}

// startOf is the start of a run by its folder's name; zero when there is none. It is in UTC,
// exact to the second.
func startOf(name string) time.Time {
	if len(name) < len(StartLayout) {
		return time.Time{}
	}
	t, err := time.Parse(StartLayout, name[:len(StartLayout)])
	if err != nil {
		return time.Time{}
	}
	return t
}

// FindID is the folder of the run with an id; "" when there is none. The name of a folder ends
// with the id, but one id may be the end of another, so run.json decides.
func FindID(fsys disk.FS, root, id string) (string, error) {
	names, err := RunNames(fsys, root)
	if err != nil {
		return "", err
	}
	for i := len(names) - 1; i >= 0; i-- {
		if !strings.HasSuffix(names[i], "-"+id) {
			continue
		}
		path := filepath.Join(root, names[i])
		got, err := idOf(fsys, path)
		if err != nil {
			return "", err
		}
		if got == id {
			return path, nil
		}
	}
	return "", nil
}

// idOf is the id that a folder's run.json names; "" when none is readable. Reading stops at the
// id, so that a large run.json is not read.
func idOf(fsys disk.FS, path string) (string, error) {
	f, err := disk.OpenRead(fsys, filepath.Join(path, RunFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var id string
	err = disk.EachMember(json.NewDecoder(disk.OnlyReader(f)), func(key string, dec *json.Decoder) (bool, error) {
		if key == "id" {
			return false, dec.Decode(&id)
		}
		return true, disk.SkipValue(dec)
	})
	_ = f.Close() // only read
	if err != nil {
		return "", nil //nolint:nilerr // not a run.json: the folder has no id
	}
	return id, nil
}

// Resolve finds a run: ref is a folder, the id of a run under root, or latest. The order is:
// latest, then an id, then a folder as given, then a folder below root. The error is
// ErrNotFound where nothing fits, and that of the file system where it could not be looked up.
// A latest that leads out of root is refused: bgverify writes the name of a folder there.
func Resolve(root, ref string) (string, error) { return ResolveFS(disk.OS{}, root, ref) }

// ResolveFS is Resolve on another file system.
func ResolveFS(fsys disk.FS, root, ref string) (string, error) {
	if ref == "" {
		return "", fmt.Errorf("%w: no name given", ErrNotFound)
	}
	if ref == LatestLink {
		target, err := fsys.Readlink(filepath.Join(root, LatestLink))
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w: no run under %s is complete yet", ErrNotFound, root)
		}
		if err != nil {
			return "", fmt.Errorf("read %s: %w", filepath.Join(root, LatestLink), err)
		}
		if target != filepath.Base(target) || !namePattern().MatchString(target) {
			return "", fmt.Errorf("%s links to %s, which is not a run of this folder", filepath.Join(root, LatestLink), target)
		}
		return filepath.Join(root, target), nil
	}
	if ValidID(ref) {
		path, err := FindID(fsys, root, ref)
		if err != nil {
			return "", err
		}
		if path != "" {
			return path, nil
		}
	}
	candidates := []string{ref}
	if filepath.IsLocal(ref) {
		candidates = append(candidates, filepath.Join(root, ref))
	}
	// A folder with a log is a run, complete or not.
	for _, path := range candidates {
		if _, err := fsys.Lstat(filepath.Join(path, EventsFile)); err == nil {
			return filepath.Clean(path), nil
		}
	}
	return "", fmt.Errorf("%w: %q is neither a run folder nor the id of a run under %s", ErrNotFound, ref, root)
}

// PointLatest makes latest point to a folder, at once. A reader sees the old or the new one,
// never none. The caller holds the root's lock.
func PointLatest(fsys disk.FS, root, name string) error {
	temp := filepath.Join(root, disk.TempPrefix+LatestLink)
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := fsys.Symlink(name, temp); err != nil {
		return err
	}
	if err := fsys.Rename(temp, filepath.Join(root, LatestLink)); err != nil {
		_ = fsys.Remove(temp)
		return err
	}
	return fsys.SyncDir(root)
}
