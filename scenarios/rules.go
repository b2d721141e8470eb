package scenarios

import (
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
)

// readRules reads a list of rules, with the rule files that it uses inlined.
func (w *walker) readRules(o *keys.Mapping, name string) []diff.Rule {
	return w.readRuleList(o, name, nil)
}

// readRuleList reads rules; stack holds the rule files being read, to find circles.
func (w *walker) readRuleList(o *keys.Mapping, name string, stack []string) []diff.Rule {
	var out []diff.Rule
	o.EachElement(name, func(_ int, n *yaml.Node) {
		r := w.Object(n, "rule", "")
		// It was reported as such.
		if r.Node.Kind != yaml.MappingNode {
			return
		}
		if r.Has("use") {
			out = append(out, w.useRules(r, stack)...)
			r.RefuseUnread(` next to "use"`)
			return
		}
		if rule, ok := w.readRule(r); ok {
			out = append(out, rule)
		}
	})
	return out
}

// useRules inlines the rules of a rule file at the place of the use. Bounds on depth and
// number keep files that use each other twice from growing without end.
func (w *walker) useRules(r *keys.Mapping, stack []string) []diff.Rule {
	ref := r.Text("use")
	if ref == "" {
		return nil
	}
	name, ok := w.Resolve(r.At("use"), ref)
	if !ok {
		return nil
	}
	if !w.mayUse(r, stack, name, "rule files") {
		return nil
	}
	// The file is opened from here, so that a wrong name is reported at the use.
	src := w.openFrom(r.At("use"), w, name)
	if src == nil {
		return nil
	}
	w.files[name] = true
	// The rules of the file are placed in it, and its uses are relative to it.
	other := newWalker(w.loader, src)
	o := other.Object(src.Root, "rule file", "")
	o.Text("doc")
	rules := other.readRuleList(o, "rules", append(stack, name))
	return rules
}

// mayUse reports whether a use may be followed: neither in a circle, nor too deep or too often.
// stack are the uses around it, id is its own name, and what are the files, for messages.
func (w *walker) mayUse(o *keys.Mapping, stack []string, id, what string) bool {
	w.uses++
	at := o.At("use")
	switch {
	case slices.Contains(stack, id): // it would be inlined without end
		o.Fail(at, "", "%s use each other in a circle: %s", what, strings.Join(append(slices.Clone(stack), id), " -> "))
	case len(stack) >= maxUse:
		o.Fail(at, "", "%s are used more than %d deep", what, maxUse)
	case w.uses > maxUses: // two uses in each of sixteen parts are 65,536 steps
		o.Fail(at, "", "parts and rule files are used more than %d times", maxUses)
	default:
		return true
	}
	return false
}

// maxUse bounds how deep files use each other, maxUses how often, maxRules how
// many rules one step may have.
const (
	maxUse   = 16
	maxUses  = 10_000
	maxRules = 2000
)

// readRule reads one rule. The shape of the keys is checked here; what a kind of rule may say
// together is the business of diff.Compile, whose errors compileRules gives a place. A rule
// is kept by its origin, file:line:col, which also names it in reports.
func (w *walker) readRule(r *keys.Mapping) (diff.Rule, bool) { return w.readRuleKeys(r, r.Table.Keys) }

// readRuleKeys is readRule for those keys of a table that are of the rule itself.
func (w *walker) readRuleKeys(r *keys.Mapping, of []keys.Key) (diff.Rule, bool) {
	rule := diff.Rule{Origin: w.Pos(r.Node).String()}
	r.BindKeys(of, &rule)
	// as is one word or a list, as the kind of rule says.
	as := r.Texts("as", nil)
	switch {
	case slices.ContainsFunc(diff.RuleKinds(), func(k diff.RuleKind) bool { return k.Do == rule.Do && k.AsList }):
		rule.AsList = as
	case len(as) == 1:
		rule.As = as[0]
	case len(as) > 1:
		r.Fail(r.At("as"), "only do: string takes a list", "as takes one word here")
	}
	// A rule without a place would hold everywhere; with two, it is not clear which counts.
	places := len(present(r, []string{"at", "header", "headers", "where"}))
	switch {
	case places == 0 && !r.Broken:
		r.Fail(r.Node, `add at: "$.path", header: name or where: status`, "a rule without a place")
	case places > 1:
		r.Fail(r.Node, "write two rules", "a rule has one place: at, header, headers or where")
	case !r.Has("do") && !r.Broken:
		r.Fail(r.Node, "add do: ignore, match, tolerance, …", "a rule without do")
	}
	w.demandKeys(r, rule)
	// A rule that expired and went on hiding differences would never be looked at again.
	if now := w.opts.Now; !rule.Until.IsZero() && !now.IsZero() && now.After(rule.Until) {
		r.Fail(r.At("until"), "remove the rule, or agree on a new date", "the rule expired on %s", rule.Until.Format("2006-01-02"))
	}
	w.refusePlaceholders(r, rule)
	w.loader.rules[rule.Origin] = r
	return rule, !r.Broken
}

// refusePlaceholders refuses what a proposed rule holds in place of a reason and an agreed
// date, unless the rules are only tried. A rule that was pasted without a thought would hide
// differences without a reason.
func (w *walker) refusePlaceholders(r *keys.Mapping, rule diff.Rule) {
	if w.opts.Trial {
		return
	}
	if strings.EqualFold(strings.TrimSpace(rule.Why), diff.PlaceholderWhy) {
		r.Fail(r.At("why"), "say in a few words why this may differ", "why: %q is the placeholder of a proposed rule, not a reason",
			diff.PlaceholderWhy)
	}
	if far := diff.PlaceholderUntil.Format(time.DateOnly); rule.Until.Format(time.DateOnly) == far {
		r.Fail(r.At("until"), "write the day by which both sides agree again",
			"until: %s is the placeholder of a proposed rule, not an agreed date", far)
	}
}

// demandKeys reports the keys that the rule's kind requires and that are not
// written, such as the reason of a rule that hides differences.
// Which keys a kind requires is said by package diff, in the row of the kind.
func (w *walker) demandKeys(r *keys.Mapping, rule diff.Rule) {
	// A leak that is not allowed is reported by compileRules.
	if rule.Do == diff.DoLeak && !rule.Allow {
		return // the rule switches nothing off, which is reported
	}
	for _, need := range rule.Do.Requires() {
		if !r.Has(need.Key) {
			r.Fail(r.At("do"), "add "+need.Key+": "+need.Hint, "a rule that does %q needs %s", string(rule.Do), need)
		}
	}
}

// compileRules reports what diff.Compile finds wrong, at the key it names. Rules of flags
// were read by another loader: they have no mapping here and are reported at their origin.
func (l *loader) compileRules(rules []diff.Rule) {
	// Compile checks dates too; without a clock nothing is late.
	now := l.opts.Now
	if now.IsZero() {
		now = time.Unix(0, 0) // nothing has expired yet
	}
	_, errs := diff.Compile(rules, diff.Options{Now: now})
	for _, e := range errs {
		if e.Rule < 0 || e.Rule >= len(rules) {
			continue
		}
		r := l.rules[rules[e.Rule].Origin]
		if r == nil {
			l.failAt(Pos{File: rules[e.Rule].Origin}, "", e.Hint, "%s", e.Msg)
			continue
		}
		// The key that Compile names, or the whole rule.
		n := r.Node
		if v := r.Values[e.Field]; v != nil {
			n = source.Deref(v)
		}
		// Patterns and paths report an offset in their text.
		if n.Kind == yaml.ScalarNode && e.Offset > 0 {
			r.Reader.ErrorAt(n, e.Offset, e.Hint, "%s: %s", e.Field, e.Msg)
			continue
		}
		msg := e.Msg
		if n != r.Node {
			msg = e.Field + ": " + msg
		}
		r.Reader.Errorf(n, e.Hint, "%s", msg)
	}
}

// readRuleFile reads a whole rule file and compiles its rules on their own.
func (l *loader) readRuleFile(w *walker) []diff.Rule {
	o := w.Object(w.Src.Root, "rule file", "")
	o.Text("doc")
	rules := w.readRuleList(o, "rules", []string{w.Src.Path})
	l.compileRules(rules)
	return rules
}
