package scenarios

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/suggest"
)

// SourceLine is a line of a scenario file, for a Problem that is found after loading; empty
// when it cannot be read.
func SourceLine(files fs.FS, at Pos) string {
	text, err := fs.ReadFile(files, at.File)
	if err != nil {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return ""
	}
	return strings.TrimSuffix(lines[at.Line-1], "\r")
}

// NearestCase is the glob among those of a selection that names no case, and the id or
// name that it was probably meant to be; empty: none is near.
func NearestCase(suites []*Suite, globs []string) string {
	var ids, names []string
	for _, suite := range suites {
		for _, c := range suite.Cases {
			_, name, _ := strings.Cut(c.ID, "/")
			ids, names = append(ids, c.ID), append(names, name)
		}
	}
	for _, glob := range globs {
		if slices.Contains(ids, glob) || slices.Contains(names, glob) {
			continue
		}
		if near := cmp.Or(suggest.Nearest(glob, ids), suggest.Nearest(glob, names)); near != "" {
			return near
		}
	}
	return ""
}

// Missing are the ids that no case or row of the suites has, in their order: a run of the
// suites does not prove those. The error is that of reading data.
func Missing(suites []*Suite, ids []string) ([]string, error) {
	found := map[string]bool{}
	for _, s := range suites {
		for _, c := range s.Cases {
			found[c.ID] = true
			if c.Data == nil {
				continue
			}
			// A case with data has an id for each row.
			for row, err := range c.Data.Rows {
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.ID, err)
				}
				id, _ := c.RowID(row)
				found[id] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return found[id] }), nil
}

// ReadFrom are the suites that were read from one of the changed files, which are absolute
// paths; root is the folder of the suites' files. It is all of them when nothing changed, or
// when a changed file belongs to no suite, as the env file does.
func ReadFrom(suites []*Suite, root string, changed []string) []*Suite {
	var out []*Suite
	known := map[string]bool{}
	for _, s := range suites {
		reads := false
		for _, file := range s.Files {
			abs, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(file)))
			if err == nil && slices.Contains(changed, abs) {
				known[abs], reads = true, true
			}
		}
		if reads {
			out = append(out, s)
		}
	}
	if len(known) < len(changed) || len(out) == 0 {
		return suites
	}
	return out
}
