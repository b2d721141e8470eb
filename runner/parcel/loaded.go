package parcel

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/runner"
)

// Check refuses plans that workers cannot fire: those without a load stage, and stages with
// users, which one machine fires because each user waits for its own answers. The error is a
// hint.Error.
func Check(plan *runner.Plan) error {
	if plan.LoadStages() == 0 {
		return hint.Errorf("leave --workers out", "nothing is to be fired by workers: the run has no load stage")
	}
	var at []string
	for _, suite := range plan.Suites {
		for _, stage := range suite.Loads {
			if stage.Users.Count > 0 {
				at = append(at, fmt.Sprintf("%s: load %q has users", stage.Pos, stage.Name))
			}
		}
	}
	if len(at) == 0 {
		return nil
	}
	return hint.Errorf("leave --workers out, or give the stage a rate; nothing was sent", "workers fire stages at a rate only\n%s",
		strings.Join(at, "\n"))
}

// Loaded is where the suites of a plan were loaded from, and with what.
type Loaded struct {
	Tree *tree.Tree
	// Read are the files that were read for the suites, ReadStage those for the env file.
	Read, ReadStage []string
	// BlueURL and GreenURL are those of flags; empty: the files say it.
	BlueURL, GreenURL string
	Seed              uint64
}

// Seal packs what workers need of a loaded plan as JSON. It asks env for the secrets that
// the suites name, as a worker has no other source of them.
func (l *Loaded) Seal(plan *runner.Plan, env *Environment) ([]byte, error) {
	for _, suite := range plan.Suites {
		for _, name := range suite.Secrets {
			_, _ = env.Get(name)
		}
	}
	p := &Parcel{
		Paths: l.Tree.Paths, Environ: env.Asked(), Vars: plan.Vars, BlueURL: l.BlueURL, GreenURL: l.GreenURL, Seed: l.Seed, Now: plan.World.Now(),
	}
	var stage fs.FS
	if t := l.Tree.Stage; t != nil {
		p.StagePath, stage = t.Paths[0], t.Files
	}
	if err := p.Pack(plan, l.Read, stage, l.ReadStage); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// An Environment remembers what was asked of it. It is safe for concurrent use.
type Environment struct {
	// Getenv reads a variable.
	Getenv func(name string) (string, bool)

	mu   sync.Mutex // guards seen
	seen map[string]string
}

// Get reads a variable; one that is set is remembered.
func (e *Environment) Get(name string) (string, bool) {
	v, ok := e.Getenv(name)
	if ok {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.seen == nil {
			e.seen = map[string]string{}
		}
		e.seen[name] = v
	}
	return v, ok
}

// Asked are the variables that were read so far and are set, by name.
func (e *Environment) Asked() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.seen)
}
