package jmeter

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// dataSet reads a data set. One row is variables of the suite; several are the
// rows of the case.
func (p *plan) dataSet(w *walker, k *node) {
	// A data set counts for several groups and is read once.
	t, known := p.tables[k]
	if !known {
		var why string
		if t, why = p.readTable(k); why != "" {
			p.Lose(nil, model.Lost{Kind: model.Files, Place: k.label(), Text: strings.Join(t.columns, ","), Why: why})
			for _, c := range t.columns {
				p.names.setters[c] = k.label()
			}
			t = nil
		} else {
			p.Report.Mapped(model.Files, 1)
			if len(t.rows) > 1 {
				p.Report.Note("", "%s: JMeter takes the next row in each iteration; here the case runs once for each of %d rows, in setup with the first", k.label(), len(t.rows))
			}
		}
		p.tables[k] = t
	}
	if t == nil {
		return
	}
	// Setup and teardown run once, so that they see the first row alone.
	if len(t.rows) == 1 || p.inSetup || isTeardown(w.group) {
		for i, c := range t.columns {
			if p.names.constants[c] == "" {
				p.names.constants[c] = t.cell(0, i)
			}
		}
		return
	}
	for _, c := range t.columns {
		w.s.columns[c] = true
	}
	w.columns = append(w.columns, k)
}

// rows gives a case the rows of the data sets that it uses.
func (p *plan) rows(w *walker, c *model.Case) {
	var tables []*table
	for _, k := range w.columns {
		// An element next to the group may use a column too.
		t := p.tables[k]
		uses := func(x *node) bool { return x.role() != group && x.mentions(t.columns...) }
		if w.group.mentions(t.columns...) || w.group.parent != nil && slices.ContainsFunc(w.group.parent.kids, uses) {
			tables = append(tables, t)
		}
	}
	if len(tables) > 0 {
		c.Data = p.tableAsset(join(tables))
	}
}
