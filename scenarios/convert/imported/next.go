package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios"
)

// An imported folder is what an import has written, as it loads.
type imported struct {
	suites []*scenarios.Suite
	env    *scenarios.Env // the first env file; nil: there is none
	files  int
	dir    string
}

// writeRun writes the command that runs an imported folder, with everything that
// it needs from outside, and says below it where each value comes from.
func (m *imported) writeRun(b *strings.Builder, envFlag string) {
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
func (m *imported) given(name string) bool {
	has := func(v scenarios.Var) bool { return v.Name == name }
	return slices.ContainsFunc(m.env.Vars, has) || slices.ContainsFunc(m.env.Blue.Vars, has) && slices.ContainsFunc(m.env.Green.Vars, has)
}

// source says what an environment variable is for: what blue has in the place of
// green's address, and which files read it.
func (m *imported) source(name string) string {
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
func (m *imported) users(list func(*scenarios.Suite) []string, name string) string {
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
