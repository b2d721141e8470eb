package main

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpColumns is how wide every help is at most.
const helpColumns = 80

// flagGroups are the flags of all commands as their help lists them.
var flagGroups = []struct {
	title string
	names []string
}{
	{"Proxy", []string{
		"listen", "to", "service", "answer", "suite", "never", "least", "per-client", "tls-cert", "tls-key", "ca", "insecure", "gap", "hide",
	}},
	{"Sides", []string{
		"blue", "green", "env", "green-build", "same-green", "blue-addr", "green-addr", "blue-fault", "green-fault", "fault", "stale-after",
		"blue-context", "green-context", "kubeconfig", "blue-address", "green-address",
	}},
	{"Selection", []string{"tag", "case", "shard", "rerun-failed"}},
	{"Requests", []string{
		"var", "seed", "rounds", "settle", "concurrency", "timeout", "fail-fast", "allow-writes", "dry-run", "strict", "watch",
	}},
	{"Load", []string{"load", "no-load", "only-load", "allow-load", "on-inconclusive", "calibration"}},
	{"Workers", []string{
		"workers", "listen", "join-within", "join", "token-file", "allow-host", "bus", "bus-creds", "bus-fingerprint", "bus-token-file",
		"bus-tls-cert", "bus-tls-key",
	}},
	{"Judgement", []string{
		"rules", "p50", "p95", "p99", "errors", "warm-up", "expect", "any-ids", "any-size", "same-host",
		"digest", "max-age", "service", "require", "no-weaker", "after", "partial", "without",
	}},
	{"Source", []string{"from", "namespace", "openapi", "postman", "har", "jmeter", "get", "force", "no-run"}},
	{"Output", []string{"output", "quiet", "verbose", "no-color", "no-progress", "no-notify"}},
	{"Server", []string{"suites", "listen", "token-file"}},
	{"Archive", []string{
		"out", "run-id", "format", "report-assets", "trace-url", "ticket", "keep", "keep-days", "limit", "rebuild", "pin",
		"unpin", "upload", "to",
	}},
}

// ungrouped is up to how many flags a help lists without groups.
const ungrouped = 8

// groupOf is the group that a flag is listed in among those of one command: where several
// groups know the name, such as listen, that with most flags of the command. Empty: none.
func groupOf(name string, flags *pflag.FlagSet) string {
	title, most := "", 0
	for _, group := range flagGroups {
		if !slices.Contains(group.names, name) {
			continue
		}
		have := 0
		for _, other := range group.names {
			if flags.Lookup(other) != nil {
				have++
			}
		}
		if have > most {
			title, most = group.title, have
		}
	}
	return title
}

//go:embed help
var helpFiles embed.FS

// describe gives a command and all below it their texts, from help/run.txt for run and
// help/shift-status.txt for shift status. A file is the sentence that lists of commands show, what
// there is to know of the command, and its examples. A table that only the program knows, such as
// that of the faults, is in Long before, and takes the place of the line {table}.
func describe(c *cobra.Command) {
	name := strings.ReplaceAll(strings.TrimPrefix(c.CommandPath(), "bgverify "), " ", "-")
	text, err := helpFiles.ReadFile("help/" + name + ".txt")
	if err != nil { // embedded: a command without help
		panic(err)
	}
	long, examples, _ := strings.Cut(string(text), "\nExamples:\n")
	short, long, _ := strings.Cut(long, "\n")
	c.Short, c.Example = short, strings.TrimRight(examples, "\n")
	c.Long = strings.TrimSpace(strings.Replace(long, "{table}", strings.TrimRight(c.Long, "\n"), 1))
	for _, child := range c.Commands() {
		describe(child)
	}
}

// setHelp gives all commands below root their help. Root keeps the one that lists the
// commands in groups.
func setHelp(root *cobra.Command) {
	ofRoot := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if !c.HasParent() {
			ofRoot(c, args)
			return
		}
		fmt.Fprint(c.OutOrStdout(), helpText(c))
	})
}

// helpText is the help of a command in the order in which it is asked: what it does in a
// paragraph, examples, everything else there is to know, and the flags.
func helpText(c *cobra.Command) string {
	var b strings.Builder
	about := c.Long
	if about == "" {
		about = c.Short + "."
	}
	first, rest, _ := strings.Cut(strings.TrimSpace(about), "\n\n")
	fmt.Fprintf(&b, "%s\n", wrapText(first))
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", wrapCommands(c.Example))
	}
	if rest != "" {
		fmt.Fprintf(&b, "\n%s\n", wrapText(rest))
	}
	fmt.Fprintf(&b, "\nUsage:\n  %s\n", c.UseLine())
	if c.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, sub := range c.Commands() {
			fmt.Fprintf(&b, "%s\n", wrapLine(fmt.Sprintf("  %-*s  %s", sub.NamePadding(), sub.Name(), sub.Short)))
		}
	}
	writeFlags(&b, c.LocalFlags())
	return b.String()
}

// writeFlags lists the flags of a command: in groups, where they are many.
func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	sets, count := map[string]*pflag.FlagSet{}, 0
	add := func(group string, f *pflag.Flag) {
		if sets[group] == nil {
			sets[group] = pflag.NewFlagSet("", pflag.ContinueOnError)
			sets[group].SortFlags = false
		}
		sets[group].AddFlag(f)
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if count++; f.Name == "help" {
			f.Usage = "show this help"
		}
	})
	if count <= ungrouped {
		fmt.Fprintf(b, "\nFlags:\n%s", flags.FlagUsagesWrapped(helpColumns))
		return
	}
	for _, group := range flagGroups {
		for _, name := range group.names {
			if f := flags.Lookup(name); f != nil && groupOf(name, flags) == group.title {
				add(group.title, f)
			}
		}
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if groupOf(f.Name, flags) == "" {
			add("Other", f)
		}
	})
	for _, group := range flagGroups {
		if set := sets[group.title]; set != nil {
			fmt.Fprintf(b, "\n%s:\n%s", group.title, set.FlagUsagesWrapped(helpColumns))
		}
	}
	if set := sets["Other"]; set != nil {
		fmt.Fprintf(b, "\nOther:\n%s", set.FlagUsagesWrapped(helpColumns))
	}
}

// wrapText fits text into helpColumns: paragraphs are filled anew, lines that begin with a
// blank (tables and lists) are broken on their own.
func wrapText(s string) string {
	var out, paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			out = append(out, wrapLine(strings.Join(paragraph, " ")))
			paragraph = nil
		}
	}
	for line := range strings.SplitSeq(s, "\n") {
		if line == "" || line[0] == ' ' {
			flush()
			out = append(out, wrapLine(line))
			continue
		}
		paragraph = append(paragraph, line)
	}
	flush()
	return strings.Join(out, "\n")
}

// columnStart finds where the second column of a table's row begins.
var columnStart = regexp.MustCompile(`^ *\S+(?: \S+)* {2,}`)

// wrapLine breaks a line between words. What follows is indented as the line is, or in a row
// of two columns as its second one.
func wrapLine(line string) string {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if row := columnStart.FindString(line); row != "" && indent > 0 {
		indent = utf8.RuneCountInString(row)
	}
	var b strings.Builder
	used := 0
	for i, word := range strings.SplitAfter(line, " ") {
		n := utf8.RuneCountInString(strings.TrimRight(word, " "))
		if used+n > helpColumns && i > 0 {
			text := strings.TrimRight(b.String(), " ")
			b.Reset()
			b.WriteString(text + "\n" + strings.Repeat(" ", indent))
			used = indent
		}
		b.WriteString(word)
		used += utf8.RuneCountInString(word)
	}
	return strings.TrimRight(b.String(), " ")
}

// flagStart finds the flags of a command line.
var flagStart = regexp.MustCompile(` --?[A-Za-z]`)

// wrapCommands breaks command lines of examples as a shell takes them: before a flag, with a
// backslash.
func wrapCommands(s string) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		for utf8.RuneCountInString(line) > helpColumns {
			flags := flagStart.FindAllStringIndex(line[:helpColumns+1], -1) // " \\" must fit before
			if len(flags) == 0 || strings.HasPrefix(strings.TrimSpace(line), "#") {
				break
			}
			at := flags[len(flags)-1][0]
			out = append(out, line[:at]+" \\")
			line = "   " + line[at:]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
