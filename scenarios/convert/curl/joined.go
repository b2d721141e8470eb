package curl

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/bgverify/bgverify/internal/lazy"
)

// splitDollar is a $ with what its line has of an expansion, and the joined line ends
// after it.
var splitDollar = lazy.Regexp(`(\$[{#A-Za-z0-9_]*)((?:\\\r?\n)+)`)

// mendComments replaces the backslash at the end of a comment by a blank.
func mendComments(file *syntax.File, text string) string {
	mended := []byte(text)
	syntax.Walk(file, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.Comment); ok && strings.HasSuffix(c.Text, "\\\n") {
			mended[int(c.Hash.Offset())+1+len(c.Text)-len("\\\n")] = ' '
		}
		return true
	})
	return string(mended)
}

// mendDollar moves joined line ends from after a $ to before it, which means the same to
// a shell. A quote, a bracket or a # that follows may change how the rest is parsed, so
// that what comes after it is left to the next pass.
func mendDollar(file *syntax.File, text string) string {
	found := splitDollar().FindAllStringSubmatchIndex(text, -1)
	if len(found) == 0 {
		return text
	}
	kept := asWritten(file, len(text))
	mended := []byte(text)
	for _, at := range found {
		from, to := at[0], at[1]
		before := text[:from]
		if kept[from] || (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1 {
			continue
		}
		copy(mended[from:to], text[at[4]:at[5]]+text[at[2]:at[3]])
		if to < len(text) && strings.IndexByte("'\"`({#", text[to]) >= 0 {
			break
		}
	}
	return string(mended)
}

// asWritten says for each byte whether it is in a comment, in single quotes or in a
// document whose end is quoted, where a shell joins no lines.
func asWritten(file *syntax.File, size int) []bool {
	kept := make([]bool, size)
	mark := func(from, to int) {
		for i := from; i < min(to, size); i++ {
			kept[i] = true
		}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Comment:
			mark(int(n.Hash.Offset()), int(n.Hash.Offset())+1+len(n.Text))
		case *syntax.SglQuoted:
			mark(int(n.Pos().Offset()), int(n.End().Offset()))
		case *syntax.Redirect:
			if n.Hdoc != nil && isQuoted(n.Word) {
				mark(int(n.Hdoc.Pos().Offset()), int(n.Hdoc.End().Offset()))
			}
		}
		return true
	})
	return kept
}

// isQuoted reports whether any part of the end of a document is quoted.
func isQuoted(w *syntax.Word) bool {
	for _, p := range w.Parts {
		lit, isLiteral := p.(*syntax.Lit)
		if !isLiteral || strings.Contains(lit.Value, `\`) {
			return true
		}
	}
	return false
}
