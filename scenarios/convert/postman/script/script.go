// Package script reads the scripts of a Postman collection as data. In come the
// scripts of one request or folder and a Host, which knows the variables; out
// come expectations, in a model.Expect, and Definitions: the variables that the
// scripts set, as captures or templates. Every statement that becomes neither is
// reported to the Host, line by line.
//
// The text is parsed by goja's parser and never executed (source.go). The way of the data:
//
//	statements (statement.go, condition.go, functions.go, call.go)
//	-> values that are followed (sym.go, eval.go, builtin.go, method.go, compare.go)
//	-> claims about the answer (chain.go, shape.go, assert.go)
//	-> expectations and schemas (the package claim)
//
// A value is followed as long as it is a part of the answer, a variable, a literal or text
// joined of these; variable.go makes captures of such values, send.go requests. The package
// touches no file and no network.
package script

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
)

// A scriptReader reads the scripts of one request. Nothing is executed: the
// statements are parsed, and those whose meaning is data become data.
//
//  1. A value is followed as long as it is a part of the answer (body, status,
//     header, cookie, time), a variable, a literal, or text joined of these.
//  2. An assertion about such a value that the language has a matcher for
//     becomes an expectation: pm.expect chains, pm.response.to, tests[…].
//  3. Setting a variable to such a value becomes a capture or a variable.
//  4. Statements under "if the status is a success" count as if they stood
//     alone, for the step expects that status anyway. Under any other condition
//     only captures do: a later request needs them.
//  5. Everything else is listed line by line.
type scriptReader struct {
	host  Host
	into  *model.Expect
	defs  []Definition
	after bool
	code  string
	base  int // bytes of what was put before the code for the parser
	first int // line of the script that code begins with, from 1
	scope *scope
	// guarded is why a statement may not run; empty: it always runs.
	guarded string
	inTest  bool
	set     map[string]sym // what the script itself gave variables
	given   map[string]sym // what the scripts before it gave them
	// followed are the statements that only give names to values. They count as
	// carried over when something that is carried over reads them.
	followed []*followed
	reads    []int // those that the statement being read has read so far
	lost     []lostLine

	functions []*declared
	objects   map[string]ast.Expression // object literals by the names they were given
	mutable   map[string]bool           // names whose values change in place
	changes   map[string]int            // at how many places each of them is changed
	keyed     map[string]keyedObject    // objects that a loop filled, by name
	calls     int
	depth     int
	loops     []loop
	sent      []*Sent
	// nonEmpty are the lists of the answer that a condition says to have elements: what
	// is said of the first one holds for it where it is there.
	nonEmpty   []string
	ifNonEmpty string
	branch     *branch
	// when is what the condition around says of variables, where it says nothing else.
	when []model.Check
	done map[string]bool // what was counted or listed, of statements that are read twice
}

// A followed statement names a value. Text is empty where a loop does it.
type followed struct {
	text string
	line int
	deps []int
	used int // how many that are carried over read it
	// counted says that it is one of the statements that are carried over.
	counted bool
}

// A lostLine is a line of the script that does not become data.
type lostLine struct {
	line int
	model.Lost
}

// A binding is the value of a name, and which followed statement gave it.
type binding struct {
	sym
	by int
}

// A scope holds the values of a script's names.
type scope struct {
	names  map[string]binding
	parent *scope
}

func (s *scope) get(name string) (binding, bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.names[name]; ok {
			return v, true
		}
	}
	return binding{}, false
}

// set gives an existing name another value, or declares it here.
func (s *scope) set(name string, v binding) {
	for at := s; at != nil; at = at.parent {
		if _, ok := at.names[name]; ok {
			at.names[name] = v
			return
		}
	}
	s.names[name] = v
}

// A Host is the request, or folder, that scripts belong to, with what the
// import knows of variables. Templates are text of the scenario language.
type Host interface {
	// VarName is the name of the language for a variable of the scripts.
	VarName(name string) string
	// NamesIn are the scripts' names of the variables in a template.
	NamesIn(template string) []string
	// Unset reports whether nothing ever gives a variable a value.
	Unset(name string) bool
	// Scopes reports whether an environment and the collection give a variable a
	// value: they win over what a script sets in a wider scope.
	Scopes(name string) (environment, collection bool)
	// Template translates text with placeholders of the source.
	Template(text string) string
	// Secret takes a secret out of a text. What it returns may be written.
	Secret(name, text, where string) string
	// Use records that an expectation reads a variable.
	Use(name string)
	// SetHeader sets a header of the request; add keeps others of its name. It
	// reports whether the language can send it.
	SetHeader(name, value string, add bool) bool
	// IsNext reports whether a name is that of the request that follows anyway; the
	// empty name stands for the end.
	IsNext(name string) bool
	// Obey adds a JSON Schema that the body of the answer must obey.
	Obey(schema *model.Node)
	// Schema keeps a JSON Schema as a file and returns its name.
	Schema(data []byte) string
	// IsHead reports whether the answers have no body.
	IsHead() bool
	// Helper is a name for a value that a script does not name. The same key has the
	// same name.
	Helper(key string) string
	// Used reports whether anything reads a variable.
	Used(name string) bool
	// Static is the text of a variable that nothing changes.
	Static(name string) (text string, ok bool)
	// RequestName is the name of the request; empty for a folder.
	RequestName() string
	Lose(l model.Lost)
	Mapped(k model.Kind, n int)
	Note(format string, args ...any)
}

// A Source is one script of a request.
type Source struct {
	After bool // after the answer; otherwise before the request
	Code  string
}

// A Definition is a variable that a script gives a value.
type Definition struct {
	Name      string
	Capture   *model.Capture // from the answer; Name is not set
	Value     string         // otherwise: a template of the scenario language
	Literal   bool           // the value is a number, true or false, not the text of one
	Generated bool           // the value holds a generated one: later requests must see the same
	After     bool           // set after the answer
	Helper    bool           // import made the name up
	JSON      bool           // the script wrote the text as JSON: in a body it has quotes
	Text      string         // the statement
	Line      int
	follows   []*followed // the statements that it is made of
}

// Same reports whether two definitions are one statement of a script, as a folder's is of each
// request below it.
func (d *Definition) Same(o Definition) bool {
	return o.Name == d.Name && o.Line == d.Line && o.Text == d.Text
}

// Drop says that a definition is not used: the statements that only led to
// it are lost with it, and returned.
func (d *Definition) Drop(r *model.Report) []model.Lost {
	var out []model.Lost
	for _, f := range d.follows {
		if f.used--; f.used == 0 && f.counted {
			r.Unmap(model.ScriptLines, 1)
			for _, l := range scriptLines(f.text, f.line, d.After, model.ScriptLines, "") {
				out = append(out, l.Lost)
			}
		}
	}
	return out
}

// Read reads the scripts of one request or folder in their order. What
// they assert is added to into; what they set, and which requests they send, is
// returned.
func Read(host Host, scripts []Source, into *model.Expect) ([]Definition, []*Sent) {
	var defs []Definition
	var sent []*Sent
	given := map[string]sym{}
	scripts = slices.SortedStableFunc(slices.Values(scripts), func(a, b Source) int { return a.order() - b.order() })
	for _, s := range scripts {
		r := &scriptReader{
			given: given, host: host, into: into, after: s.After, code: s.Code, first: 1, scope: newScope(nil), set: map[string]sym{},
			objects: map[string]ast.Expression{}, done: map[string]bool{},
		}
		if !r.whole() {
			r.byLine()
		}
		r.flush()
		defs = append(defs, r.defs...)
		sent = append(sent, r.sent...)
		maps.Copy(given, r.set)
	}
	claim.Tidy(into)
	for _, s := range sent {
		claim.Tidy(&s.Expect)
		if len(s.schemas) > 0 {
			s.Expect.Schema = host.Schema(claim.SchemaFile(s.schemas))
		}
	}
	return defs, sent
}

// order is the place of a script among those of a request, as they run.
func (s Source) order() int {
	if s.After {
		return 1
	}
	return 0
}

func newScope(parent *scope) *scope { return &scope{map[string]binding{}, parent} }

// follow notes a statement that names a value, with what it read. n is nil where a loop or
// a call names it.
func (r *scriptReader) follow(n ast.Node) int {
	f := &followed{deps: slices.Clone(r.reads)}
	if n != nil {
		text, at := r.source(n)
		f.text, f.line = text, r.line(at)
	}
	r.followed = append(r.followed, f)
	return len(r.followed) - 1
}

// unfollow lists a statement as lost whose value is not known after all.
func (r *scriptReader) unfollow(id int, n ast.Node) {
	r.followed[id].text = ""
	r.lose(n, model.ScriptLines, "")
}

// firstTime reports whether something of the script is met for the first time: statements
// of functions and loops are read again and again.
func (r *scriptReader) firstTime(what ...any) bool {
	key := fmt.Sprint(what...)
	again := r.done[key]
	r.done[key] = true
	return !again
}

// keep notes that the statement is carried over, and with it what it has read
// and what that was made of.
func (r *scriptReader) keep() []*followed {
	var out []*followed
	var visit func(list []int)
	visit = func(list []int) {
		for _, i := range list {
			if f := r.followed[i]; !slices.Contains(out, f) {
				out = append(out, f)
				f.used++
				visit(f.deps)
			}
		}
	}
	visit(r.reads)
	return out
}

// flush lists what was lost of the script, in the order of its lines.
func (r *scriptReader) flush() {
	for _, d := range r.functions {
		if !d.used {
			r.lose(d.node, model.ScriptLines, "nothing calls it")
		}
	}
	for _, f := range r.followed {
		switch {
		case f.text == "":
		case f.used > 0:
			if r.firstTime("kept ", f.line, f.text) {
				f.counted = true
				r.host.Mapped(model.ScriptLines, 1)
			}
		case r.firstTime("followed ", f.line, f.text):
			r.loseLines(f.text, f.line, model.ScriptLines, "")
		}
	}
	slices.SortStableFunc(r.lost, func(a, b lostLine) int { return cmp.Compare(a.line, b.line) })
	for _, l := range r.lost {
		r.host.Lose(l.Lost)
	}
}

// whole parses the script as one program; false when it is none.
func (r *scriptReader) whole() bool {
	list, ok := r.parse(r.code)
	if !ok {
		return false
	}
	r.findMutable(list)
	r.statements(list)
	return true
}
