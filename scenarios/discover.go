package scenarios

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
)

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
			l.Add(Problem{Pos: Pos{File: p}, Summary: "a path may not leave the scenario folder"})
			continue
		}
		info, err := fs.Stat(l.fsys, name)
		switch {
		case err != nil:
			l.Add(Problem{Pos: Pos{File: p}, Summary: "cannot read: " + source.PlainError(err).Error()})
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
			l.Add(Problem{Pos: Pos{File: name}, Summary: "cannot read: " + source.PlainError(err).Error()})
			return nil
		}
		if name != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if ext := strings.ToLower(path.Ext(name)); !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
			take(name)
			n++
		}
		return nil
	})
	if err != nil {
		l.Add(Problem{Pos: Pos{File: root}, Summary: "cannot read: " + err.Error()})
	}
	if n == 0 {
		l.Add(Problem{Pos: Pos{File: root}, Summary: "no scenario file in this folder", Hint: "scenario files end with .yaml"})
	}
}

// topKeys are the keys of a file's top mapping, in file order and not yet checked.
func topKeys(root *yaml.Node) []string {
	var keys []string
	for i := 0; i+1 < len(root.Content); i += 2 {
		keys = append(keys, root.Content[i].Value)
	}
	return keys
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
		w.Errorf(src.Root, "a scenario file begins with suite:", "the file holds %s, not a mapping", keys.KindWord(src.Root))
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
		hint := "a scenario file begins with suite:"
		for _, k := range keys {
			if c := suggest.Nearest(k, []string{"suite", "parts", "rules", "sides", "limits"}); c != "" {
				hint = fmt.Sprintf("did you mean %q instead of %q?", c, k)
				break
			}
		}
		w.Errorf(src.Root, hint, "this is neither a suite nor a parts, rule or env file")
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
		w.readRuleFile()
	case kind == "env":
		l.readEnv(w)
	case kind == "config":
		l.readConfig(w)
	}
	return nil
}

// fileKind names the kind of a file: suite, parts, rule, env or config; empty when the keys
// fit none. The order matters: a suite has rules and sides too, and only the file whose
// keys are nothing but rules: and doc: is a rule file. bgverify.yaml is recognised by its
// name, because none of its keys is required.
func fileKind(keys []string, name string) string {
	switch {
	case slices.Contains(keys, "suite"):
		return "suite"
	case slices.Contains(keys, "parts"):
		return "parts"
	case slices.Contains(keys, "rules") && !slices.ContainsFunc(keys, func(k string) bool { return k != "rules" && k != "doc" }):
		return "rule"
	case slices.Contains(keys, "sides") || slices.Contains(keys, "limits"):
		return "env"
	case path.Base(name) == "bgverify.yaml":
		return "config"
	}
	return ""
}
