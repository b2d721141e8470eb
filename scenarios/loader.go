package scenarios

import (
	"fmt"
	"io/fs"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// loader collects what is read and what is wrong with it.
type loader struct {
	fsys     fs.FS
	opts     LoadOptions
	problems Problems
	seen     map[string]bool          // problems already reported
	sources  map[string]*source.File  // YAML files read; nil: unusable, and reported
	texts    map[string][]string      // lines of files, for the source line of problems
	payloads map[string][]byte        // other files read, by path
	rules    map[string]*keys.Mapping // rules by origin, to place what Compile says of them
	files    map[string]bool          // files the current suite is made of
	parts    map[string]*partFile     // by path
	places   map[*Template]place      // where templates are written, to place their placeholders
	schemas  map[string]compiledSchema
	apis     map[string]*openapi.Document // descriptions of APIs, by path
	uses     int                          // of parts and rule files, so far
	named    map[string]bool              // variables that templates name
	others   int                          // files that are not suites, read for their own sake
	objects  []*keys.Mapping              // mappings read since the last checkRead
}

// A walker reads the mappings of one file.
type walker struct {
	*loader
	*keys.Reader
}

func newWalker(l *loader, src *source.File) *walker { return &walker{l, keys.NewReader(src, l)} }

// A place is the scalar that a template was read from.
type place struct {
	src *source.File
	n   *yaml.Node
}

func newLoader(fsys fs.FS, opts LoadOptions) *loader {
	return &loader{
		fsys: fsys, opts: opts, seen: map[string]bool{}, sources: map[string]*source.File{}, texts: map[string][]string{},
		payloads: map[string][]byte{}, rules: map[string]*keys.Mapping{}, files: map[string]bool{}, parts: map[string]*partFile{}, places: map[*Template]place{},
		schemas: map[string]compiledSchema{}, apis: map[string]*openapi.Document{}, named: map[string]bool{},
	}
}

// maxProblems bounds what one load reports.
const maxProblems = 1000

// full reports whether enough has been said.
func (l *loader) full() bool { return len(l.problems) >= maxProblems }

// add reports a problem once, with its source line.
func (l *loader) add(p Problem) {
	if p.Kind == 0 {
		p.Kind = Error
	}
	p.Width = max(p.Width, 1)
	id := fmt.Sprintf("%s %d %s", p.Pos, p.Kind, p.Summary)
	if l.seen[id] || l.full() {
		return
	}
	l.seen[id] = true
	if lines := l.texts[p.Pos.File]; p.Pos.Line >= 1 && p.Pos.Line <= len(lines) {
		p.Source = lines[p.Pos.Line-1]
	}
	l.problems = append(l.problems, p)
}

// Add reports a problem.
func (l *loader) Add(p Problem) { l.add(p) }

// Full reports whether enough has been reported.
func (l *loader) Full() bool { return l.full() }

// Opened remembers a mapping for checkRead.
func (l *loader) Opened(o *keys.Mapping) { l.objects = append(l.objects, o) }

// Placed remembers where a template is written.
func (l *loader) Placed(t *Template, src *source.File, n *yaml.Node) { l.places[t] = place{src, n} }

// ReadField reads the fields whose types only this package knows.
func (l *loader) ReadField(o *keys.Mapping, k *keys.Key, field any) bool {
	w := &walker{l, o.Reader}
	switch p := field.(type) {
	case **Auth:
		if a := w.auth(o, k.Name); a != nil {
			*p = a
		}
	case *[]Field:
		*p = w.fields(o, k.Name, map[string]func(*yaml.Node) bool{"headers": w.headerKey, "cookies": w.cookieName}[k.Name])
	case *[]diff.Rule:
		*p = w.rulesOf(o, k.Name)
	default:
		return false
	}
	return true
}

// open reads and parses a YAML file once; nil when it cannot be used, which has
// then been reported.
func (l *loader) open(name string) *source.File {
	if s, ok := l.sources[name]; ok {
		return s
	}
	s, problems := source.Open(l.fsys, name)
	l.texts[name] = s.Lines
	for _, p := range problems {
		l.add(p)
	}
	if s.Root == nil {
		s = nil
	}
	l.sources[name] = s
	return s
}

// checkRead reports every key that was written and that nothing read: it would do
// nothing. Each file calls it once, so that no reader of a mapping has to.
func (l *loader) checkRead() {
	for _, o := range l.objects {
		o.RefuseUnread("")
	}
	l.objects = nil
}

// done returns the problems in order.
func (l *loader) done() Problems {
	l.checkRead()
	l.problems.Sort()
	return l.problems
}

// openFrom opens a YAML file that a node refers to and reports there when it
// cannot be read.
func (l *loader) openFrom(n *yaml.Node, w *walker, name string) *source.File {
	if _, known := l.sources[name]; !known {
		if f, err := source.OpenRegular(l.fsys, name); err != nil {
			w.Errorf(n, "", "cannot read %s: %v", name, err)
			l.sources[name] = nil
			return nil
		} else {
			f.Close()
		}
	}
	return l.open(name)
}

// maxPayload bounds a file that is not YAML, in bytes.
const maxPayload = 64 << 20

// payload reads a file that is not YAML, once, and counts it as part of the suite.
func (w *walker) payload(n *yaml.Node, name string) []byte {
	if name == "" {
		return nil
	}
	w.files[name] = true
	data, ok := w.payloads[name]
	if !ok {
		var err error
		if data, err = source.Read(w.fsys, name, maxPayload); err != nil {
			w.Errorf(n, "", "cannot read %s: %v", name, err)
			return nil
		}
		w.payloads[name] = data
	}
	return data
}
