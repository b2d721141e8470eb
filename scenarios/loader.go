package scenarios

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/bodyschema"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/openapi"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A loader holds what one call of [Load] has read so far and what is wrong with it. Every
// file is read once and every problem reported once, whichever path leads there; the state
// of a single suite (files, undone steps, names) is cleared or made anew by readSuite.
//
// A loader is used by one goroutine.
type loader struct {
	// fsys is the only place that files are read from; its root bounds every path.
	fsys fs.FS
	// opts is what the command says; it is never changed.
	opts LoadOptions
	// problems are in the order in which they were found; done sorts them.
	problems Problems
	// seen are the problems that were reported, by place, kind and summary.
	seen map[string]bool
	// sources are the YAML files read, by path; nil: unusable, which has been reported.
	sources map[string]*source.File
	// texts are the lines of files, for the source line of problems.
	texts map[string][]string
	// payloads are the other files read, by path.
	payloads map[string][]byte
	// rules are the mappings of rules by origin, to place what diff.Compile says of them.
	rules map[string]*keys.Mapping
	// files are those that the current suite is made of.
	files map[string]bool
	// parts are the parts files read, by path.
	parts map[string]*partFile
	// places say where templates are written, to place their placeholders.
	places map[*Template]place
	// schemas are the compiled schemas, by path and fragment.
	schemas map[string]compiledSchema
	// apis are the descriptions of APIs, by path.
	apis map[string]*openapi.Document
	// schemaFiles are the JSON Schema files read, by path.
	schemaFiles map[string]*bodyschema.File
	// uses counts the uses of parts and rule files so far; see maxUses.
	uses int
	// named are the variables that templates name; see warnFlags.
	named map[string]bool
	// others counts the files that are not suites and were read for their own sake.
	others int
	// ahead parses files before they are asked for.
	ahead *readAhead
	// objects are the mappings read since the last checkRead.
	objects []*keys.Mapping
}

// A walker reads the mappings of one file. It is a loader with a reader: the reader knows
// the file and checks keys and values, the loader knows what all files have in common. A
// part or rule file that a suite uses gets its own walker, so that its problems have
// its places and its references are relative to its folder.
type walker struct {
	*loader
	*keys.Reader
}

// newWalker reads the mappings of a file for a loader, which takes what it finds.
func newWalker(l *loader, src *source.File) *walker { return &walker{l, keys.NewReader(src, l)} }

// A place is where a template was read from. Problems of names are found long after the
// reading, and need the place of a placeholder inside the scalar.
type place struct {
	src *source.File
	n   *yaml.Node
}

// newLoader starts a load; every map is made here, so that no reader has to ask.
func newLoader(fsys fs.FS, opts LoadOptions) *loader {
	return &loader{
		fsys: fsys, opts: opts, seen: map[string]bool{}, sources: map[string]*source.File{}, texts: map[string][]string{},
		payloads: map[string][]byte{}, rules: map[string]*keys.Mapping{}, files: map[string]bool{}, parts: map[string]*partFile{},
		places: map[*Template]place{}, schemas: map[string]compiledSchema{}, apis: map[string]*openapi.Document{},
		schemaFiles: map[string]*bodyschema.File{}, named: map[string]bool{}, ahead: &readAhead{},
	}
}

// maxProblems bounds what one load reports. A file that is generated wrongly has the same
// mistake thousands of times, and readers do not look past the first screens.
const maxProblems = 1000

// Full reports whether maxProblems is reached. Hints are no longer computed then: looking
// for the nearest word of each would take longer than reading the file.
func (l *loader) Full() bool { return len(l.problems) >= maxProblems }

// Add, Full, Opened, Placed and ReadField make a loader the sink of its readers; see keys.Sink.
//
// Add reports a problem once, with its source line. A part that ten cases use is read ten
// times, and its mistake is still one.
func (l *loader) Add(p Problem) {
	if p.Kind == 0 {
		p.Kind = Error
	}
	p.Width = max(p.Width, 1)
	id := fmt.Sprintf("%s %d %s", p.Pos, p.Kind, p.Summary)
	if l.seen[id] || l.Full() {
		return
	}
	l.seen[id] = true
	if lines := l.texts[p.Pos.File]; p.Pos.Line >= 1 && p.Pos.Line <= len(lines) {
		p.Source = lines[p.Pos.Line-1]
	}
	l.problems = append(l.problems, p)
}

// failAt reports a mistake at a place; shown is the text there, which is underlined.
func (l *loader) failAt(at Pos, shown, hint, format string, args ...any) {
	l.Add(Problem{Pos: at, Width: utf8.RuneCountInString(shown), Summary: fmt.Sprintf(format, args...), Hint: hint})
}

// warnAt is failAt for what is true but worth knowing.
func (l *loader) warnAt(at Pos, shown, hint, format string, args ...any) {
	l.Add(Problem{Pos: at, Kind: Warning, Width: utf8.RuneCountInString(shown), Summary: fmt.Sprintf(format, args...), Hint: hint})
}

// Opened remembers a mapping for checkRead.
// Mappings are asked for unread keys at the end of their file: a reader may come back to
// one for further keys.
func (l *loader) Opened(o *keys.Mapping) { l.objects = append(l.objects, o) }

// Placed remembers where a template is written.
// Only templates that were read from a scalar have a place; those made by code do not.
func (l *loader) Placed(t *Template, src *source.File, n *yaml.Node) { l.places[t] = place{src, n} }

// ReadField reads the field types that only this package knows: an authentication, a list
// of fields and a list of rules. It is false for any other type, which the reader then
// takes as a mistake of the tables.
func (l *loader) ReadField(o *keys.Mapping, k *keys.Key, field any) bool {
	w := &walker{l, o.Reader}
	switch p := field.(type) {
	case **Auth:
		// A wrong auth is reported and leaves the default in the field: a nil would read as
		// "send no credentials of the step", and raise follow-up problems.
		if a := w.readAuth(o, k.Name); a != nil {
			*p = a
		}
	case *[]Field:
		*p = w.readFields(o, k.Name, map[string]func(*yaml.Node) bool{"headers": w.checkHeaderKey, "cookies": w.checkCookieName}[k.Name])
	case *[]diff.Rule:
		*p = w.readRules(o, k.Name)
	default:
		return false
	}
	return true
}

// open reads and parses a YAML file once; nil when it cannot be used, which has
// then been reported.
// A second call returns the same tree, so that a file that two suites use is reported once.
func (l *loader) open(name string) *source.File {
	if s, ok := l.sources[name]; ok {
		return s
	}
	s, problems := l.ahead.open(l.fsys, name)
	l.texts[name] = s.Lines
	for _, p := range problems {
		l.Add(p)
	}
	if s.Root == nil {
		s = nil
	}
	l.sources[name] = s
	return s
}

// checkRead reports every key that was written and that nothing read: it would do nothing,
// and its author would believe that it does. Each file calls it once at its end, so that no
// reader of a mapping has to remember it.
func (l *loader) checkRead() {
	for _, o := range l.objects {
		o.RefuseUnread("")
	}
	l.objects = nil
}

// done ends a load: the last unread keys are reported, then problems are sorted by place.
func (l *loader) done() Problems {
	l.checkRead()
	l.problems.Sort()
	return l.problems
}

// openFrom opens a YAML file that a node refers to. A file that cannot be read is reported
// at the node, where the wrong name is written; the file itself has no line to show.
func (l *loader) openFrom(n *yaml.Node, w *walker, name string) *source.File {
	if _, known := l.sources[name]; !known {
		f, err := source.OpenRegular(l.fsys, name)
		if err != nil {
			w.Errorf(n, missingHint(l.fsys, name, err), "cannot read %s: %v", name, err)
			l.sources[name] = nil
			return nil
		}
		f.Close()
	}
	return l.open(name)
}

// maxPayload bounds a file that is not YAML (body, certificate, schema, snapshot), in bytes.
// Such a file is held in memory for the whole run.
const maxPayload = 64 << 20

// readPayload reads a file that is not YAML, once, and counts it as part of the suite, so that
// the archive keeps a copy. It is nil when the file cannot be read, which is reported at n.
func (w *walker) readPayload(n *yaml.Node, name string) []byte {
	if name == "" {
		return nil
	}
	w.files[name] = true
	data, ok := w.payloads[name]
	if !ok {
		var err error
		if data, err = source.Read(w.fsys, name, maxPayload); err != nil {
			w.Errorf(n, missingHint(w.fsys, name, err), "cannot read %s: %v", name, err)
			return nil
		}
		w.payloads[name] = data
	}
	return data
}

// A found is a YAML file to read.
type found struct {
	path string
	// explicit is set for a file that was named itself, not found in a folder.
	explicit bool
}

// collect lists the files that paths name, each once, in the order of rule 6: that of the
// paths, inside a folder that of the names. A path that cannot be used is reported and left
// out, so that the mistakes of all other files are still shown.
func (l *loader) collect(paths []string) []found {
	var out []found
	seen := map[string]bool{}
	take := func(name string, explicit bool) {
		if !seen[name] {
			seen[name] = true
			out = append(out, found{name, explicit})
		}
	}
	for _, p := range paths {
		// fs.ValidPath refuses absolute paths and those that climb out with "..": rule 3.
		name := path.Clean(p)
		if !fs.ValidPath(name) {
			l.failAt(Pos{File: p}, "", "", "a path may not leave the scenario folder")
			continue
		}
		info, err := fs.Stat(l.fsys, name)
		switch {
		case err != nil:
			l.failAt(Pos{File: p}, "", "", "cannot read: %v", source.PlainError(err))
		case info.IsDir():
			l.walkFolder(name, func(file string) { take(file, false) })
		default:
			take(name, true)
		}
	}
	return out
}

// walkFolder finds the YAML files below a folder. Hidden files and folders are left out:
// .git and the drafts of editors are not suites. A folder without any YAML is a problem,
// since a run of nothing would pass.
func (l *loader) walkFolder(root string, take func(string)) {
	n := 0
	// WalkDir goes in the order of names, which is that of the suites.
	err := fs.WalkDir(l.fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			l.failAt(Pos{File: name}, "", "", "cannot read: %v", source.PlainError(err))
			return nil
		}
		if name != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() && name != root && l.isRunFolder(name) {
			return fs.SkipDir
		}
		if ext := strings.ToLower(path.Ext(name)); !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
			take(name)
			n++
		}
		return nil
	})
	if err != nil {
		l.failAt(Pos{File: root}, "", "", "cannot read: %v", err)
	}
	if n == 0 {
		l.failAt(Pos{File: root}, "", "scenario files end with .yaml", "no scenario file in this folder")
	}
}

// isRunFolder reports whether a folder is an archived run, which keeps copies of the suites
// that it ran: they are no suites of the folder above, and would be found twice.
func (l *loader) isRunFolder(name string) bool {
	return !slices.ContainsFunc([]string{"run.json", "plan.json", "events.ndjson", "exchanges.ndjson"}, func(file string) bool {
		info, err := fs.Stat(l.fsys, path.Join(name, file))
		return err != nil || info.IsDir()
	})
}

// readFile reads a file by what its top-level keys say it is (rule 1), and returns nil
// when it is not a suite. Files of the other kinds are read for their own mistakes only
// when they are found in a folder: there they are checked even if no suite uses them.
func (l *loader) readFile(name string, explicit bool) *Suite {
	if !explicit && l.isDescription(name) {
		return nil
	}
	src := l.open(name)
	if src == nil {
		return nil
	}
	w := newWalker(l, src)
	if src.Root.Kind != yaml.MappingNode {
		hint := "a scenario file begins with suite:"
		switch text := strings.ToLower(src.Root.Value); {
		case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
			hint = "this is a web page: was a sign-in or an error page saved in place of the file?"
		case strings.HasPrefix(text, "<"):
			hint = "is it a plan of JMeter? bgverify import jmeter FILE -o DIR writes scenario files of it"
		}
		w.Errorf(src.Root, hint, "the file holds %s, not a mapping", keys.KindWord(src.Root))
		return nil
	}
	// The kind decides by which table the file is read, so it must be known before any key
	// is checked.
	keys := topKeys(src.Root)
	kind := fileKind(keys, name)
	if kind != "suite" && kind != "" {
		l.others++
	}
	switch {
	case kind == "suite":
		return l.readSuite(w)
	// No table fits. A mistyped top key is the most frequent reason; the first word that
	// resembles a kind's own key is taken for it.
	case kind == "":
		w.Errorf(src.Root, kindHint(keys), "this is neither a suite nor a parts, rule or env file")
	// Somebody who names a parts file in run believes that its steps are sent.
	case explicit && !l.opts.Others:
		article := "a"
		if kind == "env" {
			article = "an"
		}
		w.Errorf(src.Root, "a suite begins with suite:", "this is %s %s file, not a suite", article, kind)
	case kind == "parts":
		l.checkParts(w)
	case kind == "rule":
		l.readRuleFile(w)
	case kind == "env":
		l.readEnv(w)
	case kind == "shift":
		// Environment variables of a shift file are asked for when the walk begins.
		if _, problems := shiftfile.Load(l.fsys, name, func(string) (string, bool) { return "unknown", true }); l.opts.Others {
			for _, p := range problems {
				l.Add(p)
			}
		}
	case kind == "config":
		l.readConfig(w)
	}
	return nil
}
