package script

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// The bounds of a script that is parsed: the parser works by recursion.
const (
	maxScript      = 64 << 10
	maxScriptDepth = 150
)

const scriptHead = "(async function(){"

// parse returns the statements of a piece of code.
func (r *scriptReader) parse(code string) (list []ast.Statement, ok bool) {
	if len(code) > maxScript || nesting(code) > maxScriptDepth {
		return nil, false
	}
	// The parser is not ours: what it cannot take is listed, not a reason to stop.
	defer func() {
		if recover() != nil {
			list, ok = nil, false
		}
	}()
	r.base = len(scriptHead)
	program, err := parser.ParseFile(nil, "", scriptHead+code+"\n})", parser.IgnoreRegExpErrors, parser.WithDisableSourceMaps)
	if err != nil || len(program.Body) != 1 {
		return nil, false
	}
	if e, ok := program.Body[0].(*ast.ExpressionStatement); ok {
		if f, ok := e.Expression.(*ast.FunctionLiteral); ok {
			return f.Body.List, true
		}
	}
	return nil, false
}

// nesting is how deep brackets, and chains of operators that recurse, go.
func nesting(code string) int {
	depth, most, run := 0, 0, 0
	for i := range len(code) {
		switch c := code[i]; {
		case strings.IndexByte("([{", c) >= 0:
			depth++
			most = max(most, depth)
		case strings.IndexByte(")]}", c) >= 0:
			depth = max(0, depth-1)
		}
		if strings.IndexByte("!~+-=>?: \n\t", code[i]) >= 0 {
			run++
			most = max(most, run/4)
		} else if code[i] != ' ' {
			run = 0
		}
	}
	return most
}

// byLine reads a script that is not a program line by line: what is complete by itself is
// understood, the rest listed.
func (r *scriptReader) byLine() {
	whole := r.code
	for i, line := range strings.Split(whole, "\n") {
		r.code, r.first = line, i+1
		if list, ok := r.parse(line); ok && len(list) > 0 {
			r.statements(list)
		} else {
			r.loseText(line, 0, model.ScriptLines, "the script is not valid JavaScript")
		}
	}
	r.code, r.first = whole, 1
}

// source is the text of a node and its offset in the code.
func (r *scriptReader) source(n ast.Node) (text string, at int) {
	at = min(max(int(n.Idx0())-1-r.base, 0), len(r.code))
	end := min(max(int(n.Idx1())-1-r.base, at), len(r.code))
	for end < len(r.code) && r.code[end] == ')' && strings.Count(r.code[at:end], "(") > strings.Count(r.code[at:end], ")") {
		end++ // the parser ends !(x) before its bracket
	}
	return r.code[at:end], at
}

func (r *scriptReader) line(at int) int { return r.first + strings.Count(r.code[:at], "\n") }

// lose lists a statement that does not become data, each of its lines.
func (r *scriptReader) lose(n ast.Node, kind model.Kind, why string) {
	text, at := r.source(n)
	r.forget(n)
	if strings.TrimSpace(text) == "" {
		text = "(…)"
	}
	r.loseText(text, at, kind, why)
}

// loseText lists a piece of the script once, however often it is read. Without a reason the one
// counts why the statement may not run at all.
func (r *scriptReader) loseText(text string, at int, kind model.Kind, why string) {
	if r.firstTime("lost ", at, " ", r.first) {
		r.loseLines(text, r.line(min(at, len(r.code))), kind, cmp.Or(why, r.guarded))
	}
}

func (r *scriptReader) loseLines(text string, line int, kind model.Kind, why string) {
	r.lost = append(r.lost, scriptLines(text, line, r.after, kind, why)...)
}

// scriptLines are the lines of a lost statement that hold code: the first is of
// the statement's kind.
func scriptLines(text string, line int, after bool, kind model.Kind, why string) []lostLine {
	var out []lostLine
	for one := range strings.SplitSeq(text, "\n") {
		if one = strings.TrimSpace(one); isCode(one) {
			out = append(out, lostLine{line, model.Lost{Kind: kind, Place: scriptPlace(after, line), Text: one, Why: why}})
			kind, why = model.ScriptLines, ""
		}
		line++
	}
	return out
}

// isCode tells code from comments, brackets and nothing.
func isCode(line string) bool {
	if strings.HasPrefix(line, "//") || strings.HasPrefix(line, "/*") && strings.HasSuffix(line, "*/") || strings.HasPrefix(line, "* ") {
		return false
	}
	return strings.Trim(line, "(){}[];, ") != ""
}

func scriptPlace(after bool, line int) string {
	if after {
		return fmt.Sprintf("test script line %d", line)
	}
	return fmt.Sprintf("pre-request script line %d", line)
}

// Place is where the statement is that sets a variable.
func (d *Definition) Place() string { return scriptPlace(d.After, d.Line) }
