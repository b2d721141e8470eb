// Package replay reads what a run folder keeps so that the run can be judged
// again, continued or checked: what it was asked for, the exchanges with values
// in the place of hidden secrets, and the records of its load stages.
//
// In goes an archive.Folder; out come pairs, outcomes and problems. Nothing is
// sent, and the folder is not changed after the run has begun.
package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/report/archive"
)

// planFile is where a run folder keeps what the run was asked for.
const planFile = "plan.json"

// HiddenMark is how the mark of a redacted secret begins.
const HiddenMark = "<secret:"

// An Asked is what a run was asked for, as plan.json keeps it: what resume and rediff need
// beyond the header of the log. Secrets in it are replaced by marks. It is written once, when
// the run begins, and not changed by a resumed execution.
type Asked struct {
	// Root is the folder that Paths are relative to; empty for files of the program itself.
	Root string `json:"root,omitempty"`
	// Paths are the scenario files and folders as they were given, in order; there is at least
	// one.
	Paths []string `json:"paths"`
	// Env is the env file, under scenarios/.stage.
	Env string `json:"env,omitempty"`
	// Blue and Green are the URLs from the command line; empty where the env file has them.
	Blue  string `json:"blue,omitempty"`
	Green string `json:"green,omitempty"`
	// Cases are the ids that --rerun-failed chose.
	Cases []string `json:"cases,omitempty"`
	// Environment names the flags that BGVERIFY_ variables set.
	Environment []string `json:"environment,omitempty"`
	// Variables are what the environment gave to variables and templates: by the name of the
	// environment variable, a digest of the seed and the value. Secrets are not among them.
	Variables map[string]string `json:"variables,omitempty"`
}

// Write puts plan.json into a run folder. The file appears whole or not at all, like all files
// of the folder.
func (a *Asked) Write(w *archive.Writer) error {
	return w.WriteFile(planFile, func(to io.Writer) error {
		enc := json.NewEncoder(to)
		enc.SetIndent("", "  ")
		return enc.Encode(a)
	})
}

// ReadAsked reads plan.json of a run folder. The error names the file. A plan without paths is
// an error, since nothing could be run from it.
func ReadAsked(folder string) (*Asked, error) {
	text, err := os.ReadFile(filepath.Join(folder, planFile))
	// The path in the error would repeat the folder, which callers put before the message.
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the message names the file
	}
	a := &Asked{}
	if err == nil {
		err = json.Unmarshal(text, a)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read what the run was asked for: %s: %w", planFile, err)
	case len(a.Paths) == 0:
		return nil, fmt.Errorf("read what the run was asked for: %s names no scenario file", planFile)
	}
	return a, nil
}

// NoHidden refuses scenario files in which the archive replaced a secret: what they say cannot
// be sent any more. Its error is a hint.Error, or that of reading. Every file is searched,
// those of data included. The first mark found is the error, with its line.
func NoHidden(files fs.FS) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if i := strings.Index(string(text), HiddenMark); i >= 0 {
			line := 1 + strings.Count(string(text[:i]), "\n")
			return hint.Errorf("secrets belong into the environment: env: [NAME] and {{env.NAME}}; start the run again",
				"%s:%d: the archive hid a secret that stood in the file, so that it cannot be sent again", name, line)
		}
		return nil
	})
}
