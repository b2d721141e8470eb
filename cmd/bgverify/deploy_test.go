package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// commandLine finds bgverify's command lines in pipelines and scripts.
var commandLine = regexp.MustCompile(`bgverify (run|gate|report|history|rediff|shift|worker)\b[^\n|>&]*`)

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
			var any yaml.Node
			if err := yaml.Unmarshal(text, &any); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if args := containerArgs(&any); args != nil {
				lines++
				checkFlags(t, path, args)
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
