package jmeter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

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

// throughput sends what a throughput controller inside a case holds once. Where the
// whole of a group is in shares, see branches.
func (w *walker) throughput(k *node, outer []*node) {
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
}
