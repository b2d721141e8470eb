package curl

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// A shWord is a word of a shell command without its quotes: marked text.
type shWord struct {
	text string
	line int
	// quoted says that some of it was quoted: such a word is not a reserved word.
	quoted bool
	// unknown is what only a shell that runs it could compute: $(…), $1, ${x#y}.
	unknown []string
}

// A shRedirect is < FILE, << DOCUMENT or > FILE of a command.
type shRedirect struct {
	op   string // <, <<, <<<, >, >>, >|, <>, <&, >&, &>
	fd   string
	word shWord // of a document: its text
}

// A shCommand is a simple command.
type shCommand struct {
	words     []shWord
	redirects []shRedirect
	line      int
	comment   []string // whole lines of comment right above it
	text      string   // as the file has it
	piped     bool     // its output goes into the next command of the list
	// background says that a & ended it that is inside a word, as in a URL
	// without quotes.
	background bool
}

// A shell flattens parsed text into simple commands, in the order in which they
// are written. Nothing is executed, and neither files nor the environment are
// read. The parser is that of mvdan.cc/sh, for the language of bash; what a word
// means is decided here:
//
//  1. Quotes and backslashes are taken off as a shell does; see words.
//  2. $NAME, ${NAME} and ${NAME:-text} become placeholders of the environment.
//     What a shell would have to run or compute stays as it is written and makes
//     the word unknown, but for a printf of literal text: that is its text.
//  3. Words are never split or expanded to braces or file names: a variable is
//     one word.
//  4. Loops and conditions are not followed: what is in them comes once. A
//     keyword stays in front of the condition that it introduces, so that the
//     report can name it.
type shell struct {
	text string
	out  []shCommand
	// keyword is written in front of the next command; it begins at from.
	keyword string
	from    int
}

// splitShell reads all commands of a text. An error names the line.
func splitShell(text string) ([]shCommand, error) {
	if deep(text) {
		return nil, fmt.Errorf("brackets are nested more than %d deep", maxNesting)
	}
	if line := endless(text); line > 0 {
		return nil, fmt.Errorf("line %d: commands, keywords or operators are nested more than %d deep", line, maxChain)
	}
	file, text, err := parseShell(text)
	var wrong syntax.ParseError
	switch {
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("line %d: %s", wrong.Pos.Line(), wrong.Text)
	case err != nil:
		return nil, err
	}
	s := &shell{text: text}
	s.statements(file.Stmts)
	return s.out, nil
}

// maxNesting bounds the nesting of brackets: the parser works by recursion.
const maxNesting = 1000

// deep reports whether brackets are nested too deep, whatever is quoted.
func deep(text string) bool {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{':
			depth++
		case ')', '}':
			depth = max(0, depth-1)
		}
		if depth > maxNesting {
			return true
		}
	}
	return false
}

// maxPasses bounds how often a text is parsed.
const maxPasses = 50

// parseShell parses a text, and returns it with what is changed for the parser. The
// length stays, and no command changes its line. Where the parser and a shell disagree:
//
//  1. For the parser a backslash at the end of a comment joins the next line; for a
//     shell the comment ends there. Such backslashes are replaced by blanks.
//  2. A shell takes out a backslash and line end before it looks for expansions. The
//     parser ends a $ or $NAME there, so those are moved before the $.
func parseShell(text string) (*syntax.File, string, error) {
	for range maxPasses {
		file, err := syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true)).Parse(strings.NewReader(text), "")
		if file == nil {
			return nil, text, err
		}
		mended := mendComments(file, text)
		if mended == text {
			mended = mendDollar(file, text)
		}
		if mended == text {
			return file, text, err
		}
		text = mended
	}
	return nil, text, fmt.Errorf("more than %d comments end with a backslash, or expansions continue on the next line", maxPasses)
}

// source is the text of a node as the file has it.
func (s *shell) source(n syntax.Node) string {
	return s.text[n.Pos().Offset():min(int(n.End().Offset()), len(s.text))]
}

// introduce puts a keyword in front of the next command.
func (s *shell) introduce(keyword string, at syntax.Pos) {
	s.keyword, s.from = keyword, int(at.Offset())
}

func (s *shell) statements(list []*syntax.Stmt) {
	for _, one := range list {
		s.statement(one)
	}
}

// statement flattens one statement.
func (s *shell) statement(st *syntax.Stmt) {
	switch c := st.Cmd.(type) {
	case nil:
		s.command(st, nil)
	case *syntax.CallExpr:
		s.command(st, s.callWords(c))
	case *syntax.DeclClause:
		words := []shWord{{text: c.Variant.Value, line: int(c.Pos().Line())}}
		for _, a := range c.Args {
			words = append(words, s.assign(a))
		}
		s.command(st, words)
	case *syntax.BinaryCmd:
		s.statement(c.X)
		if n := len(s.out); n > 0 && (c.Op == syntax.Pipe || c.Op == syntax.PipeAll) {
			s.out[n-1].piped = true
		}
		s.statement(c.Y)
	default:
		s.compound(st)
	}
}

// compound flattens what holds other statements. Its end is a command too: it
// may be redirected, or read by another.
func (s *shell) compound(st *syntax.Stmt) {
	end := ""
	switch c := st.Cmd.(type) {
	// These have no end of their own that could be redirected as a command.
	case *syntax.Subshell:
		s.statements(c.Stmts)
		return
	case *syntax.TimeClause:
		if c.Stmt != nil {
			s.statement(c.Stmt)
		}
		return
	case *syntax.FuncDecl:
		s.add(shCommand{words: []shWord{{text: c.Name.Value}}, text: c.Name.Value}, c.Pos())
		s.statement(c.Body)
		return
	case *syntax.Block:
		s.statements(c.Stmts)
		end = "}"
	case *syntax.IfClause:
		s.condition(c)
		end = "fi"
	case *syntax.WhileClause:
		s.introduce(map[bool]string{true: "until", false: "while"}[c.Until], c.WhilePos)
		s.statements(c.Cond)
		s.statements(c.Do)
		end = "done"
	case *syntax.ForClause:
		s.loop(c)
		end = "done"
	case *syntax.CaseClause:
		s.add(shCommand{words: []shWord{{text: "case"}, s.word(c.Word)}, text: "case " + s.source(c.Word) + " in"}, c.Case)
		for _, item := range c.Items {
			s.statements(item.Stmts)
		}
		end = "esac"
	default: // [[ … ]], (( … )) and the rest have no words that matter
		s.command(st, []shWord{{text: strings.Fields(s.source(st.Cmd))[0], line: int(st.Pos().Line()), quoted: true}})
		return
	}
	s.keyword = ""
	s.command(st, []shWord{{text: end, line: int(st.End().Line())}})
}

func (s *shell) condition(c *syntax.IfClause) {
	keyword := "if"
	for ; c != nil; c = c.Else {
		if len(c.Cond) > 0 {
			s.introduce(keyword, c.Position)
			s.statements(c.Cond)
		}
		s.statements(c.Then)
		keyword = "elif"
	}
}

func (s *shell) loop(c *syntax.ForClause) {
	words := []shWord{{text: map[bool]string{true: "select", false: "for"}[c.Select]}}
	if in, ok := c.Loop.(*syntax.WordIter); ok {
		words = append(words, shWord{text: in.Name.Value})
	}
	text := words[0].text + " " + s.source(c.Loop)
	s.add(shCommand{words: words, text: text}, c.ForPos)
	s.statements(c.Do)
}

// command adds a simple command with the redirections of its statement.
func (s *shell) command(st *syntax.Stmt, words []shWord) {
	cmd := shCommand{}
	begin := int(st.Pos().Offset())
	if s.keyword != "" {
		words = slices.Insert(words, 0, shWord{text: s.keyword, line: int(st.Pos().Line())})
		begin, s.keyword = s.from, ""
	}
	cmd.words = words
	for _, r := range st.Redirs {
		cmd.redirects = append(cmd.redirects, s.redirect(r))
	}
	end := int(st.End().Offset())
	if st.Semicolon.IsValid() { // the statement includes it, and the blank before it
		end = int(st.Semicolon.Offset())
		cmd.background = st.Background && joined(s.text, end)
	}
	cmd.text = strings.TrimSpace(s.text[min(begin, end):end])
	s.add(cmd, st.Pos())
}

// joined reports whether the & at an index is inside what looks like one word.
func joined(text string, at int) bool {
	return at > 0 && at+1 < len(text) && strings.IndexByte(" \t\r\n", text[at-1]) < 0 && strings.IndexByte(" \t\r\n;", text[at+1]) < 0
}

// add adds a command that begins at a position, with the comment above it.
func (s *shell) add(cmd shCommand, at syntax.Pos) {
	cmd.line = int(at.Line())
	cmd.comment = s.commentAbove(int(at.Offset()))
	s.out = append(s.out, cmd)
}

// commentAbove are the whole lines of comment right above the line that begins
// with the command at an offset.
func (s *shell) commentAbove(at int) []string {
	head := s.text[:at]
	begin := strings.LastIndexByte(head, '\n') + 1
	if strings.Trim(head[begin:], " \t") != "" {
		return nil // another command is first on this line
	}
	var out []string
	lines := strings.Split(strings.TrimSuffix(head[:begin], "\n"), "\n")
	for _, line := range slices.Backward(lines) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "#") || strings.HasPrefix(line, "#!") {
			break
		}
		if text := strings.TrimSpace(strings.TrimLeft(line, "#")); text != "" {
			out = append(out, text)
		}
	}
	slices.Reverse(out)
	return out
}

// redirect reads a redirection; of a document its text.
func (s *shell) redirect(r *syntax.Redirect) shRedirect {
	out := shRedirect{op: r.Op.String()}
	if r.N != nil {
		out.fd = r.N.Value
	}
	if r.Op != syntax.Hdoc && r.Op != syntax.DashHdoc {
		out.word = s.word(r.Word)
		return out
	}
	out.op = "<<"
	out.word = shWord{line: int(r.Pos().Line()) + 1, quoted: true}
	if r.Hdoc == nil {
		return out
	}
	w := &wordReader{shell: s, word: out.word, context: document, tabs: r.Op == syntax.DashHdoc}
	if s.word(r.Word).quoted {
		w.context = literal
	}
	w.parts(r.Hdoc.Parts)
	out.word = w.done()
	return out
}
