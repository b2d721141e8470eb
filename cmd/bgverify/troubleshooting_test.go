package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/troubleshooting.md is found by searching for a message, so every message
// that it quotes has to be one that the program can print.
func TestTroubleshootingQuotesMessages(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	source := sourceText(t)
	quoted := regexp.MustCompile("`([^`]+)`")
	inMessages := false
	found := 0
	for i, line := range strings.Split(string(page), "\n") {
		switch {
		case strings.HasPrefix(line, "| the message says"):
			inMessages = true
		case !strings.HasPrefix(line, "|"):
			inMessages = false
		case inMessages:
			cell, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
			for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
				found++
				for part := range strings.SplitSeq(m[1], "…") {
					part = strings.Trim(part, ` "`)
					if !strings.Contains(source, part) {
						t.Errorf("docs/troubleshooting.md:%d: no message has %q (of %q)", i+1, part, m[1])
					}
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("%d messages found in the tables of docs/troubleshooting.md: has their head changed?", found)
	}
}

// sourceText is all Go code of the module but its tests.
func sourceText(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "bench" || e.Name() == "node_modules" || e.Name() == ".git") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all.Write(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(all.String(), "\" +\n", "")
}
