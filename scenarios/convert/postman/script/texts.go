package script

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

func constantText(text string) sym { return literal(model.String(naming.Escape(text))) }

// isASCII reports whether a text has the same length in JavaScript and here.
func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// textMethod is a method of a text that is known, or of a template: methods that a
// filter does, and those that cut a date.
func (r *scriptReader) textMethod(v sym, method string, args []sym) sym {
	if v.pattern != "" {
		if out := cutDate(v, method, args); out.kind != symUnknown {
			return out
		}
	}
	if text, ok := v.constant(); ok && isASCII(text) {
		return constantMethod(text, method, args)
	}
	switch encoding, _ := first(args).constant(); {
	case method == "toString" && len(args) == 0:
		return toText(v)
	case method == "toString" && encoding == "utf8" && v.kind == symTemplate:
		return v
	case textFilters[method] != "":
		return r.filter(v, textFilters[method])
	case method == "concat":
		for _, a := range args {
			v = r.join(v, a)
		}
		return v
	}
	return sym{}
}

// textFilters are the methods of a text that a filter does.
var textFilters = map[string]string{"toUpperCase": "upper", "toLowerCase": "lower", "trim": "trim"}

// constantMethod is a method of a text that the script holds.
func constantMethod(text, method string, args []sym) sym {
	a, _ := first(args).constant()
	b, isText := second(args).constant()
	switch method {
	case "toUpperCase", "toLowerCase", "trim":
		out, _ := filtered(text, textFilters[method])
		return constantText(out)
	case "toString":
		return constantText(text)
	case "slice", "substring", "substr":
		from, to, ok := bounds(method, len(text), args)
		return only(ok, constantText(text[from:to]))
	case "split":
		if len(args) == 1 && a != "" {
			n := &model.Node{Kind: model.ArrayNode}
			for part := range strings.SplitSeq(text, a) {
				n.Items = append(n.Items, model.String(naming.Escape(part)))
			}
			return literal(n)
		}
	case "replace", "replaceAll":
		return only(a != "" && isText && !strings.Contains(b, "$"), constantText(strings.Replace(text, a, b, howOften(method))))
	}
	return sym{}
}

// howOften is how many places replace and replaceAll change; -1: all.
func howOften(method string) int {
	if method == "replaceAll" {
		return -1
	}
	return 1
}

// bounds are what slice, substring and substr cut out of a text of a length.
func bounds(method string, length int, args []sym) (from, to int, ok bool) {
	a, okA := first(args).whole()
	b, okB := int64(length), true
	if len(args) > 1 {
		b, okB = second(args).whole()
		if method == "substr" {
			b += a
		}
	}
	if !okA || !okB || len(args) == 0 || len(args) > 2 || method == "substr" && a < 0 {
		return 0, 0, false
	}
	clamp := func(n int64) int {
		if n < 0 && method == "slice" {
			n += int64(length)
		}
		return int(min(max(n, 0), int64(length)))
	}
	from, to = clamp(a), clamp(b)
	switch {
	case from <= to:
		return from, to, true
	case method == "substring":
		return to, from, true
	}
	return 0, 0, false
}

// cutDate is a method that cuts the text of a date: slice(0, 10), split('T')[0],
// replace('T', ' ').
func cutDate(v sym, method string, args []sym) sym {
	date := now(v.offset)
	switch method {
	case "slice", "substring", "substr":
		from, to, _ := bounds(method, patternLength(v.pattern), args)
		pattern, ok := cutPattern(v.pattern, from, to)
		return only(ok, date.dateText(pattern))
	case "split":
		sep, ok := first(args).constant()
		if !ok || len(sep) != 1 || !strings.Contains("T-:.Z ", sep) || len(args) != 1 {
			return sym{}
		}
		out := sym{kind: symList}
		for part := range strings.SplitSeq(v.pattern, sep) {
			out.items = append(out.items, date.dateText(cmp.Or(part, "%%"))) // nobody asks for an empty part
		}
		return out
	case "replace", "replaceAll":
		with, isText := second(args).constant()
		pattern, ok := replacePattern(v.pattern, first(args), with, howOften(method))
		return only(ok && isText && !strings.ContainsAny(with, "$%'{}"), date.dateText(pattern))
	}
	return sym{}
}

var (
	// literalClass is a regular expression of characters that a date's pattern holds
	// between its numbers.
	literalClass = regexp.MustCompile(`^(?:\[[-:.TZ\\]+\]|\\?[-:.TZ])\+?$`)
	// fractions are regular expressions of the milliseconds of a time, and restOfTime those
	// of all from the milliseconds on.
	fractions  = []string{`\.\d+`, `\.\d{3}`, `\.[0-9]{3}`}
	restOfTime = []string{`\..+`, `\..*`, `\..*$`}
)

// replacePattern replaces characters between the numbers of a pattern, or all from a
// point on.
func replacePattern(pattern string, what sym, with string, times int) (string, bool) {
	if text, ok := what.constant(); ok && len(text) == 1 && strings.Contains("T-:.Z ", text) {
		return strings.Replace(pattern, text, with, times), true
	}
	before, after, found := strings.Cut(pattern, ".")
	isRest, isFraction := slices.Contains(restOfTime, what.text), slices.Contains(fractions, what.text)
	switch {
	case what.kind != symRegex:
		return "", false
	case (isRest || isFraction) && !found:
		return pattern, true
	case isRest:
		return before + with, true
	case isFraction:
		return before + with + strings.TrimPrefix("."+after, ".%L"), true
	case !literalClass.MatchString(what.text):
		return "", false
	}
	re, err := regexp.Compile(what.text)
	if err != nil {
		return "", false
	}
	done := false
	var b strings.Builder
	for piece := range pieces(pattern) { // directives hold none of these characters
		if len(piece) == 1 && re.MatchString(piece) && (what.global || !done) {
			piece, done = with, true
		}
		b.WriteString(piece)
	}
	return b.String(), true
}

// filter is a text after a filter of the language. A text of several pieces gets a name
// first, for a filter stands in one placeholder.
func (r *scriptReader) filter(v sym, filter string) sym {
	if text, ok := v.constant(); ok {
		out, known := filtered(text, filter)
		return only(known, constantText(out))
	}
	v = r.resolved(v)
	if v.kind != symTemplate {
		return sym{}
	}
	if !isOnePlaceholder(v.text) {
		v.text = "{{" + r.helper(v.text, v.generated) + "}}"
	}
	v.text = strings.TrimSuffix(v.text, "}}") + " | " + filter + "}}"
	v.sure, v.pattern, v.low, v.high = sureText, "", 0, 0
	return v
}

func isOnePlaceholder(text string) bool {
	return strings.HasPrefix(text, "{{") && strings.Index(text, "}}") == len(text)-2
}

// filtered is what a filter makes of a text that is known.
func filtered(text, filter string) (string, bool) {
	switch filter {
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(text)), true
	case "sha256":
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:]), true
	case "upper":
		return strings.ToUpper(text), true
	case "lower":
		return strings.ToLower(text), true
	case "trim":
		return strings.TrimSpace(text), true
	case "urlencode":
		return strings.ReplaceAll(url.QueryEscape(text), "+", "%20"), true
	}
	return "", false
}

// helper gives a template a name that only import uses, and returns the name of the
// language.
func (r *scriptReader) helper(text string, generated bool) string {
	name := r.host.Helper(text)
	r.define(0, Definition{Name: name, Value: text, Generated: generated, After: r.after, Helper: true, Line: 1})
	return r.host.VarName(name)
}

// picked is a part of a text of the answer, by a regular expression whose first group
// is what is kept: split('/').pop(), match(/…/)[1], substring(7). It is a kind of its
// own, so that nothing takes it for the whole text.
func picked(v sym, pattern string) sym {
	re, err := regexp.Compile(pattern)
	isText := v.isText() || v.kind == symText || v.kind == symBody
	usable := err == nil && re.NumSubexp() > 0 && len(pattern) <= 500 && !strings.Contains(pattern, "{{")
	return only(isText && usable && !v.number && !v.or, sym{kind: symPicked, text: pattern, items: []sym{v}})
}

// cutAnswer is a method that takes a part of a text of the answer.
func cutAnswer(v sym, method string, args []sym) sym {
	a, isText := first(args).constant()
	n, isWhole := first(args).whole()
	one := len(args) == 1
	switch method {
	case "split":
		return only(isText && one && a != "", sym{kind: symSplit, text: a, items: []sym{v}})
	case "match":
		return only(first(args).kind == symRegex && one, sym{kind: symMatch, text: first(args).text, items: []sym{v}})
	case "substring", "slice", "substr":
		return only(one && isWhole && n >= 0 && n < 1000, picked(v, `(?s)^.{`+strconv.FormatInt(n, 10)+`}(.*)$`))
	case "replace": // "Bearer "
		b, ok := second(args).constant()
		return only(isText && ok && b == "" && strings.HasSuffix(a, " ") && len(args) == 2, picked(v, `(?s)^(?:`+regexp.QuoteMeta(a)+`)?(.*)$`))
	case "trim":
		return picked(v, `(?s)^\s*(.*?)\s*$`)
	}
	return sym{}
}

// splitPart is an element of what split gave; index -1 is the last.
func splitPart(v sym, index int64) sym {
	sep, single := regexp.QuoteMeta(v.text), len(v.text) == 1
	part := `.*?`
	if single {
		part = `[^` + classOf(v.text) + `]*`
	}
	switch {
	case index == -1 && single:
		return picked(v.items[0], `(?s)(`+part+`)$`)
	case index >= 0 && index < 50:
		return picked(v.items[0], `(?s)^(?:`+part+sep+`){`+strconv.FormatInt(index, 10)+`}(`+part+`)(?:`+sep+`|$)`)
	}
	return sym{}
}

// classOf is a character inside a class of a regular expression.
func classOf(c string) string {
	if strings.Contains(`\]^-[`, c) {
		return `\` + c
	}
	return c
}
