package jmeter

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

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
