package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A tree is the part of the file system that scenario files may read: nothing
// outside it is reachable, not by .. and not through a link.
type tree struct {
	files fs.FS
	root  string   // folder on disk; empty for embedded files
	paths []string // what was asked for, slash paths below the root
	stage *tree    // of the env file; nil: the one that --env names, if any
}

// openTree opens the smallest tree that holds every path: the working folder
// when all lie below it, so that messages name files as they were typed,
// and otherwise their nearest common folder.
func openTree(args []string) (*tree, error) {
	root := "."
	for _, arg := range args {
		if _, err := os.Stat(arg); err != nil {
			return nil, usage("check the spelling; a relative path begins in the working folder", "%s: %w", arg, unwrapPath(err))
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
		return nil, usage("", "open %s: %w", root, unwrapPath(err))
	}
	t := &tree{files: opened.FS(), root: root}
	for _, arg := range args {
		rel := arg
		if root != "." {
			if rel, err = relativeTo(root, arg); err != nil {
				return nil, err
			}
		}
		t.paths = append(t.paths, path.Clean(filepath.ToSlash(rel)))
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

func relativeTo(root, arg string) (string, error) {
	abs, err := filepath.Abs(arg)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", arg, err)
	}
	return filepath.Rel(root, abs)
}

// unwrapPath drops the path that the caller names anyway.
func unwrapPath(err error) error {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err
	}
	return err
}

// under shows the files of inner below a folder, so that embedded scenario
// files are named as those of a checkout are.
func under(folder string, inner fs.FS) fs.FS { return subtree{folder, inner} }

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
