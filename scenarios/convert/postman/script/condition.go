package script

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
)

// mayLeave reports whether a branch of an if returns, continues or breaks, in a
// case that the step does not exclude anyway.
func (r *scriptReader) mayLeave(s *ast.IfStatement) bool {
	leaves := func(s ast.Statement) bool {
		return slices.ContainsFunc(blockOf(s), func(s ast.Statement) bool {
			switch s := s.(type) {
			case *ast.ReturnStatement, *ast.BranchStatement:
				return true
			case *ast.IfStatement:
				return r.mayLeave(s)
			}
			return false
		})
	}
	if leaves(s.Alternate) || !leaves(s.Consequent) {
		return leaves(s.Alternate)
	}
	c := r.eval(s.Test)
	if holds, known := r.truth(c); known && !holds {
		return false
	}
	if c.kind == symCond && len(c.claims) == 1 { // if the status is no success: return
		if opposite, ok := c.claims[0].Negated(); ok && r.isExpected(opposite) {
			return false
		}
	}
	return true
}

// onlyLeaves reports whether an if does nothing but return, under a condition on the body:
// what follows holds where the condition does not.
func (r *scriptReader) onlyLeaves(s *ast.IfStatement) bool {
	body := blockOf(s.Consequent)
	if len(body) != 1 {
		return false
	}
	leave, ok := body[0].(*ast.ReturnStatement)
	if !ok || leave.Argument != nil || s.Alternate != nil || r.guarded != "" || r.branch != nil || !r.after ||
		len(r.loops) > 0 || len(r.nonEmpty) > 0 || !r.mayLeave(s) {
		return false
	}
	claims, _ := asClaims(r.eval(s.Test))
	_, _, ok = claim.ConditionOf(claims)
	return ok
}

// withoutSuccess leaves out of a condition what the step expects anyway.
func (r *scriptReader) withoutSuccess(test sym) sym {
	if test.kind != symCond || len(test.claims) < 2 {
		return test
	}
	if left := slices.DeleteFunc(slices.Clone(test.claims), r.isExpected); len(left) > 0 {
		test.claims = left
	}
	return test
}

// ifStatement follows rule 4. Of a condition that the script itself decides only one
// branch is read. What is said of the elements of a list, if it has any, holds for
// those that are there.
func (r *scriptReader) ifStatement(s *ast.IfStatement) {
	r.reads = nil
	test := r.withoutSuccess(r.eval(s.Test))
	text, _ := r.source(s.Test)
	before, why, otherwise := r.guarded, "only if "+naming.OneLine(text, 60), "in the else branch of a condition"
	defer func() { r.guarded = before }()
	switch holds, known := r.truth(test); {
	case known && holds:
		r.keep()
		r.inner([]ast.Statement{s.Consequent})
		return
	case known:
		r.keep()
		r.otherwise(s, before)
		return
	case r.isSuccess(test), r.isUnset(s.Test):
		r.keep()
		otherwise = "the step expects the other case"
	case before == "" && len(nonEmptyLists(test)) > 0:
		r.keep()
		r.ifNotEmpty(s, test, why, otherwise)
		return
	case before == "" && len(r.variablesIn(test)) > 0:
		r.guarded, r.when = why, r.variablesIn(test)
		defer func() { r.when = nil }()
	case before == "" && r.branch == nil && r.after:
		r.eitherWay(s, test, why, otherwise)
		return
	default:
		r.guarded = cmp.Or(before, why)
		defer func(b *branch) { r.branch = b }(r.branch)
		r.branch = nil
	}
	r.inner([]ast.Statement{s.Consequent})
	r.otherwise(s, otherwise)
}

// otherwise reads the other branch of a condition, if it has one; guard says when it runs.
func (r *scriptReader) otherwise(s *ast.IfStatement, guard string) {
	if s.Alternate != nil {
		r.guarded = guard
		r.inner([]ast.Statement{s.Alternate})
	}
}

// ifNotEmpty reads what a script says where a list has elements. What it says of them holds
// for those that are there; the rest is under a condition on the length.
func (r *scriptReader) ifNotEmpty(s *ast.IfStatement, test sym, why, otherwise string) {
	lists, noted := r.nonEmpty, r.ifNonEmpty
	r.nonEmpty, r.ifNonEmpty = append(slices.Clip(lists), nonEmptyLists(test)...), cmp.Or(noted, why)
	var rest *branch
	if len(lists) == 0 && r.branch == nil && r.after { // for what it says of anything else
		rest = &branch{}
		r.branch = rest
		defer func() { r.branch = nil }()
	}
	r.inner([]ast.Statement{s.Consequent})
	r.nonEmpty, r.ifNonEmpty = lists, noted
	if rest == nil {
		r.otherwise(s, otherwise)
		return
	}
	lostYes, lostNo := r.inBranches(test, rest.found, r.inBranch(s.Alternate, otherwise))
	r.loseAll(lostYes, why)
	r.loseAll(lostNo, otherwise)
}

// variablesIn is what a condition says of variables; nothing when it also says something
// else.
func (r *scriptReader) variablesIn(c sym) []model.Check {
	var out []model.Check
	for _, one := range c.claims {
		names := r.host.NamesIn(one.Text)
		if one.Kind != claim.Variable || len(names) != 1 {
			return nil
		}
		out = append(out, model.Check{Name: r.host.VarName(names[0]), Matchers: []model.Matcher{one.Matcher}})
	}
	return out
}

// A branch holds what is asserted in one branch of a condition, with the statements.
type branch struct{ found []asserted }

// An asserted is what a statement asserts, with what it has read: both are needed again when it is
// known whether the other branch says the same.
type asserted struct {
	node   ast.Node
	claims []claim.Claim
	reads  []int // followed statements
}

// holds reports whether a branch asserts all of some claims.
func (b *branch) holds(claims []claim.Claim) bool {
	var said []claim.Claim
	for _, a := range b.found {
		said = append(said, a.claims...)
	}
	return !slices.ContainsFunc(claims, func(c claim.Claim) bool {
		return !slices.ContainsFunc(said, func(o claim.Claim) bool { return reflect.DeepEqual(c, o) })
	})
}

// inBranch reads a branch of a condition, which may be nil; guard says when it runs.
func (r *scriptReader) inBranch(s ast.Statement, guard string) []asserted {
	if s == nil {
		return nil
	}
	r.guarded, r.branch = guard, &branch{}
	defer func() { r.guarded, r.branch = "", nil }()
	r.inner([]ast.Statement{s})
	return r.branch.found
}

// eitherWay reads both branches of a condition that is not known: what both assert holds
// in any case, and the rest where the condition says so.
func (r *scriptReader) eitherWay(s *ast.IfStatement, test sym, why, otherwise string) {
	yes := branch{r.inBranch(s.Consequent, why)}
	no := branch{r.inBranch(s.Alternate, otherwise)}
	only := func(mine, other *branch) (out []asserted) {
		for _, a := range mine.found {
			if !other.holds(a.claims) {
				out = append(out, a)
				continue
			}
			r.reads = a.reads
			r.claims(a.node, a.claims)
		}
		return out
	}
	lostYes, lostNo := r.inBranches(test, only(&yes, &no), only(&no, &yes))
	r.loseAll(lostYes, why)
	r.loseAll(lostNo, otherwise)
}

// loseAll lists assertions for one reason.
func (r *scriptReader) loseAll(list []asserted, why string) {
	for _, a := range list {
		r.lose(a.node, model.Assertions, why)
	}
}

// nonEmptyLists are the lists that a condition says to have elements, and nothing else:
// list.length, list.length > 0, list && list.length.
func nonEmptyLists(v sym) []string {
	claims, _ := asClaims(v)
	if claims = claim.Needed(claims); len(claims) != 1 || claims[0].Kind != claim.Length || claims[0].Or {
		return nil
	}
	if c := claims[0]; (c.Op == "gt" || c.Op == "ne") && c.Value.Is("0") || c.Op == "gte" && c.Value.Is("1") {
		return []string{c.Path}
	}
	return nil
}

// ofElements moves what a claim says of the first element of a list that may be empty to
// a path that names it where it is there; why says that the claim is about something else.
func (r *scriptReader) ofElements(c claim.Claim) (claim.Claim, string) {
	ofBody := slices.Contains([]claim.Kind{claim.Body, claim.Length, claim.Type, claim.KeyCount}, c.Kind)
	for _, list := range r.nonEmpty {
		rest, inside := strings.CutPrefix(c.Path, list)
		first, isFirst := strings.CutPrefix(rest, "[0]")
		switch {
		case !inside || !ofBody:
			return c, r.ifNonEmpty
		case isFirst:
			c.Path = list + "[0:1]" + first
		case !strings.HasPrefix(rest, "[0:1]") && !strings.HasPrefix(rest, "[*]"):
			return c, r.ifNonEmpty
		}
	}
	return c, ""
}

// isSuccess reports whether a condition says what the step expects anyway: its
// own status, or a success where it says nothing.
func (r *scriptReader) isSuccess(cond sym) bool {
	return cond.kind == symCond && len(cond.claims) > 0 && !slices.ContainsFunc(cond.claims, func(c claim.Claim) bool { return !r.isExpected(c) })
}

// isExpected reports whether a claim about the status is what the step expects anyway.
func (r *scriptReader) isExpected(c claim.Claim) bool {
	if c.Kind != claim.Status || c.Op != "eq" {
		return false
	}
	sent, _ := claim.Owner(c.Path)
	if status := r.expectOf(sent).Status; len(status) > 0 {
		return len(status) == 1 && status[0] == c.Value.Text
	}
	return strings.HasPrefix(c.Value.Text, "2")
}

// isUnset reports whether a condition is that a variable is not set which
// nothing sets: a switch that is off.
func (r *scriptReader) isUnset(test ast.Expression) bool {
	not, ok := test.(*ast.UnaryExpression)
	if !ok || not.Operator != token.NOT {
		return false
	}
	v := r.eval(not.Operand)
	name, ok := r.variableIn(v)
	if !ok || v.text != "{{"+r.host.VarName(name)+"}}" || !r.host.Unset(name) {
		return false
	}
	r.host.Note("the scripts ask for %s, which nothing sets; they are read as if it were not set", name)
	return true
}

// variableIn is the scripts' name of the one variable that a template reads.
func (r *scriptReader) variableIn(v sym) (name string, ok bool) {
	names := r.host.NamesIn(v.text)
	if v.kind != symTemplate || len(names) != 1 {
		return "", false
	}
	return names[0], true
}

// asClaims are what must hold for a value to count as true.
func asClaims(s sym) ([]claim.Claim, bool) {
	switch {
	case s.kind == symHeader:
		return []claim.Claim{test(s, "empty", no)}, true
	case s.isPart():
		return []claim.Claim{claimOf(s, claim.Truthy())}, true
	case s.kind == symLength && !s.or:
		return []claim.Claim{test(s, "gt", model.Literal("0"))}, true
	}
	return s.claims, s.kind == symCond
}

// inBranches adds what is asserted in one branch alone as a schema, and returns what no
// schema says.
func (r *scriptReader) inBranches(test sym, yes, no []asserted) (lostYes, lostNo []asserted) {
	claims, _ := asClaims(test)
	holds, needs, ok := claim.ConditionOf(claims)
	if !ok || len(r.loops) > 0 { // a loop may not run at all
		return yes, no
	}
	then, lostYes := r.schemasOf(yes)
	otherwise, lostNo := r.schemasOf(no)
	if len(then)+len(otherwise) > 0 {
		r.addSchemas(0, claim.Branches(holds, needs, then, otherwise))
	}
	return lostYes, lostNo
}

// schemasOf are schemas of what a branch asserts, which is counted as carried over, and what
// no schema says.
func (r *scriptReader) schemasOf(list []asserted) (schemas []*model.Node, lost []asserted) {
	for _, a := range list {
		one, ok := claim.SchemaOf(a.claims)
		if !ok {
			lost = append(lost, a)
			continue
		}
		schemas = append(schemas, one)
		r.reads = a.reads
		r.keep()
		r.counts(a.node, model.Assertions)
	}
	return schemas, lost
}
