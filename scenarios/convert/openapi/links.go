package openapi

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// links are the links of a document that become cases.
type links struct {
	// instead are those that take the place of their target's own case.
	instead map[*openapi.Operation]*link
	// more are those that become a case next to it, in the order of the document.
	more []*link
}

// A link is a value of one operation's answer that another operation takes.
type link struct {
	*openapi.Link
	from     *openapi.Operation
	response *openapi.Response
	captures []model.Capture
	given    map[string]string // parameter of the target, to its text in the language
}

// maxLinks bounds the cases that links add.
const maxLinks = 1000

// readLinks decides which links become cases, and which of them take the place of a case.
func (im *importer) readLinks() {
	im.links.instead = map[*openapi.Operation]*link{}
	for _, o := range im.d.Operations {
		for _, r := range o.Responses {
			for _, l := range r.Links {
				im.readLink(&link{Link: l, from: o, response: r, given: map[string]string{}})
			}
		}
	}
}

func (im *importer) readLink(l *link) {
	why := ""
	switch {
	case l.To == nil:
		why = l.Why
	case l.Body:
		why = "the answer gives the body of the next request"
	case l.Server:
		why = "the next request goes to another server"
	case !slices.Contains(successes(l.from), l.response):
		why = "response " + l.response.Status + " is not that of a successful request"
	case l.from.Method == "HEAD" || len(im.links.more) >= maxLinks:
		why = "write a case of two steps"
	default:
		why = l.read()
	}
	if why != "" {
		im.report.Lose(model.Lost{Kind: model.Captures, Place: l.Pos.String(), Text: "link " + naming.OneLine(l.Name, 60), Why: why})
		return
	}
	im.report.Mapped(model.Captures, max(1, len(l.captures)))
	safe := slices.Contains([]string{"GET", "OPTIONS"}, l.from.Method)
	if safe && l.from != l.To && im.links.instead[l.from] == nil && im.links.instead[l.To] == nil && im.lacks(l) {
		im.links.instead[l.To] = l
		return
	}
	im.links.more = append(im.links.more, l)
}

// lacks reports whether the target needs a value from outside that the link gives.
func (im *importer) lacks(l *link) bool {
	a := &asking{im: im, o: l.To, given: l.given}
	return slices.ContainsFunc(l.To.Params, func(p *openapi.Param) bool {
		return p.Required && a.linked(p) != "" && im.choose(p.Examples, p.Schema, "", 0) == nil
	})
}

// read turns the parameters of a link into captures and texts; why says which of them
// has no place in the language.
func (l *link) read() (why string) {
	names := naming.NewNamer("_")
	for _, p := range l.Params {
		a := &asking{given: map[string]string{p.Name: "x"}}
		if !slices.ContainsFunc(l.To.Params, func(x *openapi.Param) bool { return a.linked(x) != "" }) {
			return "the operation has no parameter " + naming.OneLine(p.Name, 60)
		}
		text, ok := scalarText(p.Value)
		if !ok {
			return "a parameter with values in it"
		}
		if text, why = l.text(names, p, text); why != "" {
			return why
		}
		l.given[p.Name] = text
	}
	return ""
}

// expression finds the expressions inside a text.
var expression = regexp.MustCompile(`\{\$[^{}]*\}`)

// text is the value of a parameter: an expression, a text with expressions in braces,
// or a constant.
func (l *link) text(names *naming.Namer, p openapi.LinkParam, text string) (out, why string) {
	if strings.HasPrefix(text, "$") {
		return l.capture(names, p, text)
	}
	at := 0
	var b strings.Builder
	for _, m := range expression.FindAllStringIndex(text, -1) {
		one, why := l.capture(names, p, text[m[0]+1:m[1]-1])
		if why != "" {
			return "", why
		}
		b.WriteString(l.literal(p, text[at:m[0]]) + one)
		at = m[1]
	}
	if at == 0 && (text == "" || text == "." || text == "..") {
		return "", "the value " + strconv.Quote(text) + " is not that of a parameter"
	}
	return b.String() + l.literal(p, text[at:]), ""
}

// literal is a constant of a link in the language.
func (l *link) literal(p openapi.LinkParam, text string) string {
	in := slices.IndexFunc(l.To.Params, func(x *openapi.Param) bool { return p.Name == x.Name || p.Name == x.In+"."+x.Name })
	written := piece{text: value{plain: text}}
	if in >= 0 {
		written.in = l.To.Params[in].In
	}
	return written.written()
}

// capture is the variable of an expression as a placeholder.
func (l *link) capture(names *naming.Namer, p openapi.LinkParam, text string) (out, why string) {
	c := model.Capture{}
	if name, found := strings.CutPrefix(text, "$response.header."); found && naming.IsToken(name) {
		c.Header = name
	}
	if pointer, found := strings.CutPrefix(text, "$response.body#"); found {
		c.At = pathOf(pointer)
	}
	c.Status = text == "$statusCode"
	if c.At == "" && c.Header == "" && !c.Status {
		return "", "the expression " + naming.OneLine(text, 60) + " has no place in a capture"
	}
	for _, known := range l.captures {
		same := known
		same.Name = ""
		if same == c {
			return "{{" + known.Name + "}}", ""
		}
	}
	name := p.Name[strings.LastIndexByte(p.Name, '.')+1:]
	c.Name = names.Take(cmp.Or(naming.VarName(name), "linked"))
	l.captures = append(l.captures, c)
	return "{{" + c.Name + "}}", ""
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// pathOf writes a JSON Pointer as a path of the language; empty: it is not one. A token
// of digits is taken for the index of a list.
func pathOf(pointer string) string {
	if !strings.HasPrefix(pointer, "/") {
		return ""
	}
	var b strings.Builder
	b.WriteByte('$')
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch _, err := strconv.ParseUint(token, 10, 31); {
		case err == nil:
			b.WriteString("[" + token + "]")
		case plainName.MatchString(token):
			b.WriteString("." + token)
		default:
			b.WriteString("[" + strconv.Quote(token) + "]")
		}
	}
	return b.String()
}

// linkedCases writes the cases of links whose target is in a suite.
func (im *importer) linkedCases(s *suite) {
	for _, l := range im.links.more {
		if slices.Contains(s.operations, l.To) {
			id := im.ids.Take(cmp.Or(naming.Name(im.caseIDs[l.from]+" "+im.caseIDs[l.To]), "linked"))
			im.linkedCase(s, &model.Case{ID: id}, l)
		}
	}
}

// linkedCase writes a link as a case of two steps. What is counted of an operation is
// counted in its own case alone.
func (im *importer) linkedCase(s *suite, c *model.Case, l *link) {
	var first, second *model.Step
	im.uncounted(func() { first = im.linkStep(&asking{im: im, s: s, c: c, o: l.from}) })
	target := &asking{im: im, s: s, c: c, o: l.To, given: l.given}
	if im.links.instead[l.To] == l {
		second = im.linkStep(target)
	} else {
		im.uncounted(func() { second = im.linkStep(target) })
	}
	if l.response.Status != "default" {
		first.Expect.Status = []string{strings.ToLower(l.response.Status)}
	}
	first.Captures = l.captures
	c.Name = cmp.Or(naming.OneLine(l.To.Summary, 80), describe(l.To)) + " after " + describe(l.from)
	im.tag(c, l.To)
	c.Steps = []*model.Step{first, second}
	first.Name, second.Name = describe(l.from), describe(l.To)
	if first.Name == second.Name {
		second.Name += " (linked)"
	}
	s.Cases = append(s.Cases, c)
}

// uncounted makes something again: notes are kept, counts and losses are not.
func (im *importer) uncounted(f func()) {
	before, unsent := im.report, im.unsent
	f()
	before.Notes = im.report.Notes
	im.report, im.unsent = before, unsent
}

// linkStep is the first request to an operation as a step; why it cannot be sent is the
// reason for which its case is skipped.
func (im *importer) linkStep(a *asking) *model.Step {
	name := ""
	if names := im.exampleNames(a.o); len(names) > 0 {
		name = names[0]
	}
	r := a.request(name, 0)
	if a.c.Skip == "" {
		a.c.Skip = naming.Plain(strings.Join(r.skip, "; "))
	}
	var texts []string
	for i := range r.pieces {
		texts = append(texts, r.pieces[i].written())
	}
	return im.step(a.s, a.c, a.o, r, texts)
}
