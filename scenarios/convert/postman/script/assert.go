package script

import (
	"cmp"
	"slices"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
)

// inLoop reports whether a name was declared in the loop being read.
func (r *scriptReader) inLoop(name string) bool {
	for s := r.scope; s != nil && s != r.loops[len(r.loops)-1].outside; s = s.parent {
		if _, ok := s.names[name]; ok {
			return true
		}
	}
	return false
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
	if r.firstTime(kind, n.Idx0(), r.first) {
		r.host.Mapped(kind, 1)
	}
}

// sentBy is the request of the script with a number from 1; nil: the request itself.
func (r *scriptReader) sentBy(n int) *Sent {
	if n > 0 && n <= len(r.sent) {
		return r.sent[n-1]
	}
	return nil
}

// expectOf is where what is said of an answer is expected: of the request, or of one that
// the script sends.
func (r *scriptReader) expectOf(sent int) *model.Expect {
	if s := r.sentBy(sent); s != nil {
		return &s.Expect
	}
	return r.into
}

// define keeps a definition with the request whose answer it is about: 0 is that of the
// script, others those that it sends.
func (r *scriptReader) define(sent int, d Definition) {
	list := &r.defs
	if s := r.sentBy(sent); s != nil {
		list = &s.Defs
	}
	same := func(o Definition) bool { return d.Helper && o.Name == d.Name }
	if !slices.ContainsFunc(*list, same) {
		*list = append(*list, d)
	}
}

// addSchemas adds what the body of an answer must obey: 0 is that of the request.
func (r *scriptReader) addSchemas(sent int, list ...*model.Node) {
	if s := r.sentBy(sent); s != nil {
		s.schemas = append(s.schemas, list...)
		return
	}
	for _, n := range list {
		r.host.Obey(n)
	}
}

// use notes that what is expected of an answer reads variables.
func (r *scriptReader) use(sent int, names []string) {
	if s := r.sentBy(sent); s != nil {
		s.Uses = append(s.Uses, names...)
		return
	}
	for _, name := range names {
		r.host.Use(name)
	}
}

// claims adds claims to the expectations, all or none of them.
func (r *scriptReader) claims(n ast.Node, claims []claim.Claim) {
	claims = claim.Needed(claims)
	out, sent, why := r.ofOneAnswer(claims)
	conditional := r.guarded != "" && len(r.nonEmpty) == 0
	switch {
	case r.branch != nil && (why != "" && why == r.ifNonEmpty || why == "" && conditional):
		r.branch.found = append(r.branch.found, asserted{n, claims, slices.Clone(r.reads)})
		return
	case why == "":
		why = r.guarded
		if why == "" && !r.after && sent == 0 {
			why = "there is no answer yet"
		}
	}
	trial := claim.Grow(r.expectOf(sent))
	for _, c := range out {
		why = cmp.Or(why, trial.Add(c))
	}
	if why != "" {
		r.lose(n, model.Assertions, why)
		return
	}
	*r.expectOf(sent) = trial.Expect
	r.addSchemas(sent, trial.Schemas...)
	r.keep()
	for _, c := range out {
		r.use(sent, r.host.NamesIn(c.Templates()))
	}
	r.counts(n, model.Assertions)
}

// ofOneAnswer are claims about the answer to one request, whose number it returns, with
// their paths in its body; why says that they are about more.
func (r *scriptReader) ofOneAnswer(claims []claim.Claim) (out []claim.Claim, sent int, why string) {
	sent = -1
	for _, c := range claims {
		c, why := r.ofElements(c)
		at, own := claim.Owner(c.Path)
		if sent >= 0 && at != sent {
			why = "it is about several answers"
		}
		if why != "" {
			return nil, 0, why
		}
		sent, c.Path = at, own
		out = append(out, c)
	}
	return out, sent, ""
}
