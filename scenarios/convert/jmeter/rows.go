package jmeter

import (
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// dataSet reads a data set. One row is variables of the suite; several are the
// rows of the case.
func (p *plan) dataSet(w *walker, k *node) {
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
			p.rowNotes(k, t)
		}
		p.tables[k] = t
	}
	if t == nil {
		return
	}
	if len(t.rows) == 1 || p.inSetup || isTeardown(w.group) {
		for i, c := range t.columns {
			if p.names.constants[c] == "" {
				p.names.constants[c] = t.cell(0, i)
			}
		}
		return
	}
	for i, c := range t.columns {
		w.s.columns[c] = true
		_ = i
	}
	w.columns = append(w.columns, k)
}

// rowNotes says what is different from how JMeter deals rows.
func (p *plan) rowNotes(k *node, t *table) {
	if len(t.rows) > 1 {
		p.Report.Note("", "%s: JMeter takes the next row in each iteration; here the case runs once for each of %d rows, in setup with the first", k.label(), len(t.rows))
	}
}

// rows gives a case the rows of the data sets that it uses.
func (p *plan) rows(w *walker, c *model.Case) {
	var tables []*table
	for _, k := range w.columns {
		t := p.tables[k]
		used := false
		w.group.walk(func(x *node) {
			for _, column := range t.columns {
				used = used || mentions(x.props, column)
			}
		})
		if used || p.usedOutside(w.group, t) {
			tables = append(tables, t)
		}
	}
	if len(tables) > 0 {
		c.Data = p.tableAsset(join(tables))
	}
}

// usedOutside reports whether an element next to the group uses a column.
func (p *plan) usedOutside(g *node, t *table) bool {
	used := false
	if g.parent != nil {
		for _, x := range g.parent.kids {
			if x.role() != group {
				x.walk(func(y *node) {
					for _, c := range t.columns {
						used = used || mentions(y.props, c)
					}
				})
			}
		}
	}
	return used
}
