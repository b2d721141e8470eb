package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every command that docs/trust.md and SECURITY.md name is one: each pattern behind
// -run names tests of its packages alone, and each make target is there.
func TestTrust(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	goTest := regexp.MustCompile("go test ([^`|]*?) -run ('[^']*'|[A-Za-z$]+)")
	commands := 0
	for _, page := range []string{"../../docs/trust.md", "../../SECURITY.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte(`\|`), []byte(`|`)) // as a table's cells escape it
		for _, m := range regexp.MustCompile("`make ([a-z-]+)`").FindAllStringSubmatch(string(text), -1) {
			if commands++; !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s: there is no target %s", page, m[1])
			}
		}
		for _, m := range goTest.FindAllStringSubmatch(string(text), -1) {
			commands++
			var names []string
			for pattern := range strings.FieldsSeq(m[1]) {
				names = append(names, testsIn(t, pattern)...)
			}
			for _, one := range alternatives(strings.Trim(m[2], "'")) {
				re, err := regexp.Compile(one)
				if err != nil {
					t.Errorf("%s: %s: %v", page, one, err)
				} else if !slices.ContainsFunc(names, re.MatchString) {
					t.Errorf("%s: no test in %s matches %s", page, m[1], one)
				}
			}
		}
	}
	if commands < 30 {
		t.Errorf("only %d commands were found", commands)
	}
}

// alternatives takes TestA(B|C) and TestA|TestB apart.
func alternatives(pattern string) []string {
	if head, rest, found := strings.Cut(pattern, "("); found {
		inner, tail, _ := strings.Cut(rest, ")")
		var out []string
		for one := range strings.SplitSeq(inner, "|") {
			out = append(out, "^"+head+one+tail)
		}
		return out
	}
	return strings.Split(pattern, "|")
}

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)

// testsIn lists the tests of a package of this module.
func testsIn(t *testing.T, pkg string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", pkg, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no tests: %v", pkg, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	return names
}
