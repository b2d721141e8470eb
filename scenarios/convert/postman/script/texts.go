package script

import (
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
	switch method {
	case "toString":
		if len(args) == 0 {
			return toText(v)
		}
		if encoding, ok := first(args).constant(); ok && encoding == "utf8" && v.kind == symTemplate {
			return v
		}
	case "toUpperCase", "toLowerCase", "trim":
		return r.filter(v, map[string]string{"toUpperCase": "upper", "toLowerCase": "lower", "trim": "trim"}[method])
	case "concat":
		for _, a := range args {
			v = r.join(v, a)
		}
		return v
	}
	return sym{}
}

// constantMethod is a method of a text that the script holds.
func constantMethod(text, method string, args []sym) sym {
	a, _ := first(args).constant()
	switch method {
	case "toUpperCase":
		return constantText(strings.ToUpper(text))
	case "toLowerCase":
		return constantText(strings.ToLower(text))
	case "trim":
		return constantText(strings.TrimSpace(text))
	case "toString":
		return constantText(text)
	case "slice", "substring", "substr":
		if from, to, ok := bounds(method, len(text), args); ok {
			return constantText(text[from:to])
		}
	case "split":
		if len(args) == 1 && a != "" {
			n := &model.Node{Kind: model.ArrayNode}
			for part := range strings.SplitSeq(text, a) {
				n.Items = append(n.Items, model.String(naming.Escape(part)))
			}
			return literal(n)
		}
	case "replace", "replaceAll":
		b, isText := second(args).constant()
		count := map[string]int{"replace": 1, "replaceAll": -1}[method]
		if a != "" && isText && !strings.Contains(b, "$") {
			return constantText(strings.Replace(text, a, b, count))
		}
	}
	return sym{}
}

func second(args []sym) sym {
	if len(args) < 2 {
		return sym{}
	}
	return args[1]
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
	if from > to {
		if method == "substring" {
			return to, from, true
		}
		return 0, 0, false
	}
	return from, to, true
}

// cutDate is a method that cuts the text of a date: slice(0, 10), split('T')[0],
// replace('T', ' ').
func cutDate(v sym, method string, args []sym) sym {
	date := now(v.offset)
	switch method {
	case "slice", "substring", "substr":
		from, to, ok := bounds(method, patternLength(v.pattern), args)
		if !ok {
			return sym{}
		}
		if pattern, ok := cutPattern(v.pattern, from, to); ok {
			return date.dateText(pattern)
		}
	case "split":
		sep, ok := first(args).constant()
		if !ok || len(sep) != 1 || !strings.Contains("T-:.Z ", sep) || len(args) != 1 {
			return sym{}
		}
		out := sym{kind: symList}
		for part := range strings.SplitSeq(v.pattern, sep) {
			if part == "" {
				part = "%%" // it is not asked for
			}
			out.items = append(out.items, date.dateText(part))
		}
		return out
	case "replace", "replaceAll":
		with, isText := second(args).constant()
		if !isText || strings.ContainsAny(with, "$%'{}") {
			return sym{}
		}
		if pattern, ok := replacePattern(v.pattern, first(args), with, method == "replaceAll"); ok {
			return date.dateText(pattern)
		}
	}
	return sym{}
}

// literalClass is a regular expression of characters that a date's pattern holds
// between its numbers.
var literalClass = regexp.MustCompile(`^(?:\[[-:.TZ\\]+\]|\\?[-:.TZ])\+?$`)

// replacePattern replaces characters between the numbers of a pattern, or all from a
// point on.
func replacePattern(pattern string, what sym, with string, all bool) (string, bool) {
	if text, ok := what.constant(); ok && len(text) == 1 && strings.Contains("T-:.Z ", text) {
		return strings.Replace(pattern, text, with, map[bool]int{false: 1, true: -1}[all]), true
	}
	if what.kind != symRegex {
		return "", false
	}
	if what.text == `\..+` || what.text == `\..*` || what.text == `\..*$` || what.text == `\.\d+` || what.text == `\.\d{3}` ||
		what.text == `\.[0-9]{3}` {
		i := strings.IndexByte(pattern, '.')
		if i < 0 {
			return pattern, true
		}
		rest := ""
		if !strings.HasPrefix(what.text, `\..`) {
			rest = strings.TrimPrefix(pattern[i:], ".%L")
		}
		return pattern[:i] + with + rest, true
	}
	if !literalClass.MatchString(what.text) {
		return "", false
	}
	re, err := regexp.Compile(what.text)
	if err != nil {
		return "", false
	}
	done := false
	var b strings.Builder
	for i := 0; i < len(pattern); i++ { // directives hold none of these characters
		if pattern[i] == '%' && i+1 < len(pattern) {
			b.WriteString(pattern[i : i+2])
			i++
			continue
		}
		if c := pattern[i : i+1]; re.MatchString(c) && (what.global || !done) {
			b.WriteString(with)
			done = true
		} else {
			b.WriteString(c)
		}
	}
	return b.String(), true
}

// filter is a text after a filter of the language. A text of several pieces gets a name
// first, for a filter stands in one placeholder.
func (r *scriptReader) filter(v sym, filter string) sym {
	if text, ok := v.constant(); ok {
		if out, known := filtered(text, filter); known {
			return constantText(out)
		}
		return sym{}
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
	def := Definition{Name: name, Value: text, Generated: generated, After: r.after, Helper: true, Line: 1}
	if !slices.ContainsFunc(r.defs, func(d Definition) bool { return d.Name == name }) {
		r.defs = append(r.defs, def)
	}
	return r.host.VarName(name)
}

// picked is a part of a text of the answer, by a regular expression whose first group
// is what is kept: split('/').pop(), match(/…/)[1], substring(7). It is a kind of its
// own, so that nothing takes it for the whole text.
func picked(v sym, pattern string) sym {
	if !v.isText() && v.kind != symBody && v.kind != symText || v.number || v.or {
		return sym{}
	}
	if re, err := regexp.Compile(pattern); err != nil || re.NumSubexp() < 1 || len(pattern) > 500 || strings.Contains(pattern, "{{") {
		return sym{}
	}
	return sym{kind: symPicked, text: pattern, items: []sym{v}}
}

// cutAnswer is a method that takes a part of a text of the answer.
func cutAnswer(v sym, method string, args []sym) sym {
	a, isText := first(args).constant()
	n, isWhole := first(args).whole()
	switch method {
	case "split":
		if isText && len(args) == 1 && a != "" {
			return sym{kind: symSplit, text: a, items: []sym{v}}
		}
	case "match":
		if re := first(args); re.kind == symRegex && len(args) == 1 {
			return sym{kind: symMatch, text: re.text, items: []sym{v}}
		}
	case "substring", "slice", "substr":
		if len(args) == 1 && isWhole && n >= 0 && n < 1000 {
			return picked(v, `(?s)^.{`+strconv.FormatInt(n, 10)+`}(.*)$`)
		}
	case "replace":
		if b, ok := second(args).constant(); isText && ok && b == "" && strings.HasSuffix(a, " ") && len(args) == 2 { // "Bearer "
			return picked(v, `(?s)^(?:`+regexp.QuoteMeta(a)+`)?(.*)$`)
		}
	case "trim":
		return picked(v, `(?s)^\s*(.*?)\s*$`)
	}
	return sym{}
}

// splitPart is an element of what split gave; index -1 is the last.
func splitPart(v sym, index int64) sym {
	sep := regexp.QuoteMeta(v.text)
	part := `[^` + classOf(v.text) + `]*`
	if len(v.text) != 1 {
		part = `.*?`
	}
	switch {
	case index == -1 && len(v.text) == 1:
		return picked(v.items[0], `(?s)(`+part+`)$`)
	case index == -1:
		return sym{}
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
