package curl

import (
	"slices"
	"strings"
)

// maxChain bounds how many keywords, operators or signs may follow each other: the
// parser takes one level of its stack for each, and a stack that is used up ends
// the program.
const maxChain = 5000

// openers are the words after which the parser reads a command, or a test, one
// level deeper; closers end those that nest.
var (
	openers = []string{
		"if", "then", "elif", "else", "while", "until", "do", "for", "select", "case", "in", "time", "coproc", "function", "!", "-p", "{", "(", "((", "[[",
	}
	closers = []string{"fi", "done", "esac"}
)

// endless is the line at which a text is nested too deep, whatever is quoted, or 0.
// Words count where a command may begin: at the start of a line, after an operator
// and after a word that counts.
func endless(text string) int {
	depth, chain, signs := 0, 0, 0
	begin := true // a command may begin here
	line := 1
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\n' || c == ';':
			if c == '\n' {
				line++
				if i == 0 || !strings.ContainsRune("|&\\", rune(text[i-1])) { // no operator that the next line continues
					chain = 0
				}
			}
			begin = true
			i++
			continue
		case c == ' ' || c == '\t' || c == '\r':
			i++
			continue
		case c == '|' || c == '&':
			chain++
			begin = true
			i++
		case strings.IndexByte("!~+-?=*", c) >= 0 && !begin:
			signs++
			i++
		default:
			end := i + 1
			for end < len(text) && strings.IndexByte(" \t\r\n;|&!~+-?=*", text[end]) < 0 {
				end++
			}
			// A word counts where a command may begin; any other is an operand.
			word := text[i:end]
			switch {
			case begin && slices.Contains(openers, word):
				depth++
			case begin && slices.Contains(closers, word):
				depth = max(0, depth-4) // if, then, elif, else
				begin = false
			default:
				begin = false
				if len(word) > 1 || strings.IndexByte("a:x01", word[0]) < 0 {
					signs = 0 // operands of a chain are short, or it is not one
				}
			}
			i = end
		}
		if depth > maxChain || chain > maxChain || signs > 4*maxChain {
			return line
		}
	}
	return 0
}
