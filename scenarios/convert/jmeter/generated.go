package jmeter

import (
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
	start, ok := w.p.names.constant(k.trimmed("CounterConfig.start"))
	if start == "" {
		start = "0"
	}
	i, err := strconv.ParseInt(strings.TrimSpace(start), 10, 64)
	if !ok || err != nil {
		w.p.lose(w, k, model.Dynamics, "its start is not known before the run")
		return
	}
	w.counted(k, model.Dynamics)
	step, err := strconv.ParseInt(strings.TrimSpace(w.p.names.constantOr(k.trimmed("CounterConfig.incr"))), 10, 64)
	if err != nil {
		step = 1
	}
	w.s.local[name] = javaDecimal(format, i+int64(w.rounds[k])*step)
	w.p.Report.Note("", "%s counts in JMeter; here it is %s", k.label(), javaDecimal(format, i))
}

// javaDecimal writes a number in the simple patterns of DecimalFormat: 000, USER_000.
func javaDecimal(format string, i int64) string {
	zeros := strings.Count(format, "0")
	at := strings.IndexByte(format, '0')
	if zeros == 0 || strings.Trim(format[at:at+min(zeros, len(format)-at)], "0") != "" {
		return strconv.FormatInt(i, 10)
	}
	quote := strings.NewReplacer("'", "")
	return quote.Replace(format[:at]) + fmt.Sprintf("%0*d", zeros, i) + quote.Replace(format[at+zeros:])
}

// random is a variable with a random number.
func (w *walker) random(k *node) {
	name := k.trimmed("variableName")
	low, okLow := w.p.names.constant(k.trimmed("minimumValue"))
	high, okHigh := w.p.names.constant(k.trimmed("maximumValue"))
	a, errA := strconv.ParseInt(strings.TrimSpace(low), 10, 64)
	b, errB := strconv.ParseInt(strings.TrimSpace(high), 10, 64)
	if name == "" || !okLow || !okHigh || errA != nil || errB != nil || a > b {
		w.p.lose(w, k, model.Dynamics, "its bounds are not known before the run")
		return
	}
	text := web.Marked(fmt.Sprintf("$int: %d..%d", a, b))
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
	getVars      = lazy.Regexp(`^vars\.get\(\s*["']([^"']+)["']\s*\)$`)
	getProps     = lazy.Regexp(`^props\.(?:get|getProperty)\(\s*["']([^"']+)["']\s*\)$`)
	quotedText   = lazy.Regexp(`^(?:"((?:[^"\\]|\\["\\$])*)"|'((?:[^'\\]|\\['\\$])*)')(?:\.toString\(\))?$`)
	randomUUID   = lazy.Regexp(`^(?:java\.util\.)?UUID\.randomUUID\(\)(?:\.toString\(\))?$`)
	currentTime  = lazy.Regexp(`^(?:""\s*\+\s*)?(?:String\.valueOf\()?(?:""\s*\+\s*)?(?:System\.currentTimeMillis\(\)|new Date\(\)\.getTime\(\)|new Date\(\)\.time)\)?(?:\.toString\(\)|\s*\+\s*"")?$`)
	dateFormat   = lazy.Regexp(`^new (?:java\.util\.)?Date\(\)\.format\(\s*["']([^"']+)["']\s*\)$`)
	base64Of     = lazy.Regexp(`^(?:\(?["']([^"'\\]*)["']\)?\.(?:bytes|getBytes\(\))\.encodeBase64\(\)\.toString\(\)|(?:java\.util\.)?Base64\.(?:getEncoder\(\)\.encodeToString|encodeBase64String)\(\s*["']([^"'\\]*)["']\.getBytes\([^)]*\)\s*\))$`)
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

// scriptValue is the text of a plan that an expression of a script stands for.
func scriptValue(expr string) (string, bool) {
	expr = strings.TrimSpace(expr)
	switch {
	case getVars().MatchString(expr):
		return "${" + getVars().FindStringSubmatch(expr)[1] + "}", true
	case getProps().MatchString(expr):
		return "${__P(" + getProps().FindStringSubmatch(expr)[1] + ")}", true
	case quotedText().MatchString(expr):
		m := quotedText().FindStringSubmatch(expr)
		return m[1] + m[2], true
	case randomUUID().MatchString(expr):
		return "${__UUID()}", true
	case currentTime().MatchString(expr):
		return "${__time()}", true
	case dateFormat().MatchString(expr):
		return "${__time(" + strings.ReplaceAll(dateFormat().FindStringSubmatch(expr)[1], ",", `\,`) + ",)}", true
	case base64Of().MatchString(expr):
		m := base64Of().FindStringSubmatch(expr)
		return base64Text(m[1] + m[2]), true
	}
	return "", false
}
