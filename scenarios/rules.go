package scenarios

import (
	"path"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// rulesOf reads a list of rules.
func (w *walker) rulesOf(o *obj, name string) []diff.Rule { return w.ruleList(o, name, nil) }

// ruleList reads rules; stack holds the rule files being read, to find cycles.
func (w *walker) ruleList(o *obj, name string, stack []string) []diff.Rule {
	var out []diff.Rule
	o.list(name, func(_ int, n *yaml.Node) {
		r := w.object(n, "rule", "")
		if r.n.Kind != yaml.MappingNode {
			return
		}
		if r.has("use") {
			out = append(out, w.useRules(r, stack)...)
			r.done(` next to "use"`)
			return
		}
		if rule, ok := w.rule(r); ok {
			out = append(out, rule)
		}
	})
	return out
}

// useRules takes in a rule file.
func (w *walker) useRules(r *obj, stack []string) []diff.Rule {
	ref := r.text("use")
	if ref == "" {
		return nil
	}
	name, ok := w.resolve(r.at("use"), ref)
	if !ok {
		return nil
	}
	if slices.Contains(stack, name) {
		r.fail(r.at("use"), "", "rule files use each other in a circle: %s", strings.Join(append(stack, name), " -> "))
		return nil
	}
	if len(stack) >= maxUse {
		r.fail(r.at("use"), "", "rule files are used more than %d deep", maxUse)
		return nil
	}
	if w.uses++; w.uses > maxUses {
		r.fail(r.at("use"), "", "parts and rule files are used more than %d times", maxUses)
		return nil
	}
	src := w.openFrom(r.at("use"), w, name)
	if src == nil {
		return nil
	}
	w.files[name] = true
	other := &walker{w.loader, src}
	o := other.object(src.Root, "rule file", "")
	o.text("doc")
	rules := other.ruleList(o, "rules", append(stack, name))
	return rules
}

// maxUse bounds how deep files use each other, maxUses how often, maxRules how
// many rules one step may have.
const (
	maxUse   = 16
	maxUses  = 10_000
	maxRules = 2000
)

// resolve joins a reference to the folder of the file it is written in.
func (w *walker) resolve(n *yaml.Node, ref string) (string, bool) {
	switch {
	case ref == "":
		w.errorf(n, "", "the name of a file is empty")
	case strings.Contains(ref, "{{"):
		w.errorf(n, "", "the name of a file takes no placeholders")
	case path.IsAbs(ref) || strings.Contains(ref, "\\") || strings.Contains(ref, ":"):
		w.errorf(n, "write a path relative to this file, with /", "%q is not a relative path", problem.Cut(ref, 60))
	case strings.ContainsAny(ref, "\x00\n\r"):
		w.errorf(n, "", "the name of a file has a control character")
	default:
		name := path.Join(w.src.Dir, ref)
		if name == ".." || strings.HasPrefix(name, "../") {
			w.errorf(n, "", "%q leaves the scenario folder", problem.Cut(ref, 60))
			return "", false
		}
		return name, true
	}
	return "", false
}

// openFrom opens a YAML file that a node refers to and reports there when it
// cannot be read.
func (l *loader) openFrom(n *yaml.Node, w *walker, name string) *source.File {
	if _, known := l.sources[name]; !known {
		if f, err := source.OpenRegular(l.fsys, name); err != nil {
			w.errorf(n, "", "cannot read %s: %v", name, err)
			l.sources[name] = nil
			return nil
		} else {
			f.Close()
		}
	}
	return l.open(name)
}

// rule reads one rule. What it may say is checked by diff.Compile.
func (w *walker) rule(r *obj) (diff.Rule, bool) {
	rule := diff.Rule{Origin: w.pos(r.n).String()}
	r.bind(&rule)
	as := r.texts("as", nil)
	switch {
	case slices.ContainsFunc(diff.RuleKinds(), func(k diff.RuleKind) bool { return k.Do == rule.Do && k.AsList }):
		rule.AsList = as
	case len(as) == 1:
		rule.As = as[0]
	case len(as) > 1:
		r.fail(r.at("as"), "only do: string takes a list", "as takes one word here")
	}
	places := 0
	for _, k := range []string{"at", "header", "headers", "where"} {
		if r.has(k) {
			places++
		}
	}
	switch {
	case places == 0 && !r.broken:
		r.fail(r.n, `add at: "$.path", header: name or where: status`, "a rule without a place")
	case places > 1:
		r.fail(r.n, "write two rules", "a rule has one place: at, header, headers or where")
	case !r.has("do") && !r.broken:
		r.fail(r.n, "add do: ignore, match, tolerance, …", "a rule without do")
	}
	w.demandKeys(r, rule)
	if now := w.opts.Now; !rule.Until.IsZero() && !now.IsZero() && now.After(rule.Until) {
		r.fail(r.at("until"), "remove the rule, or agree on a new date", "the rule expired on %s", rule.Until.Format("2006-01-02"))
	}
	w.refusePlaceholders(r, rule)
	w.loader.rules[rule.Origin] = r
	return rule, !r.broken
}

// refusePlaceholders refuses what a proposed rule holds in place of a reason and
// an agreed date, unless the rules are only tried.
func (w *walker) refusePlaceholders(r *obj, rule diff.Rule) {
	if w.opts.Trial {
		return
	}
	if strings.EqualFold(strings.TrimSpace(rule.Why), diff.PlaceholderWhy) {
		r.fail(r.at("why"), "say in a few words why this may differ", "why: %q is the placeholder of a proposed rule, not a reason",
			diff.PlaceholderWhy)
	}
	if far := diff.PlaceholderUntil.Format(time.DateOnly); rule.Until.Format(time.DateOnly) == far {
		r.fail(r.at("until"), "write the day by which both sides agree again",
			"until: %s is the placeholder of a proposed rule, not an agreed date", far)
	}
}

// bound reads the most that a rule hides: 3 or 10%.
func (o *obj) bound(name string) diff.Bound {
	if n := o.at(name); n != nil && strings.HasSuffix(n.Value, "%") {
		return diff.Bound{Share: o.percent(name)}
	}
	return diff.Bound{Count: o.int(name, 0)}
}

// demandKeys reports the keys that the rule's kind requires and that are not
// written, such as the reason of a rule that hides differences.
func (w *walker) demandKeys(r *obj, rule diff.Rule) {
	if rule.Do == diff.DoLeak && !rule.Allow {
		return // the rule switches nothing off, which is reported
	}
	for _, need := range rule.Do.Requires() {
		if !r.has(need.Key) {
			r.fail(r.at("do"), "add "+need.Key+": "+need.Hint, "a rule that does %q needs %s", string(rule.Do), need)
		}
	}
}

// compileRules reports what diff.Compile finds wrong, at the key it names.
func (l *loader) compileRules(rules []diff.Rule) {
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
			l.add(Problem{Pos: Pos{File: rules[e.Rule].Origin}, Summary: e.Msg, Hint: e.Hint})
			continue
		}
		n := r.n
		if v := r.values[e.Field]; v != nil {
			n = source.Deref(v)
		}
		if n.Kind == yaml.ScalarNode && e.Offset > 0 {
			r.w.errorAt(n, e.Offset, e.Hint, "%s: %s", e.Field, e.Msg)
			continue
		}
		msg := e.Msg
		if n != r.n {
			msg = e.Field + ": " + msg
		}
		r.w.errorf(n, e.Hint, "%s", msg)
	}
}

// ruleFile reads a whole rule file.
func (w *walker) ruleFile() []diff.Rule {
	o := w.object(w.src.Root, "rule file", "")
	o.text("doc")
	rules := w.ruleList(o, "rules", []string{w.src.Path})
	w.compileRules(rules)
	return rules
}
