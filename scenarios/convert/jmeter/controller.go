package jmeter

import (
	"fmt"
	"maps"
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
		return
	case "LoopController":
		w.loop(k, outer, k.text("LoopController.loops"))
		return
	case "OnceOnlyController":
		w.onceOnly(k, outer)
		return
	case "ForeachController":
		w.forEach(k, outer)
		return
	case "SwitchController":
		w.switchController(k, outer)
		return
	case "ThroughputController":
		w.throughput(k, outer)
		return
	case "RandomController", "InterleaveControl", "RandomOrderController":
		w.counted(k, model.Settings)
		w.p.Report.Note("", "%s: JMeter sends some of what it holds in an iteration, or in another order; here all of it is sent in the order of the plan", k.label())
	case "GenericController", "TransactionController", "TestFragmentController", "CriticalSectionController", "RecordingController", "IncludeController", "ModuleController":
		w.counted(k, model.Settings)
	case "WhileController":
		w.lose(k, model.Settings, "what it holds is sent once: how often is known only while it runs")
	case "RunTime":
		w.lose(k, model.Settings, "what it holds is sent once, not for a time")
	default:
		w.lose(k, model.Settings, "the controller is not known here: what it holds is sent once")
	}
	w.walk(k, outer)
}

func (w *walker) ifController(k *node, outer []*node) {
	c, ok := w.s.condition(k.text("IfController.condition"))
	switch {
	case !ok:
		w.loseText(k, model.Settings, k.text("IfController.condition"), "the condition is more than comparisons of variables: what it holds is always sent")
	case c.never:
		w.counted(k, model.Settings)
		w.p.Report.Note("", "%s never holds with the plan's own values: what it holds is left out", k.label())
		return
	default:
		w.counted(k, model.Settings)
		// The step before ends the case when it fails, where the condition asks for its success.
		if strings.Contains(k.text("IfController.condition"), "JMeterThread.last_sample_ok") && len(w.steps) > 0 {
			w.steps[len(w.steps)-1].Step.Continue = false
		}
		w.addWhen(k, c.checks)
	}
	w.walk(k, outer)
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
			w.lose(k, model.Settings, "two conditions of one variable inside each other: the outer one is kept")
		}
	}
	w.when = out
}

// loop writes a loop with a number out, or repeats its only step.
func (w *walker) loop(k *node, outer []*node, loops string) {
	times, known := w.p.names.integer(loops)
	inside := requests(k)
	counters := slices.ContainsFunc(k.kids, func(x *node) bool { return x.class == "CounterConfig" })
	switch {
	case times < 0:
		// A negative number is JMeter's "forever".
		w.lose(k, model.Settings, "an endless loop: what it holds is sent once")
		times = 1
	case !known:
		w.loseText(k, model.Settings, loops, "how often is known only while it runs: what it holds is sent once")
		times = 1
	case inside == 0:
		times = min(times, 1)
	case inside == 1 && times > 1 && times <= 1000 && !counters && w.repeat <= 1 && !hasLoop(k):
		w.counted(k, model.Settings)
		// A loop around one request is repeat: of its step, however often it is.
		w.repeat = times
		w.walk(k, outer)
		w.repeat = 0
		return
	case times > maxCopies || w.copies*times*inside > maxCopies:
		w.lose(k, model.Settings, fmt.Sprintf("%d times %d requests: what it holds is sent once", times, inside))
		times = 1
	default:
		w.counted(k, model.Settings)
	}
	w.copies *= max(1, times)
	// Any other loop is written out, as long as that is short.
	for range times {
		w.walk(k, outer)
		w.advance(k)
	}
	w.copies /= max(1, times)
}

// hasLoop reports whether a loop is inside a controller.
func hasLoop(k *node) bool {
	return k.some(func(x *node) bool { return x != k && (x.class == "LoopController" || x.class == "ForeachController") })
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
	// Setup runs once for all groups: what one of several groups does once cannot go there.
	if w.p.groups != 1 || w.inOnce || len(w.when) > 0 || k.mentions(slices.Collect(maps.Keys(w.s.columns))...) {
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
	// The values are the plan's own variables name_1, name_2, … up to the first that is missing.
	for copies*(sent+1)*inside <= maxCopies {
		name := fmt.Sprintf("%s%s%d", in, separator, sent+1)
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
	w.lose(k, model.Settings, "how many values there are is known only while it runs: what it holds is sent for the first")
	if out != "" {
		w.s.local[out] = w.s.value(&ref{name: in + separator + "1"})
	}
	w.walk(k, outer)
}

// switchController gives each of its children the value that chooses it.
func (w *walker) switchController(k *node, outer []*node) {
	value := k.trimmed("SwitchController.value")
	children, around := k.split()
	for _, c := range around {
		w.element(c)
	}
	here := slices.Concat(outer, around)
	text, constant := w.p.names.constant(value)
	variable := single(value)
	when := w.when
	// A child is chosen by its number or by its name; without a value the first is.
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
			w.loseText(k, model.Settings, value, "which child it chooses is known only while it runs: all are sent")
			for _, rest := range children[i:] {
				w.send(rest, here)
			}
			return
		}
		w.counted(k, model.Settings)
		w.send(c, here)
	}
}

// throughput sends what a throughput controller inside a case holds once. Where the
// whole of a group is in shares, see branches.
func (w *walker) throughput(k *node, outer []*node) {
	w.walk(k, outer)
	w.counted(k, model.Settings)
	if k.trimmed("ThroughputController.style") == "0" {
		w.p.Report.Note("", "%s: JMeter sends what it holds %s times in all; here it is sent in every iteration", k.label(), w.p.names.constantOr(k.trimmed("ThroughputController.maxThroughput")))
		return
	}
	share := w.p.names.constantOr(k.trimmed("ThroughputController.percentThroughput"))
	w.p.Report.Note("", "%s: JMeter sends what it holds in %s %% of the iterations; here it is sent in every iteration", k.label(), share)
}
