// Package source reads the bytes of scenario files: YAML text in, one bounded tree
// with exact places out, or problems.
//
// Only regular files below the root of a file system are opened, and no more of
// them is read than a limit. A text scan finds the placeholders that YAML would
// misread before yaml.v3 sees the text, which is used for its tree alone: types,
// keys and duplicates are the business of package scenarios.
package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// The bounds of a scenario file. Past one the file is a problem.
const (
	maxFile  = 1 << 20 // bytes of a YAML file
	maxDepth = 64      // nesting, aliases followed
	maxNodes = 200_000 // nodes, each alias counted as what it stands for
)

// A File is one file as read, with its YAML tree.
type File struct {
	Path string // slash path below the root of the file system
	Dir  string // the folder of Path, which references of the file are relative to
	// Lines are those of the text, without line ends.
	Lines []string
	// Root is the top of the one document; nil when the file cannot be used, which
	// has then been reported.
	Root *yaml.Node

	// marred holds lines on which the text scan found an unquoted placeholder.
	marred map[int]bool
	// runes are the lines that were looked at so far.
	runes map[int][]rune
	// broken is set where lines cannot be counted.
	broken bool
	// problems are what is wrong with the text, before any key is looked at.
	problems problem.Problems
}

// Open reads a file and parses it. The file is never nil: its Lines are known as
// far as the text could be read, also where its Root is nil.
func Open(fsys fs.FS, name string) (*File, problem.Problems) {
	s := &File{Path: name, Dir: path.Dir(name), marred: map[int]bool{}, runes: map[int][]rune{}}
	data, err := Read(fsys, name, maxFile)
	if err != nil {
		s.add(problem.Problem{Pos: problem.Pos{File: name}, Summary: "cannot read: " + err.Error()})
		return s, s.problems
	}
	// Lines are split before anything else, so that every problem has its source line.
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	s.Lines = strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n")
	if !utf8.Valid(data) {
		s.add(s.invalidUTF8(data))
		return s, s.problems
	}
	s.separators()
	// Placeholders that YAML would misread are masked: the tree of the rest is still read.
	text, marks := quotePlaceholders(strings.Join(s.Lines, "\n"))
	for _, m := range marks {
		s.marred[m.line] = true
		s.add(problem.Problem{Pos: s.at(m.line, m.col), Width: m.width, Summary: m.summary, Hint: m.hint})
	}
	if !s.broken {
		s.Root = s.parse(text)
	}
	return s, s.problems
}

func (s *File) add(p problem.Problem) { s.problems = append(s.problems, p) }

func (s *File) at(line, col int) problem.Pos { return problem.Pos{File: s.Path, Line: line, Col: col} }

// Marred reports whether the text scan found an unquoted placeholder on a line:
// what the tree says of that line is not worth reporting.
func (s *File) Marred(line int) bool { return s.marred[line] }

// Read reads a regular file of at most limit bytes. The error text says
// what is wrong without the path.
func Read(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := OpenRegular(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, PlainError(err)
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("larger than %s", sizeText(limit))
	}
	return data, nil
}

// OpenRegular opens a file after checking that it is one: opening a FIFO would
// block without end.
func OpenRegular(fsys fs.FS, name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, errors.New("a path may not leave the scenario folder")
	}
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, PlainError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, PlainError(err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.New("not a regular file")
	}
	return f, nil
}

// PlainError takes the path and the operation off a file system error.
func PlainError(err error) error {
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

// separators reports characters that YAML 1.1 reads as line ends and people do
// not see: lines would be counted differently.
func (s *File) separators() {
	for i, line := range s.Lines {
		at := strings.IndexAny(line, "\u0085\u2028\u2029")
		if at < 0 {
			continue
		}
		r, _ := utf8.DecodeRuneInString(line[at:])
		s.add(problem.Problem{
			Pos: s.at(i+1, utf8.RuneCountInString(line[:at])+1),
			Summary: fmt.Sprintf("the invisible line separator %U",
				r), Hint: fmt.Sprintf(`write it as an escape in double quotes: "\u%04x"`, r),
		})
		s.broken = true
	}
}

// invalidUTF8 is the problem of a file in another encoding, at the first byte that is not UTF-8.
func (s *File) invalidUTF8(data []byte) problem.Problem {
	line, col := 1, 1
	for i, text := range s.Lines {
		if !utf8.ValidString(text) {
			line, col = i+1, utf8.RuneCountInString(strings.ToValidUTF8(text, "\x00"))
			if at := strings.IndexByte(strings.ToValidUTF8(text, "\x00"), 0); at >= 0 {
				col = utf8.RuneCountInString(text[:at]) + 1
			}
			break
		}
	}
	hint := "save the file as UTF-8"
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")):
		hint = "the bytes look like UTF-16: save the file as UTF-8"
	case LooksCP949(data):
		hint = "the bytes look like CP949: save the file as UTF-8"
	}
	return problem.Problem{Pos: s.at(line, col), Summary: "the file is not UTF-8", Hint: hint}
}

// parse turns text into one bounded YAML document and returns its top mapping.
func (s *File) parse(text string) *yaml.Node {
	dec := yaml.NewDecoder(strings.NewReader(text))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		s.add(problem.Problem{Pos: problem.Pos{File: s.Path}, Summary: "the file is empty", Hint: "a scenario file begins with suite:"})
		return nil
	case err != nil:
		s.add(s.yamlProblem(err, text))
		return nil
	}
	// A second document, or an error after the first, is only found by asking for it.
	if err := dec.Decode(&more); err == nil {
		s.add(problem.Problem{
			Pos: s.at(max(1, more.Line), 1), Width: 3, Summary: "a second YAML document",
			Hint: "one file holds one document; move it to its own file",
		})
	} else if !errors.Is(err, io.EOF) {
		s.add(s.yamlProblem(err, text))
	}
	root := doc.Content[0]
	if IsNull(root) {
		s.add(problem.Problem{Pos: problem.Pos{File: s.Path}, Summary: "the file is empty", Hint: "a scenario file begins with suite:"})
		return nil
	}
	if n, what := overBounds(root); n != nil {
		s.add(problem.Problem{Pos: s.at(n.Line, n.Column), Summary: what})
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
				at, what = n, fmt.Sprintf("alias *%s refers to itself", n.Value)
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

// IsNull reports whether a node is null, written or left out.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// Deref follows aliases; Open has made sure that they end.
func Deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
