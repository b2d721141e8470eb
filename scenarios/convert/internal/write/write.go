// Package write renders a model.Tree as the bytes of scenario files. step.go says
// which key a field becomes, yaml.go how YAML is laid out: short mappings in one
// line, text of several lines as a block, and quotes wherever a YAML reader could
// take a text for something else. The package checks nothing: what it writes loads
// when the texts of the Tree are valid.
package write

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// schemaLine makes editors complete the file. The schema is written beside the
// files, see SchemaFile.
const schemaLine = "# yaml-language-server: $schema="

// SchemaFile is the name of the JSON Schema below the target folder; the command
// writes it there.
const SchemaFile = "scenario.schema.json"

// Files renders a tree: suites, parts, env files, assets, in this order.
func Files(t *model.Tree) []model.File {
	var out []model.File
	add := func(name string, comment []string, top *yamlNode) {
		w := &yamlWriter{}
		w.b.WriteString(schemaLine + strings.Repeat("../", strings.Count(name, "/")) + SchemaFile + "\n")
		w.comment(0, comment)
		w.mapping(top, 0, false)
		out = append(out, model.File{Name: name, Data: []byte(w.b.String())})
	}
	for _, s := range t.Suites {
		add(s.File, s.Comment, suiteNode(s))
	}
	for _, p := range t.Parts {
		add(p.File, p.Comment, partsNode(p))
	}
	for _, e := range t.Envs {
		add(e.File, e.Comment, envNode(e))
	}
	return append(out, t.Assets...)
}

// CaseSize is how many bytes a case takes in its file.
func CaseSize(c *model.Case) int {
	w := &yamlWriter{}
	w.mapping(caseNode(c), 4, false)
	return w.b.Len()
}

// Keys renders the keys of a step as lines, without what it sends.
func Keys(s *model.Step) string {
	n := openMap()
	n.pairs = stepKeys(s, false).pairs
	w := &yamlWriter{}
	w.mapping(n, 0, false)
	return w.b.String()
}

// MaxSuite is how large a scenario file may become; the language takes 1 MiB.
const MaxSuite = 900 << 10

func mapNode() *yamlNode { return &yamlNode{kind: yamlMap} }

func openMap() *yamlNode { return &yamlNode{kind: yamlMap, open: true} }

func suiteNode(s *model.Suite) *yamlNode {
	n := openMap()
	n.put("suite", looseNode(s.Name))
	n.putPlain("doc", s.Doc)
	n.putWords("env", s.Env)
	n.putWords("secrets", s.Secrets)
	n.putWords("needs", s.Needs)
	putVars(n, "vars", s.Vars)
	putSides(n, s.Blue, s.Green)
	if d := stepKeys(&s.Defaults, false); len(d.pairs) > 0 {
		d.open = true
		n.put("defaults", d)
	}
	if len(s.Setup) > 0 {
		n.put("setup", stepList(s.Setup))
	}
	cases := &yamlNode{kind: yamlList, apart: true, open: true}
	for _, c := range s.Cases {
		cases.items = append(cases.items, caseNode(c))
	}
	n.put("cases", cases)
	if len(s.Teardown) > 0 {
		n.put("teardown", stepList(s.Teardown))
	}
	if len(s.Load) > 0 {
		n.put("load", loadNode(s.Load))
	}
	spread(n)
	return n
}

// spread puts a blank line above the keys that begin a part of the file.
func spread(n *yamlNode) {
	for i := range n.pairs {
		if i > 0 && slices.Contains([]string{"sides", "defaults", "setup", "cases", "parts", "teardown", "load"}, n.pairs[i].key) {
			n.pairs[i].blank = true
		}
	}
}

func putVars(n *yamlNode, key string, vars []model.Var) {
	if len(vars) == 0 {
		return
	}
	m := mapNode()
	for _, v := range vars {
		value := textNode(v.Text)
		if v.Literal {
			value = plainNode(v.Text)
		}
		m.pairs = append(m.pairs, yamlPair{key: v.Name, value: value, note: v.Comment})
	}
	n.put(key, m)
}

func putSides(n *yamlNode, blue, green model.Side) {
	if blue.Empty() && green.Empty() && len(blue.Comment)+len(green.Comment) == 0 {
		return
	}
	m := openMap()
	for _, x := range []struct {
		name string
		side model.Side
	}{{"blue", blue}, {"green", green}} {
		if x.side.Empty() {
			m.tail = append(m.tail, x.side.Comment...)
			continue
		}
		s := mapNode()
		s.open = len(x.side.Services)+len(x.side.Vars) > 0
		s.putText("url", x.side.URL)
		putVars(s, "services", x.side.Services)
		putVars(s, "vars", x.side.Vars)
		putTransport(s, x.side)
		m.pairs = append(m.pairs, yamlPair{key: x.name, value: s, comment: x.side.Comment})
	}
	if len(m.pairs) == 0 {
		return
	}
	n.put("sides", m)
}

// putTransport writes how a side is reached.
func putTransport(n *yamlNode, s model.Side) {
	tls := mapNode()
	tls.putText("ca", s.CA)
	if s.Insecure {
		tls.put("insecure", plainNode("true"))
	}
	if len(tls.pairs) > 0 {
		n.put("tls", tls)
	}
	if s.HTTP != "" {
		n.put("http", textNode(s.HTTP))
	}
}

func caseNode(c *model.Case) *yamlNode {
	n := openMap()
	n.comment = c.Comment
	n.put("case", looseNode(c.ID))
	if c.Name != c.ID {
		n.putPlain("name", c.Name)
	}
	n.putPlain("doc", c.Doc)
	n.putWords("tags", c.Tags)
	if c.Data != nil {
		d := mapNode()
		d.put("file", looseNode(c.Data.File))
		d.putText("name", c.Data.Name)
		n.put("data", d)
	}
	putVars(n, "vars", c.Vars)
	n.putText("order", c.Order)
	n.putPlain("skip", c.Skip)
	if len(c.Steps) == 1 && c.Steps[0].Name == "" && c.Steps[0].Use == "" {
		keys := stepKeys(c.Steps[0], true)
		n.pairs = append(n.pairs, keys.pairs...)
		return n
	}
	n.put("steps", stepList(c.Steps))
	return n
}

func stepList(steps []*model.Step) *yamlNode {
	list := &yamlNode{kind: yamlList, open: true}
	for _, s := range steps {
		n := openMap()
		n.putPlain("step", s.Name)
		n.putText("use", s.Use)
		n.pairs = append(n.pairs, stepKeys(s, true).pairs...)
		if s.Use != "" {
			n.open = false
		}
		n.comment = s.Comment
		list.items = append(list.items, n)
	}
	return list
}

func loadNode(stages []*model.Load) *yamlNode {
	list := &yamlNode{kind: yamlList, open: true}
	for _, l := range stages {
		n := openMap()
		n.comment = l.Comment
		n.put("load", textNode(l.Name))
		steps := &yamlNode{kind: yamlList}
		for _, s := range l.Steps {
			m := mapNode()
			m.put("case", looseNode(s.Case))
			if s.Weight > 1 {
				m.put("weight", plainNode(strconv.Itoa(s.Weight)))
			}
			steps.items = append(steps.items, m)
		}
		n.put("steps", steps)
		n.putText("rate", l.Rate)
		n.putWords("rates", l.Rates)
		if u := l.Users; u != nil {
			m := mapNode()
			m.put("count", plainNode(strconv.Itoa(u.Count)))
			m.putText("ramp", u.Ramp)
			m.putText("think", u.Think)
			m.putText("duration", u.Duration)
			n.put("users", m)
		}
		n.putText("duration", l.Duration)
		if l.Writes {
			n.put("writes", plainNode("true"))
		}
		list.items = append(list.items, n)
	}
	return list
}

func partsNode(p *model.Parts) *yamlNode {
	n := openMap()
	n.putPlain("doc", p.Doc)
	m := openMap()
	for _, l := range p.Lists {
		m.put(l.Name, stepList(l.Steps))
	}
	n.put("parts", m)
	spread(n)
	return n
}

func envNode(e *model.Env) *yamlNode {
	n := openMap()
	n.putPlain("doc", e.Doc)
	n.putWords("env", e.Env)
	n.putWords("secrets", e.Secrets)
	putSides(n, e.Blue, e.Green)
	putVars(n, "vars", e.Vars)
	limits := mapNode()
	limits.put("load", plainNode("deny"))
	limits.put("writes", plainNode("deny"))
	n.put("limits", limits)
	spread(n)
	return n
}
