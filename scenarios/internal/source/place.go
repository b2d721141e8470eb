package source

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// Pos is the place of a node.
func (s *File) Pos(n *yaml.Node) problem.Pos { return s.at(n.Line, n.Column) }

// Width is the number of runes of a scalar as written on its line.
func (s *File) Width(n *yaml.Node) int {
	line := s.Line(n.Line)
	if n.Kind != yaml.ScalarNode || n.Column < 1 || n.Column > len(line) || n.Value == "" || len(n.Value) > 4*problem.MaxColumns {
		return 1
	}
	rest := line[n.Column-1:]
	switch {
	case StartsWith(rest, n.Value):
		return utf8.RuneCountInString(n.Value)
	case StartsWith(rest[1:], n.Value):
		return utf8.RuneCountInString(n.Value) + 2
	}
	return 1
}

// Line is a line of the file in runes.
func (s *File) Line(number int) []rune {
	if number < 1 || number > len(s.Lines) {
		return nil
	}
	runes, ok := s.runes[number]
	if !ok {
		runes = []rune(s.Lines[number-1])
		s.runes[number] = runes
	}
	return runes
}

// PosAt is the place of a byte offset into a scalar's text: exact where the text
// is in the file as it is (plain, quoted without escapes, block lines), the
// scalar's start otherwise.
func (s *File) PosAt(n *yaml.Node, offset int) problem.Pos {
	p := s.Pos(n)
	offset = min(max(offset, 0), len(n.Value))
	// The text of a block begins on the line after its key; its indentation is not part of it.
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		before := n.Value[:offset]
		row := strings.Count(before, "\n")
		start := strings.LastIndexByte(before, '\n') + 1
		text, _, _ := strings.Cut(n.Value[start:], "\n")
		line := string(s.Line(n.Line + 1 + row))
		if at := strings.Index(line, text); at >= 0 && text != "" {
			return s.at(n.Line+1+row, utf8.RuneCountInString(line[:at])+utf8.RuneCountInString(n.Value[start:offset])+1)
		}
		return p
	}
	shift := 0
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		shift = 1
	}
	line, head := s.Line(n.Line), n.Value[:offset]
	from := n.Column - 1 + shift
	if from <= len(line) && StartsWith(line[from:], head) {
		p.Col = from + utf8.RuneCountInString(head) + 1
	}
	return p
}

// StartsWith reports whether runes begin with a text.
func StartsWith(line []rune, text string) bool {
	i := 0
	for _, r := range text {
		if i >= len(line) || line[i] != r {
			return false
		}
		i++
	}
	return true
}
