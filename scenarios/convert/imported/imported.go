// Package imported brings a conversion to disk. In comes a file of another tool or a
// convert.Result; out come scenario files in a folder, loaded again as validate does, and what
// a reader has to do next. No half-written file is left by a failure, and nothing is sent.
package imported

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert"
)

// Convert reads a file, or a folder, of another tool. format is a name of convert.Convert,
// whose errors it returns; nothing outside the file's folder is read.
func Convert(format, arg string, opts convert.Options) (*convert.Result, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, hint.WithoutPath(err)
	}
	in := convert.Input{Name: filepath.Base(arg), Folder: info.IsDir()}
	folder := filepath.Dir(arg)
	if in.Folder {
		folder = arg
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, hint.WithoutPath(err)
	}
	defer root.Close()
	in.Files = root.FS()
	result, err := convert.Convert(format, in, opts)
	return result, hint.WithoutPath(err)
}

// MayWrite refuses a folder with something in it, which may be somebody's work, unless
// force is set. The error is a hint.Error.
func MayWrite(dir string, force bool) error {
	entries, err := os.ReadDir(dir)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return hint.Errorf("name a folder", "write to %s: %w", dir, hint.WithoutPath(err))
	case len(entries) > 0 && !force:
		return hint.Errorf("name a new folder, or add --force to replace files of the same name", "%s is not empty", dir)
	}
	return nil
}

// A Folder is what an import has written, as it loads.
type Folder struct {
	result *convert.Result
	suites []*scenarios.Suite
	env    *scenarios.Env // the first env file; nil: there is none
	files  int
	dir    string
}

// Write writes the files of a conversion and the schema of the language into dir and loads
// them again, without an env file and with each one. An error among the problems is a mistake
// of the import; the error itself is one of the file system.
func Write(result *convert.Result, dir string) (*Folder, scenarios.Problems, error) {
	files := append(result.Files, convert.File{Name: convert.SchemaFile, Data: scenarios.Schema()})
	if err := WriteTree(dir, files); err != nil {
		return nil, nil, fmt.Errorf("write %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", dir, hint.WithoutPath(err))
	}
	defer root.Close()
	suites, env, problems := load(root.FS(), result)
	return &Folder{result, suites, env, len(files), dir}, problems, nil
}

// WriteTree writes the files to a temporary folder next to dir and moves them into
// place, so that a failure leaves no half-written file.
func WriteTree(dir string, files []convert.File) error {
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	stage, err := os.MkdirTemp(parent, ".import-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	for _, f := range files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			return fmt.Errorf("%q is outside the folder", f.Name)
		}
		name := filepath.Join(stage, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	// A new folder is moved as a whole; into one that exists the files go one by one.
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		if err := os.Chmod(stage, 0o755); err != nil {
			return err
		}
		return os.Rename(stage, dir)
	}
	for _, f := range files {
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(stage, filepath.FromSlash(f.Name)), to); err != nil {
			return err
		}
	}
	return nil
}

// load loads a folder without an env file and with each that it holds; the
// first of them is returned.
func load(files fs.FS, result *convert.Result) ([]*scenarios.Suite, *scenarios.Env, scenarios.Problems) {
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{Schemas: result.Schemas})
	var first *scenarios.Env
	for i, e := range result.Envs {
		env, more := scenarios.LoadEnv(files, e, scenarios.LoadOptions{})
		problems = append(problems, more...)
		_, more = scenarios.Load(files, []string{"."}, scenarios.LoadOptions{Schemas: result.Schemas, Env: env})
		problems = append(problems, more...)
		if i == 0 {
			first = env
		}
	}
	return suites, first, problems
}
