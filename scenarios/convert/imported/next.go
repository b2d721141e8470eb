package imported

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios"
)

// WriteNext says what was written and what comes next: the review of unsafe requests, and
// the command that runs the suites. The error is that of out.
func (m *Folder) WriteNext(out io.Writer) error {
	cases, unreviewed := 0, 0
	for _, s := range m.suites {
		cases += len(s.Cases)
		unreviewed += countUnreviewed(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nWrote %s to %s: %s, %s.\n\nNext:\n",
		text.Count(m.files, "file"), m.dir, text.Count(len(m.suites), "suite"), text.Count(cases, "case"))
	if unreviewed > 0 {
		fmt.Fprintf(&b, "  review what %s may leave behind: search for side_effects: unreviewed (until then they are\n"+
			"    skipped, with every step that needs what they capture, and the run is inconclusive)\n", text.Count(unreviewed, "unsafe request"))
	}
	if len(m.result.Report.Lost) > 0 {
		b.WriteString("  read the list above; what was not converted is also a comment next to its case\n")
	}
	fmt.Fprintf(&b, "  bgverify validate %s\n", m.dir)
	env := ""
	if len(m.result.Envs) > 0 {
		env = " --env " + filepath.Join(m.dir, filepath.FromSlash(m.result.Envs[0]))
	}
	m.writeRun(&b, env)
	_, err := io.WriteString(out, b.String())
	return err
}

// countUnreviewed counts the requests of a suite whose side effects are not reviewed.
func countUnreviewed(s *scenarios.Suite) int {
	n := 0
	count := func(steps []*scenarios.Step) {
		for _, st := range steps {
			if st.SideEffects == scenarios.Unreviewed {
				n++
			}
		}
	}
	count(s.Setup)
	for _, c := range s.Cases {
		count(c.Steps)
	}
	return n
}

// writeRun writes the command that runs an imported folder, with everything that
// it needs from outside, and says below it where each value comes from.
func (m *Folder) writeRun(b *strings.Builder, envFlag string) {
	var names, needs []string
	noBlue := false
	for _, s := range m.suites {
		names = append(names, s.Env...)
		needs = append(needs, s.Needs...)
		noBlue = noBlue || s.Blue.URL == ""
	}
	if m.env != nil {
		names = append(names, m.env.Env...)
		noBlue = noBlue && m.env.Blue.URL == ""
		needs = slices.DeleteFunc(needs, func(name string) bool { return m.given(name) })
	}
	names, needs = distinct(names), distinct(needs)
	b.WriteString("  ")
	for _, name := range names {
		b.WriteString(name + "=" + placeFor(name) + " ")
	}
	b.WriteString("bgverify run " + m.dir + envFlag)
	if noBlue {
		b.WriteString(" --blue URL")
	}
	b.WriteString(" --green URL")
	for _, name := range needs {
		b.WriteString(" --var " + name + "=VALUE")
	}
	loads := slices.ContainsFunc(m.suites, func(s *scenarios.Suite) bool { return len(s.Loads) > 0 })
	if loads {
		b.WriteString(" --no-load")
	}
	b.WriteByte('\n')
	if loads {
		b.WriteString("    --allow-load instead of --no-load also sends the load stages to hosts off this machine\n")
	}
	for _, name := range names {
		fmt.Fprintf(b, "    %s: %s\n", name, m.source(name))
	}
	for _, name := range needs {
		fmt.Fprintf(b, "    %s: needed by %s; nothing that was imported gives it a value\n", name, m.users(func(s *scenarios.Suite) []string {
			return s.Needs
		}, name))
	}
}

// distinct is a list without its repetitions.
func distinct(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// placeFor is what is written for the value of an environment variable.
func placeFor(name string) string {
	if strings.HasPrefix(name, "GREEN_") || strings.HasPrefix(name, "BLUE_") {
		return "URL"
	}
	return "VALUE"
}

// given reports whether the env file gives a variable, on each side or in common.
func (m *Folder) given(name string) bool {
	has := func(v scenarios.Var) bool { return v.Name == name }
	return slices.ContainsFunc(m.env.Vars, has) || slices.ContainsFunc(m.env.Blue.Vars, has) && slices.ContainsFunc(m.env.Green.Vars, has)
}

// source says what an environment variable is for: what blue has in the place of
// green's address, and which files read it.
func (m *Folder) source(name string) string {
	readers := m.users(func(s *scenarios.Suite) []string { return s.Env }, name)
	if m.env != nil && slices.Contains(m.env.Env, name) {
		readers = strings.TrimPrefix(readers+", "+m.env.File, ", ")
	}
	sides := [][2]scenarios.SideConfig{}
	for _, s := range m.suites {
		sides = append(sides, [2]scenarios.SideConfig{s.Blue, s.Green})
	}
	if m.env != nil {
		sides = append(sides, [2]scenarios.SideConfig{m.env.Blue, m.env.Green})
	}
	for _, pair := range sides {
		for _, v := range pair[1].Vars {
			if v.Value != nil && v.Value.Text == "{{env."+name+"}}" {
				for _, blue := range pair[0].Vars {
					if blue.Name == v.Name {
						return "green's value of " + v.Name + ", which is " + blue.Value.Text + " on blue (" + readers + ")"
					}
				}
			}
		}
		for i, service := range pair[1].Services {
			if service.URL == "{{env."+name+"}}" && i < len(pair[0].Services) {
				return "green's address of " + service.Name + ", which is " + pair[0].Services[i].URL + " on blue (" + readers + ")"
			}
		}
	}
	return "read by " + readers
}

// users are the files of the suites that have a name in a list.
func (m *Folder) users(list func(*scenarios.Suite) []string, name string) string {
	var files []string
	for _, s := range m.suites {
		if slices.Contains(list(s), name) {
			files = append(files, s.Pos.File)
		}
	}
	const most = 3
	if len(files) > most {
		return fmt.Sprintf("%s and %d more files", strings.Join(files[:most], ", "), len(files)-most)
	}
	return strings.Join(files, ", ")
}
