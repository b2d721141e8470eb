package script

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
)

// A symKind is what a script's value stands for. Zero: nothing that is followed.
type symKind uint8

const (
	symUnknown     symKind = iota
	symBody                // the value at path of the body
	symText                // the body as text
	symStatus              // the status code
	symReason              // its words: OK
	symTime                // milliseconds until the answer
	symHeaders             // all headers
	symHeader              // the header text
	symCookie              // the cookie text
	symLength              // the length of the value at path
	symType                // typeof the value at path
	symIndexOf             // where node is in the value at path
	symNode                // a literal
	symTemplate            // text with placeholders of the scenario language
	symVars                // a scope of variables: environment, globals, data
	symCond                // claims that hold or not
	symRegex               // text: the pattern
	symFunc                // a function
	symRandom              // 0 to high, not yet whole
	symNow                 // a Date: the time of the run and an offset
	symDatePart            // a number of a date, such as its day: text names it, low is added
	symList                // a list of values that are followed
	symJoin                // texts one after another, some of the answer
	symPicked              // a part of the text items[0] by the pattern text
	symSplit               // what split(text) makes of the text items[0]
	symMatch               // what match(/text/) makes of the text items[0]
	symIndex               // the number of an element in a loop over the list at path
	symValidator           // a compiled schema: node
	symBytes               // the bytes of the text items[0]
	symDigest              // the SHA-256 of the text items[0]
	symShuffled            // the list items[0] in random order
	symStringified         // the part items[0] of the answer as JSON
	symXML                 // an element of the body read as XML: its names are the texts of items
	symInstant             // new Date of the value at path; iso: its toISOString
	symUndefined           //
	symResponse            // pm.response
	symCode                // the old responseCode
	symModule              // a library
	symKeys                // the names of the members at path
	symKeyCount            // how many there are
)

// A sym is a value that is followed through a script.
type sym struct {
	kind      symKind
	path      string
	text      string
	node      *model.Node
	claims    []claim.Claim
	fn        ast.Expression
	generated bool // holds a generated value
	sure      surety
	// number is set when the script makes a number of a value that may be text.
	number bool
	// or is set when another value takes the place of one that is not there.
	or bool
	// loose is set in claims of ==, which reads lists and objects as text.
	loose bool
	// within is set in claims of "name" in value, which fails for scalars.
	within bool
	low    int64
	high   int64

	items  []sym
	offset time.Duration // of a date
	// pattern is what a text of a date was written by; millis says that a number is one.
	pattern string
	millis  bool
	global  bool // a regular expression with the flag g
	iso     bool
	scope   *scope
}

// A surety is what is known of the type of a template's value. Zero: nothing.
type surety uint8

const (
	sureText   surety = iota + 1 // text, so that + joins
	sureNumber                   // a number, so that + adds
)

// body is the value at a path of the body. Paths that are too long, or that the language does not
// read, are not followed.
func body(path string) sym {
	if len(path) > 2000 {
		return sym{}
	}
	_, own := claim.Owner(path)
	if _, err := claim.ParsePath(own); err != nil {
		return sym{}
	}
	return sym{kind: symBody, path: path}
}

func literal(n *model.Node) sym { return sym{kind: symNode, node: n} }

func asTemplate(text string, generated bool) sym {
	return sym{kind: symTemplate, text: text, generated: generated}
}

// surelyText and surelyNumber are generated values of a known type.
func surelyText(text string) sym {
	return sym{kind: symTemplate, text: text, generated: true, sure: sureText}
}

func surelyNumber(text string) sym {
	return sym{kind: symTemplate, text: text, generated: true, sure: sureNumber}
}

// only is a value where something holds, otherwise none that is followed.
func only(holds bool, v sym) sym {
	if holds {
		return v
	}
	return sym{}
}

// isPart reports whether a value is the one at its path of the body, with nothing in its place.
func (s sym) isPart() bool { return s.kind == symBody && !s.or && !s.number }

// isKnownText reports whether a value is a literal or a template.
func (s sym) isKnownText() bool { return s.kind == symNode || s.kind == symTemplate }

// yes and no are operands of tests.
var yes, no = model.Bool(true), model.Bool(false)

func cond(c ...claim.Claim) sym { return sym{kind: symCond, claims: c} }

// subjects are the values that a claim can be about.
var subjects = map[symKind]claim.Kind{
	symBody: claim.Body, symText: claim.Text, symStatus: claim.Status, symReason: claim.Reason, symTime: claim.Time, symHeader: claim.Header,
	symCookie: claim.Cookie, symLength: claim.Length, symType: claim.Type, symKeyCount: claim.KeyCount, symTemplate: claim.Variable,
}

// claimOf is a claim about a value. About one that is not followed it is of no kind, and
// becomes no expectation.
func claimOf(v sym, m model.Matcher) claim.Claim {
	subject := claim.Subject{Kind: subjects[v.kind], Path: v.path, Text: v.text, Number: v.number, Or: v.or, Loose: v.loose, Within: v.within}
	return claim.Claim{Subject: subject, Matcher: m}
}

// test is a claim with one operand.
func test(subject sym, op string, value *model.Node) claim.Claim {
	return claimOf(subject, model.Matcher{Op: op, Value: value})
}

// below is the member of a value of the body, also one that is called length.
func below(v sym, name string) sym { return body(v.path + source.PathMember(name)) }

// lengthOf is the length of a value of the body.
func lengthOf(v sym) sym { return sym{kind: symLength, path: v.path, or: v.or} }

// element is what holds for each element of a list.
func element(list sym) sym { return body(list.path + "[*]") }

// single reports whether a path names one value.
func (s sym) single() bool {
	_, own := claim.Owner(s.path)
	p, err := claim.ParsePath(own)
	return err == nil && p.Keyed() && !claim.KeyValue.MatchString(own)
}

// responseMembers are the kinds of the members of pm.response, and codeMembers those of the
// old responseCode.
var (
	responseMembers = map[string]symKind{"code": symStatus, "status": symReason, "responseTime": symTime, "headers": symHeaders}
	codeMembers     = map[string]symKind{"code": symStatus, "name": symReason}
)

// member is a member of a value by name.
func member(v sym, name string) sym {
	length := name == "length"
	switch v.kind {
	case symBody:
		if length {
			return only(!v.number, lengthOf(v))
		}
		return only(!v.number, below(v, name))
	case symResponse:
		kind := responseMembers[name]
		return only(kind != symUnknown, sym{kind: kind, path: v.path})
	case symCode:
		return sym{kind: codeMembers[name]}
	case symHeaders:
		return sym{kind: symHeader, text: name, path: v.path}
	case symKeys:
		return only(length, sym{kind: symKeyCount, path: v.path})
	case symCookie:
		return only(name == "value", v)
	case symXML:
		v.items = append(slices.Clone(v.items), constantText(name))
		return v
	case symList:
		return only(length, literal(model.Int(int64(len(v.items)))))
	case symNode:
		return heldMember(v, name)
	}
	return sym{}
}

// heldMember is a member of a value that the script holds.
func heldMember(v sym, name string) sym {
	text, isText := v.constant()
	i := slices.Index(v.node.Keys, name)
	switch {
	case name == "length" && isText && isASCII(text):
		return literal(model.Int(int64(len(text))))
	case name == "length" && v.node.Kind == model.ArrayNode:
		return literal(model.Int(int64(len(v.node.Items))))
	}
	if i < 0 {
		return sym{}
	}
	return literal(v.node.Items[i])
}

// at is an element of a value by its number.
func at(v sym, index string) sym {
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 {
		return sym{}
	}
	switch {
	case v.kind == symXML && i == 0: // the first of elements that repeat
		return v
	case v.kind == symList && i < len(v.items):
		return v.items[i]
	case v.kind == symShuffled && i == 0:
		return choice(v.items[0])
	case v.kind == symSplit:
		return splitPart(v, int64(i))
	case v.kind == symMatch && i == 1:
		return picked(v.items[0], v.text)
	case v.kind == symMatch && i == 0:
		return picked(v.items[0], "("+v.text+")")
	case v.kind == symBody && !v.number:
		return body(v.path + "[" + strconv.Itoa(i) + "]")
	case v.kind == symNode && v.node.Kind == model.ArrayNode && i < len(v.node.Items):
		return literal(v.node.Items[i])
	}
	return sym{}
}

// operand is a value as what something is compared with; nil when it is not known.
func (s sym) operand() *model.Node {
	switch s.kind {
	case symNode:
		return s.node
	case symTemplate:
		if s.generated {
			return nil
		}
		return model.String(s.text)
	}
	return nil
}

// asText is a value as text of the scenario language; ok is false when it is not known.
func (s sym) asText() (text string, ok bool) {
	switch s.kind {
	case symTemplate:
		return s.text, true
	case symNode:
		return s.node.Text, s.node.IsScalar()
	}
	return "", false
}

// constant is a text without placeholders, as the script has it.
func (s sym) constant() (string, bool) {
	if s.kind != symNode || s.node.Kind != model.StringNode {
		return "", false
	}
	return naming.Unescape(s.node.Text), true
}

// goRegex is a JavaScript pattern as RE2, or why it is none.
func goRegex(pattern, flags string) (out, why string) {
	out = strings.ReplaceAll(pattern, `\/`, "/")
	var keep strings.Builder
	for _, f := range flags {
		switch f {
		case 'i', 's', 'm':
			keep.WriteString(string(f))
		case 'g', 'u', 'y': // a test is the same with them
		default:
			return "", "a regular expression with the flag " + string(f)
		}
	}
	if keep.String() != "" {
		out = "(?" + keep.String() + ")" + out
	}
	if len(out) > 1000 {
		return "", "the pattern is too long"
	}
	if _, err := regexp.Compile(out); err != nil || strings.Contains(out, "{{") {
		return "", "the pattern is not RE2"
	}
	return out, ""
}
