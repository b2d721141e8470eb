package jmeter

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// counter is a variable that counts from its start. Here it has its start.
func (w *walker) counter(k *node) {
	name, format := k.trimmed("CounterConfig.name"), k.text("CounterConfig.format")
	if name == "" {
		return
	}
	i, known := w.p.names.integer(cmp.Or(k.trimmed("CounterConfig.start"), "0"))
	if !known {
		w.lose(k, model.Dynamics, "its start is not known before the run")
		return
	}
	w.counted(k, model.Dynamics)
	step, known := w.p.names.integer(k.text("CounterConfig.incr"))
	if !known {
		step = 1
	}
	w.s.local[name] = javaDecimal(format, i+w.rounds[k]*step)
	w.p.Report.Note("", "%s counts in JMeter; here it is %s", k.label(), javaDecimal(format, i))
}

// javaDecimal writes a number in the simple patterns of DecimalFormat: 000, USER_000.
func javaDecimal(format string, i int) string {
	zeros := strings.Count(format, "0")
	at := strings.IndexByte(format, '0')
	if zeros == 0 || strings.Trim(format[at:at+min(zeros, len(format)-at)], "0") != "" {
		return strconv.Itoa(i)
	}
	quote := strings.NewReplacer("'", "")
	return quote.Replace(format[:at]) + fmt.Sprintf("%0*d", zeros, i) + quote.Replace(format[at+zeros:])
}

// random is a variable with a random number.
func (w *walker) random(k *node) {
	name := k.trimmed("variableName")
	a, knownA := w.p.names.integer(k.text("minimumValue"))
	b, knownB := w.p.names.integer(k.text("maximumValue"))
	if name == "" || !knownA || !knownB || a > b {
		w.lose(k, model.Dynamics, "its bounds are not known before the run")
		return
	}
	text := intBetween(a, b)
	switch format := k.trimmed("outputFormat"); {
	case format == "":
	case strings.Count(format, "0") <= 1:
		text = strings.Replace(strings.ReplaceAll(format, "'", ""), "0", text, 1)
	case a >= 0 && b-a < 200: // with leading zeros: one of all
		var all []string
		for i := a; i <= b; i++ {
			all = append(all, "'"+javaDecimal(format, i)+"'")
		}
		text = web.Marked("$pick: " + strings.Join(all, ", "))
	default:
		w.p.Report.Note("", "%s: the format %s is not kept", k.label(), format)
	}
	w.counted(k, model.Dynamics)
	w.s.local[name] = w.s.caseVar(name, text)
}

// intBetween is a generated number, both bounds included.
func intBetween(low, high int) string { return web.Marked(fmt.Sprintf("$int: %d..%d", low, high)) }

// userParameters gives variables the values of the first user.
func (w *walker) userParameters(x *node) {
	values := list(x.props, "UserParameters.thread_values")
	w.counted(x, model.Variables)
	if len(values) == 0 {
		return
	}
	if len(values) > 1 {
		w.p.Report.Note("", "%s: the values of the first of %d users are used", x.label(), len(values))
	}
	if made, known := w.fresh[x]; known && x.flag("UserParameters.per_iteration") {
		maps.Copy(w.s.local, made)
		return
	}
	made := map[string]string{}
	for i, e := range list(x.props, "UserParameters.names") {
		if name := strings.TrimSpace(e.text); name != "" && i < len(values[0].kids) {
			made[name] = w.set(name, values[0].kids[i].text)
		}
	}
	w.fresh[x] = made
}

// set gives a variable a raw text from here on.
func (w *walker) set(name, raw string) string {
	marked := w.s.text(raw)
	generated := slices.ContainsFunc(web.Insides(marked), func(in string) bool { return strings.HasPrefix(in, "$") })
	switch {
	case marked == "":
		marked = web.Marked("''")
	case generated:
		// The value is made once for the sampler, wherever it is used.
		fresh := w.s.p.names.taken.Take(naming.VarName(name))
		w.p.names.mayBeNumber[fresh] = true
		*w.s.vars = append(*w.s.vars, model.Var{Name: fresh, Text: w.p.Text(marked)})
		marked = web.Marked(fresh)
	}
	w.s.local[name] = marked
	return marked
}

// The statements of scripts that are converted: what they set is known without
// running them.
var (
	putStatement = lazy.Regexp(`^(vars|props)\.(?:put|setProperty)\(\s*["']([^"'$]+)["']\s*,\s*(.+?)\s*\)$`)
	idleLine     = lazy.Regexp(`^(?:import\b.*|//.*|log\.\w+\(.*\)|println\b.*|OUT\.println\(.*\)|return|SampleResult\.setIgnore\(\))$`)
	settingCall  = lazy.Regexp(`\$\{__setProperty\(([^,]+),\s*([^)]*?)\s*(?:,[^)]*)?\)\}`)
	assignment   = lazy.Regexp(`^(?:def |var |String |java\.lang\.String )?\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*([^=].*)$`)
	anyPut       = lazy.Regexp(`(vars|props)\.(?:put|putObject|setProperty)\(\s*["']([^"'$]+)["']`)
)

// scriptText is the text of a script element, in the property of its class.
func scriptText(n *node) (string, bool) {
	for _, property := range []string{"script", "BeanShellAssertion.query", "BeanShellSampler.query", "BSFSampler.query"} {
		if p := propOf(n.props, property); p != nil {
			return p.text, true
		}
	}
	return "", false
}

// script keeps what a script sets. What is set by the rest of it is remembered
// for the report.
func (n *names) script(x *node) {
	text, has := scriptText(x)
	if !has {
		return
	}
	for _, m := range settingCall().FindAllStringSubmatch(text, -1) {
		n.set[strings.TrimSpace(m[1])] = strings.TrimSpace(m[2])
	}
	sets, lost := evaluate(text)
	for _, set := range sets {
		if set.property {
			n.set[set.name] = set.raw
		}
	}
	for _, line := range lost {
		for _, m := range anyPut().FindAllStringSubmatch(line, -1) {
			n.setters[m[2]] = x.label()
		}
	}
}

// A setting is a variable or a property that a script sets to a raw text of a plan.
type setting struct {
	name, raw string
	property  bool
}

// evaluate reads a script line by line: what it sets to a value that is known, and
// the lines that are not understood. A name that the script itself assigns such a
// value stands for it.
func evaluate(text string) (sets []setting, lost []string) {
	locals := map[string]string{}
	value := func(expr string) (string, bool) {
		if raw, known := locals[strings.TrimSpace(expr)]; known {
			return raw, true
		}
		return scriptValue(expr)
	}
	for _, line := range statements(text) {
		if m := putStatement().FindStringSubmatch(line); m != nil {
			if raw, ok := value(m[3]); ok {
				sets = append(sets, setting{m[2], raw, m[1] == "props"})
				continue
			}
		}
		if m := assignment().FindStringSubmatch(line); m != nil {
			if raw, ok := value(m[2]); ok {
				locals[m[1]] = raw
				continue
			}
			delete(locals, m[1])
		}
		lost = append(lost, line)
	}
	return sets, lost
}

// statements cuts a script into lines without what ends them.
func statements(text string) []string {
	text = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(text, "")
	text = settingCall().ReplaceAllString(text, "")
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(strings.TrimSpace(line), "; \t")
		if line != "" && !idleLine().MatchString(line) {
			out = append(out, line)
		}
	}
	return out
}

// A scriptForm is an expression of a script whose value is known.
type scriptForm struct {
	expression func() *regexp.Regexp
	value      func(m []string) string // a text of the plan, of what the expression matched
}

// scriptForms are read in this order; an expression matches at most one.
var scriptForms = []scriptForm{
	{lazy.Regexp(`^vars\.get\(\s*["']([^"']+)["']\s*\)$`), func(m []string) string { return "${" + m[1] + "}" }},
	{lazy.Regexp(`^props\.(?:get|getProperty)\(\s*["']([^"']+)["']\s*\)$`), func(m []string) string { return "${__P(" + m[1] + ")}" }},
	{lazy.Regexp(`^(?:"((?:[^"\\]|\\["\\$])*)"|'((?:[^'\\]|\\['\\$])*)')(?:\.toString\(\))?$`), func(m []string) string { return m[1] + m[2] }},
	{lazy.Regexp(`^(?:java\.util\.)?UUID\.randomUUID\(\)(?:\.toString\(\))?$`), func([]string) string { return "${__UUID()}" }},
	{
		lazy.Regexp(`^(?:""\s*\+\s*)?(?:String\.valueOf\()?(?:""\s*\+\s*)?(?:System\.currentTimeMillis\(\)|new Date\(\)\.getTime\(\)|new Date\(\)\.time)\)?(?:\.toString\(\)|\s*\+\s*"")?$`),
		func([]string) string { return "${__time()}" },
	},
	{
		lazy.Regexp(`^new (?:java\.util\.)?Date\(\)\.format\(\s*["']([^"']+)["']\s*\)$`),
		func(m []string) string { return "${__time(" + strings.ReplaceAll(m[1], ",", `\,`) + ",)}" },
	},
	{
		lazy.Regexp(`^(?:\(?["']([^"'\\]*)["']\)?\.(?:bytes|getBytes\(\))\.encodeBase64\(\)\.toString\(\)|(?:java\.util\.)?Base64\.(?:getEncoder\(\)\.encodeToString|encodeBase64String)\(\s*["']([^"'\\]*)["']\.getBytes\([^)]*\)\s*\))$`),
		func(m []string) string { return base64Text(m[1] + m[2]) },
	},
}

// scriptValue is the text of a plan that an expression of a script stands for.
func scriptValue(expr string) (string, bool) {
	for _, form := range scriptForms {
		if m := form.expression().FindStringSubmatch(strings.TrimSpace(expr)); m != nil {
			return form.value(m), true
		}
	}
	return "", false
}
