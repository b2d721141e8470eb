package script

import (
	"slices"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
	"github.com/bgverify/bgverify/scenarios/template"
)

// An element that a script looks for by its members is a path with a filter:
//
//	list.find(x => x.id === 5).name     $.list[?@.id==5].name
//
// A script takes the first of several elements, and fails where a member of null is asked
// for before it is found. What is written here asks more: it must hold for each element
// that is found, and no element may be null.

// chosen is the element of a list that a function chooses by constants.
func (r *scriptReader) chosen(list, f sym) sym {
	test := resultOf(f.fn)
	if !list.isPart() || claim.IsMany(list.path) || claim.IsChosen(list.path) || test == nil {
		return sym{}
	}
	_, leave, ok := r.enter(f, []sym{element(list)})
	if !ok {
		return sym{}
	}
	defer leave()
	terms := r.terms(test, list.path+"[*]")
	return only(len(terms) > 0, body(list.path+"[?"+strings.Join(terms, " && ")+"]"))
}

// resultOf is the expression that a function returns, where it does nothing else; nil for others.
func resultOf(f ast.Expression) ast.Expression {
	if e := arrowResult(f); e != nil {
		return e
	}
	list, _ := statementsOf(f)
	if len(list) != 1 {
		return nil
	}
	if s, ok := list[0].(*ast.ReturnStatement); ok {
		return s.Argument
	}
	return nil
}

// terms are what a condition asks of members of an element, as terms of a filter; nil
// where it asks something else. Only === says what a filter says.
func (r *scriptReader) terms(e ast.Expression, element string) []string {
	x, ok := e.(*ast.BinaryExpression)
	switch {
	case !ok:
	case x.Operator == token.LOGICAL_AND:
		if a, b := r.terms(x.Left, element), r.terms(x.Right, element); a != nil && b != nil {
			return slices.Concat(a, b)
		}
	case x.Operator == token.STRICT_EQUAL:
		a, b := r.eval(x.Left), r.eval(x.Right)
		if a.kind == symNode || a.kind == symTemplate {
			a, b = b, a
		}
		if term, ok := filterTerm(a, element, b); ok {
			return []string{term}
		}
	}
	return nil
}

// filterTerm is @.key=='value' of a member of an element and a constant.
func filterTerm(member sym, element string, value sym) (string, bool) {
	name, ok := strings.CutPrefix(member.path, element)
	if !ok || !member.isPart() || name == "" || claim.LastStep(name) != 0 {
		return "", false
	}
	text, isText := value.constant()
	switch word := value.literal(); {
	case isText:
		text = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
	case word == "true", word == "false", template.IsNumber(word):
		text = word
	case value.isVariable() && claim.KeyValue.FindString(value.text) == value.text:
		text = value.text
	default:
		return "", false
	}
	return "@" + name + "==" + text, true
}

// A keyedObject is one that a loop filled with a value of each element, by a member of it:
// list.forEach(x => { byName[x.name] = x.id }).
type keyedObject struct {
	list, key, value string // paths; key and value below the element
	by               int    // the statement that filled it
}

// fills reads an assignment that fills such an object; it reports whether it is one.
func (r *scriptReader) fills(x *ast.AssignExpression) bool {
	b, ok := x.Left.(*ast.BracketExpression)
	if !ok || x.Operator != token.ASSIGN || len(r.loops) != 1 || r.guarded != "" || len(r.nonEmpty) > 0 {
		return false
	}
	name, element := nameOf(b.Left), r.loops[0].list.path+"[*]"
	was, known := r.scope.get(name)
	if r.changes[name] != 1 || !known || was.kind != symNode || was.node.Kind != model.ObjectNode || len(was.node.Keys) > 0 {
		return false
	}
	right := r.unguarded(x.Right)
	r.reads = append(r.reads, was.by)
	key, value := r.eval(b.Member), r.eval(right)
	keyName, okKey := strings.CutPrefix(key.path, element)
	rest, okValue := strings.CutPrefix(value.path, element)
	if !okKey || !okValue || !key.isPart() || !value.isPart() || keyName == "" || claim.LastStep(keyName) != 0 || claim.IsMany(rest) ||
		claim.IsChosen(element) || claim.IsMany(r.loops[0].list.path) {
		return false
	}
	if r.keyed == nil {
		r.keyed = map[string]keyedObject{}
	}
	r.keyed[name] = keyedObject{r.loops[0].list.path, keyName, rest, r.follow(x)}
	return true
}

// unguarded is x.body.id of x.body && x.body.id, and any other expression itself.
func (r *scriptReader) unguarded(e ast.Expression) ast.Expression {
	and, isAnd := e.(*ast.BinaryExpression)
	if !isAnd || and.Operator != token.LOGICAL_AND {
		return e
	}
	left, last := r.eval(and.Left), r.eval(and.Right)
	if left.kind == symBody && claim.LastStep(last.path) == len(left.path) && strings.HasPrefix(last.path, left.path) {
		return and.Right
	}
	return e
}

// fromKeyed is a member of an object that a loop filled.
func (r *scriptReader) fromKeyed(left ast.Expression, name string) (sym, bool) {
	k, known := r.keyed[nameOf(left)]
	if !known {
		return sym{}, false
	}
	r.reads = append(r.reads, k.by)
	term, ok := filterTerm(body(k.list+"[*]"+k.key), k.list+"[*]", literal(model.String(name)))
	return only(ok, body(k.list+"[?"+term+"]"+k.value)), ok
}
