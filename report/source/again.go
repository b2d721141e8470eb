package source

import (
	"fmt"
	"strings"
)

// Verbs that make runs otherwise than run does.
const (
	verbDemo   = "demo"
	verbRediff = "rediff"
	verbTap    = "tap"
)

// Commands are the commands that a reader may want after reading a run: make it anew, judge its
// answers under changed rules, write its page. The first is complete; the other two name the
// run by its id, with its archive root if that was given. They are for pasting into a POSIX
// shell.
func (s *Run) Commands() []string {
	var run strings.Builder
	run.WriteString(shellWord(s.Head.ID))
	// The root is only in the command if it was given: without it, the default is the same.
	for _, f := range s.Head.Flags {
		if named(f, "--out") {
			run.WriteString(" " + shellWord(f))
		}
	}
	return []string{s.rerunAll(), "bgverify rediff " + run.String(), "bgverify report " + run.String() + " --format html -o report.html"}
}

// rerunAll is the command that made the run: its flags, with the sides and the
// seed where the flags do not name them. A demo starts its own services, whose
// addresses are gone with it.
func (s *Run) rerunAll() string {
	h := s.Head
	switch h.Verb {
	// A run that was judged again is made from its parent: it sent nothing itself.
	case verbRediff:
		return strings.Join(append([]string{"bgverify", verbRediff}, append(s.kept(), shellWord(h.Parent))...), " ")
	case verbTap: // --suite and --env are among its flags
		return strings.Join(append([]string{"bgverify", verbTap}, s.kept()...), " ")
	case verbDemo:
		return strings.Join(s.seeded(append([]string{"bgverify", verbDemo}, s.kept()...)), " ")
	}
	words := s.seeded(append([]string{"bgverify", "run"}, s.kept()...))
	// Sides that came from an env file are named as they were resolved, as the file may change.
	for _, side := range [][2]string{{"--blue", s.End.Sides.Blue.URL}, {"--green", s.End.Sides.Green.URL}} {
		if !s.given(side[0]) && side[1] != "" {
			words = append(words, side[0], shellWord(side[1]))
		}
	}
	// A command of more files than fit a line is cut, and the rest is a comment of the shell.
	const most = 12
	// Several suites may come from one file, which is then written once.
	seen := map[string]bool{}
	for _, suite := range h.Suites {
		word := shellWord(suite.File)
		if seen[word] {
			continue
		}
		seen[word] = true
		if len(seen) <= most {
			words = append(words, word)
		}
	}
	if n := len(seen) - most; n > 0 {
		words = append(words, fmt.Sprintf("# and %d more files", n))
	}
	return strings.Join(words, " ")
}

// kept are the run's flags as shell words, without the id, which is taken. Two runs cannot have
// one id.
func (s *Run) kept() []string {
	var out []string
	for _, f := range s.Head.Flags {
		if !named(f, "--run-id") {
			out = append(out, shellWord(f))
		}
	}
	return out
}

// seeded adds the seed where the flags do not name it. With the seed the run makes the same
// choices: order of the sides, mutants and generated values.
func (s *Run) seeded(words []string) []string {
	if s.given("--seed") {
		return words
	}
	return append(words, "--seed", fmt.Sprint(s.Head.Seed))
}

// given reports whether the run's flags have one, in either of its spellings.
func (s *Run) given(flag string) bool {
	for _, f := range s.Head.Flags {
		if named(f, flag) {
			return true
		}
	}
	return false
}

// named reports whether a flag as given is that of a name. A flag with its value is one word
// here: --seed=7.
func named(given, flag string) bool { return given == flag || strings.HasPrefix(given, flag+"=") }

// RerunCase is the command that walks one case again: against the same two sides, or against a
// demo's services with the same faults. The id is quoted for --case, which takes a glob:
// characters that a glob gives a meaning are escaped first, and those of the shell after that.
// suite is the index of the case's suite.
func (s *Run) RerunCase(suite int, caseID string) string {
	var glob strings.Builder
	for _, r := range caseID {
		if strings.ContainsRune(`*?[]\`, r) {
			glob.WriteByte('\\')
		}
		glob.WriteRune(r)
	}
	if s.Head.Clients { // only the client can send it again; its answers can be judged again
		return s.Commands()[1]
	}
	words := []string{"bgverify", "run", shellWord(s.Head.Suites[suite].File)}
	// A demo has its suites built in, and starts the services that they ask.
	if demo := s.Demo(); demo != "" {
		words = []string{demo}
	}
	words = append(words, "--case", shellWord(glob.String()))
	if s.Head.Verb != verbDemo {
		words = append(words, "--blue", shellWord(s.End.Sides.Blue.URL), "--green", shellWord(s.End.Sides.Green.URL))
	}
	return strings.Join(words, " ")
}

// Demo is the command that starts a demo's services for some of its cases; empty for every
// other run. Faults are kept, since they are what the case is about. Load is left out, as no
// case needs it.
func (s *Run) Demo() string {
	if s.Head.Verb != verbDemo {
		return ""
	}
	words := []string{"bgverify", verbDemo, "--no-load", "--seed", fmt.Sprint(s.Head.Seed)}
	for _, f := range s.Head.Flags {
		if named(f, "--blue-fault") || named(f, "--green-fault") {
			words = append(words, shellWord(f))
		}
	}
	return strings.Join(words, " ")
}
