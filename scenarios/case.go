package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// readCase reads one case: of steps, or of one request, whose keys are then written in the
// case itself. It is nil for what is not a mapping, which has been reported.
func (b *builder) readCase(w *walker, n *yaml.Node) *Case {
	// The id names the case in messages, also in those about a case that cannot be read.
	what := "case"
	if id := scalarOf(n, "case"); id != "" {
		what = fmt.Sprintf("case %q", problem.Cut(id, 40))
	}
	o := w.Object(n, "case", what)
	if o.Node.Kind != yaml.MappingNode {
		return nil
	}
	id := o.Name("case")
	c := &Case{ID: b.suite.Name + "/" + id, Pos: w.Pos(o.At("case")), Tags: o.Texts("tags", w.checkTagName)}
	o.BindKeys(keys.CaseKeys, c)
	if c.Name == "" {
		c.Name = id
	}
	c.Data = b.readData(w, o, c)
	var columns []string
	if c.Data != nil {
		columns = c.Data.Columns
	}
	// Names are in scope before the first step is read: the columns of the rows, then the
	// variables of the case. Where rows could not be read, any name may be a column.
	b.names.beginCase(columns, c.Vars)
	b.names.blind = o.Has("data") && c.Data == nil
	b.readCaseKeys(w, o, c)
	ctx := stepContext{walker: w, rules: b.rules, seen: map[string]Pos{}, owner: what}
	// A case with steps has service and rules for all of them, and no keys of a request.
	if o.Has("steps") {
		ctx.service = b.chooseService(o, ctx)
		// Rules of the case come after those of the suite, and before those of each step.
		own := w.readRules(o, "rules")
		ctx.rules = slices.Concat(b.rules, own)
		b.checkRules(b.rules, own)
		c.Steps = b.stepList(o, "steps", ctx, what)
		c.Cleanup = b.readCleanup(o, ctx, what)
		o.RefuseUnread(` next to "steps"`)
	} else {
		// The step marks every key of the request as read and reports the rest.
		o.MarkRead("cleanup", "steps")
		if s := b.readOneStep(o, ctx, id, what); s != nil {
			c.Steps = []*Step{s}
			ctx.seen[s.Name] = s.Pos
		}
		c.Cleanup = b.readCleanup(o, ctx, what)
	}
	// Only now are all steps known that may take back another.
	b.linkCompensation(c.Steps, c.Cleanup)
	b.checkCase(w, o, c)
	return c
}

// readCleanup reads the steps that run after the case; they know what its steps captured.
func (b *builder) readCleanup(o *keys.Mapping, ctx stepContext, what string) []*Step {
	return b.stepList(o, "cleanup", ctx, "cleanup of "+what)
}

// readCaseKeys reads what only cases have and more than one field needs: a skip must give a
// reason that is text (`skip: true` says nothing), and a quarantine ends.
func (b *builder) readCaseKeys(w *walker, o *keys.Mapping, c *Case) {
	if n := o.Values["skip"]; n != nil && !o.Broken && (strings.TrimSpace(c.Skip) == "" || keys.IsLiteral(source.Deref(n))) {
		o.Fail(o.At("skip"), "write the reason", "skip needs a reason")
	}
	// The day itself still counts; see keys.Mapping.Date.
	if q := o.Open("quarantine", "quarantine", ""); q != nil {
		c.Quarantine = &Quarantine{}
		q.Bind(c.Quarantine)
		if now := b.opts.Now; !q.Broken && !now.IsZero() && now.After(c.Quarantine.Until) {
			q.Fail(q.At("until"), "end the quarantine, or agree on a new date", "the quarantine expired on %s",
				c.Quarantine.Until.Format("2006-01-02"))
		}
	}
}

// checkTagName holds a tag to what an expression of --tag can name.
// and, or and not are the words of the expressions.
func (w *walker) checkTagName(n *yaml.Node, text string) bool {
	if keys.BadNameAt(text) >= 0 || text == "" || text == "and" || text == "or" || text == "not" {
		w.Errorf(n, "", "%q is not a tag: letters, digits, - _ . and none of and, or, not", problem.Cut(text, 40))
		return false
	}
	return true
}

// scalarOf finds the text of a key before the mapping is checked, so that messages about
// the mapping can name it. It is empty where the key is not there or not text.
func scalarOf(n *yaml.Node, name string) string {
	n = source.Deref(n)
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			if v := source.Deref(n.Content[i+1]); v.Kind == yaml.ScalarNode {
				return v.Value
			}
		}
	}
	return ""
}

// A partFile is a parts file: its step lists by name, still as a tree. Steps are read where
// they are used, because what their placeholders may name depends on the place of use.
type partFile struct {
	// w reads the parts with the places of their file.
	w *walker
	// names are in file order; lists have the same names.
	names []string
	lists map[string]*yaml.Node
}

// readPartFile reads the top of a parts file once, however many suites use it.
func (l *loader) readPartFile(src *source.File) *partFile {
	if p := l.parts[src.Path]; p != nil {
		return p
	}
	w := newWalker(l, src)
	p := &partFile{w: w, lists: map[string]*yaml.Node{}}
	l.parts[src.Path] = p
	o := w.Object(src.Root, "parts file", "")
	o.Text("doc")
	o.EachPair("parts", func(k, v *yaml.Node) {
		switch v = source.Deref(v); {
		case keys.BadNameAt(k.Value) >= 0:
			w.Errorf(k, "", "%q is not the name of a part", problem.Cut(k.Value, 40))
		case v.Kind != yaml.SequenceNode:
			w.Errorf(v, "", "part %q must be a list of steps, not %s", k.Value, keys.KindWord(v))
		case len(v.Content) == 0:
			w.Errorf(v, "", "part %q has no steps", k.Value)
		default:
			p.names = append(p.names, k.Value)
			p.lists[k.Value] = v
		}
	})
	return p
}

// usePart inlines the steps of a part. Arguments (with:) are checked here, in the scope of
// the use; the steps are read in a context that has them innermost. The name of the use is
// put before the names of the steps, so that one part can be used twice in a case.
func (b *builder) usePart(o *keys.Mapping, ctx stepContext, what string) []*Step {
	ref, name := o.Text("use"), o.Text("step")
	with := ctx.Vars(o, "with")
	o.RefuseUnread(` next to "use"`)
	b.names.with = ctx.with
	for _, v := range with {
		b.names.check(v.Value)
	}
	b.names.usedAt = Pos{}
	p, part, id := b.findPart(o, ctx, ref)
	if p == nil {
		return nil
	}
	inner := ctx
	// Problems inside the part are reported there; a duplicate name is reported at the
	// outermost use, the one place that the author of the suite can change.
	inner.walker = p.w
	// Only the outermost use is kept: messages lead to the file that the author runs.
	if ctx.use == nil {
		inner.use = o
	}
	inner.with = append(slices.Clone(ctx.with), with)
	inner.stack = append(slices.Clone(ctx.stack), id)
	if name != "" {
		inner.prefix = ctx.prefix + name + " / "
	}
	var out []*Step
	// Each use reads the nodes again: what they mean depends on where they are used.
	for _, n := range p.lists[part].Content {
		if len(b.steps) > maxSteps {
			o.Fail(o.At("use"), "", "more than %d steps in one suite", maxSteps)
			break
		}
		out = append(out, b.readStep(n, inner, fmt.Sprintf("part %q", part))...)
	}
	return out
}

// findPart opens the parts file that a use names; p is nil when that is a problem, which is
// reported at the use. id is file#part, the element of the stack that finds circles.
func (b *builder) findPart(o *keys.Mapping, ctx stepContext, ref string) (p *partFile, part, id string) {
	if ref == "" {
		return nil, "", ""
	}
	// Each way in which a use can be wrong has its own message, in the order in which they can
	// be found out.
	file, part, ok := partName(ref)
	if !ok {
		o.Fail(o.At("use"), "write file.yaml#name", "%q does not name a part", problem.Cut(ref, 60))
		return nil, "", ""
	}
	file, ok = ctx.Resolve(o.At("use"), file)
	if !ok {
		return nil, "", ""
	}
	id = file + "#" + part
	if !ctx.mayUse(o, ctx.stack, id, "parts") {
		return nil, "", ""
	}
	src := b.openFrom(o.At("use"), ctx.walker, file)
	if src == nil {
		return nil, "", ""
	}
	// The archive keeps what the suite is made of.
	b.files[file] = true
	p = b.readPartFile(src)
	if p.lists[part] == nil {
		o.Fail(o.At("use"), suggest.Hint(part, p.names), "no part %q in %s", part, file)
		return nil, "", ""
	}
	return p, part, id
}

// maxSteps bounds what parts can multiply to in one suite.
const maxSteps = 10_000

// checkParts reads a parts file that was found in a folder on its own: its shape is checked,
// its placeholders only where a suite uses it. It reads into a suite that is thrown away.
func (l *loader) checkParts(w *walker) {
	p := l.readPartFile(w.Src)
	// Defaults are those of the language; names are not checked, services neither.
	s := &Suite{Name: "parts"}
	b := &builder{loader: l, suite: s, defaults: &stepDefaults{Timeout: defaultTimeout, SideEffects: NoEffects}}
	b.names = newNames(l, s)
	b.unbound = true
	for _, name := range p.names {
		ctx := stepContext{walker: w, seen: map[string]Pos{}, owner: fmt.Sprintf("part %q", name), stack: []string{w.Src.Path + "#" + name}}
		for _, n := range p.lists[name].Content {
			b.readStep(n, ctx, fmt.Sprintf("part %q", name))
		}
	}
}

// A Size counts what suites hold: cases with their rows, and load stages.
// The same counts are used of what runs and of what is left out.
type Size struct{ Cases, Loads int }

// SizeOf counts suites, what an only leaves out included.
// The rows of a case count one by one, as they do in reports.
func SizeOf(suites []*Suite) Size {
	var n Size
	for _, s := range suites {
		n.Cases += s.LeftOut.Cases
		n.Loads += s.LeftOut.Loads + len(s.Loads)
		for _, c := range s.Cases {
			n.Cases += c.Count()
		}
	}
	return n
}

// Count is the number of test cases that a case makes: its rows, or itself.
func (c *Case) Count() int {
	if c.Data == nil {
		return 1
	}
	return c.Data.Count
}

// A Case is a named independent sequence of steps: a testcase in reports. Cases share
// nothing but what setup captured, and may be walked at once and in any order.
type Case struct {
	// ID is suite/case.
	ID  string
	Doc string
	// Name is for people; the id's last part when the file gives none.
	Name string
	// Tags are the words of --tag.
	Tags []string
	Pos  Pos
	// Data are the rows that the case is walked for, one test case each; nil: one walk.
	Data *Data
	// Vars are the case's own variables.
	Vars []Var
	// Order says when the two requests of a step are sent.
	Order Order
	// Crossover also walks the case with the sides swapped in the middle: sessions that began
	// on blue must go on on green.
	Crossover bool
	// Confirm is how often a pair that differs is sent again to label it, 0 to 10. It never
	// turns a fail into a pass.
	Confirm int
	// Skip is the reason why the case is not run; empty: it is run.
	Skip string
	// Only marks the case; see rule 8 of [Load].
	Only       bool
	Quarantine *Quarantine
	Steps      []*Step
	// Cleanup runs after Steps, however they ended.
	Cleanup []*Step
}

// A Quarantine lets a case run without letting it decide. Until is the end of its last day,
// in UTC; after it the quarantine is a problem of the file.
type Quarantine struct {
	Until  time.Time
	Ticket string
}
