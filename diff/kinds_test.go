package diff

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// One row makes a kind of rules: this one is validated, written, applied in
// bodies and headers, counted, and beats an ignore of a less specific path.
func TestOneRowIsAKind(t *testing.T) {
	ruleKinds = append(ruleKinds, &ruleKind{
		do: "beginning", doc: "texts begin alike", params: []string{"pattern"}, places: inBody | inHeader, instead: true,
		text: func(r *compiledRule, p *valuePair) (bool, string) {
			return strings.HasPrefix(p.blue, r.Pattern) && strings.HasPrefix(p.green, r.Pattern), ""
		},
	})
	t.Cleanup(func() { ruleKinds = ruleKinds[:len(ruleKinds)-1] })

	rules := mustCompile(t, Options{}, Rule{At: "$..pod", Do: DoIgnore, Why: "w", Origin: "1"}, Rule{At: "$.pod", Do: "beginning", Pattern: "pod-"}, Rule{Header: "x-pod", Do: "beginning", Pattern: "pod-"})
	message := func(body, header string) *Message {
		return &Message{Status: 200, ContentType: "application/json", Body: []byte(`{"pod":"` + body + `"}`), Headers: []Header{{Name: "X-Pod", Value: header}}}
	}
	r := CompareMessages(message("pod-1", "pod-1"), message("pod-2", "pod-2"), rules, nil)
	if !r.Equal() || r.Rules[1].Hits != 1 || r.Rules[2].Hits != 1 || r.Leaves.Compared != 1 {
		t.Errorf("accepted values: %+v", r)
	}
	r = CompareMessages(message("pod-1", "pod-1"), message("node-2", "node-2"), rules, nil)
	if got := brief(r.Differences); got != "changed $.pod, changed x-pod" {
		t.Errorf("refused values: %s", got)
	}
	_, errs := Compile([]Rule{{At: "$.a", Do: "beginning", Pattern: "a", Is: "uuid"}, {Where: "status", Do: "beginning", Pattern: "a"}}, Options{})
	if len(errs) != 2 || errs[0].Field != "is" || errs[1].Field != "do" {
		t.Errorf("mistakes: %+v", errs)
	}
	one := Rule{At: "$.a", Do: "beginning", Pattern: "a"}
	if got := RuleYAML(one); got != `- {at: "$.a", do: beginning, pattern: "a"}` || one.Needs() != NeedEquality {
		t.Errorf("written as %s, needs %v", got, one.Needs())
	}
	if kinds := RuleKinds(); kinds[len(kinds)-1].Do != "beginning" {
		t.Errorf("%+v is not the last kind", kinds[len(kinds)-1])
	}
}

// Each row is whole: it has a meaning, known parameters, a place, and an effect.
func TestRuleKinds(t *testing.T) {
	for i, k := range ruleKinds {
		if k.doc == "" || k.places == 0 || kindOf(k.do) != ruleKinds[i] {
			t.Errorf("row %d (%s) lacks its meaning or place, or repeats a word", i, k.do)
		}
		for _, name := range k.params {
			if !slices.ContainsFunc(ruleParams, func(p ruleParam) bool { return p.name == name }) {
				t.Errorf("%s takes %q, which is not a parameter", k.do, name)
			}
		}
		if k.slot == nil && !k.several && k.number == nil && k.text == nil && k.places != headersOnly {
			t.Errorf("%s does nothing", k.do)
		}
		if k.asRequired && len(k.as) == 0 || len(k.as) > 0 && !slices.Contains(k.params, "as") {
			t.Errorf("%s: the words of as do not fit its parameters", k.do)
		}
	}
}

// The table in the documentation has the rows of the program, in their order.
func TestRuleKindsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| do | what it means | parameters |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	lines := strings.Split(table, "\n")
	if len(lines) != len(ruleKinds) {
		t.Fatalf("docs/rules.md has %d kinds of rules, the program %d", len(lines), len(ruleKinds))
	}
	for i, k := range ruleKinds {
		word := yamlString(string(k.do))
		if want := "| `" + word + "` | " + k.doc + " |"; !strings.HasPrefix(lines[i], want) {
			t.Errorf("docs/rules.md: got %s\nwant %s …", lines[i], want)
		}
		for _, p := range k.params {
			if !strings.Contains(lines[i][len(word):], "`"+p) {
				t.Errorf("docs/rules.md: %s does not name %s", word, p)
			}
		}
		for _, as := range k.as {
			if !strings.Contains(lines[i], as) {
				t.Errorf("docs/rules.md: %s does not name %s", word, as)
			}
		}
	}
}
