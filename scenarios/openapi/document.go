package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// A Document is an API description as read.
type Document struct {
	// Version is what the document says: 2.0, 3.0.3, 3.1.0.
	Version string
	Title   string
	// Servers are those of the document; an operation may have its own.
	Servers    []Server
	Operations []*Operation
	// Schemes are the security schemes, in order.
	Schemes []*Scheme
	// Faults are the parts that cannot be read, in the order of the document.
	Faults []*Error

	fsys  fs.FS
	main  *file
	files map[string]*file
	names []string // of the files, in the order of reading
	left  int64    // bytes that further files may have
	known map[refKey]refKnown
	wrong map[*Node]bool // of the wrong kind, already in Faults
	// secretive are names of properties that are only written, read when needed.
	secretive map[string]bool
}

type refKey struct {
	file *file
	ref  string
}

type refKnown struct {
	node *Node
	why  string // it names nothing; empty: it does
}

// described finds the member that says which version a document has.
var (
	described = lazy.Regexp(`(?m)^["']?(?:openapi|swagger)["']?[ \t]*:`)
	aSuite    = lazy.Regexp(`(?m)^["']?suite["']?[ \t]*:`)
)

// IsDescription reports whether the text of a YAML file has openapi or swagger as a
// key of its top mapping and no suite, without reading the whole of it.
func IsDescription(text []byte) bool {
	// Most files of a folder are suites, which the words alone tell from descriptions.
	if !bytes.Contains(text, []byte("openapi")) && !bytes.Contains(text, []byte("swagger")) {
		return false
	}
	return described().Match(text) && !aSuite().Match(text)
}

// Open reads a document. The error is an *Error where a place is known.
func Open(fsys fs.FS, name string) (*Document, error) {
	d := &Document{fsys: fsys, files: map[string]*file{}, left: maxFile, known: map[refKey]refKnown{}, wrong: map[*Node]bool{}}
	d.main = d.open(path.Clean(name))
	if d.main.err != nil {
		return nil, d.main.err
	}
	root := d.main.root
	at := func(format string, args ...any) error { return &Error{root.Pos(), fmt.Sprintf(format, args...)} }
	if root.Kind != Object {
		return nil, at("an API description is a mapping")
	}
	version := root.Get("openapi")
	if version == nil {
		version = root.Get("swagger")
	}
	switch {
	case version == nil:
		return nil, at("neither openapi: nor swagger: says which version the description has")
	case version.Kind != String && version.Kind != Number:
		return nil, &Error{version.Pos(), "the version is not text"}
	}
	d.Version = version.Text
	if !slices.ContainsFunc([]string{"2.0", "3.0", "3.1", "3.2"}, func(v string) bool {
		return d.Version == v || strings.HasPrefix(d.Version, v+".")
	}) && d.Version != "2" {
		return nil, &Error{version.Pos(), fmt.Sprintf("version %q: only 2.0, 3.0 and 3.1 are read", d.Version)}
	}
	d.Title = root.member("info", Object).text("title")
	d.read()
	return d, nil
}

// Swagger reports whether the document is of version 2.
func (d *Document) Swagger() bool { return strings.HasPrefix(d.Version, "2") }

// Files are the names of the files that were read, the document first.
func (d *Document) Files() []string { return d.names }

// open reads a file once; what is wrong with it is in its err.
func (d *Document) open(name string) *file {
	if f := d.files[name]; f != nil {
		return f
	}
	f := &file{name: name, doc: d}
	d.files[name] = f
	data, err := readFile(d.fsys, name, d.left)
	if err != nil {
		f.err = f.fail(0, 0, "cannot read: %v", err)
		return f
	}
	d.left -= int64(len(data))
	d.names = append(d.names, name)
	f.parse(data)
	return f
}

func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, errors.New("the path leaves the folder of the document")
	}
	info, err := fs.Stat(fsys, name)
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("no such file")
	case errors.As(err, &pe):
		return nil, pe.Err
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Size() > limit:
		return nil, fmt.Errorf("a description has at most %d MiB, all its files counted", maxFile>>20)
	}
	return fs.ReadFile(fsys, name)
}

// maxHops bounds references to references.
const maxHops = 32

// Resolve follows the references of a value to what they stand for. The value is
// returned as it is where it is not a reference.
func (d *Document) Resolve(n *Node) (*Node, *Error) {
	for hop := 0; ; hop++ {
		ref := n.Get("$ref")
		if ref == nil || ref.Kind != String {
			return n, nil
		}
		if hop == maxHops {
			return nil, &Error{ref.Pos(), fmt.Sprintf("reference %q leads in a circle", problem.Cut(ref.Text, 80))}
		}
		next, err := d.target(ref)
		if err != nil {
			return nil, err
		}
		n = next
	}
}

// target is what one reference names.
func (d *Document) target(ref *Node) (*Node, *Error) {
	key := refKey{ref.file, ref.Text}
	k, known := d.known[key]
	if !known {
		k.node, k.why = d.find(ref.file, ref.Text)
		d.known[key] = k
	}
	if k.why != "" {
		return nil, &Error{ref.Pos(), fmt.Sprintf("reference %q: %s", problem.Cut(ref.Text, 80), k.why)}
	}
	return k.node, nil
}

func (d *Document) find(from *file, ref string) (*Node, string) {
	name, fragment, _ := strings.Cut(ref, "#")
	at := from
	if name != "" {
		switch u, err := url.Parse(name); {
		case err != nil:
			return nil, "not a reference"
		case u.Scheme != "" || u.Host != "":
			return nil, "other hosts are not asked"
		default:
			name = path.Join(path.Dir(from.name), u.Path)
		}
		at = d.open(name)
		if at.err != nil {
			return nil, at.err.Error()
		}
	}
	return at.root.pointer(fragment)
}

// pointer is the value at a JSON Pointer as a fragment writes it; why says what is
// wrong with it, and is empty where there is a value.
func (n *Node) pointer(fragment string) (out *Node, why string) {
	text, err := url.PathUnescape(fragment)
	switch {
	case err != nil:
		return nil, "not a JSON Pointer"
	case text == "":
		return n, ""
	case text[0] != '/':
		return nil, "names of anchors are not read"
	}
	for token := range strings.SplitSeq(text[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		next := n.Get(token)
		if i, err := strconv.Atoi(token); next == nil && n.Kind == Array && err == nil && i >= 0 && i < len(n.Items) {
			next = n.Items[i]
		}
		if next == nil {
			return nil, fmt.Sprintf("there is no %q", problem.Cut(token, 80))
		}
		n = next
	}
	return n, ""
}

// Pointer is the value at a JSON Pointer of the document, as a fragment writes it.
func (d *Document) Pointer(fragment string) (*Node, error) {
	n, why := d.main.root.pointer(fragment)
	if why != "" {
		return nil, errors.New(why)
	}
	return n, nil
}
