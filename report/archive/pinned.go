package archive

import (
	"fmt"
	"time"

	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// A Pinned is an archived run that was chosen once and is asked again later: for each step
// of a shift. Its folder and its digest do not change, whatever latest points to by then.
type Pinned struct {
	// Path is the folder of the run, Digest that of its manifest when it was chosen.
	Path, Digest string
	gate         Gate
}

// Pin chooses the run that a name leads to now. The gate's own digest is kept where it has
// one. An error of kind history.ErrNotFound says that there is no such run.
func Pin(root, name string, gate Gate) (*Pinned, error) {
	path, err := history.Resolve(root, name)
	if err != nil {
		return nil, err
	}
	folder, err := Open(path)
	if err != nil {
		return nil, err
	}
	_, digest, err := folder.Manifest()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if gate.Digest == "" {
		gate.Digest = digest
	}
	return &Pinned{Path: path, Digest: digest, gate: gate}, nil
}

// Check asks the gate for the run as its folder is now.
func (p *Pinned) Check(now time.Time) Answer {
	folder, err := Open(p.Path)
	if err != nil {
		return Answer{Verdict: run.Broken, Reasons: []string{err.Error()}}
	}
	gate := p.gate
	gate.Now = now
	return gate.Check(folder)
}
