// Package conformance finds public conformance data for the tests of other
// packages. The data is not part of this repository: .ci/conformance fetches what
// is published as packages into bin/conformance, and a checkout may have a fuller
// copy next to it. Tests that find nothing are skipped.
package conformance

import (
	"os"
	"path/filepath"
	"testing"
)

// A Set is a body of data and the tests that need it.
type Set struct {
	Name  string // under the folder of the data, with slashes
	Tests string
}

// Sets lists all data that tests ask for.
var Sets = []Set{
	{"json/JSONTestSuite/test_parsing", "TestJSONTestSuite"},
	{"json-patch", "TestJSONPatchSuite"},
	{"json/jsonpath-compliance-test-suite", "TestRFC9535"},
	{"junit", "TestJUnitSchemas"},
	{"ctrf", "TestCTRFSchema"},
	{"postman", "TestCorpus of scenarios/convert"},
}

// Find returns the folder of some data; ok is false if it is not here. from is a
// folder of the module.
func Find(from, name string) (dir string, ok bool) {
	root, err := filepath.Abs(from)
	if err != nil {
		return "", false
	}
	for ; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return "", false
		}
	}
	for _, base := range []string{filepath.Join(root, "..", "shared", "corpus"), filepath.Join(root, "bin", "conformance")} {
		dir = filepath.Join(base, filepath.FromSlash(name))
		if _, err := os.Stat(dir); err == nil {
			return dir, true
		}
	}
	return "", false
}

// Dir is Find for a test, which is skipped if the data is not here.
func Dir(t testing.TB, name string) string {
	t.Helper()
	dir, ok := Find(".", name)
	if !ok {
		t.Skipf("no conformance data %s: .ci/conformance fetches what is published as packages", name)
	}
	return dir
}
