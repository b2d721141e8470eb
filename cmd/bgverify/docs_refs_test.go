package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// docPages are the pages that a user reads.
func docPages(t *testing.T) []string {
	t.Helper()
	pages := []string{"../../README.md", "../../CONTRIBUTING.md", "../../SECURITY.md"}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/ko/*.md", "../../docs/adr/*.md", "../../deploy/*.md", "../../examples/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no pages match %s: %v", pattern, err)
		}
		pages = append(pages, found...)
	}
	return pages
}

var (
	// docCommand finds a command line of ours, up to what ends it in a sentence or a shell.
	docCommand = regexp.MustCompile("bgverify ((?:[a-z]+ ?)+)([^`\\n|;&)#]*)")
	docFlag    = regexp.MustCompile(`(?:^|[\s\[(])--([a-z][a-z0-9-]*)`)
	docInline  = regexp.MustCompile("`--([a-z][a-z0-9-]*)")
)

// Every flag that a page writes after a command is one of that command, and every flag that
// a page names alone is one of some command.
func TestDocsNameFlagsThatExist(t *testing.T) {
	root := newRoot(stdio{})
	anywhere := map[string]bool{}
	var collect func(c *cobra.Command)
	collect = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		for _, f := range flagNames(c) {
			anywhere[f] = true
		}
		for _, child := range c.Commands() {
			collect(child)
		}
	}
	collect(root)
	checked := 0
	for _, page := range docPages(t) {
		if strings.Contains(page, "/adr/") || strings.Contains(page, "CONTRIBUTING") {
			continue // decisions and the tools of developers have words of their time
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, m := range docCommand.FindAllStringSubmatch(line, -1) {
				cmd, _, err := root.Find(strings.Fields(m[1]))
				if err != nil || cmd == root {
					continue // a sentence about bgverify
				}
				for _, f := range docFlag.FindAllStringSubmatch(m[2], -1) {
					if checked++; !slices.Contains(flagNames(cmd), f[1]) {
						t.Errorf("%s:%d: bgverify %s has no flag --%s", page, i+1, cmd.Name(), f[1])
					}
				}
			}
			for _, m := range docInline.FindAllStringSubmatch(line, -1) {
				if checked++; !anywhere[m[1]] && !foreignFlags[m[1]] {
					t.Errorf("%s:%d: no command has a flag --%s", page, i+1, m[1])
				}
			}
		}
	}
	if checked < 200 {
		t.Errorf("only %d flags were found", checked)
	}
}

// foreignFlags are flags of other programs that our pages name alone.
var foreignFlags = map[string]bool{
	"context": true, "delay": true, // kubectl, the server of docs/real.md
	// curl, whose command lines are imported
	"data-raw": true, "data-binary": true, "data-urlencode": true, "json": true, "url-query": true, "form-string": true,
	"compressed": true, "oauth2-bearer": true, "max-time": true, "cacert": true, "http1": true, "aws-sigv4": true,
	"ntlm": true, "negotiate": true, "anyauth": true,
}

// flagNames are the flags of a command.
func flagNames(c *cobra.Command) []string {
	var out []string
	for line := range strings.SplitSeq(c.Flags().FlagUsages()+c.InheritedFlags().FlagUsages(), "\n") {
		if m := docFlag.FindStringSubmatch(line); m != nil {
			out = append(out, m[1])
		}
	}
	return out
}

var (
	docLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	docHeading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// Every link of a page to a file of this repository leads to one, and to a heading that it has.
func TestDocsLinksLeadSomewhere(t *testing.T) {
	links := 0
	for _, page := range docPages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range docLink.FindAllStringSubmatch(string(text), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			full := page
			if target != "" {
				full = filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
			}
			if _, err := os.Stat(full); err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, m[1])
				continue
			}
			if anchor != "" && strings.HasSuffix(full, ".md") && !slices.Contains(anchorsOf(t, full), anchor) {
				t.Errorf("%s: %s has no heading for the link %s", page, full, m[1])
			}
		}
	}
	if links < 150 {
		t.Errorf("only %d links were found", links)
	}
}

// anchorsOf are the anchors of a page's headings, as GitHub makes them.
func anchorsOf(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range docHeading.FindAllStringSubmatch(string(text), -1) {
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f:
				return r
			case r >= 'A' && r <= 'Z':
				return r + ('a' - 'A')
			}
			return -1
		}, m[1])
		for n := 1; slices.Contains(out, anchor); n++ { // a repeated heading gets a number
			anchor = strings.TrimSuffix(anchor, "-"+string(rune('0'+n-1))) + "-" + string(rune('0'+n))
		}
		out = append(out, anchor)
	}
	return out
}
