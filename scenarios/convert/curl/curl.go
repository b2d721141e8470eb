// Package curl converts files of curl commands. In comes a file as people type
// it, keep it in scripts or copy it from a browser; out come a model.Tree with
// one case for each request and a report of every option and line that has no
// place in it.
//
// The path of the data: cmd.go rewrites command lines of Windows, shell.go and
// words.go split the text into simple commands, args.go and options.go read the
// arguments as curl does, build.go, auth.go and body.go make a web.Request of
// them, and capture.go turns NAME=$(curl … | jq …) into a step that captures.
//
// Nothing is executed and the environment is not read. The only files that are
// read are those that a command names, below the folder of the input.
package curl

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// A curlImport reads a file of curl commands.
type curlImport struct {
	*web.Import
	fsys     fs.FS
	folder   string
	requests []*web.Request
	assigned map[string]*shAssigned
	captures *naming.Namer
	times    map[string]int // how often a variable is assigned
	loops    []string       // variables of for loops
	quiet    []string       // options about curl's output, as met
	pending  []pendingCurl
}

// A shAssigned is a shell variable of the file with its value so far.
type shAssigned struct {
	value    string // marked
	unknown  bool
	captured bool // value names the capture of a setup step
}

// A pendingCurl is a request whose case is made once all are known.
type pendingCurl struct {
	curl    *curlRequest
	url     shWord
	command *shCommand
	first   bool // of its command
	stdin   stdin
	capture *model.Capture // the request is a setup step that captures this
}

// Convert reads a file of curl command lines, as they are typed, written in scripts
// or copied from a browser, and writes one case for each request. Its rules,
// in addition to those of the package:
//
//  1. The file is read as POSIX sh reads it, with $'…' and <<< of bash; see shell.
//     Command lines of Windows' cmd are rewritten first; see cmdReader.
//     Loops and conditions are not followed: what is in them is written once.
//  2. A variable that the file assigns becomes a variable of the suite; any other
//     is read from the environment. $(…) is listed, and its request skipped,
//     except where it only prints literal text. NAME=$(curl … | jq -r .path) is a
//     step of setup that captures the value.
//  3. What is sent is what curl sends: methods that follow from options, joined
//     data, encodings, @files next to the file, default types. curl's own Accept,
//     User-Agent and Accept-Encoding are not.
//  4. -k, --cacert and --http1.1 belong to the sides: they are carried over when
//     every request that they matter to has them.
//  5. Every option is carried over, or listed with its command, line and text.
func Convert(in source.Input) (*model.Result, error) {
	data, err := in.Read()
	if err != nil {
		return nil, err
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	switch {
	case !utf8.ValidString(text):
		return nil, errors.New("the file is not UTF-8")
	case strings.Contains(text, "\x00"):
		return nil, errors.New("the file holds NUL bytes; it is not text")
	}
	// Command lines of Windows are rewritten, so that one reader of shells is enough.
	windows := windowsLine().MatchString(text)
	if windows {
		text = fromCmd(text)
	}
	commands, err := splitShell(text)
	if err != nil {
		return nil, err
	}
	c := &curlImport{
		Import: web.New(in.Name), fsys: in.Files, folder: path.Dir(in.Name), assigned: map[string]*shAssigned{},
		captures: naming.NewNamer("_"), times: map[string]int{},
	}
	c.countAssignments(commands)
	// Commands that are joined by | are read together: what is piped into curl may be its body.
	for i := 0; i < len(commands); {
		n := i + 1
		for n < len(commands) && commands[n-1].piped {
			n++
		}
		c.pipeline(commands[i:n])
		i = n
	}
	if len(c.pending) == 0 {
		return nil, errors.New("no curl command was found")
	}
	c.build()
	if len(c.requests) == 0 {
		return nil, fmt.Errorf("none of %d requests can be converted: %s", len(c.pending), c.Report.Lost[0].Line())
	}
	if windows {
		c.Report.Note("", "read as command lines of Windows' cmd, as a browser copies them")
	}
	if len(c.quiet) > 0 {
		c.Report.Note("", "left out, options about curl's own output and behaviour: %s", strings.Join(c.quiet, " "))
	}
	return c.Result(), nil
}

// reserved are words of the shell before which a command may appear.
var reserved = []string{
	"if", "then", "else", "elif", "while", "until", "do", "{", "!", "time", "command", "exec", "builtin", "nohup",
	"$", "%",
}

// structure are words that say that commands are repeated or conditional.
var structure = []string{"if", "for", "while", "until", "case", "select", "function"}

// strip takes words off that come before a command.
func strip(words []shWord) []shWord {
	for len(words) > 1 && !words[0].quoted && slices.Contains(reserved, words[0].text) {
		words = words[1:]
	}
	return words
}

// assignment cuts NAME=value.
func assignment(w shWord) (name, value string, ok bool) {
	name, value, ok = web.CutOutside(w.text, "=")
	return name, value, ok && syntax.ValidName(name)
}

// assignments are those of a command that does nothing else; also after export.
func assignments(words []shWord) ([]shWord, bool) {
	words = strip(words)
	if len(words) > 1 && slices.Contains([]string{"export", "readonly", "local", "declare", "typeset"}, words[0].text) {
		words = words[1:]
	}
	for _, w := range words {
		if _, _, ok := assignment(w); !ok {
			return nil, false
		}
	}
	return words, len(words) > 0
}

func (c *curlImport) countAssignments(commands []shCommand) {
	for _, cmd := range commands {
		if list, ok := assignments(cmd.words); ok {
			for _, w := range list {
				name, _, _ := assignment(w)
				c.times[name]++
			}
		}
	}
}

// pipeline reads commands that are joined by |.
func (c *curlImport) pipeline(stages []shCommand) {
	curl := slices.IndexFunc(stages, func(s shCommand) bool { return isCurl(s.words) })
	if curl < 0 {
		for i := range stages {
			c.other(&stages[i])
		}
		return
	}
	in := c.stdin(stages[:curl], &stages[curl])
	c.command(&stages[curl], in)
	for _, s := range stages[curl+1:] {
		if words := strip(s.words); !prettyPrinter(words) {
			c.scriptLine(&s, "what becomes of an answer is written as expect: and capture:")
		}
	}
}

// isCurl reports whether a command is curl, whatever comes before it.
func isCurl(words []shWord) bool { return len(curlWords(words)) > 0 }

// curlWords are curl and its arguments; nil for any other command.
func curlWords(words []shWord) []shWord {
	words = strip(words)
	for len(words) > 1 {
		if _, _, ok := assignment(words[0]); !ok && words[0].text != "sudo" && words[0].text != "env" {
			break
		}
		words = strip(words[1:])
	}
	if len(words) > 0 {
		if name := web.BaseName(words[0].text); name == "curl" || name == "curl.exe" {
			return words
		}
	}
	return nil
}

// viewers are commands that only show what they read.
var viewers = []string{"cat", "head", "tail", "less", "more", "tee", "json_pp", "bat", "column"}

// prettyPrinter reports whether a command only shows what it reads.
func prettyPrinter(list []shWord) bool {
	return len(list) > 0 && slices.Contains(viewers, list[0].text) ||
		slices.Contains([]string{"jq", "jq .", "jq -C", "jq -C .", "python -m json.tool", "python3 -m json.tool", "xmllint --format -"},
			words(list))
}

// other is a command that is no curl: assignments are kept, the rest is listed.
func (c *curlImport) other(cmd *shCommand) {
	list, ok := assignments(cmd.words)
	if !ok {
		words := cmd.words
		if len(words) == 0 || slices.Contains([]string{
			"fi", "done", "esac", "}", "then", "do", "else", "set", "#", ":", "wait", "cd",
			"exit", "sleep",
		}, words[0].text) && len(words) <= 3 {
			return // nothing that a request depends on
		}
		why := "it is not curl, and nothing is executed"
		if words[0].text == "for" && len(words) > 1 {
			c.loops = append(c.loops, words[1].text)
		}
		if slices.Contains(structure, words[0].text) {
			why = "loops and conditions are not followed; the requests in them are written once"
		}
		c.scriptLine(cmd, why)
		return
	}
	for _, w := range list {
		name, value, _ := assignment(w)
		if c.capturing(name, value, cmd, w) {
			continue
		}
		c.assigned[name] = &shAssigned{value: c.resolve(value), unknown: len(w.unknown) > 0}
		switch {
		case len(w.unknown) > 0:
			c.Report.Lose(lostAt(model.ScriptLines, w.line, web.Readable(w.text), "nothing is executed; "+name+" is read from the environment"))
		case hides(name, value):
			if !web.HasMark(value) && value != "" {
				c.Report.Note("", "line %d: %s is assigned in plain text; it is read from the environment variable of that name", w.line, name)
			}
			c.Report.Mapped(model.Variables, 1)
		default:
			c.Report.Mapped(model.Variables, 1)
		}
	}
}

// hides reports whether an assigned variable is a secret. The address of what
// issues tokens (TOKEN_URL=https://auth.example/token) is none, for all its name:
// a request goes there. One with a user, a query, a fragment or an id in it is.
func hides(name, value string) bool {
	_, path, user := web.CutURL(value)
	address := (strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://")) && user == "" &&
		!strings.ContainsAny(value, "?#") && !slices.ContainsFunc(strings.Split(path, "/"), web.Opaque)
	return naming.SecretText(value) || naming.SecretName(name) && !address
}

func (c *curlImport) scriptLine(cmd *shCommand, why string) {
	c.Report.Lose(lostAt(model.ScriptLines, cmd.line, cmd.text, why))
}

// placeNames are parts of names of variables that hold where a service is.
var placeNames = []string{"URL", "URI", "HOST", "BASE", "ENDPOINT", "SERVER", "DOMAIN", "PORT", "SCHEME", "ORIGIN"}

// resolve replaces the variables that the file assigns: where a service is, and
// what changes in the course of the file, by the value so far; anything else by
// a variable of the suite.
func (c *curlImport) resolve(text string) string {
	if !web.HasMark(text) {
		return text
	}
	parts := strings.Split(text, web.Mark)
	var b strings.Builder
	for i, p := range parts {
		if i%2 == 0 {
			b.WriteString(p)
			continue
		}
		rest, isEnv := strings.CutPrefix(p, "env.")
		name, filters, hasFilters := strings.Cut(rest, " ")
		v := c.assigned[name]
		switch {
		case isEnv && v != nil && v.captured:
			b.WriteString(v.value)
		// A secret is read from the environment although the file has its value.
		case !isEnv || v == nil || v.unknown, hides(name, v.value):
			b.WriteString(web.Marked(p))
		case c.times[name] > 1 || strings.Contains(v.value, "://") || web.HasMark(v.value) ||
			slices.ContainsFunc(placeNames, func(w string) bool { return strings.Contains(strings.ToUpper(name), w) }):
			b.WriteString(v.value)
		default:
			inside := c.variable(name, v.value)
			if hasFilters {
				inside += " " + filters
			}
			b.WriteString(web.Marked(inside))
		}
	}
	return b.String()
}

// variable is the suite's variable of a shell variable.
func (c *curlImport) variable(name, value string) string {
	ours := naming.VarName(name)
	if !slices.ContainsFunc(c.Suite.Vars, func(v model.Var) bool { return v.Name == ours }) {
		c.Suite.Vars = append(c.Suite.Vars, model.Var{Name: ours, Text: c.Text(value)})
	}
	return ours
}

// A stdin is what a command reads.
type stdin struct {
	text  string // marked
	raw   []byte // set when it is not text
	known bool
	why   string // not known: why
}

// stdin finds out what curl would read, without running anything: here-documents,
// here-strings, files, and printf, echo or cat through base64 -d.
func (c *curlImport) stdin(stages []shCommand, cmd *shCommand) stdin {
	for _, r := range cmd.redirects {
		if r.fd != "" && r.fd != "0" {
			continue
		}
		switch r.op {
		case "<<":
			return c.known(r.word)
		case "<<<":
			in := c.known(r.word)
			in.text += "\n"
			return in
		case "<":
			return c.fileIn(r.word)
		}
	}
	// Each stage reads what the one before it prints; the first that would have to run ends that.
	in := stdin{why: "nothing is piped into it"}
	for i := range stages {
		words := strip(stages[i].words)
		text, ok := printed(words)
		switch {
		case i == 0 && ok:
			in = stdin{text: c.resolve(text), known: true}
		case i == 0 && len(words) == 1 && words[0].text == "cat":
			in = c.stdin(nil, &stages[i])
		case i == 0 && len(words) == 2 && words[0].text == "cat":
			in = c.fileIn(words[1])
		case in.known && len(words) == 2 && words[0].text == "base64" && slices.Contains([]string{"-d", "-D", "--decode"}, words[1].text):
			data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(in.text), ""))
			if err != nil {
				return stdin{why: "it is not base64"}
			}
			in = stdin{raw: data, known: true}
		default:
			return stdin{why: "nothing is executed: " + naming.OneLine(stages[i].text, 80)}
		}
	}
	return in
}

func (c *curlImport) known(w shWord) stdin {
	if len(w.unknown) > 0 {
		return stdin{why: "nothing is executed: " + w.unknown[0]}
	}
	return stdin{text: c.resolve(w.text), known: true}
}

func (c *curlImport) fileIn(w shWord) stdin {
	data, err := c.read(c.resolve(w.text))
	if err != nil {
		return stdin{why: err.Error()}
	}
	return stdin{raw: data, known: true}
}

// read reads a file that the commands name, next to the file that is imported.
func (c *curlImport) read(name string) ([]byte, error) {
	if web.HasMark(name) {
		return nil, fmt.Errorf("the name of the file %s is a variable", web.Readable(name))
	}
	full := path.Join(c.folder, name)
	if path.IsAbs(name) || strings.HasPrefix(name, "~") || !fs.ValidPath(full) || full == ".." || strings.HasPrefix(full, "../") {
		return nil, fmt.Errorf("the file %s is outside the folder of the commands", naming.OneLine(name, 80))
	}
	data, err := source.ReadFile(c.fsys, full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s next to the commands", naming.OneLine(name, 80))
	}
	return data, err
}
