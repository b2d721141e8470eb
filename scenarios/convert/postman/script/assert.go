package script

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// inLoop finds a name that was declared in the loop being read.
func (r *scriptReader) inLoop(name string) (binding, bool) {
	for s := r.scope; s != nil && s != r.loops[len(r.loops)-1].outside; s = s.parent {
		if v, ok := s.names[name]; ok {
			return v, true
		}
	}
	return binding{}, false
}

// claim makes a condition an expectation. A condition that the script itself makes true
// asks nothing of the answer.
func (r *scriptReader) claim(n ast.Node, v sym) {
	if holds, known := r.truth(v); known && holds && r.guarded == "" {
		r.keep()
		r.counts(n, model.Assertions)
		return
	}
	claims, ok := asClaims(v)
	if !ok {
		r.lose(n, model.Assertions, "the condition is made by code")
		return
	}
	r.claims(n, claims)
}

// counts counts a statement that is carried over, once however often it is read.
func (r *scriptReader) counts(n ast.Node, kind model.Kind) {
	key := fmt.Sprint(kind, n.Idx0(), r.first)
	if !r.done[key] {
		r.done[key] = true
		r.host.Mapped(kind, 1)
	}
}

// expectOf is where what is said of a value is expected: of the request, or of one that
// the script sends.
func (r *scriptReader) expectOf(v sym) *model.Expect {
	if i, _ := owner(v.path); i > 0 && i <= len(r.sent) {
		return &r.sent[i-1].Expect
	}
	return r.into
}

// define keeps a definition with the request whose answer it is about: 0 is that of the
// script, others those that it sends.
func (r *scriptReader) define(sent int, d Definition) {
	list := &r.defs
	if sent > 0 && sent <= len(r.sent) {
		list = &r.sent[sent-1].Defs
	}
	same := func(o Definition) bool { return d.Helper && o.Name == d.Name }
	if !slices.ContainsFunc(*list, same) {
		*list = append(*list, d)
	}
}

// addSchemas adds what the body of an answer must obey: 0 is that of the request.
func (r *scriptReader) addSchemas(sent int, list ...*model.Node) {
	if sent > 0 && sent <= len(r.sent) {
		r.sent[sent-1].schemas = append(r.sent[sent-1].schemas, list...)
		return
	}
	for _, n := range list {
		r.host.Obey(n)
	}
}

// claims adds claims to the expectations, all or none of them.
func (r *scriptReader) claims(n ast.Node, claims []claim) {
	sent := -1
	claims = needed(claims)
	out := make([]claim, len(claims))
	for i, c := range claims {
		c, why := r.ofElements(c)
		at, own := owner(c.subject.path)
		if sent >= 0 && at != sent {
			why = "it is about several answers"
		}
		if why != "" && why == r.ifNonEmpty && r.branch != nil {
			r.branch.found = append(r.branch.found, asserted{n, claims, slices.Clone(r.reads)})
			return
		}
		if why != "" {
			r.lose(n, model.Assertions, why)
			return
		}
		sent = at
		c.subject.path = own
		out[i] = c
	}
	if r.branch != nil && r.guarded != "" && len(r.nonEmpty) == 0 {
		r.branch.found = append(r.branch.found, asserted{n, claims, slices.Clone(r.reads)})
		return
	}
	if r.guarded != "" || !r.after && sent == 0 {
		r.lose(n, model.Assertions, cmp.Or(r.guarded, "there is no answer yet"))
		return
	}
	into := r.into
	if sent > 0 && sent <= len(r.sent) {
		into = &r.sent[sent-1].Expect
	}
	trial := cloneExpect(into)
	for _, c := range out {
		if why := trial.add(c); why != "" {
			r.lose(n, model.Assertions, why)
			return
		}
	}
	*into = trial.Expect
	r.addSchemas(sent, trial.schemas...)
	r.keep()
	for _, c := range out {
		names := r.host.NamesIn(c.text() + c.subject.path)
		if sent > 0 {
			r.sent[sent-1].Uses = append(r.sent[sent-1].Uses, names...)
			continue
		}
		for _, name := range names {
			r.host.Use(name)
		}
	}
	r.counts(n, model.Assertions)
}
