// Package parcel carries a plan to another machine that fires its load stages: the files that
// the suites were loaded from and what was known when they were loaded go in, and a runner.Site
// comes out there. It sends nothing itself. What it writes is below one folder, which is removed
// when the site is closed.
package parcel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Parcel is what another machine needs to make the load stages of a plan itself: the files
// that the suites were loaded from, and all that was known when they were loaded. It holds
// secrets, so it is sealed on its way and never archived.
type Parcel struct {
	// Files are those of the suites, by slash path below the tree's root.
	Files map[string][]byte
	// Paths are what the suites were named by.
	Paths []string
	// Stage is the env file and what it uses.
	Stage map[string][]byte `json:",omitempty"`
	// StagePath is the env file's; empty: there is none.
	StagePath string `json:",omitempty"`
	// Certs are certificates and keys below the tree's root.
	Certs map[string][]byte `json:",omitempty"`
	// Environ are the variables of the environment that were asked for.
	Environ map[string]string
	// Vars are those of --var.
	Vars []scenarios.Named `json:",omitempty"`
	// BlueURL and GreenURL are those of flags; empty: the files say it.
	BlueURL  string `json:",omitempty"`
	GreenURL string `json:",omitempty"`
	// Seed is that of the run.
	Seed uint64
	// Now is when the suites were loaded.
	Now time.Time
}

// Pack reads what a parcel names from the tree and from the tree of the env file, which may be nil.
func (p *Parcel) Pack(plan *runner.Plan, names []string, stage fs.FS, stageNames []string) error {
	p.Files, p.Stage, p.Certs = map[string][]byte{}, map[string][]byte{}, map[string][]byte{}
	read := func(from fs.FS, names []string, into map[string][]byte) error {
		for _, name := range names {
			b, err := fs.ReadFile(from, name)
			if err != nil {
				return fmt.Errorf("read %s for the workers: %w", name, err)
			}
			into[name] = b
		}
		return nil
	}
	if err := read(plan.World.Files, names, p.Files); err != nil {
		return err
	}
	if stage != nil {
		if err := read(stage, stageNames, p.Stage); err != nil {
			return err
		}
	}
	for _, name := range certificates(plan.Suites) {
		if filepath.IsAbs(name) || plan.World.Root == "" {
			continue // of each machine
		}
		b, err := os.ReadFile(filepath.Join(plan.World.Root, filepath.FromSlash(name)))
		if err != nil {
			return fmt.Errorf("read %s for the workers: %w", name, err)
		}
		p.Certs[name] = b
	}
	return nil
}

// certificates are the files that the sides' TLS settings name.
func certificates(suites []*scenarios.Suite) []string {
	var names []string
	for _, suite := range suites {
		settings := []*scenarios.TLS{&suite.Blue.TLS, &suite.Green.TLS}
		for _, s := range slices.Concat(suite.Blue.Services, suite.Green.Services) {
			if s.TLS != nil {
				settings = append(settings, s.TLS)
			}
		}
		for _, t := range settings {
			names = append(names, t.CA, t.Cert, t.Key)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// A Site is a plan on a worker, with the folder that holds its files.
type Site struct {
	*runner.Site
	folder string
}

// Open makes a site of a parcel. Its files are kept in their own folder until Close.
// guard says where this machine may send; a service elsewhere refuses the whole plan.
func (p *Parcel) Open(guard *wire.Guard) (*Site, error) {
	folder, err := os.MkdirTemp("", "bgverify-worker-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the plan: %w", err)
	}
	site, err := p.open(folder, guard)
	if err != nil {
		_ = os.RemoveAll(folder)
		return nil, err
	}
	return &Site{site, folder}, nil
}

// open loads the suites as the coordinator did: from the same files, with the same seed, time,
// variables and environment, so that both have the same plan.
func (p *Parcel) open(folder string, guard *wire.Guard) (*runner.Site, error) {
	for sub, files := range map[string]map[string][]byte{"plan": p.Files, "stage": p.Stage} {
		if err := unpack(filepath.Join(folder, sub), files); err != nil {
			return nil, err
		}
	}
	root := filepath.Join(folder, "plan")
	if err := unpack(root, p.Certs); err != nil {
		return nil, err
	}
	getenv := func(name string) (string, bool) { v, ok := p.Environ[name]; return v, ok }
	opts := scenarios.LoadOptions{
		Now: p.Now, Seed: p.Seed, Vars: p.Vars, Getenv: getenv, BlueURL: p.BlueURL, GreenURL: p.GreenURL, Demand: true,
	}
	if p.StagePath != "" {
		env, problems := scenarios.LoadEnv(os.DirFS(filepath.Join(folder, "stage")), p.StagePath, opts)
		if problems.HasErrors() {
			return nil, problemsError(problems)
		}
		opts.Env = env
	}
	files := os.DirFS(root)
	suites, problems := scenarios.Load(files, p.Paths, opts)
	if problems.HasErrors() {
		return nil, problemsError(problems)
	}
	return runner.NewSite(&runner.Plan{
		Suites: suites, Env: opts.Env, Vars: p.Vars,
		World:   runner.World{Now: time.Now, Getenv: getenv, Files: files, Root: root, Guard: guard},
		Options: runner.Options{Seed: p.Seed, AllowLoad: true, AllowWrites: true},
	})
}

// Close ends what the site still sends, and removes the plan's files.
func (s *Site) Close() {
	s.Site.Close()
	_ = os.RemoveAll(s.folder)
}

// problemsError is what is wrong in the files as one error. They were loaded without problems
// on the coordinator, so that a problem here is one of the parcel.
func problemsError(problems scenarios.Problems) error {
	var b strings.Builder
	_ = problems.Write(&b)
	return errors.New("the plan cannot be read here: " + strings.TrimSpace(b.String()))
}

// unpack writes files below a folder, readable by this user alone.
func unpack(folder string, files map[string][]byte) error {
	for name, content := range files {
		if !fs.ValidPath(name) {
			return fmt.Errorf("the plan names a file outside its folder: %q", name)
		}
		to := filepath.Join(folder, filepath.FromSlash(path.Clean(name)))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("keep the plan: %w", err)
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			return fmt.Errorf("keep the plan: %w", err)
		}
	}
	return os.MkdirAll(folder, 0o700)
}
