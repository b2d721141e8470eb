package jmeter

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// maxCopies bounds the steps that loops of one group are written out to.
const maxCopies = 120

// A walker makes the steps of one thread group.
type walker struct {
	p       *plan
	s       *scope
	group   *node
	title   string
	steps   []*web.Request
	once    []*web.Request // of OnceOnlyControllers: steps of setup
	names   *naming.Namer  // of steps
	when    []model.Check  // of the controllers around
	goOn    bool           // a failed sampler does not end the iteration
	repeat  int            // of the loop around, where it is one step
	columns []*node        // data sets that were met
	inOnce  bool
	fresh   map[*node]map[string]string // user parameters that are set once an iteration
	pauses  int
	// comments are about scripts: they go next to the step that comes next.
	comments []string
	copies   int                     // how often the loops around are written out
	rounds   map[*node]int           // of counters: how often their loop was written out
	share    map[*web.Request]string // the share of iterations of a request
}

// walk makes the steps of what is below n. outer are the elements that count for
// samplers here, from the outside in.
func (w *walker) walk(n *node, outer []*node) {
	here := slices.Clone(outer)
	for _, k := range n.kids {
		if r := k.role(); r != sampler && r != controller && r != group {
			here = append(here, k)
			w.element(k)
		}
	}
	for _, k := range n.kids {
		switch k.role() {
		case sampler:
			w.sampler(k, here)
		case controller:
			w.controller(k, here)
		}
	}
}

// element reads configuration whose place is where the walk comes by.
func (w *walker) element(k *node) {
	switch k.class {
	case "CSVDataSet":
		w.p.dataSet(w, k)
	case "CounterConfig":
		w.counter(k)
	case "RandomVariableConfig":
		w.random(k)
	}
}

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

// counted counts an element as carried over, once for all samplers it counts for.
func (w *walker) counted(k *node, kind model.Kind) {
	if !w.p.seen[k] {
		w.p.seen[k] = true
		w.p.Report.Mapped(kind, 1)
	}
}

// controller walks what a controller holds as often and under what it says.
func (w *walker) controller(k *node, outer []*node) {
	when := w.when
	defer func() { w.when = when }()
	switch k.class {
	case "IfController":
		w.ifController(k, outer)
	case "LoopController":
		w.loop(k, outer, k.text("LoopController.loops"))
	case "OnceOnlyController":
		w.onceOnly(k, outer)
	case "WhileController":
		w.p.lose(w, k, model.Settings, "what it holds is sent once: how often is known only while it runs")
		w.walk(k, outer)
	case "ForeachController":
		w.forEach(k, outer)
	case "SwitchController":
		w.switchController(k, outer)
	case "ThroughputController":
		w.throughput(k, outer)
	case "RandomController", "InterleaveControl", "RandomOrderController":
		w.counted(k, model.Settings)
		w.p.Report.Note("", "%s: JMeter sends some of what it holds in an iteration, or in another order; here all of it is sent in the order of the plan", k.label())
		w.walk(k, outer)
	case "RunTime":
		w.p.lose(w, k, model.Settings, "what it holds is sent once, not for a time")
		w.walk(k, outer)
	case "GenericController", "TransactionController", "TestFragmentController", "CriticalSectionController", "RecordingController", "IncludeController", "ModuleController":
		w.counted(k, model.Settings)
		w.walk(k, outer)
	default:
		w.p.lose(w, k, model.Settings, "the controller is not known here: what it holds is sent once")
		w.walk(k, outer)
	}
}

func (w *walker) ifController(k *node, outer []*node) {
	c, ok := w.s.condition(k.text("IfController.condition"))
	switch {
	case !ok:
		w.p.loseText(w, k, model.Settings, k.text("IfController.condition"), "the condition is more than comparisons of variables: what it holds is always sent")
	case c.never:
		w.counted(k, model.Settings)
		w.p.Report.Note("", "%s never holds with the plan's own values: what it holds is left out", k.label())
		return
	default:
		w.counted(k, model.Settings)
		w.endOnFailure(k)
		w.addWhen(k, c.checks)
	}
	w.walk(k, outer)
}

// endOnFailure makes the step before end the case when it fails, where a condition
// asks for its success.
func (w *walker) endOnFailure(k *node) {
	if strings.Contains(k.text("IfController.condition"), "JMeterThread.last_sample_ok") && len(w.steps) > 0 {
		w.steps[len(w.steps)-1].Step.Continue = false
	}
}

func (w *walker) addWhen(k *node, more []model.Check) {
	out := slices.Clone(w.when)
	for _, c := range more {
		i := slices.IndexFunc(out, func(o model.Check) bool { return o.Name == c.Name })
		switch {
		case i < 0:
			out = append(out, c)
		case !slices.ContainsFunc(out[i].Matchers, func(m model.Matcher) bool { return m.Op == c.Matchers[0].Op }):
			out[i] = model.Check{Name: c.Name, Matchers: append(slices.Clone(out[i].Matchers), c.Matchers...)}
		default:
			w.p.lose(w, k, model.Settings, "two conditions of one variable inside each other: the outer one is kept")
		}
	}
	w.when = out
}

// requests counts the samplers below a node that send HTTP.
func requests(n *node) int {
	count := 0
	n.walk(func(x *node) {
		if isHTTP(x) {
			count++
		}
	})
	return count
}

// loop writes a loop with a number out, or repeats its only step.
func (w *walker) loop(k *node, outer []*node, loops string) {
	text, ok := w.p.names.constant(strings.TrimSpace(loops))
	times, err := strconv.Atoi(strings.TrimSpace(text))
	inside := requests(k)
	counters := slices.ContainsFunc(k.kids, func(x *node) bool { return x.class == "CounterConfig" })
	switch {
	case k.flag("LoopController.continue_forever") && times < 0, ok && err == nil && times < 0:
		w.p.lose(w, k, model.Settings, "an endless loop: what it holds is sent once")
		times = 1
	case !ok || err != nil:
		w.p.loseText(w, k, model.Settings, loops, "how often is known only while it runs: what it holds is sent once")
		times = 1
	case inside == 0:
		times = min(times, 1)
	case inside == 1 && times > 1 && times <= 1000 && !counters && w.repeat <= 1 && !hasLoop(k):
		w.counted(k, model.Settings)
		w.repeat = times
		w.walk(k, outer)
		w.repeat = 0
		return
	case times > maxCopies || w.copies*times*inside > maxCopies:
		w.p.lose(w, k, model.Settings, fmt.Sprintf("%d times %d requests: what it holds is sent once", times, inside))
		times = 1
	default:
		w.counted(k, model.Settings)
	}
	w.copies *= max(1, times)
	for range times {
		w.walk(k, outer)
		w.advance(k)
	}
	w.copies /= max(1, times)
}

// hasLoop reports whether a loop is inside a controller.
func hasLoop(k *node) bool {
	found := false
	for _, c := range k.kids {
		c.walk(func(x *node) { found = found || x.class == "LoopController" || x.class == "ForeachController" })
	}
	return found
}

// advance gives the counters of a loop their next value.
func (w *walker) advance(k *node) {
	for _, x := range k.kids {
		if x.class == "CounterConfig" {
			w.rounds[x]++
		}
	}
}

// onceOnly makes steps of setup, where the plan has one thread group and they need
// nothing of a row.
func (w *walker) onceOnly(k *node, outer []*node) {
	w.counted(k, model.Settings)
	if w.p.groups != 1 || w.inOnce || len(w.when) > 0 || w.usesRow(k) {
		w.walk(k, outer)
		return
	}
	before := len(w.steps)
	w.inOnce = true
	w.walk(k, outer)
	w.inOnce = false
	w.once = append(w.once, w.steps[before:]...)
	w.steps = w.steps[:before]
}

// usesRow reports whether something below a node uses a column of the rows.
func (w *walker) usesRow(k *node) bool {
	used := false
	k.walk(func(x *node) {
		for name := range w.s.columns {
			used = used || mentions(x.props, name)
		}
	})
	return used
}

// mentions reports whether a text of an element uses a variable.
func mentions(e *element, name string) bool {
	if strings.Contains(e.text, "${"+name+"}") || strings.Contains(e.text, `vars.get("`+name+`")`) || strings.Contains(e.text, `vars.get('`+name+`')`) {
		return true
	}
	return slices.ContainsFunc(e.kids, func(k *element) bool { return mentions(k, name) })
}

// forEach sends what it holds for the values that the plan itself defines, or for
// the first match of an extractor.
func (w *walker) forEach(k *node, outer []*node) {
	in, out := k.trimmed("ForeachController.inputVal"), k.trimmed("ForeachController.returnVal")
	separator := "_"
	if k.trimmed("ForeachController.useSeparator") == "false" {
		separator = ""
	}
	inside := max(1, requests(k))
	sent := 0
	copies := w.copies
	defer func() { w.copies = copies }()
	for i := 1; copies*(sent+1)*inside <= maxCopies; i++ {
		name := fmt.Sprintf("%s%s%d", in, separator, i)
		_, defined := w.p.names.variables[name]
		if !defined && w.s.local[name] == "" {
			break
		}
		w.s.local[out] = w.s.value(&ref{name: name})
		w.copies = maxCopies // loops inside are written once
		w.walk(k, outer)
		sent++
	}
	if sent > 0 {
		w.counted(k, model.Settings)
		return
	}
	w.p.lose(w, k, model.Settings, "how many values there are is known only while it runs: what it holds is sent for the first")
	if out != "" {
		w.s.local[out] = w.s.value(&ref{name: in + separator + "1"})
	}
	w.walk(k, outer)
}

// switchController gives each of its children the value that chooses it.
func (w *walker) switchController(k *node, outer []*node) {
	value := k.trimmed("SwitchController.value")
	here := slices.Clone(outer)
	var children []*node
	for _, c := range k.kids {
		if r := c.role(); r == sampler || r == controller {
			children = append(children, c)
		} else {
			here = append(here, c)
			w.element(c)
		}
	}
	text, constant := w.p.names.constant(value)
	variable := single(value)
	when := w.when
	for i, c := range children {
		w.when = when
		chosen := text == strconv.Itoa(i) || text == "" && i == 0 || text == c.name
		switch {
		case variable == nil && constant && !chosen:
			continue
		case variable != nil && !variable.function:
			one, ok := w.s.anyOf([]string{fmt.Sprintf(`"${%s}" == "%d"`, variable.name, i), fmt.Sprintf(`"${%s}" == "%s"`, variable.name, strings.ReplaceAll(c.name, `"`, ""))})
			if ok && one.never {
				continue
			}
			if ok {
				w.addWhen(k, one.checks)
			}
		case variable != nil || !constant:
			w.p.loseText(w, k, model.Settings, value, "which child it chooses is known only while it runs: all are sent")
			variable, constant = nil, true
			w.walkOne(c, here)
			for _, rest := range children[i+1:] {
				w.walkOne(rest, here)
			}
			return
		}
		w.counted(k, model.Settings)
		w.walkOne(c, here)
	}
}

func (w *walker) walkOne(c *node, outer []*node) {
	if c.role() == sampler {
		w.sampler(c, outer)
	} else {
		w.controller(c, outer)
	}
}

// throughput keeps the share of iterations for the load stage; a case sends what
// it holds once.
func (w *walker) throughput(k *node, outer []*node) {
	before := len(w.steps)
	w.walk(k, outer)
	style := k.trimmed("ThroughputController.style")
	share := w.p.names.constantOr(k.trimmed("ThroughputController.percentThroughput"))
	if style == "0" {
		w.counted(k, model.Settings)
		w.p.Report.Note("", "%s: JMeter sends what it holds %s times in all; here it is sent in every iteration", k.label(), w.p.names.constantOr(k.trimmed("ThroughputController.maxThroughput")))
		return
	}
	w.counted(k, model.Settings)
	w.p.Report.Note("", "%s: JMeter sends what it holds in %s %% of the iterations; here it is sent in every iteration", k.label(), share)
	for _, q := range w.steps[before:] {
		w.share[q] = share
	}
}

// isHTTP reports whether a node is a sampler that sends HTTP.
func isHTTP(n *node) bool {
	return n.class == "HTTPSamplerProxy" || n.class == "HTTPSampler" || n.class == "HTTPSampler2"
}

// sampler makes the step of a sampler.
func (w *walker) sampler(n *node, outer []*node) {
	r := &reach{n: n, outer: outer}
	w.p.samplerName = n.name
	for _, x := range n.kids {
		if x.role() == config {
			w.element(x)
		}
	}
	switch {
	case n.class == "TestAction" || n.class == "FlowControlAction":
		w.pauseOf(n)
		return
	case n.class == "DebugSampler":
		w.counted(n, model.Settings)
		return
	case !isHTTP(n):
		w.script(n)
		if _, isScript := scriptText(n); !isScript {
			w.p.lose(w, n, model.Requests, "only HTTP is sent")
		}
		w.before(r)
		w.lostAfter(r)
		return
	}
	w.before(r)
	name := w.names.Take(stepName(n))
	q := w.p.request(r, w.s, w.title+" / "+name, naming.Plain(name))
	tests := checks{s: w.s}
	w.assertions(r, &tests, q)
	q.Expect = tests.expect
	w.p.StepOf(q, func(cookie, value string) bool { return !naming.SecretName(cookie) && len(value) < 20 })
	if w.s.free != "" {
		q.Step.URL, q.Step.Query = w.p.Text(w.s.free), nil
	}
	if w.p.seen[n] { // a loop's copy, or a module's
		w.p.Report.Unmap(model.Requests, 1)
	}
	w.p.seen[n] = true
	if len(q.Skip) > 0 {
		w.skipped(r, q)
		return
	}
	q.Step.Name = naming.Plain(name)
	q.Step.When = w.when
	q.Step.Continue = w.goOn && !w.inOnce && !w.p.inSetup && !isTeardown(w.group)
	if w.repeat > 1 {
		q.Step.Repeat = w.repeat
	}
	w.timers(r, q)
	w.after(r, q, false)
	q.Step.Comment = append(q.Comment, w.comments...)
	w.comments = nil
	w.steps = append(w.steps, q)
}

// skipped leaves a request out that cannot be sent as it is. The only one of a
// group is written as a case that says so.
func (w *walker) skipped(r *reach, q *web.Request) {
	if requests(w.group) == 1 && !w.p.inSetup && !isTeardown(w.group) {
		q.ID = w.p.Cases.Take(cmp.Or(naming.Name(w.title), "thread-group"))
		w.p.Suite.Cases = append(w.p.Suite.Cases, w.p.CaseOf(q))
		w.p.all = append(w.p.all, q)
		w.after(r, q, true)
		return
	}
	w.p.Report.Unmap(model.Requests, 1)
	w.p.Lose(q, model.Lost{Kind: model.Requests, Place: r.n.place(), Text: q.Describe(), Why: "not written: " + strings.Join(q.Skip, "; ")})
	w.after(r, q, true)
}

func stepName(n *node) string {
	name := strings.Join(strings.Fields(n.name), " ")
	for _, p := range pieces(name) {
		if p.ref != nil {
			name = strings.ReplaceAll(name, p.ref.source(), p.ref.name)
		}
	}
	if name = naming.OneLine(name, 80); name == "" {
		name = "HTTP Request"
	}
	return name
}

// before applies the pre-processors of a sampler.
func (w *walker) before(r *reach) {
	for _, x := range r.of(before) {
		switch x.class {
		case "UserParameters":
			w.userParameters(x)
		default:
			if _, has := scriptText(x); has {
				w.script(x)
			} else {
				w.p.lose(w, x, model.Settings, "it changes what is sent while the plan runs")
			}
		}
	}
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

// script applies what a script sets, and lists the rest of it.
func (w *walker) script(x *node) {
	text, has := scriptText(x)
	if !has {
		return
	}
	sets, lost := evaluate(text)
	for _, set := range sets {
		if !set.property {
			w.set(set.name, set.raw)
		}
	}
	if w.p.seen[x] {
		return
	}
	w.p.seen[x] = true
	kind := model.ScriptLines
	if x.role() == assertion {
		kind = model.Assertions
	}
	if file := x.trimmed("filename"); file != "" && len(lost) == 0 {
		lost = []string{"file " + file}
	}
	if len(lost) == 0 {
		w.p.Report.Mapped(kind, 1)
		return
	}
	more := ""
	if len(lost) > 1 {
		more = fmt.Sprintf(", and %d more lines", len(lost)-1)
	}
	l := w.p.loseMore(w, x, kind, lost[0], "scripts are not run"+more)
	w.comments = append(w.comments, "not converted: "+l.Line())
}

// assertions converts the assertions that count for a sampler.
func (w *walker) assertions(r *reach, tests *checks, q *web.Request) {
	for _, x := range r.of(assertion) {
		if _, isScript := scriptText(x); isScript {
			w.script(x)
			continue
		}
		why := tests.add(x)
		if why == "" {
			w.counted(x, model.Assertions)
			continue
		}
		w.p.loseAt(q, x, model.Assertions, "", why)
	}
	if why := tests.finish(); why != "" {
		w.p.Lose(q, model.Lost{Kind: model.Settings, Place: r.n.place(), Why: why})
	}
}

// after applies the extractors and scripts after a sampler.
func (w *walker) after(r *reach, q *web.Request, lost bool) {
	for _, x := range r.of(after) {
		if _, isScript := scriptText(x); isScript {
			w.script(x)
			continue
		}
		if x.class == "ResultAction" || x.class == "DebugPostProcessor" {
			w.counted(x, model.Settings)
			continue
		}
		made, why := w.s.extract(x, w.p.uses)
		if lost && why == "" {
			why = "its request is not written"
		}
		if why != "" {
			w.p.loseAt(q, x, model.Captures, "", why)
			w.setLater(x)
			continue
		}
		w.counted(x, model.Captures)
		w.capture(q, x, made)
	}
}

// capture gives a step its captures.
func (w *walker) capture(q *web.Request, x *node, made []taken) {
	for _, t := range made {
		delete(w.s.local, t.name)
		delete(w.s.joined, t.name)
		if t.joined != "" {
			w.s.joined[t.name] = t.joined
			continue
		}
		name := w.p.names.name("v", t.name)
		q.Step.AddCapture(name, &t.capture)
		w.s.captured[t.name] = true
		w.p.names.mayBeNumber[name] = true
		if t.note != "" {
			w.p.Report.Note("", "%s: %s", x.label(), t.note)
		}
		if naming.SecretName(t.name) && !w.p.shortValue(name) {
			w.p.Suite.Secrets = model.AppendOnce(w.p.Suite.Secrets, name)
		}
		if w.inOnce || w.p.inSetup {
			w.p.names.captured[t.name] = true
		}
	}
}

// setLater remembers which extractor would have set a variable.
func (w *walker) setLater(x *node) {
	for _, property := range []string{"JSONPostProcessor.referenceNames", "RegexExtractor.refname", "BoundaryExtractor.refname", "HtmlExtractor.refname", "XPathExtractor.refname", "XPathExtractor2.refname"} {
		for name := range strings.SplitSeq(x.trimmed(property), ";") {
			if name = strings.TrimSpace(name); name != "" {
				w.p.names.setters[name] = x.label()
			}
		}
	}
}

// lostAfter lists what belongs to a sampler that is not sent.
func (w *walker) lostAfter(r *reach) {
	for _, x := range r.n.kids {
		switch x.role() {
		case after:
			if _, isScript := scriptText(x); isScript {
				w.script(x)
			} else {
				w.p.lose(w, x, model.Captures, "its sampler is not sent")
				w.setLater(x)
			}
		case assertion:
			w.p.lose(w, x, model.Assertions, "its sampler is not sent")
		}
	}
}
