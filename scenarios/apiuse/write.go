package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/apiuse"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// listAPI prints what the suites do not ask of the API that a file describes.
func listAPI(io stdio, name, output string, suites []*scenarios.Suite) error {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return usage("name an API description", "--openapi %s: %w", name, unwrapPath(err))
	}
	defer root.Close()
	d, err := openapi.Open(root.FS(), filepath.Base(name))
	var at *openapi.Error
	switch {
	case errors.As(err, &at):
		at.Pos.File = filepath.Join(filepath.Dir(name), filepath.FromSlash(at.Pos.File))
		return usage("--openapi takes OpenAPI 3.0, 3.1 or Swagger 2.0", "%w", at)
	case err != nil:
		return usage("", "--openapi %s: %w", name, err)
	}
	use := apiuse.Of(d, suites)
	if output == "json" {
		err = printJSON(io.out, listedAPI(use))
	} else {
		var b bytes.Buffer
		writeAPI(&b, use)
		_, err = io.out.Write(b.Bytes())
	}
	if err != nil {
		return broken(fmt.Errorf("write the list: %w", err))
	}
	return nil
}

// apiFigures is a description's use with its figures first, for --output json.
type apiFigures struct {
	Counts struct {
		Operations apiuse.Count `json:"operations"`
		Statuses   apiuse.Count `json:"statuses"`
		Parameters apiuse.Count `json:"parameters"`
	} `json:"counts"`
	*apiuse.Use
}

func listedAPI(use *apiuse.Use) apiFigures {
	out := apiFigures{Use: use}
	out.Counts.Operations, out.Counts.Statuses, out.Counts.Parameters = use.Counts()
	return out
}

// writeAPI prints the figures and every part that no case certainly asks. Statuses and
// parameters of an operation that nobody asks are counted and not listed.
func writeAPI(b *bytes.Buffer, use *apiuse.Use) {
	operations, statuses, params := use.Counts()
	fmt.Fprintf(b, "Asked of %s: %d of %s, %d of %s, %d of %s.\n", text.Visible(cmp.Or(use.Title, use.Document)),
		operations.Asked, text.Count(operations.Of, "operation"), statuses.Asked, text.Count(statuses.Of, "documented answer"),
		params.Asked, text.Count(params.Of, "parameter"))
	var ops, states, sent apiTable
	for _, o := range use.Operations {
		if !o.Asked() {
			ops.row(&o.Part, o.Place, o.Method+" "+o.Path, o.ID)
			continue
		}
		for _, s := range o.Statuses {
			if !s.Asked() {
				states.row(&s.Part, s.Place, o.Method+" "+o.Path, s.Status)
			}
		}
		for _, p := range o.Params {
			if !p.Asked() {
				name := strings.TrimSpace(p.In + " " + p.Name)
				if p.Required {
					name += " (required)"
				}
				sent.row(&p.Part, p.Place, o.Method+" "+o.Path, name)
			}
		}
	}
	ops.write(b, "Operations that no case asks")
	states.write(b, "Statuses that no case asks, of operations that are asked")
	sent.write(b, "Parameters that no case sends, of operations that are asked")
	var strays apiTable
	for _, s := range use.Strays {
		strays.row(&apiuse.Part{}, s.Place, s.Case, s.Request)
	}
	strays.write(b, "Steps that match no operation")
	var faults apiTable
	for _, f := range use.Faults {
		faults.row(&apiuse.Part{}, f)
	}
	faults.write(b, "Parts of the description that cannot be read, and are not counted")
}

// An apiTable is one list of the text.
type apiTable struct{ rows []string }

// row adds a part with its place, and why cases that may ask it do not count.
func (t *apiTable) row(p *apiuse.Part, cells ...string) {
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

func (t *apiTable) write(b *bytes.Buffer, title string) {
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
