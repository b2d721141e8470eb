package apiuse

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/bgverify/bgverify/internal/text"
)

// A Counted is a Use with its figures first, as JSON.
type Counted struct {
	Counts struct {
		Operations Count `json:"operations"`
		Statuses   Count `json:"statuses"`
		Parameters Count `json:"parameters"`
	} `json:"counts"`
	*Use
}

// Counted is the use as one JSON document.
func (u *Use) Counted() Counted {
	out := Counted{Use: u}
	out.Counts.Operations, out.Counts.Statuses, out.Counts.Parameters = u.Counts()
	return out
}

// Write prints the figures and every part that no case certainly asks. Statuses and
// parameters of an operation that no case asks are counted and not listed. The error is
// that of w.
func (u *Use) Write(w io.Writer) error {
	operations, statuses, params := u.Counts()
	b := &bytes.Buffer{}
	fmt.Fprintf(b, "Asked of %s: %d of %s, %d of %s, %d of %s.\n", text.Visible(cmp.Or(u.Title, u.Document)),
		operations.Asked, text.Count(operations.Of, "operation"), statuses.Asked, text.Count(statuses.Of, "documented answer"),
		params.Asked, text.Count(params.Of, "parameter"))
	var ops, states, sent list
	for _, o := range u.Operations {
		route := o.Method + " " + o.Path
		if !o.Asked() {
			ops.row(&o.Part, o.Place, route, o.ID)
			continue
		}
		for _, s := range o.Statuses {
			states.row(&s.Part, s.Place, route, s.Status)
		}
		for _, p := range o.Params {
			name := strings.TrimSpace(p.In + " " + p.Name)
			if p.Required {
				name += " (required)"
			}
			sent.row(&p.Part, p.Place, route, name)
		}
	}
	ops.write(b, "Operations that no case asks")
	states.write(b, "Statuses that no case asks, of operations that are asked")
	sent.write(b, "Parameters that no case sends, of operations that are asked")
	var strays list
	for _, s := range u.Strays {
		strays.row(&Part{}, s.Place, s.Case, s.Request)
	}
	strays.write(b, "Steps that match no operation")
	var faults list
	for _, f := range u.Faults {
		faults.row(&Part{}, f)
	}
	faults.write(b, "Parts of the description that cannot be read, and are not counted")
	_, err := w.Write(b.Bytes())
	return err
}

// A list is one list of the text: lines with tabs between their columns.
type list struct{ rows []string }

// row adds a part that no case certainly asks, with its place, and why cases that may ask
// it do not count.
func (t *list) row(p *Part, cells ...string) {
	if p.Asked() {
		return
	}
	for i := range cells {
		cells[i] = text.Visible(cells[i])
	}
	if len(p.Perhaps) > 0 {
		first := p.Perhaps[0]
		why := "perhaps: " + first.Case + " (" + first.Why + ")"
		if more := len(p.Perhaps) - 1; more > 0 {
			why += fmt.Sprintf(" and %d more", more)
		}
		cells = append(cells, text.Visible(why))
	}
	t.rows = append(t.rows, "  "+strings.Join(cells, "\t"))
}

// write prints the list below its title; an empty one is left out.
func (t *list) write(b *bytes.Buffer, title string) {
	if len(t.rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s (%d):\n", title, len(t.rows))
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range t.rows {
		fmt.Fprintln(w, row)
	}
	w.Flush()
}
