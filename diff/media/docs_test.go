package media_test

import (
	"os"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/diff/media"
)

// The table of harmless forms in docs/rules.md is the one that the readers use.
func TestDocsListTheForms(t *testing.T) {
	text, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range media.HarmlessForms() {
		kinds := make([]string, len(f.Kinds))
		for i, k := range f.Kinds {
			kinds[i] = k.String()
		}
		row := strings.Join([]string{"| " + f.Name, strings.Join(kinds, ", "), f.What, f.Why, f.Source + " |\n"}, " | ")
		row = strings.ReplaceAll(row, "<", "\\<")
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/rules.md lacks the row\n%s", row)
		}
	}
}
