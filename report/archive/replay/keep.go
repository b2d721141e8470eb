package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/scenarios/template"
)

// Keep copies every file that the run was loaded from into its folder and writes plan.json.
// read are the files of the suites and readStage those of the env file, as Recording has them.
// Root, Paths and Env of a are set from t.
func (a *Asked) Keep(w *archive.Writer, t *tree.Tree, read, readStage []string) error {
	a.Paths = t.Paths
	if t.Root != "" {
		root, err := filepath.Abs(t.Root)
		if err != nil {
			return fmt.Errorf("find the folder of the scenario files: %w", err)
		}
		a.Root = root
	}
	if err := w.CopyScenarios(t.Files, read); err != nil {
		return err
	}
	if t.Stage != nil {
		a.Env = t.Stage.Paths[0]
		names := make([]string, len(readStage))
		for i, name := range readStage {
			names[i] = path.Join(archive.StageDir, name)
		}
		if err := w.CopyScenarios(tree.Under(archive.StageDir, t.Stage.Files), names); err != nil {
			return err
		}
	}
	return a.Write(w)
}

// Tree is the tree of the scenario files that a run folder keeps. Its root stays the original
// one: certificates are not copied.
func (a *Asked) Tree(folder string) (*tree.Tree, error) {
	opened, err := os.OpenRoot(filepath.Join(folder, archive.ScenariosDir))
	if err != nil {
		return nil, fmt.Errorf("open the scenario files of the run: %w", hint.WithoutPath(err))
	}
	t := &tree.Tree{Files: opened.FS(), Root: a.Root, Paths: a.Paths}
	if a.Env != "" {
		files, err := fs.Sub(t.Files, archive.StageDir)
		if err != nil {
			return nil, fmt.Errorf("open the env file of the run: %w", err)
		}
		t.Stage = &tree.Tree{Files: files, Root: a.Root, Paths: []string{a.Env}}
	}
	return t, nil
}

// Digests are digests of what the environment gave to variables and templates, by name: shards
// of one plan must agree on them. A digest is of the seed and the value, so that a short value
// cannot be looked up. secret reports whether a suite names a variable as a secret; those are
// left out, as are empty values and flags.
func Digests(environ map[string]string, seed uint64, secret func(name string) bool) map[string]string {
	out := map[string]string{}
	for name, value := range environ {
		bare := strings.TrimPrefix(strings.TrimPrefix(name, template.VarPrefix), template.JSONPrefix)
		if value == "" || secret(bare) || bare == name && strings.HasPrefix(name, template.FlagPrefix) {
			continue
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %s=%s", seed, name, value))
		out[name] = hex.EncodeToString(sum[:6])
	}
	return out
}
