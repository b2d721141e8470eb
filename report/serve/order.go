package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive/history"
)

// An Order is a run that somebody asked for.
type Order struct {
	// ID is the run's id, and the key that makes asking twice the same as asking once.
	ID string `json:"id"`
	// Suites are files and folders below the folder that the server was started with; none:
	// all of them.
	Suites []string `json:"suites,omitempty"`
	// Env is the name of one of the env files that the server was started with; empty: the
	// only one.
	Env string `json:"env,omitempty"`
	// Tag chooses cases, as --tag of bgverify run does.
	Tag string `json:"tag,omitempty"`
	// GreenBuild is the build that green's identity must show; empty: any.
	GreenBuild string `json:"green_build,omitempty"`
}

// Flags are those of bgverify run that an order stands for. They are recorded with the
// run, where a gate finds them again.
func (o Order) Flags() []string {
	var flags []string
	for _, f := range []struct{ name, value string }{
		{"env", o.Env}, {"green-build", o.GreenBuild}, {"run-id", o.ID}, {"tag", o.Tag},
	} {
		if f.value != "" {
			flags = append(flags, "--"+f.name+"="+f.value)
		}
	}
	return flags
}

// same reports whether two orders ask for the same run.
func (o Order) same(p Order) bool {
	return slices.Equal(o.Suites, p.Suites) && slices.Equal(o.Flags(), p.Flags())
}

// Sizes of what a caller may send, in bytes.
const (
	maxBody  = 64 << 10
	maxField = 1 << 10
)

// readJSON reads the one JSON document of a request's body, in which no member is given twice. strict
// refuses members that v does not have.
func readJSON(r *http.Request, v any, strict bool) error {
	// The body is read once and checked for repeated members first: of two members of one name,
	// this reader and the one of whoever checked the order might take different ones.
	document, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if name := text.RepeatedMember(document); name != "" {
		return fmt.Errorf("read the body: %q is given more than once", text.Cut(text.Visible(name), 60))
	}
	dec := json.NewDecoder(bytes.NewReader(document))
	if strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	// A second document after the first is not read, and must not be there.
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read the body: text after the JSON document")
	}
	return nil
}

// A menu is what the server was started with and an order may name.
type menu struct {
	suites []string // files and folders, slash paths; "." is all of them
	envs   []string // file names
}

// complete checks an order against the menu and fills in what it left open. All mistakes
// are reported at once.
func (m menu) complete(o Order) (Order, error) {
	var wrong []error
	if !history.ValidID(o.ID) {
		wrong = append(wrong, hint.Errorf("1 to 64 of A-Z a-z 0-9 . _ -", "id %q cannot be the id of a run", cut(o.ID)))
	}
	// No suites are all of them. Paths are compared as text with what is served, so that none
	// leads out of the folder.
	if len(o.Suites) == 0 {
		o.Suites = []string{"."}
	}
	for i, name := range o.Suites {
		o.Suites[i] = path.Clean(name)
		if name == "" || !slices.Contains(m.suites, o.Suites[i]) {
			wrong = append(wrong, hint.Errorf("one of "+list(m.suites), "suites: %q is not served", cut(name)))
		}
	}
	env, err := m.env(o.Env)
	if err != nil {
		wrong = append(wrong, err)
	}
	o.Env = env
	for _, f := range []struct{ name, value string }{{"tag", o.Tag}, {"green_build", o.GreenBuild}} {
		if len(f.value) > maxField {
			wrong = append(wrong, fmt.Errorf("%s is longer than %d bytes", f.name, maxField))
		}
	}
	return o, errors.Join(wrong...)
}

// env is the env file that a name means: the name with or without its extension.
func (m menu) env(name string) (string, error) {
	switch {
	case name == "" && len(m.envs) == 0:
		return "", nil
	case name == "" && len(m.envs) == 1:
		return m.envs[0], nil
	case name == "":
		return "", hint.Errorf("one of "+list(m.envs), "env is missing, and several are served")
	}
	// An env file may be named without its ending.
	for _, env := range m.envs {
		if name == env || name == strings.TrimSuffix(env, path.Ext(env)) {
			return env, nil
		}
	}
	return "", hint.Errorf("one of "+list(m.envs), "env: %q is not served", cut(name))
}

// list names the first entries of a menu.
func list(names []string) string {
	const shown = 12
	if len(names) == 0 {
		return "none: the server was started without"
	}
	more := ""
	if len(names) > shown {
		more = fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return strings.Join(names[:min(shown, len(names))], ", ") + more
}

// Suites are the folders and the YAML files that orders may name. Links are followed
// where they stay below the folder, as those of a mounted ConfigMap do.
func Suites(files fs.FS) ([]string, error) {
	names := []string{"."}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		// Hidden files are not suites: .git, and the ..data of a mounted ConfigMap.
		if strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := fs.Stat(files, name)
		if err != nil {
			return nil //nolint:nilerr // a link that leads out is not served
		}
		if ext := path.Ext(name); info.IsDir() || info.Mode().IsRegular() && (ext == ".yaml" || ext == ".yml") {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}
