package scenarios

import (
	"io/fs"
	"time"

	"github.com/bgverify/bgverify/diff"
)

// LoadOptions are what the outside says while files are read.
type LoadOptions struct {
	// Now decides which rules and quarantines have expired. Zero switches that check off.
	Now time.Time
	// Seed draws the rows of `sample`.
	Seed uint64
	// Vars are the variables of flags (--var name=value), in order.
	Vars []Named
	// Getenv reads an environment variable; nil: none is set.
	Getenv func(name string) (string, bool)
	// CI refuses `only`.
	CI bool
	// Env is the stage's env file, merged into every suite; nil: none.
	Env *Env
	// BlueURL and GreenURL are the flags --blue and --green; they replace a side's url.
	BlueURL, GreenURL string
	// Rules are added before those of every suite (a rule file named by a flag).
	Rules []diff.Rule
	// Demand is set where requests will be sent: needs, environment variables
	// and the sides' URLs must then be there. Without it they may be missing.
	Demand bool
	// SameSides allows both sides to have the same address (calibrate).
	SameSides bool
}

// Load reads the suites in files and folders of fsys, all slash paths below
// its root. Problems come sorted, all of them at once; when one is an error the
// suites must not be run.
func Load(fsys fs.FS, paths []string, opts LoadOptions) ([]*Suite, Problems) {
	return nil, nil
}

// LoadEnv reads an env file.
func LoadEnv(fsys fs.FS, path string, opts LoadOptions) (*Env, Problems) {
	return nil, nil
}

// LoadRules reads a rule file: YAML with a top-level rules list.
func LoadRules(fsys fs.FS, path string) ([]diff.Rule, Problems) {
	return nil, nil
}
