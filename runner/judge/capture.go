package judge

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios"
)

// A locator finds the one value that a single-result path names. It takes one
// step at a time through gjson, so that a name never picks an array element and
// an index never picks a member: it finds the node that diff.Select finds.
type locator struct {
	path    string
	steps   []locatorStep
	pattern *diff.Pattern // used where a step is beyond gjson
}

type locatorStep struct {
	name  string // as written
	query string // escaped for gjson
	index int    // -1 for a name
}

// newLocator compiles a path.
func newLocator(path string) (*locator, error) {
	pattern, err := diff.ParsePath(path)
	if err != nil {
		return nil, err
	}
	if !pattern.Single() {
		return nil, fmt.Errorf("%s can name more than one value", path)
	}
	l := &locator{path: path, pattern: pattern}
	steps, ok := splitPath(path)
	if ok {
		l.steps, l.pattern = steps, nil
	}
	return l, nil
}

// splitPath reads names and indices out of a path that has nothing else. It
// says no for anything that gjson would read in a sense of its own.
func splitPath(path string) ([]locatorStep, bool) {
	rest, ok := strings.CutPrefix(path, "$")
	steps := []locatorStep{}
	for ok && rest != "" {
		var step locatorStep
		if step, rest, ok = nextStep(rest); ok {
			steps = append(steps, step)
		}
	}
	return steps, ok
}

func nextStep(rest string) (locatorStep, string, bool) {
	if after, ok := strings.CutPrefix(rest, "."); ok {
		end := strings.IndexAny(after, ".[")
		if end < 0 {
			end = len(after)
		}
		return nameStep(after[:end], after[end:])
	}
	inner, ok := strings.CutPrefix(rest, "[")
	if !ok || inner == "" {
		return locatorStep{}, "", false
	}
	if quote := inner[0]; quote == '\'' || quote == '"' {
		end := strings.IndexByte(inner[1:], quote)
		if end < 0 || strings.Contains(inner[1:1+end], `\`) || !strings.HasPrefix(inner[2+end:], "]") {
			return locatorStep{}, "", false
		}
		return nameStep(inner[1:1+end], inner[3+end:])
	}
	number, after, ok := strings.Cut(inner, "]")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || strconv.Itoa(n) != number {
		return locatorStep{}, "", false
	}
	return locatorStep{name: "[" + number + "]", query: number, index: n}, after, true
}

func nameStep(name, rest string) (locatorStep, string, bool) {
	if name == "" || name == "*" || strings.ContainsAny(name, "*?") && !strings.HasPrefix(rest, "]") {
		return locatorStep{}, "", false
	}
	return locatorStep{name: name, query: gjson.Escape(name), index: -1}, rest, true
}

// find returns the value in a validated body.
func (l *locator) find(body []byte) (diff.Node, bool) {
	if l.pattern != nil {
		nodes, err := diff.Select(body, l.pattern)
		if err != nil || len(nodes) != 1 {
			return diff.Node{}, false
		}
		return nodes[0], true
	}
	v, done := l.walk(body)
	if done < len(l.steps) {
		return diff.Node{}, false
	}
	return diff.Node{Path: l.path, Type: kindOf(v), JSON: []byte(strings.TrimSpace(v.Raw))}, true
}

// walk goes as far as the body has the path's steps.
func (l *locator) walk(body []byte) (v gjson.Result, done int) {
	if len(l.steps) == 0 {
		return gjson.ParseBytes(body), 0
	}
	v, ok := l.first(body)
	if !ok {
		return gjson.ParseBytes(body), 0
	}
	for i, s := range l.steps[1:] {
		if s.index < 0 && !v.IsObject() || s.index >= 0 && !v.IsArray() {
			return v, i + 1
		}
		next := gjson.Get(v.Raw, s.query)
		if !next.Exists() {
			return v, i + 1
		}
		v = next
	}
	return v, len(l.steps)
}

// first takes the first step, without a copy of the whole body.
func (l *locator) first(body []byte) (gjson.Result, bool) {
	s, begin := l.steps[0], bytes.TrimLeft(body, " \t\r\n")
	if len(begin) == 0 || s.index < 0 && begin[0] != '{' || s.index >= 0 && begin[0] != '[' {
		return gjson.Result{}, false
	}
	v := gjson.GetBytes(body, s.query)
	return v, v.Exists()
}

// missing says how far the path led and which names are nearest to the one that
// is not there.
func (l *locator) missing(body []byte) string {
	if l.pattern != nil {
		return l.path + " finds nothing"
	}
	v, done := l.walk(body)
	if done == len(l.steps) {
		return ""
	}
	step := l.steps[done]
	var where strings.Builder
	where.WriteString("$")
	for _, s := range l.steps[:done] {
		if s.index >= 0 {
			where.WriteString(s.name)
		} else {
			where.WriteString("." + s.name)
		}
	}
	text := fmt.Sprintf("%s finds nothing: %s is %s", l.path, where.String(), describe(v))
	if step.index < 0 && v.IsObject() {
		if names := nearest(step.name, v, 5); len(names) > 0 {
			text += " with " + strings.Join(names, ", ")
		}
	}
	return text
}

func describe(v gjson.Result) string {
	kind := kindOf(v)
	if kind == diff.ArrayType {
		return fmt.Sprintf("an array of %d", size(datum{kind: kind, json: v.Raw}))
	}
	if kind == diff.ObjectType {
		return "an object"
	}
	return typeNames[kind]
}

// nearest returns the names of an object, those most like name first.
func nearest(name string, object gjson.Result, most int) []string {
	type scored struct {
		name  string
		score int
	}
	var all []scored
	object.ForEach(func(key, _ gjson.Result) bool {
		all = append(all, scored{key.String(), suggest.Distance(strings.ToLower(name), strings.ToLower(key.String()), 64)})
		return len(all) < 200
	})
	sort.SliceStable(all, func(i, j int) bool { return all[i].score < all[j].score })
	out := make([]string, 0, most)
	for _, s := range all[:min(most, len(all))] {
		out = append(out, strconv.Quote(text.Cut(s.name, 64)))
	}
	return out
}

// places find the values at a path: one through its locator, many by diff.Select.
type places struct {
	one  *locator
	many *diff.Pattern
}

func placesFor(path string) (*places, error) {
	pattern, err := diff.ParsePath(path)
	if err != nil {
		return nil, err
	}
	p := &places{many: pattern}
	if pattern.Single() {
		if p.one, err = newLocator(path); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// find returns the values in a validated body, in document order.
func (p *places) find(body []byte) ([]datum, error) {
	if p.one != nil {
		if n, ok := p.one.find(body); ok {
			return []datum{nodeDatum(n)}, nil
		}
		return nil, nil
	}
	nodes, err := diff.Select(body, p.many)
	if err != nil {
		return nil, err
	}
	data := make([]datum, len(nodes))
	for i, n := range nodes {
		data[i] = nodeDatum(n)
	}
	return data, nil
}

// gap is the first place on the way that lacks the names after it: $.list[2], where
// $.list[*].id finds nothing in the third element; empty where there is none.
func (p *places) gap(body []byte) (string, error) {
	for _, b := range p.many.Branches() {
		heads, err := diff.Select(body, b.Head)
		if err != nil {
			return "", err
		}
		tails, err := diff.Select(body, b.Tail)
		if err != nil {
			return "", err
		}
		for i, head := range heads {
			if i >= len(tails) || !strings.HasPrefix(tails[i].Path, head.Path) || !isStep(tails[i].Path[len(head.Path):]) {
				return head.Path, nil
			}
		}
	}
	return "", nil
}

// isStep reports whether the rest of a path begins a new step.
func isStep(rest string) bool { return rest != "" && (rest[0] == '.' || rest[0] == '[') }

// Capture reads one value from an answer. The error says what was looked for
// and what is there instead. An expression takes the first header field or cookie
// that it matches, and gives text.
func Capture(c *scenarios.Capture, a *Answer) (scenarios.Value, error) {
	switch {
	case c.Status:
		return numberValue(a.Status), nil
	case c.Header != "":
		values := a.header(c.Header)
		if len(values) == 0 {
			return scenarios.Value{}, fmt.Errorf("no header %s", c.Header)
		}
		if c.Regex != "" {
			return captureText(c.Regex, "header "+c.Header, values...)
		}
		return TextValue(values[0]), nil
	case c.Cookie != "":
		v, ok := a.cookie(c.Cookie)
		if !ok {
			return scenarios.Value{}, fmt.Errorf("no cookie %s", c.Cookie)
		}
		if c.Regex != "" {
			return captureText(c.Regex, "cookie "+c.Cookie, v)
		}
		return TextValue(v), nil
	case c.At == "":
		return captureText(c.Regex, "the body", string(a.text()))
	}
	v, err := captureAt(c.At, a)
	if err != nil || c.Regex == "" {
		return v, err
	}
	return captureText(c.Regex, c.At, v.Text)
}

// captureAt reads the value at a path of the body.
func captureAt(path string, a *Answer) (scenarios.Value, error) {
	l, err := newLocator(path)
	if err != nil {
		return scenarios.Value{}, err
	}
	if len(a.Answer) == 0 {
		return scenarios.Value{}, errors.New("the body is empty")
	}
	body, err := a.body()
	if err != nil {
		return scenarios.Value{}, fmt.Errorf("%s%w", unreadable(a), err)
	}
	node, ok := l.find(body)
	if !ok {
		return scenarios.Value{}, errors.New(l.missing(body))
	}
	return valueOf(node), nil
}

// captureText takes the first group of an expression, or all that it matches where
// it has none, from the first text that it matches. A group that took no part in
// the match is an error: an empty value would go on as if it had been found.
func captureText(expression, where string, texts ...string) (scenarios.Value, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return scenarios.Value{}, err
	}
	for _, text := range texts {
		m := re.FindStringSubmatchIndex(text)
		switch {
		case m == nil:
			continue
		case len(m) == 2:
			return TextValue(text[m[0]:m[1]]), nil
		case m[2] < 0:
			return scenarios.Value{}, fmt.Errorf("/%s/ matches %s, but its first group took no part", expression, where)
		}
		return TextValue(text[m[2]:m[3]]), nil
	}
	return scenarios.Value{}, fmt.Errorf("/%s/ matches nothing in %s", expression, where)
}

// valueOf keeps a node's type; null is an empty text.
func valueOf(n diff.Node) scenarios.Value {
	v := scenarios.Value{Text: jsonText(n.Type, n.JSON), JSON: string(n.JSON)}
	if n.Type == diff.NullType {
		v.Text = ""
	}
	return v
}

// SameValue compares two captures as JSON.
func SameValue(a, b scenarios.Value) bool {
	if a.JSON == b.JSON {
		return true
	}
	r := diff.Compare([]byte(a.JSON), []byte(b.JSON), nil)
	return r.Equal()
}

// CaptureSource is the text that an expression is looked for in.
func CaptureSource(c *scenarios.Capture, a *Answer) string {
	switch {
	case c.Header != "":
		return strings.Join(a.header(c.Header), "\n")
	case c.Cookie != "":
		v, _ := a.cookie(c.Cookie)
		return v
	}
	return string(a.Answer)
}
