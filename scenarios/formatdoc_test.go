package scenarios

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	texttemplate "text/template"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/template"
)

// docKey is a key as docs/format.md prints it.
type docKey struct {
	Name, Type, Default, Doc, Example string
	Required                          bool
}

type docTable struct {
	Name, Doc string
	Keys      []docKey
}

type docWord struct{ Name, Arg, Example, Doc string }

// typeWord is a shape in a cell of a table.
func typeWord(s *keys.Shape) string {
	switch s.Form {
	case keys.FormObject:
		return "[" + s.Table + "](#" + strings.ReplaceAll(s.Table, " ", "-") + ")"
	case keys.FormMap:
		return "mapping of " + typeWord(s.Elem)
	case keys.FormList:
		return "list of " + typeWord(s.Elem)
	case keys.FormUnion:
		words := make([]string, len(s.Alts))
		for i, a := range s.Alts {
			words[i] = typeWord(a)
		}
		return strings.Join(words, " or ")
	case keys.FormTemplate:
		return "text with placeholders"
	case keys.FormWord:
		return "`" + strings.Join(s.Words, "` `") + "`"
	}
	return s.Word() + within(s)
}

// within is the bounds of a shape.
func within(s *keys.Shape) string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	switch s.Form {
	case keys.FormInt, keys.FormNumber:
		if s.Max >= 1e100 {
			return ", at least " + number(s.Min)
		}
		return ", " + number(s.Min) + " to " + number(s.Max)
	case keys.FormDuration:
		return ", " + keys.DurationText(time.Duration(s.Min*1e9)) + " to " + keys.DurationText(time.Duration(s.Max*1e9))
	case keys.FormPercent:
		return ", " + number(s.Min*100) + "% to " + number(s.Max*100) + "%"
	}
	return ""
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func docTables() []docTable {
	var out []docTable
	for _, name := range keys.Order {
		if name == "request" {
			out = append(out, docTable{"keys of a request", "What a step, and a case of one request, sends and expects.", docKeys(keys.RequestKeys)})
		}
		t := docTable{Name: name, Doc: keys.Tables[name].Doc}
		list := keys.Tables[name].Keys
		if name == "case" || name == "step" {
			list = list[:len(list)-len(keys.RequestKeys)]
			t.Doc += " Beside these it takes the [keys of a request](#keys-of-a-request)."
		}
		t.Keys = docKeys(list)
		out = append(out, t)
	}
	return out
}

func docKeys(keys []keys.Key) []docKey {
	var out []docKey
	for _, k := range keys {
		out = append(out, docKey{k.Name, cell(typeWord(k.Shape)), cell(k.Def), cell(k.Doc), cell(k.Example), k.Required})
	}
	return out
}

// formatDoc makes docs/format.md from its text and the key tables.
func formatDoc(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/format.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var filters, generators []docWord
	for _, f := range template.Filters() {
		filters = append(filters, docWord{f.Name, f.Arg, cell(f.Example), cell(f.Doc)})
	}
	for _, g := range template.Generators() {
		generators = append(generators, docWord{Name: g.Name, Example: cell(g.Example), Doc: cell(g.Doc)})
	}
	page, err := texttemplate.New("format.md").Delims("<%", "%>").Funcs(texttemplate.FuncMap{
		"tables": docTables, "filters": func() []docWord { return filters }, "generators": func() []docWord { return generators },
	}).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, nil); err != nil {
		t.Fatal(err)
	}
	return append(bytes.TrimRight(out.Bytes(), "\n"), '\n')
}

func TestFormatDoc(t *testing.T) {
	golden(t, filepath.Join("..", "docs", "format.md"), formatDoc(t))
}

// Every suite on the page loads, and obeys the schema.
func TestFormatDocExamples(t *testing.T) {
	schema := compiled(t)("")
	n := 0
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(formatDoc(t), -1) {
		n++
		fsys := archiveFS(&txtar.Archive{Files: []txtar.File{{Name: "x.yaml", Data: m[1]}}})
		_, problems := Load(fsys, []string{"x.yaml"}, LoadOptions{Now: today, Getenv: noEnv})
		if len(problems) > 0 {
			t.Errorf("the page shows\n%s\n%s", m[1], written(t, problems))
		}
		checkAgainst(t, schema, "format.md", m[1])
	}
	if n < 4 {
		t.Errorf("only %d suites on the page", n)
	}
}
