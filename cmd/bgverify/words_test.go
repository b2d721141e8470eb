package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Phrases that a reader stumbles over. What a user reads has none of them.
var phrases = []struct{ name, pattern, instead string }{
	{"is no X", `(?:\b[Tt]here )?\b(is|was|are|were) no (?:[a-zA-Z-]+)`, "is not a X"},
	{"stands", `\bstands\b`, "is, appears"},
	{"of its own", `\bof (its|their|your|his|one's|my) own\b`, "its own X"},
	{"told", `\btold\b`, "reported"},
	{"said", `\bsaid\b`, "reported, printed"},
	{"drawn", `\bdrawn?\b|\bdraws\b`, "random"},
	{"for ever", `\bfor ever\b`, "forever, without end"},
	{"beside", `\bbeside\b`, "next to"},
	{"behind", `\b(?:(?:leaves?|left) (?:[a-z]+ )?)?behind\b`, "after"},
	{"ill", `\bill\b`, "unhealthy"},
	{"lies", `\blies?\b`, "is"},
	{"ends with", `\bends? with (status|exit|a status|the status|[0-9])`, "exits with"},
	{"as wide as", `\bas wide as\b`, "the width of"},
	{"will do", `\bwill do\b`, "is enough"},
	{"stands twice", `\btwice over\b|\bnamed twice\b`, "is listed twice"},
}

// meantSo finds what holds a phrase and is ordinary English: "is no worse" is an
// outcome, something may be left behind, and "there is no file x" is such an answer.
var meantSo = regexp.MustCompile(`no (worse|longer|more)$|^(leave|leaves|left) .*behind$|^[Tt]here (is|was|are|were) no `)

// offenders is how many phrases each folder has left. A number may only shrink: lower
// it when you mend a text.
var offenders = map[string]int{"docs": 0}

// TestWords counts the phrases in string literals of Go files that are not tests, in
// the help of commands, page templates and scripts, in documentation and in the samples.
func TestWords(t *testing.T) {
	found := map[string][]string{}
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == "bin" || d.Name() == "bench" || d.Name() == "runs" || name != "." && d.Name()[0] == '.'):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		for at, line := range wordsOf(t, name, text) {
			for _, phrase := range phrasesIn(line) {
				found[areaOf(name)] = append(found[areaOf(name)], fmt.Sprintf("%s:%s: %s", name, at, phrase))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range slices.Sorted(maps.Keys(found)) {
		list, most := found[dir], offenders[dir]
		slices.Sort(list)
		switch {
		case len(list) > most:
			t.Errorf("%s has %d phrases to avoid, and at most %d are allowed:\n%s", dir, len(list), most, strings.Join(list, "\n"))
		case len(list) < most:
			t.Logf("%s has %d phrases left: lower its number in offenders", dir, len(list))
		}
	}
	for dir, most := range offenders {
		if len(found[dir]) == 0 {
			t.Logf("%s has none of its %d phrases left: take it out of offenders", dir, most)
		}
	}
}

// commentPhrases are phrases that comments avoid too.
var commentPhrases = regexp.MustCompile(`\bbeside\b|\bfor ever\b|[Ww]hat stands (?:between|next|before|after)\b|` +
	`\blies (?:in|below|outside|under|within)\b`)

// areaOf is the nearest folder above a file that offenders has a number for, so that
// a package may be split; else its own folder.
func areaOf(name string) string {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if offenders[dir] > 0 {
			return dir
		}
	}
	return path.Dir(name)
}

// phrasesIn are the phrases of a text, each with what to write instead.
func phrasesIn(line string) []string {
	var out []string
	for i, pattern := range compiledPhrases {
		for _, m := range pattern.FindAllString(line, -1) {
			if !meantSo.MatchString(m) {
				out = append(out, fmt.Sprintf("%q: write %q", m, phrases[i].instead))
			}
		}
	}
	return out
}

var compiledPhrases = func() []*regexp.Regexp {
	out := make([]*regexp.Regexp, len(phrases))
	for i, p := range phrases {
		out[i] = regexp.MustCompile(p.pattern)
	}
	return out
}()

// wordsOf are the texts of a file that a user reads, by place.
func wordsOf(t *testing.T, name string, text []byte) map[string]string {
	out := map[string]string{}
	switch ext := filepath.Ext(name); {
	case ext == ".go" && !strings.HasSuffix(name, "_test.go"):
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range file.Comments {
			if found := commentPhrases.FindString(group.Text()); found != "" {
				t.Errorf("%s: a comment says %q; say it as phrases suggests", files.Position(group.Pos()), found)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Field:
				n.Tag = nil // names of JSON members
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					at := files.Position(n.Pos())
					out[fmt.Sprintf("%d:%d", at.Line, at.Column)] = n.Value
				}
			}
			return true
		})
	case ext == ".md" || ext == ".tmpl" || ext == ".js" || strings.HasPrefix(name, "deploy/") || strings.HasPrefix(name, "cmd/bgverify/help/") || name == "Makefile":
		if name == "CHANGELOG.md" || strings.HasPrefix(name, "docs/adr/") {
			return nil // history
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			// Rows of evidence.md quote messages, which are found where they are written.
			if name == "docs/evidence.md" && strings.HasPrefix(line, "|") {
				continue
			}
			if ext == ".js" {
				line, _, _ = strings.Cut(line, "//")
			}
			out[fmt.Sprint(n)] = line
		}
	}
	return out
}
