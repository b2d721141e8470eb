package scenarios

import "testing"

// A proposed rule can be tried as it was printed, and not be kept so.
func TestPlaceholdersAreTriedNotKept(t *testing.T) {
	files := oneFile("rules: [{at: '$.a[*]', do: allow, kind: removed, max: 1, why: say why this may differ, until: 2099-12-31}]\n")
	for trial, want := range map[bool]int{true: 0, false: 2} {
		rules, problems := LoadRules(files, "x.yaml", LoadOptions{Now: today, Trial: trial})
		if len(problems) != want || trial && len(rules) != 1 {
			t.Errorf("tried: %v, %d rules, problems %v, want %d", trial, len(rules), problems, want)
		}
	}
}
