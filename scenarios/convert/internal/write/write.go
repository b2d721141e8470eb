// Package write renders a model.Tree as the bytes of scenario files.
//
// In comes what an import made; out go files that load when the texts of the Tree are
// valid: the package checks nothing. Every mapping of the language is written through a
// draft of its key table (scenarios/internal/keys), which knows the keys, their order and
// how their text is quoted; a key that the language does not have cannot be written. How
// YAML is laid out is the business of scenarios/internal/layout.
//
// What is left here is what only an import knows: which field of the model becomes which
// key, short forms (one step in its case, a value in place of eq), comments, and the blank
// lines between the parts of a file.
package write

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/layout"
)

// schemaLine makes editors complete the file. The schema is written next to the
// files, see SchemaFile.
const schemaLine = "# yaml-language-server: $schema="

// SchemaFile is the name of the JSON Schema below the target folder; the command
// writes it there.
const SchemaFile = "scenario.schema.json"

// MaxSuite is how many bytes a scenario file may have; the language takes 1 MiB.
const MaxSuite = 900 << 10

// Files renders a tree: suites, parts, env files, assets, in this order.
func Files(t *model.Tree) []model.File {
	var files []func() model.File
	add := func(name string, comment []string, top func() *layout.Node) {
		files = append(files, func() model.File {
			node := top()
			spread(node)
			schema := schemaLine + strings.Repeat("../", strings.Count(name, "/")) + SchemaFile + "\n"
			return model.File{Name: name, Data: []byte(schema + layout.Write(node, comment, 0))}
		})
	}
	for _, s := range t.Suites {
		add(s.File, s.Comment, func() *layout.Node { return suiteNode(s) })
	}
	for _, p := range t.Parts {
		add(p.File, p.Comment, func() *layout.Node { return partsNode(p) })
	}
	for _, e := range t.Envs {
		add(e.File, e.Comment, func() *layout.Node { return envNode(e) })
	}
	out := make([]model.File, len(files))
	each(len(files), func(i int) { out[i] = files[i]() })
	return append(out, t.Assets...)
}

// CaseSizes are how many bytes cases take in their file.
func CaseSizes(cases []*model.Case) []int {
	out := make([]int, len(cases))
	each(len(cases), func(i int) { out[i] = len(layout.Write(caseNode(cases[i]), nil, 4)) })
	return out
}

// each calls f for 0 to n-1 on all processors; f writes slot i of what it fills. A panic
// of f becomes one of the caller, which may recover from it.
func each(n int, f func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	var broken atomic.Value
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					broken.CompareAndSwap(nil, fmt.Sprint(p))
				}
			}()
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	workers.Wait()
	if p := broken.Load(); p != nil {
		panic(p)
	}
}

// Keys renders the keys of a step as lines, without what it sends.
func Keys(s *model.Step) string {
	d := keys.NewDraft("step")
	setStep(d, s)
	return layout.Write(d.Node, nil, 0)
}

// spread puts a blank line above the keys that begin a part of the file.
func spread(n *layout.Node) {
	for i := range n.Pairs {
		if i > 0 && slices.Contains([]string{"sides", "defaults", "setup", "cases", "parts", "teardown", "load"}, n.Pairs[i].Key) {
			n.Pairs[i].Blank = true
		}
	}
}

// people makes text fit for a key that is read by people: placeholders mean nothing there.
func people(text string) string { return strings.TrimSpace(naming.Plain(text)) }

func suiteNode(from *model.Suite) *layout.Node {
	s := *from
	s.Doc = people(s.Doc)
	d := keys.NewDraft("suite")
	d.Set("suite", s.Name)
	d.Set("vars", varsNode(s.Vars))
	d.Set("sides", sidesNode(s.Blue, s.Green))
	d.Set("defaults", defaultsNode(&s.Defaults))
	d.Set("setup", stepList(s.Setup))
	cases := layout.List()
	cases.Apart, cases.Open = true, true
	for _, c := range s.Cases {
		cases.Items = append(cases.Items, caseNode(c))
	}
	d.Set("cases", cases)
	d.Set("teardown", stepList(s.Teardown))
	d.Set("load", loadNode(s.Load))
	d.Fill(&s)
	return d.Node
}

// varsNode writes texts by their names; nil without any. A number that must stay a number
// in a JSON body is written plain, every other one in quotes.
func varsNode(vars []model.Var) *layout.Node {
	if len(vars) == 0 {
		return nil
	}
	m := layout.Mapping()
	for _, v := range vars {
		value := layout.Text(v.Text)
		if v.Literal {
			value = layout.Plain(v.Text)
		}
		m.Pairs = append(m.Pairs, layout.Pair{Key: v.Name, Value: value, Note: strings.TrimSpace(naming.OneLine(v.Comment, 200))})
	}
	return m
}

// sidesNode writes where the sides are; nil where nothing is known of either. The comment of
// a side without a key is left at the end of the mapping.
func sidesNode(blue, green model.Side) *layout.Node {
	d := keys.NewDraft("sides")
	d.Open = true
	for _, x := range []struct {
		name string
		side model.Side
	}{{"blue", blue}, {"green", green}} {
		if x.side.Empty() {
			d.Tail = append(d.Tail, x.side.Comment...)
			continue
		}
		d.Set(x.name, sideNode(&x.side))
		d.Pair(x.name).Comment = x.side.Comment
	}
	if len(d.Pairs) == 0 {
		return nil
	}
	return d.Node
}

func sideNode(s *model.Side) *layout.Node {
	d, tls := keys.NewDraft("side"), keys.NewDraft("tls")
	d.Open = len(s.Services)+len(s.Vars) > 0
	d.Set("url", s.URL)
	d.Set("services", varsNode(s.Services))
	d.Set("vars", varsNode(s.Vars))
	if tls.Fill(s); len(tls.Pairs) > 0 {
		d.Set("tls", tls.Node)
	}
	d.Fill(s)
	return d.Node
}

// defaultsNode writes what every step starts from; nil where that is nothing.
func defaultsNode(s *model.Step) *layout.Node {
	d := keys.NewDraft("defaults")
	d.Open = true
	if setCommon(d, s); len(d.Pairs) == 0 {
		return nil
	}
	return d.Node
}

// caseNode writes a case. One step without a name is written in the case itself.
func caseNode(from *model.Case) *layout.Node {
	c := *from
	c.Name, c.Doc, c.Skip = people(c.Name), people(c.Doc), people(c.Skip)
	if from.Name == c.ID {
		c.Name = ""
	}
	d := keys.NewDraft("case")
	d.Open, d.Comment = true, c.Comment
	d.Set("case", c.ID)
	d.Set("tags", c.Tags)
	d.Set("vars", varsNode(c.Vars))
	if c.Data != nil {
		d.Set("data", dataNode(c.Data))
	}
	if len(c.Steps) == 1 && c.Steps[0].Name == "" && c.Steps[0].Use == "" {
		setRequest(d, c.Steps[0])
		setStep(d, c.Steps[0])
	} else {
		d.Set("steps", stepList(c.Steps))
	}
	d.Fill(&c)
	return d.Node
}

// dataNode writes the rows of a case; those of the case itself without a name are a list.
func dataNode(rows *model.Data) *layout.Node {
	data := keys.NewDraft("data")
	data.Set("file", rows.File)
	if len(rows.Rows) > 0 {
		if rows.Name == "" {
			return jsonList(rows.Rows)
		}
		data.Set("rows", jsonList(rows.Rows))
	}
	data.Set("name", rows.Name)
	return data.Node
}

// stepList writes steps, each over its own lines; nil without any.
func stepList(steps []*model.Step) *layout.Node {
	if len(steps) == 0 {
		return nil
	}
	list := layout.List()
	list.Open = true
	for _, s := range steps {
		d := keys.NewDraft("step")
		d.Comment, d.Open = s.Comment, s.Use == ""
		d.Set("step", people(s.Name))
		d.Set("use", s.Use)
		setRequest(d, s)
		setStep(d, s)
		list.Items = append(list.Items, d.Node)
	}
	return list
}

func loadNode(stages []*model.Load) *layout.Node {
	if len(stages) == 0 {
		return nil
	}
	list := layout.List()
	list.Open = true
	for _, l := range stages {
		d := keys.NewDraft("load")
		d.Comment, d.Open = l.Comment, true
		steps := layout.List()
		for _, s := range l.Steps {
			step := keys.NewDraft("load step")
			step.Set("case", s.Case)
			if s.Weight > 1 {
				step.Set("weight", s.Weight)
			}
			steps.Items = append(steps.Items, step.Node)
		}
		d.Set("steps", steps)
		d.Set("rate", l.Rate)
		d.Set("rates", l.Rates)
		if l.Users != nil {
			u := keys.NewDraft("users")
			u.Fill(l.Users)
			u.Set("duration", l.Users.Duration)
			d.Set("users", u.Node)
		}
		d.Fill(l)
		list.Items = append(list.Items, d.Node)
	}
	return list
}

func partsNode(p *model.Parts) *layout.Node {
	d, lists := keys.NewDraft("parts file"), layout.Mapping()
	lists.Open = true
	for _, l := range p.Lists {
		steps := stepList(l.Steps)
		if steps == nil {
			steps = layout.List()
		}
		lists.Pairs = append(lists.Pairs, layout.Pair{Key: l.Name, Value: steps})
	}
	d.Set("doc", people(p.Doc))
	d.Set("parts", lists)
	return d.Node
}

// envNode writes an env file. Load and writes are denied: whoever owns the stage allows them.
func envNode(e *model.Env) *layout.Node {
	d, limits := keys.NewDraft("env file"), keys.NewDraft("limits")
	limits.Set("load", "deny")
	limits.Set("writes", "deny")
	d.Set("doc", people(e.Doc))
	d.Set("sides", sidesNode(e.Blue, e.Green))
	d.Set("vars", varsNode(e.Vars))
	d.Set("limits", limits.Node)
	d.Fill(e)
	return d.Node
}
