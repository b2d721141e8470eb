package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// commandLine finds bgverify's command lines in pipelines and scripts.
var commandLine = regexp.MustCompile(`bgverify (run|merge|gate|report|history|rediff|shift|worker)\b[^\n|>&]*`)

// The samples of deploy/ are YAML where they say so, and every command line in
// them has verbs and flags that exist.
func TestDeploySamples(t *testing.T) {
	lines := 0
	err := filepath.WalkDir("../../deploy", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		// Templates of the chart are YAML only once helm has filled them in (.ci/package).
		if filepath.Ext(path) == ".yaml" && !strings.Contains(filepath.ToSlash(path), "/templates/") {
			for _, doc := range manifests(t, path, text) {
				if args := containerArgs(doc); args != nil {
					lines++
					checkFlags(t, path, args)
				}
			}
		}
		if filepath.Ext(path) != ".md" {
			for _, line := range commandLine.FindAllString(string(text), -1) {
				lines++
				checkFlags(t, path, strings.Fields(line)[1:])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines < 6 {
		t.Errorf("found %d command lines in deploy/, want at least 6", lines)
	}
}

// manifests are the documents of a YAML file. A Job that a sync or a person repeats has no
// fixed name, and no verdict is retried. A walk of traffic has one, and is: its next pod rolls back.
func manifests(t *testing.T, path string, text []byte) []*yaml.Node {
	t.Helper()
	var out []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		doc := new(yaml.Node)
		err := dec.Decode(doc)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return out
		}
		var job struct {
			Kind     string
			Metadata struct{ Name string }
			Spec     struct {
				BackoffLimit *int `yaml:"backoffLimit"`
			}
		}
		if doc.Decode(&job) == nil && job.Kind == "Job" && !strings.Contains(path, "fleet") && !strings.Contains(path, "shift") {
			if job.Metadata.Name != "" || job.Spec.BackoffLimit == nil || *job.Spec.BackoffLimit != 0 {
				t.Errorf("%s: a Job with a fixed name, or one that is retried", path)
			}
		}
		out = append(out, doc)
	}
}

// The env files of deploy/ are valid with the suites that are shipped, each of them.
func TestDeployEnvs(t *testing.T) {
	for _, stage := range []string{"dev", "verification", "stb", "production"} {
		var out, errs bytes.Buffer
		args := []string{"run", "../../scenarios/stb", "--env", "../../deploy/env/" + stage + ".yaml", "--dry-run", "--out", t.TempDir()}
		got := execute(t.Context(), stdio{in: strings.NewReader(""), out: &out, err: &errs}, args)
		sent := strings.Contains(out.String(), "https://api."+stage+".green.example/")
		if got != statusUnknown || strings.Contains(errs.String(), "error:") || !sent {
			t.Errorf("%s: status %d\n%s", stage, got, errs.String())
		}
	}
}

// The files that deploy/shift.yaml names are there.
func TestDeployShift(t *testing.T) {
	f, problems := shiftfile.Load(os.DirFS("../../deploy"), "shift.yaml", func(string) (string, bool) { return "set", true })
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	for _, name := range append([]string{f.Probe.Env, f.Run.Env}, append(f.Probe.Suites, f.Run.Suites...)...) {
		if _, err := os.Stat(filepath.Join("../../deploy", name)); err != nil {
			t.Error(err)
		}
	}
}

// containerArgs returns the words of the first args: list in a manifest.
func containerArgs(n *yaml.Node) []string {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "args" && n.Content[i+1].Kind == yaml.SequenceNode {
				var words []string
				for _, w := range n.Content[i+1].Content {
					words = append(words, w.Value)
				}
				return words
			}
		}
	}
	for _, c := range n.Content {
		if words := containerArgs(c); words != nil {
			return words
		}
	}
	return nil
}

func checkFlags(t *testing.T, path string, words []string) {
	t.Helper()
	cmd, rest, err := newRoot(stdio{in: strings.NewReader(""), out: io.Discard, err: io.Discard}).Find(words)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	for _, word := range rest {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if strings.HasPrefix(word, "--") && cmd.Flags().Lookup(name) == nil {
			t.Errorf("%s: %s has no flag --%s", path, cmd.CommandPath(), name)
		}
	}
}
