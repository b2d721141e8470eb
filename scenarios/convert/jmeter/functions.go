package jmeter

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// function is a function call as marked text. A function that the language has
// no generator for is asked for from outside.
func (s *scope) function(r *ref) string {
	s.p.names.depth++
	defer func() { s.p.names.depth-- }()
	if s.p.names.depth > maxReferences {
		return s.lost(r, "its value names itself")
	}
	if isProperty(r.name) {
		if text, ok := s.p.names.constant(r.source()); s.literal && ok && plainInAddress(text) != text {
			s.p.Report.Note("", "the value of %s is written out in addresses, where JMeter does not encode it", r.source())
			return s.mapped(text)
		}
		return s.mapped(s.p.names.property(r))
	}
	f, known := functions[r.name]
	if !known {
		return s.lost(r, "the function is not known here")
	}
	out, why := f(s, r)
	if why != "" {
		return s.lost(r, why)
	}
	return s.mapped(out)
}

func (s *scope) mapped(out string) string {
	s.p.Report.Mapped(model.Dynamics, 1)
	return out
}

// functions are JMeter's functions that are converted. The second result says
// why one is not.
var functions map[string]func(s *scope, r *ref) (string, string)

func init() { // the functions call each other
	functions = map[string]func(s *scope, r *ref) (string, string){
		"__UUID":            func(s *scope, r *ref) (string, string) { return web.Marked("$uuid"), "" },
		"__threadNum":       func(s *scope, r *ref) (string, string) { return "1", "" },
		"__counter":         counterFunction,
		"__time":            timeFunction,
		"__timeShift":       timeShiftFunction,
		"__Random":          randomFunction,
		"__RandomString":    randomStringFunction,
		"__V":               indirectFunction,
		"__eval":            func(s *scope, r *ref) (string, string) { return s.text(r.arg(0)), "" },
		"__setProperty":     func(s *scope, r *ref) (string, string) { return "", "" },
		"__log":             func(s *scope, r *ref) (string, string) { return s.text(r.arg(0)), "" },
		"__logn":            func(s *scope, r *ref) (string, string) { return "", "" },
		"__threadGroupName": func(s *scope, r *ref) (string, string) { return s.p.groupName, "" },
		"__TestPlanName":    func(s *scope, r *ref) (string, string) { return s.p.file, "" },
		"__samplerName":     func(s *scope, r *ref) (string, string) { return s.p.samplerName, "" },
		"__urlencode":       func(s *scope, r *ref) (string, string) { return filtered(s, r, "urlencode", url.QueryEscape) },
		"__base64Encode":    func(s *scope, r *ref) (string, string) { return filtered(s, r, "base64", base64Text) },
		"__changeCase":      changeCaseFunction,
		"__uppercase":       func(s *scope, r *ref) (string, string) { return filtered(s, r, "upper", strings.ToUpper) },
		"__lowercase":       func(s *scope, r *ref) (string, string) { return filtered(s, r, "lower", strings.ToLower) },
		"__digest":          digestFunction,
		"__intSum":          sumFunction,
		"__longSum":         sumFunction,
		"__env":             envFunction,
		"__CSVRead":         csvReadFunction,
		"__FileToString":    fileFunction,
		"__char":            charFunction,
		"__RandomFromMultipleVars": func(s *scope, r *ref) (string, string) {
			first, _, _ := strings.Cut(r.arg(0), "|")
			return s.value(&ref{name: strings.TrimSpace(first)}), ""
		},
	}
}

// constantArg is an argument that is a constant.
func (s *scope) constantArg(r *ref, i int) (string, bool) {
	return s.p.names.constant(strings.TrimSpace(r.arg(i)))
}

// store sets the variable that a function names as its last argument.
func (s *scope) store(r *ref, i int, marked string) string {
	name := strings.TrimSpace(r.arg(i))
	if name == "" {
		return marked
	}
	if !web.HasMark(marked) {
		s.setLocal(name, marked)
		return marked
	}
	out := s.caseVar(name, marked)
	s.setLocal(name, out)
	return out
}

func (s *scope) setLocal(name, marked string) {
	if s.local != nil {
		s.local[name] = marked
	}
}

func counterFunction(s *scope, r *ref) (string, string) {
	s.p.Report.Note("", "%s counts in JMeter; here it is 1", r.source())
	return s.store(r, 1, "1"), ""
}

func randomFunction(s *scope, r *ref) (string, string) {
	a, knownA := s.p.names.integer(r.arg(0))
	b, knownB := s.p.names.integer(r.arg(1))
	if !knownA || !knownB || a > b {
		return "", "its bounds are not known before the run"
	}
	if strings.Contains(r.arg(0)+r.arg(1), "${") {
		s.p.Report.Note("", "%s is %d to %d, as the plan's defaults have it", r.source(), a, b)
	}
	return s.store(r, 2, intBetween(a, b)), ""
}

func randomStringFunction(s *scope, r *ref) (string, string) {
	n, known := s.p.names.integer(r.arg(0))
	chars, okChars := s.constantArg(r, 1)
	if !known || n < 1 || n > 200 || !okChars {
		return "", "its length is not known before the run"
	}
	out := ""
	switch {
	case chars == "":
		out = web.Marked(fmt.Sprintf("$text: %d", n))
		s.p.Report.Note("", "%s takes letters and digits here, any character in JMeter", r.source())
	case len(chars) >= 36 && strings.Trim(chars, lowerAndDigits) == "" && strings.ContainsAny(chars, digits) && strings.Trim(chars, digits) != "":
		out = web.Marked(fmt.Sprintf("$text: %d", n))
	case n <= 64 && len(chars) > 1 && strings.Trim(chars, lowerAndDigits+"ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "":
		// One draw of a character each, so that all are of the plan's set.
		out = strings.Repeat(web.Marked("$pick: "+strings.Join(strings.Split(chars, ""), ", ")), n)
	case len(chars) == 1:
		out = strings.Repeat(chars, n)
	default:
		return "", "its characters have no generator"
	}
	return s.store(r, 2, out), ""
}

// The characters of $text.
const (
	digits         = "0123456789"
	lowerAndDigits = "abcdefghijklmnopqrstuvwxyz" + digits
)

func indirectFunction(s *scope, r *ref) (string, string) {
	name, ok := s.constantArg(r, 0)
	if !ok {
		return "", "the name of its variable is not known before the run"
	}
	return s.value(&ref{name: strings.TrimSpace(name)}), ""
}

// filtered applies a filter to a reference, or the function itself to a constant.
func filtered(s *scope, r *ref, filter string, f func(string) string) (string, string) {
	text := s.text(r.arg(0))
	if !web.HasMark(text) {
		return f(text), ""
	}
	inside := web.Insides(text)
	if len(inside) != 1 || web.Marked(inside[0]) != text {
		return "", "its argument joins text and variables"
	}
	return web.Marked(inside[0] + " | " + filter), ""
}

func changeCaseFunction(s *scope, r *ref) (string, string) {
	switch mode, _ := s.constantArg(r, 1); strings.ToUpper(mode) {
	case "", "UPPER":
		return filtered(s, r, "upper", strings.ToUpper)
	case "LOWER":
		return filtered(s, r, "lower", strings.ToLower)
	}
	return "", "filters do not capitalize"
}

func digestFunction(s *scope, r *ref) (string, string) {
	if algorithm, _ := s.constantArg(r, 0); strings.ToUpper(algorithm) != "SHA-256" || strings.TrimSpace(r.arg(2)+r.arg(3)) != "" {
		return "", "only SHA-256 without salt has a filter"
	}
	return filtered(s, &ref{name: r.name, args: r.args[1:]}, "sha256", sha256Text)
}

func sumFunction(s *scope, r *ref) (string, string) {
	sum := 0
	for i, arg := range r.args {
		n, known := s.p.names.integer(arg)
		switch isLast := i > 0 && i == len(r.args)-1; {
		case known:
			sum += n
		case !isLast: // the last may be the name of the variable that it sets
			return "", "its numbers are not known before the run"
		}
	}
	return strconv.Itoa(sum), ""
}

func envFunction(s *scope, r *ref) (string, string) {
	name, ok := s.constantArg(r, 0)
	value, okValue := s.constantArg(r, 2)
	if !ok || !naming.IsToken(name) || naming.EnvName(name) != name {
		return "", "the name of its environment variable cannot be written"
	}
	inside := "env." + name
	if len(r.args) > 2 && okValue && !strings.ContainsAny(value, "'|{}\n") {
		inside += " | default: '" + value + "'"
	}
	return web.Marked(inside), ""
}

func charFunction(s *scope, r *ref) (string, string) {
	var b strings.Builder
	for i := range r.args {
		text, _ := s.constantArg(r, i)
		n, err := strconv.ParseInt(text, 0, 32)
		if err != nil || n <= 0 {
			return "", "it is not a number of a character"
		}
		b.WriteRune(rune(n))
	}
	return b.String(), ""
}

func csvReadFunction(s *scope, r *ref) (string, string) {
	file, ok := s.constantArg(r, 0)
	column, okColumn := s.constantArg(r, 1)
	if !ok || !okColumn {
		return "", "its file or column is not known before the run"
	}
	if column == "next" || column == "next()" {
		return "", ""
	}
	text, found := s.p.files.cell(file, column)
	if !found {
		return "", "the file or the column is missing next to the plan"
	}
	s.p.Report.Note("", "%s is the value of the file's first row", r.source())
	return text, ""
}

func fileFunction(s *scope, r *ref) (string, string) {
	file, ok := s.constantArg(r, 0)
	data, found := s.p.files.read(file)
	if !ok || !found || len(data) > model.InlineText {
		return "", "the file is missing next to the plan, or too large"
	}
	return s.text(string(data)), ""
}
