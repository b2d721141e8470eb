// Package tree opens the part of the file system that scenario files may read. In come the
// paths that a user typed; out comes a Tree, whose file system ends at one folder: nothing
// outside it is reachable, not by .. and not through a link. The package reads no file.
package tree

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bgverify/bgverify/internal/hint"
)

// A Tree is a folder with what was asked for in it.
type Tree struct {
	// Files is the folder as a file system.
	Files fs.FS
	// Root is the folder on disk; empty for embedded files.
	Root string
	// Paths are what was asked for: slash paths below the root.
	Paths []string
	// Stage is the tree of the env file; nil: the one that --env names, if any.
	Stage *Tree
}

// Open opens the smallest tree that holds every path: the working folder when all
// are below it, so that messages name files as they were typed, and otherwise their
// nearest common folder. A path that does not exist is a hint.Error.
func Open(args []string) (*Tree, error) {
	root := "."
	for _, arg := range args {
		if _, err := os.Stat(arg); err != nil {
			return nil, hint.Errorf("check the spelling; a relative path begins in the working folder", "%s: %w", arg, hint.WithoutPath(err))
		}
		if !filepath.IsLocal(arg) {
			root = ""
		}
	}
	// os.Root refuses everything above it, whatever links say.
	var err error
	if root == "" {
		if root, err = commonFolder(args); err != nil {
			return nil, err
		}
	}
	opened, err := os.OpenRoot(root)
	if err != nil {
		return nil, hint.Errorf("", "open %s: %w", root, hint.WithoutPath(err))
	}
	t := &Tree{Files: opened.FS(), Root: root}
	for _, arg := range args {
		rel := arg
		if root != "." {
			if rel, err = relativeTo(root, arg); err != nil {
				return nil, err
			}
		}
		t.Paths = append(t.Paths, path.Clean(filepath.ToSlash(rel)))
	}
	return t, nil
}

// commonFolder is the nearest folder above every path.
func commonFolder(args []string) (string, error) {
	common := ""
	for i, arg := range args {
		abs, err := filepath.Abs(arg)
		if err != nil {
			return "", fmt.Errorf("find %s: %w", arg, err)
		}
		if info, err := os.Stat(abs); err == nil && !info.IsDir() {
			abs = filepath.Dir(abs)
		}
		if i == 0 {
			common = abs
			continue
		}
		for common != abs && !strings.HasPrefix(abs, strings.TrimSuffix(common, "/")+"/") {
			common = filepath.Dir(common)
		}
	}
	return common, nil
}

// relativeTo is the path of arg from root.
func relativeTo(root, arg string) (string, error) {
	abs, err := filepath.Abs(arg)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", arg, err)
	}
	return filepath.Rel(root, abs)
}

// Under shows the files of inner below a folder, so that embedded scenario
// files are named as those of a checkout are.
func Under(folder string, inner fs.FS) fs.FS { return subtree{folder, inner} }

type subtree struct {
	folder string
	inner  fs.FS
}

func (s subtree) Open(name string) (fs.File, error) {
	rel := "."
	if name != s.folder {
		var ok bool
		if rel, ok = strings.CutPrefix(name, s.folder+"/"); !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
	}
	return s.inner.Open(rel)
}
