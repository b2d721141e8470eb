package model

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// A Kind is what is counted in the fidelity figure. The order is the report's.
type Kind uint8

// The kinds. Zero is invalid.
const (
	Requests Kind = iota + 1
	Variables
	Auths
	Bodies
	Headers
	Files        // payloads, data files
	Dynamics     // {{$generated}} values
	Settings     // of how a request is sent
	Examples     // saved answers
	Assertions   // of scripts
	Captures     // variables that scripts set
	ScriptLines  // all other statements of scripts
	kindsCounted // one past the last
)

var kindWords = []string{
	Requests: "requests", Variables: "variables", Auths: "authentication", Bodies: "bodies", Headers: "headers and parameters",
	Files: "files", Dynamics: "generated values",
	Settings: "settings", Examples: "saved examples", Assertions: "assertions", Captures: "captures", ScriptLines: "other script statements",
}

// String is the kind as the report prints it.
func (k Kind) String() string {
	if int(k) < len(kindWords) && kindWords[k] != "" {
		return kindWords[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// A Count says how much of a kind was carried over.
type Count struct{ Mapped, Total int }

// A Report says what an import carried over and what it did not.
type Report struct {
	counts [kindsCounted]Count
	// Lost is everything that was not converted, in the order of the source.
	Lost []Lost
	// Notes are what was carried over in another form than a reader may expect,
	// and what is left to decide.
	Notes []Note
}

// A Lost is one thing without a place in the scenario files.
type Lost struct {
	Kind    Kind
	Request string // path of folders and name: Users / Sign in; empty: the whole source
	Place   string // test script line 3, auth, header X-A, …
	Text    string // as the source has it, cut to one line where it is printed
	Why     string
}

// A Note is something to know or to decide.
type Note struct {
	Request string // empty: the whole source
	Text    string
}

// Mapped counts n things of a kind that were carried over.
func (r *Report) Mapped(k Kind, n int) {
	r.counts[k].Mapped += n
	r.counts[k].Total += n
}

// Unmap takes back that n things of a kind were carried over; they are then lost.
func (r *Report) Unmap(k Kind, n int) {
	r.counts[k].Mapped -= n
	r.counts[k].Total -= n
}

// Lose counts and lists a thing that was not converted.
func (r *Report) Lose(l Lost) {
	r.counts[l.Kind].Total++
	r.Lost = append(r.Lost, l)
}

// Note adds a note once.
func (r *Report) Note(request, format string, args ...any) {
	n := Note{request, fmt.Sprintf(format, args...)}
	if !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}

// Count is how much of a kind was carried over.
func (r *Report) Count(k Kind) Count { return r.counts[k] }

// Total is how much of everything was carried over.
func (r *Report) Total() Count {
	var all Count
	for _, c := range r.counts {
		all.Mapped += c.Mapped
		all.Total += c.Total
	}
	return all
}

// String is 31 of 40 (77.5 %); nothing of nothing is 0 of 0. The share is cut,
// not rounded, so that only all of it is 100 %.
func (c Count) String() string {
	if c.Total == 0 {
		return "0 of 0"
	}
	mille := c.Mapped * 1000 / c.Total
	return fmt.Sprintf("%d of %d (%d.%d %%)", c.Mapped, c.Total, mille/10, mille%10)
}

// Kinds lists the kinds that were met, in order.
func (r *Report) Kinds() []Kind {
	var out []Kind
	for k := Requests; k < kindsCounted; k++ {
		if r.counts[k].Total > 0 {
			out = append(out, k)
		}
	}
	return out
}

// Write prints the report for people: what was not converted, what to know,
// and the fidelity figure at the end.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	if len(r.Lost) > 0 {
		fmt.Fprintf(&b, "Not converted (%d):\n", len(r.Lost))
		request := "\x00"
		for _, l := range r.Lost {
			if l.Request != request {
				request = l.Request
				fmt.Fprintf(&b, "  %s\n", cmp.Or(naming.OneLine(request, 120), "the whole source"))
			}
			fmt.Fprintf(&b, "    %s\n", l.Line())
		}
		b.WriteString("\n")
	}
	if len(r.Notes) > 0 {
		fmt.Fprintf(&b, "Notes to review (%d):\n", len(r.Notes))
		for _, n := range r.Notes {
			if n.Request != "" {
				fmt.Fprintf(&b, "  %s: ", naming.OneLine(n.Request, 120))
			} else {
				b.WriteString("  ")
			}
			fmt.Fprintf(&b, "%s\n", naming.OneLine(n.Text, 300))
		}
		b.WriteString("\n")
	}
	b.WriteString("Converted:\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, k := range r.Kinds() {
		fmt.Fprintf(t, "  %s\t%s\n", k, r.counts[k])
	}
	fmt.Fprintf(t, "  fidelity\t%s\n", r.Total())
	t.Flush()
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Line is a loss in one line: test script line 3: code(); — why.
func (l *Lost) Line() string {
	out := naming.OneLine(l.Place, 120)
	if l.Text != "" {
		if out != "" {
			out += ": "
		}
		out += naming.OneLine(l.Text, 160)
	}
	if l.Why != "" {
		out += " — " + naming.OneLine(l.Why, 160)
	}
	return out
}
