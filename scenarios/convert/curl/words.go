package curl

import (
	"encoding/base64"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// A context says which characters a backslash takes the meaning from.
type context uint8

const (
	bare     context = iota + 1 // any
	double                      // $ ` " \ and a line end
	document                    // $ ` \ and a line end
	literal                     // none
)

// A wordReader builds the text of one word.
type wordReader struct {
	*shell
	word    shWord
	context context
	tabs    bool // of a document: tabs at the beginning of lines are taken off
	text    strings.Builder
}

// callWords are the words of a simple command, assignments first.
func (s *shell) callWords(c *syntax.CallExpr) []shWord {
	var out []shWord
	for _, a := range c.Assigns {
		out = append(out, s.assign(a))
	}
	for _, w := range c.Args {
		out = append(out, s.word(w))
	}
	return out
}

// assign is NAME=value as one word. An array is unknown.
func (s *shell) assign(a *syntax.Assign) shWord {
	out := shWord{line: int(a.Pos().Line())}
	if a.Value != nil {
		out = s.word(a.Value)
	}
	switch {
	case a.Naked && a.Name == nil:
		return out
	case a.Naked:
		out.text = a.Name.Value
	case a.Append, a.Index != nil, a.Array != nil:
		out.text = s.source(a)
		out.unknown = append(out.unknown, out.text)
	default:
		out.text = a.Name.Value + "=" + out.text
	}
	return out
}

// word is a word without its quotes.
func (s *shell) word(w *syntax.Word) shWord {
	r := &wordReader{shell: s, word: shWord{line: int(w.Pos().Line())}, context: bare}
	r.parts(w.Parts)
	return r.done()
}

func (r *wordReader) done() shWord {
	r.word.text = r.text.String()
	return r.word
}

// parts adds all parts of a word.
func (r *wordReader) parts(list []syntax.WordPart) {
	for _, p := range list {
		r.part(p)
	}
}

// part adds one part of a word. Literal text is taken from the file: the parser
// leaves out carriage returns, and inside quotes a shell keeps them.
func (r *wordReader) part(p syntax.WordPart) {
	switch p := p.(type) {
	case *syntax.Lit:
		r.literal(r.literalSource(p))
	case *syntax.SglQuoted:
		r.single(p)
	case *syntax.DblQuoted:
		r.double(p)
	case *syntax.ParamExp:
		r.variable(p)
	case *syntax.CmdSubst:
		r.substitution(p)
	default:
		r.unknown(p)
	}
}

// literalSource is the text of a literal as the file has it, but in documents,
// whose lines end without carriage returns.
func (r *wordReader) literalSource(p *syntax.Lit) string {
	if r.context == document || r.context == literal {
		return p.Value
	}
	return r.shell.text[p.Pos().Offset():r.end(p)]
}

// end is where a literal or a $NAME ends. For the parser it includes a carriage
// return before the line end, and the backslash that joins lines.
func (r *wordReader) end(p syntax.Node) int {
	at := min(int(p.End().Offset()), len(r.shell.text))
	text, after := r.shell.text[p.Pos().Offset():at], r.shell.text[at:]
	if strings.HasSuffix(text, "\r") && strings.HasPrefix(after, "\n") {
		return at - 1
	}
	backslashes := len(text) - len(strings.TrimRight(text, `\`))
	if backslashes%2 == 1 && (strings.HasPrefix(after, "\n") || strings.HasPrefix(after, "\r\n")) {
		at--
	}
	return at
}

// double adds "…" and $"…". What is between expansions is taken from the file: a
// literal of the parser does not begin with its carriage return.
func (r *wordReader) double(p *syntax.DblQuoted) {
	outer := r.context
	r.word.quoted, r.context = true, double
	from := int(p.Left.Offset()) + len(`"`)
	if p.Dollar {
		from++
	}
	for _, part := range p.Parts {
		if _, isLiteral := part.(*syntax.Lit); isLiteral {
			continue
		}
		r.literal(r.shell.text[from:part.Pos().Offset()])
		r.part(part)
		from = r.end(part)
	}
	r.literal(r.shell.text[from:p.Right.Offset()])
	r.context = outer
}

// unknown keeps a part as it is written.
func (r *wordReader) unknown(p syntax.Node) {
	text := r.source(p)
	r.text.WriteString(text)
	r.word.quoted = true
	r.word.unknown = append(r.word.unknown, text)
}

// literal adds text that the file has, without the backslashes that mean
// something where it is.
func (r *wordReader) literal(text string) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		lineBegins := r.text.Len() == 0 || strings.HasSuffix(r.text.String(), "\n")
		switch {
		case c == '\t' && r.tabs && lineBegins:
		case c != '\\' || r.context == literal || i+1 == len(text):
			r.text.WriteByte(c)
		case text[i+1] == '\n':
			i++ // lines are joined
		case strings.HasPrefix(text[i+1:], "\r\n"):
			i += 2
		case r.context == bare, strings.IndexByte("$`\\", text[i+1]) >= 0, text[i+1] == '"' && r.context == double:
			i++
			r.text.WriteByte(text[i])
			r.word.quoted = true
		default:
			r.text.WriteByte(c)
		}
	}
}

// single adds '…', or $'…' with the escapes of ANSI C.
func (r *wordReader) single(p *syntax.SglQuoted) {
	r.word.quoted = true
	text := r.source(p)
	if !p.Dollar {
		r.text.WriteString(strings.TrimSuffix(strings.TrimPrefix(text, "'"), "'"))
		return
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "$'"), "'")
	out, _, err := expand.Format(nil, text, nil)
	if err != nil || strings.Contains(out, web.Mark) || strings.Contains(text, `\c`) {
		r.unknown(p) // \0 ends the word, and \c is not known to the library
		return
	}
	r.text.WriteString(out)
}

// variable adds $NAME, ${NAME} or ${NAME:-text} as a placeholder.
func (r *wordReader) variable(p *syntax.ParamExp) {
	name := p.Param.Value
	plain := syntax.ValidName(name) && !p.Excl && !p.Length && p.Index == nil && p.Slice == nil && p.Repl == nil && p.Names == 0 &&
		len(p.Modifiers) == 0
	switch {
	case plain && p.Exp == nil && name == "RANDOM":
		r.text.WriteString(web.Marked("$int: 0..32767"))
	case plain && p.Exp == nil:
		r.text.WriteString(web.Marked("env." + name))
	case plain && (p.Exp.Op == syntax.DefaultUnset || p.Exp.Op == syntax.DefaultUnsetOrNull):
		def := ""
		if p.Exp.Word != nil {
			def = r.source(p.Exp.Word)
		}
		switch {
		case strings.ContainsAny(def, "'\"$`\\\n{}|\x00"):
			r.unknown(p)
		case def == "":
			r.text.WriteString(web.Marked("env." + name + ` | default: ""`))
		default:
			r.text.WriteString(web.Marked("env." + name + " | default: '" + def + "'"))
		}
	default:
		r.unknown(p)
	}
}

// generatedBy are commands whose output the language can generate itself.
var generatedBy = map[string]string{
	"uuidgen": "$uuid", "cat /proc/sys/kernel/random/uuid": "$uuid",
	"date +%s": "$now | format: unix", "date +%s%3N": "$now | format: unix_ms",
	"date -u +%Y-%m-%dT%H:%M:%SZ": "$now", `date -u +"%Y-%m-%dT%H:%M:%SZ"`: "$now",
}

// substitution adds $(…), where its output is in the file or can be generated.
func (r *wordReader) substitution(p *syntax.CmdSubst) {
	inside := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(r.source(p), "$("), ")"))
	if text, ok := r.literalOutput(p.Stmts); ok && !p.Backquotes {
		r.text.WriteString(strings.TrimRight(text, "\n"))
		r.word.quoted = true
	} else if ours := generatedBy[inside]; ours != "" {
		r.text.WriteString(web.Marked(ours))
	} else {
		r.unknown(p)
	}
}

// literalOutput is what printf or echo of literal text prints, as it is or
// through base64: a command whose whole effect is its output, and whose output is
// in the file.
func (s *shell) literalOutput(list []*syntax.Stmt) (string, bool) {
	inner := &shell{text: s.text}
	inner.statements(list)
	cmds := inner.out
	if len(cmds) == 0 || len(cmds) > 2 || len(cmds[0].redirects) > 0 {
		return "", false
	}
	out, ok := printed(cmds[0].words)
	if !ok || len(cmds) == 1 {
		return out, ok
	}
	through := web.Readable(words(cmds[1].words))
	// Without -w0 long lines are broken, by some tools.
	if !cmds[0].piped || len(cmds[1].redirects) > 0 || web.HasMark(out) || through != "base64 -w0" && through != "base64 -w 0" &&
		(through != "base64" || len(out) > 57) {
		return "", false
	}
	return base64.StdEncoding.EncodeToString([]byte(out)), true
}

// words are the texts of words with a space between.
func words(list []shWord) string {
	texts := make([]string, len(list))
	for i, w := range list {
		texts[i] = w.text
	}
	return strings.Join(texts, " ")
}

// printed is what a printf, or an echo of plain words, prints.
func printed(list []shWord) (string, bool) {
	for _, w := range list {
		if len(w.unknown) > 0 {
			return "", false
		}
	}
	if len(list) < 2 {
		return "", false
	}
	// Only forms on which all shells agree are printed.
	args := list[1:]
	switch list[0].text {
	case "printf":
		format := args[0].text
		if len(args) == 2 && (format == "%s" || format == `%s\n`) {
			return args[1].text + strings.Repeat("\n", len(format)/4), true
		}
		if len(args) == 1 && !web.HasMark(format) {
			return printfFormat(format)
		}
	case "echo":
		end := "\n"
		if args[0].text == "-n" && len(args) > 1 {
			end, args = "", args[1:]
		}
		out := words(args)
		if strings.HasPrefix(out, "-") || strings.Contains(out, `\`) {
			return "", false // shells do not agree
		}
		return out + end, true
	}
	return "", false
}

// printfFormat expands the escapes of a format without directives.
func printfFormat(format string) (string, bool) {
	for rest := strings.ReplaceAll(format, "%%", ""); ; {
		i := strings.IndexAny(rest, `%\`)
		if i < 0 {
			break
		}
		if rest[i] == '%' || i+1 == len(rest) || strings.IndexByte(`abfnrtv\01234567`, rest[i+1]) < 0 {
			return "", false // a directive, or an escape on which shells do not agree
		}
		rest = rest[i+2:]
	}
	out, _, err := expand.Format(nil, format, []string{})
	return out, err == nil && !strings.Contains(out, web.Mark)
}
