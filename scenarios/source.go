package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// The bounds of a scenario file. Past one the file is a problem.
const (
	maxFile    = 1 << 20 // bytes of a YAML file
	maxPayload = 64 << 20
	maxDepth   = 64      // nesting, aliases followed
	maxNodes   = 200_000 // nodes, each alias counted as what it stands for
)

// A source is one file as read, with its YAML tree.
type source struct {
	path, dir string
	lines     []string // without line ends
	root      *yaml.Node
	// marred holds lines on which the text scan found an unquoted placeholder;
	// what the tree says of them is not worth reporting.
	marred map[int]bool
	runes  map[int][]rune // lines looked at
	broken bool           // lines cannot be counted
}

// readFile reads a regular file of at most limit bytes. The error text says
// what is wrong without the path.
func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := openRegular(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, plainError(err)
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("larger than %s", sizeText(limit))
	}
	return data, nil
}

// openRegular opens a file after checking that it is one: opening a FIFO would
// wait for ever.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, errors.New("a path may not leave the scenario folder")
	}
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, plainError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, plainError(err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.New("not a regular file")
	}
	return f, nil
}

// plainError takes the path and the operation off a file system error.
func plainError(err error) error {
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case errors.As(err, &pe) && strings.Contains(pe.Err.Error(), "escapes"):
		return errors.New("a path may not leave the scenario folder")
	case errors.As(err, &pe):
		return pe.Err
	}
	return err
}

func sizeText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// open reads and parses a YAML file once; nil when it cannot be used, which has
// then been reported.
func (l *loader) open(name string) *source {
	if s, ok := l.sources[name]; ok {
		return s
	}
	l.sources[name] = nil
	data, err := readFile(l.fsys, name, maxFile)
	if err != nil {
		l.add(Problem{Pos: Pos{File: name}, Summary: "cannot read: " + err.Error()})
		return nil
	}
	s := &source{path: name, dir: path.Dir(name), marred: map[int]bool{}}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	s.lines = strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n")
	l.texts[name] = s.lines
	if !utf8.Valid(data) {
		l.add(l.invalidUTF8(s, data))
		return nil
	}
	l.separators(s)
	text, marks := quotePlaceholders(strings.Join(s.lines, "\n"))
	for _, m := range marks {
		s.marred[m.line] = true
		l.add(Problem{Pos: Pos{name, m.line, m.col}, Width: m.width, Summary: m.summary, Hint: m.hint})
	}
	if s.broken {
		return nil
	}
	if s.root = l.parse(s, text); s.root == nil {
		return nil
	}
	l.sources[name] = s
	return s
}

// separators reports characters that YAML 1.1 reads as line ends and people do
// not see: lines would be counted differently.
func (l *loader) separators(s *source) {
	for i, line := range s.lines {
		at := strings.IndexAny(line, "\u0085\u2028\u2029")
		if at < 0 {
			continue
		}
		r, _ := utf8.DecodeRuneInString(line[at:])
		l.add(Problem{Pos: Pos{s.path, i + 1, utf8.RuneCountInString(line[:at]) + 1}, Summary: fmt.Sprintf("the invisible line separator %U", r), Hint: fmt.Sprintf(`write it as an escape in double quotes: "\u%04x"`, r)})
		s.broken = true
	}
}

func (l *loader) invalidUTF8(s *source, data []byte) Problem {
	line, hint := 1, ""
	for i, text := range s.lines {
		if !utf8.ValidString(text) {
			line = i + 1
			break
		}
	}
	if looksCP949(data) {
		hint = "the bytes look like CP949: save the file as UTF-8"
	}
	return Problem{Pos: Pos{s.path, line, 1}, Summary: "the file is not UTF-8", Hint: hint}
}

// parse turns text into one bounded YAML document and returns its top mapping.
func (l *loader) parse(s *source, text string) *yaml.Node {
	dec := yaml.NewDecoder(strings.NewReader(text))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		l.add(Problem{Pos: Pos{File: s.path}, Summary: "the file is empty", Hint: "a scenario file begins with suite:"})
		return nil
	case err != nil:
		l.add(yamlProblem(s, err))
		return nil
	}
	if err := dec.Decode(&more); err == nil {
		l.add(Problem{Pos: Pos{s.path, max(1, more.Line), 1}, Width: 3, Summary: "a second YAML document", Hint: "one file holds one document; move it to a file of its own"})
	} else if !errors.Is(err, io.EOF) {
		l.add(yamlProblem(s, err))
	}
	root := doc.Content[0]
	if isNull(root) {
		l.add(Problem{Pos: Pos{File: s.path}, Summary: "the file is empty", Hint: "a scenario file begins with suite:"})
		return nil
	}
	if n, what := overBounds(root); n != nil {
		l.add(Problem{Pos: Pos{s.path, n.Line, n.Column}, Summary: what})
		return nil
	}
	return root
}

// overBounds walks a tree with its aliases followed and returns the node at
// which a bound is passed, or nil.
func overBounds(root *yaml.Node) (at *yaml.Node, what string) {
	count := 0
	open := map[*yaml.Node]bool{} // what aliases stand for, on the way down
	var walk func(n *yaml.Node, depth int) bool
	walk = func(n *yaml.Node, depth int) bool {
		count++
		switch {
		case depth > maxDepth:
			at, what = n, fmt.Sprintf("nested more than %d deep", maxDepth)
			return false
		case count > maxNodes:
			at, what = n, fmt.Sprintf("more than %d values, aliases counted as what they stand for", maxNodes)
			return false
		}
		if n.Kind == yaml.AliasNode {
			if open[n.Alias] {
				at, what = n, fmt.Sprintf("alias *%s stands inside what it stands for", n.Value)
				return false
			}
			return walk(n.Alias, depth+1)
		}
		if n.Anchor != "" {
			open[n] = true
			defer delete(open, n)
		}
		for _, c := range n.Content {
			if !walk(c, depth+1) {
				return false
			}
		}
		return true
	}
	walk(root, 0)
	return at, what
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s)(.*)$`)

// yamlProblem gives a YAML error its place and, where the cause is known, a hint.
func yamlProblem(s *source, err error) Problem {
	line, msg := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			line = n
		}
		msg = m[2]
		if parserError.MatchString(msg) {
			line++ // yaml.v3 counts lines from 0 in errors of its parser, from 1 in those of its scanner
		}
	}
	line = min(max(line, 1), len(s.lines))
	text := s.lines[line-1]
	p := Problem{Pos: Pos{s.path, line, 1 + len(text) - len(strings.TrimLeft(text, " \t"))}, Width: len([]rune(strings.TrimSpace(text)))}
	p.Summary = "not valid YAML: " + msg
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		p.Hint = "YAML is indented with spaces; this line has a tab"
	case strings.Contains(msg, "mapping values are not allowed"):
		p.Hint = `a value that contains ": " must be quoted`
	case strings.Contains(msg, "cannot start any token"):
		p.Hint = "a value that starts with @ or ` or % must be quoted"
	case strings.Contains(msg, "did not find expected key"):
		p.Hint = "look for wrong indentation here or just above"
	case strings.Contains(msg, "exceeded max depth"):
		p.Summary = fmt.Sprintf("nested more than %d deep", maxDepth)
	case strings.Contains(msg, "unknown anchor"):
		p.Hint = "a value that starts with * must be quoted"
		if m := unknownAnchor.FindStringSubmatch(msg); m != nil {
			p.at(s, "*"+m[1])
		}
	case strings.Contains(msg, "did not find expected ','"):
		p.Hint = "look for a missing comma or bracket; inside { } and [ ] a value with one of , ? [ ] { } must be quoted"
		if line, col, open := unclosed(strings.Join(s.lines, "\n")); open != "" {
			p.Summary, p.Pos.Line, p.Pos.Col, p.Width = fmt.Sprintf("not valid YAML: %s is never closed", open), line, col, 1
		}
	}
	return p
}

var parserError = regexp.MustCompile(`^did not find expected ('|<|key|node content)`)

var unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)

// at moves a problem to the first line that holds a text.
func (p *Problem) at(s *source, text string) {
	for i, line := range s.lines {
		if before, _, ok := strings.Cut(line, text); ok {
			p.Pos.Line, p.Pos.Col, p.Width = i+1, utf8.RuneCountInString(before)+1, utf8.RuneCountInString(text)
			return
		}
	}
}

// isNull reports whether a node is null, written or left out.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
