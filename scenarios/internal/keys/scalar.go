package keys

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// ScalarText returns a scalar's text, or reports that the node is none.
func (w *Reader) ScalarText(n *yaml.Node, what string, s *Shape) (string, bool) {
	n = source.Deref(n)
	if n.Kind != yaml.ScalarNode || source.IsNull(n) {
		w.Errorf(n, "", "%s must be %s, not %s", what, s.Word(), KindWord(n))
		return "", false
	}
	w.checkTag(n)
	// Sentences for people may begin with a quotation; nothing that is sent or compared does.
	if source.TypographicQuote(n.Value) && n.Style == 0 && !slices.Contains(prose, what) {
		w.Warnf(n, source.Lookalike(n.Value), "%s begins with a typographic quote", what)
	}
	return n.Value, true
}

// prose are the keys whose text is for people, and those whose text is refused for its first
// character already.
var prose = []string{"doc", "name", "why", "ticket", "get", "head", "options", "post", "put", "patch", "delete"}

// shapeOf finds the alternative of a union with the wanted form.
func shapeOf(s *Shape, f Form) *Shape {
	if s.Form == f {
		return s
	}
	for _, a := range s.Alts {
		if found := shapeOf(a, f); found != nil {
			return found
		}
	}
	if s.Form == FormList {
		return shapeOf(s.Elem, f)
	}
	return nil
}

// scalar fetches a key's scalar text; ok is false when it is absent or wrong.
func (o *Mapping) scalar(name string, f Form) (n *yaml.Node, text string, s *Shape, ok bool) {
	n = o.Get(name)
	s = shapeOf(o.Table.Key(name).Shape, f)
	if s == nil {
		panic("scenarios: key " + name + " of " + o.Table.Name + " has another form")
	}
	if n == nil {
		return nil, "", s, false
	}
	text, ok = o.Reader.ScalarText(n, name, s)
	o.Broken = o.Broken || !ok
	return source.Deref(n), text, s, ok
}

// Text reads text without placeholders.
func (o *Mapping) Text(name string) string {
	n, text, _, ok := o.scalar(name, formText)
	if ok && strings.Contains(text, "{{") {
		o.Fail(n, "", "%s takes no placeholders", name)
		return ""
	}
	return text
}

// Name reads an identifier as it is written in ids, file names and globs.
func (o *Mapping) Name(name string) string {
	n, text, _, ok := o.scalar(name, formName)
	if !ok {
		return ""
	}
	if i := BadNameAt(text); i >= 0 || text == "" || len(text) > 100 {
		o.Fail(n, "", "%s %q is not a name: letters, digits, - _ . and at most 100 of them", name, problem.Cut(text, 40))
		return ""
	}
	return text
}

// BadNameAt is the index of the first character that no name has, or -1.
func BadNameAt(s string) int {
	for i, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) && !strings.ContainsRune("-_.", r) {
			return i
		}
	}
	return -1
}

// Word reads one of the words of the key's shape; empty when it is absent or another one.
func (o *Mapping) Word(name string) string {
	n, text, s, ok := o.scalar(name, FormWord)
	if !ok {
		return ""
	}
	if slices.Contains(s.Words, text) {
		return text
	}
	hint := ""
	if c := suggest.Nearest(text, s.Words); c != "" {
		hint = fmt.Sprintf("did you mean %q?", c)
	}
	o.Fail(n, hint, "%s must be %s, not %q", name, s.Word(), problem.Cut(text, 40))
	return ""
}

// Bool reads a plain true or false; def when it is absent or neither. yes and "true" are
// refused, since tools disagree on what they are.
func (o *Mapping) Bool(name string, def bool) bool {
	n, text, _, ok := o.scalar(name, formBool)
	if !ok {
		return def
	}
	if n.Style == 0 && (text == "true" || text == "false") {
		return text == "true"
	}
	hint := ""
	switch strings.ToLower(text) {
	case "yes", "on", "y", "true":
		hint = "write true"
	case "no", "off", "n", "false":
		hint = "write false"
	}
	o.Fail(n, hint, "%s must be true or false, not %q", name, problem.Cut(text, 40))
	return def
}

// Int reads a whole number within the bounds of the key's shape; def when it is absent or
// wrong.
func (o *Mapping) Int(name string, def int) int {
	n, text, s, ok := o.scalar(name, FormInt)
	if !ok {
		return def
	}
	if i, ok := o.Reader.IntOf(n, text, name, s); ok {
		return i
	}
	o.Broken = true
	return def
}

// IntOf reads the text of a node as a whole number within the bounds of a shape. Quotes, signs
// and zeros in front are refused: "007" is text.
func (w *Reader) IntOf(n *yaml.Node, text, what string, s *Shape) (int, bool) {
	i, err := strconv.Atoi(text)
	if err != nil || n.Style != 0 || text != strconv.Itoa(i) {
		w.Errorf(n, "", "%s must be a whole number, not %q", what, problem.Cut(text, 40))
		return 0, false
	}
	return i, w.bounded(n, what, float64(i), s, func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) })
}

// bounded reports a value outside the shape's bounds.
func (w *Reader) bounded(n *yaml.Node, what string, x float64, s *Shape, show func(float64) string) bool {
	if x < s.Min || x > s.Max {
		w.Errorf(n, "", "%s must be between %s and %s", what, show(s.Min), show(s.Max))
		return false
	}
	return true
}

func (o *Mapping) number(name string) (float64, bool) {
	n, text, s, ok := o.scalar(name, FormNumber)
	if !ok {
		return 0, false
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !template.IsNumber(text) {
		hint := ""
		if strings.HasSuffix(text, "%") {
			hint = "write a ratio: 0.05 is 5 %"
		}
		o.Fail(n, hint, "%s must be a number, not %q", name, problem.Cut(text, 40))
		return 0, false
	}
	ok = o.Reader.bounded(n, name, x, s, func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) })
	o.Broken = o.Broken || !ok
	return x, ok
}

// Duration reads a number with a unit within the bounds of the key's shape, in seconds; def
// when it is absent or wrong. A number without a unit is refused with both likely meanings.
func (o *Mapping) Duration(name string, def time.Duration) time.Duration {
	n, text, s, ok := o.scalar(name, FormDuration)
	if !ok {
		return def
	}
	d, err := template.ParseDuration(text)
	if err != nil {
		hint := "write a unit: 500ms, 5s, 2m, 1h"
		if _, convErr := strconv.ParseFloat(text, 64); convErr == nil {
			hint = fmt.Sprintf("write a unit: %ss or %sms", text, text)
		}
		o.Fail(n, hint, "%s must be a duration, not %q", name, problem.Cut(text, 40))
		return def
	}
	if !o.Reader.bounded(n, name, d.Seconds(), s, secondsText) {
		o.Broken = true
		return def
	}
	return d
}

// span reads a duration, or a range of two: 500ms..2s.
func (o *Mapping) span(name string) perf.Span {
	n, text, s, ok := o.scalar(name, formSpan)
	if !ok {
		return perf.Span{}
	}
	low, high, ranged := strings.Cut(text, "..")
	if !ranged {
		high = low
	}
	least, err := template.ParseDuration(strings.TrimSpace(low))
	most, err2 := template.ParseDuration(strings.TrimSpace(high))
	if err != nil || err2 != nil {
		o.Fail(n, "write a unit: 1s, 500ms or 500ms..2s", "%s must be a duration or a range of two, not %q", name, problem.Cut(text, 40))
		return perf.Span{}
	}
	if most < least {
		o.Fail(n, "write "+DurationText(most)+".."+DurationText(least), "the range of %s goes from the longer to the shorter", name)
		return perf.Span{}
	}
	for _, d := range [...]time.Duration{least, most} {
		if !o.Reader.bounded(n, name, d.Seconds(), s, secondsText) {
			o.Broken = true
			return perf.Span{}
		}
	}
	return perf.Span{Least: least, Most: most}
}

// secondsText writes a bound of a shape, which is in seconds.
func secondsText(x float64) string { return DurationText(time.Duration(x * float64(time.Second))) }

// DurationText writes a duration without empty parts: 2m, not 2m0s.
func DurationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// percent reads 5% as 0.05.
func (o *Mapping) percent(name string) float64 {
	n, text, s, ok := o.scalar(name, FormPercent)
	if !ok {
		return 0
	}
	x, ok := o.Reader.percentOf(n, text, name, s)
	o.Broken = o.Broken || !ok
	return x
}

// percentOf reads the text of one percentage.
func (w *Reader) percentOf(n *yaml.Node, text, name string, s *Shape) (float64, bool) {
	number, cutOK := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !cutOK || err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		hint := "write a percentage: 5%"
		if err == nil {
			hint = fmt.Sprintf("write %s%%", strings.TrimSpace(number))
			if x > 0 && x < 1 {
				hint += fmt.Sprintf(" or %s%%", strconv.FormatFloat(x*100, 'g', 6, 64))
			}
		}
		w.Errorf(n, hint, "%s must be a percentage, not %q", name, problem.Cut(text, 40))
		return 0, false
	}
	x /= 100
	show := func(x float64) string { return strconv.FormatFloat(x*100, 'g', 6, 64) + "%" }
	return x, w.bounded(n, name, x, s, show)
}

// date reads 2027-03-31 as the end of that day, UTC, so that the day itself still counts.
func (o *Mapping) date(name string) time.Time {
	n, text, _, ok := o.scalar(name, formDate)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		o.Fail(n, "write year-month-day: 2027-03-31", "%s must be a date, not %q", name, problem.Cut(text, 40))
		return time.Time{}
	}
	return t.Add(24*time.Hour - time.Second)
}

// path reads a path into a JSON body. single demands that it can name one value only.
func (o *Mapping) path(name string, single bool) string {
	n, text, _, ok := o.scalar(name, formPath)
	if !ok || !o.Reader.CheckPath(n, text, single) {
		o.Broken = o.Broken || n != nil
		return ""
	}
	return text
}

// CheckPath reports what is wrong with a path into a JSON body, at its offset in the text.
// single demands that it can find one value only.
func (w *Reader) CheckPath(n *yaml.Node, text string, single bool) bool {
	p, err := diff.ParsePath(text)
	if pe, ok := err.(*path.Error); ok {
		w.ErrorAt(n, pe.Offset, pe.Hint, "path %q: %s", problem.Cut(text, 60), pe.Msg)
		return false
	}
	if err != nil {
		w.Errorf(n, "", "path %q: %v", problem.Cut(text, 60), err)
		return false
	}
	if single && !p.Keyed() {
		w.Errorf(n, "name one value: $.items[0].id, or $.items[?@.name=='x'].id", "path %q may find more than one value", problem.Cut(text, 60))
		return false
	}
	return true
}
