// Package alike decides whether two clusters hold the same.
//
// In come two inventories and what the env file asks; out comes a run.Alike: differences
// by what made them, objects of one side alone, versions that green no longer serves, and
// what could not be read. The package is pure: it reads no cluster, no file and no clock,
// so that an archived run is judged again by the same code.
package alike

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/cluster/inventory"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// Kinds are those that are compared where the env file names none, with their groups: a
// group that a server cannot describe is then known to be missing. Each may be served by
// neither cluster.
var Kinds = []string{
	"Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "Job.batch", "CronJob.batch", "Service", "ConfigMap",
	"HorizontalPodAutoscaler.autoscaling",
	"PodDisruptionBudget.policy", "NetworkPolicy.networking.k8s.io", "Ingress.networking.k8s.io", "ServiceAccount",
	"Role.rbac.authorization.k8s.io", "RoleBinding.rbac.authorization.k8s.io", "ClusterRole.rbac.authorization.k8s.io",
	"ClusterRoleBinding.rbac.authorization.k8s.io", "CustomResourceDefinition.apiextensions.k8s.io",
	"VirtualService.networking.istio.io", "DestinationRule.networking.istio.io", "Gateway.networking.istio.io",
	"ServiceEntry.networking.istio.io",
	"Sidecar.networking.istio.io", "EnvoyFilter.networking.istio.io", "AuthorizationPolicy.security.istio.io",
	"PeerAuthentication.security.istio.io",
	"RequestAuthentication.security.istio.io", "HTTPRoute.gateway.networking.k8s.io", "GRPCRoute.gateway.networking.k8s.io",
	"Gateway.gateway.networking.k8s.io", "ReferenceGrant.gateway.networking.k8s.io",
}

// Options are what a comparison needs besides the env file.
type Options struct {
	// BlueName and GreenName are the names of the clusters: values that differ in them alone
	// are the same. Empty: the names are not known.
	BlueName, GreenName string
	// Now decides which rules have expired.
	Now time.Time
}

// builtinOrigin begins the origin of a rule that no file has.
const builtinOrigin = "built in:"

// builtin are rules before those of the file; see also package inventory for what is not
// looked at in the first place.
func builtin(o *Options) []stage.ObjectRule {
	rules := []stage.ObjectRule{{
		Kinds: []string{"ServiceAccount"},
		Rule: diff.Rule{
			At: "$.metadata.annotations['eks.amazonaws.com/role-arn']", Do: diff.DoIgnore, Why: "each cluster has its roles", Origin: builtinOrigin + "1:1",
		},
	}}
	// A short name would be found in values that have nothing to do with it.
	const shortest = 4
	if o.BlueName != o.GreenName && len(o.BlueName) >= shortest && len(o.GreenName) >= shortest {
		rules = append(rules, stage.ObjectRule{Rule: diff.Rule{
			At: "$..*", Do: diff.DoRewrite, BlueText: o.BlueName, GreenText: o.GreenName, As: "CLUSTER", Origin: builtinOrigin + "2:1",
		}})
	}
	return rules
}

// Compare compares two inventories. Its rules:
//
//  1. Objects are paired by kind, namespace and name, and compared under the rules that
//     are for them. Differences with one edit at one place are one cause.
//  2. An object of one side alone is a difference.
//     Of an image only the digests under a name that both sides run are compared: what names it is an
//     object, too.
//  3. Where anything could not be read the clusters are not alike: the verdict is at least
//     Broken.
//  4. So it is where nothing was compared, where rules of the file hide all of a kind or more than half of
//     everything, and where both inventories are of one cluster: two objects with one uid.
//  5. A version that objects of blue are written in and green does not serve is reported;
//     what it breaks shows as an object that green does not have.
func Compare(blue, green *inventory.Inventory, asked *stage.ClusterAlike, o Options) *run.Alike {
	c := &comparison{
		rules: append(builtin(&o), asked.Rules...), now: o.Now, compiled: map[string]*diff.Rules{},
		visits: map[string]*run.RuleVisits{}, leaves: map[string]*leaves{},
	}
	c.out = &run.Alike{
		Verdict: run.Pass,
		Versions: run.ClusterVersions{
			Blue: blue.Served.Version, Green: green.Served.Version, BlueKubelets: blue.Kubelets,
			GreenKubelets: green.Kubelets,
		},
		Unread:     slices.Concat(blue.Unread, green.Unread),
		Deprecated: deprecated(blue.Warnings, green.Warnings),
		Removed:    removed(blue, &green.Served),
	}
	// An object whose kind was not read on the other side is not missing there.
	unread := slices.Concat(blue.UnreadKinds, green.UnreadKinds)
	known := func(list []inventory.Object) []inventory.Object {
		return slices.DeleteFunc(slices.Clone(list), func(o inventory.Object) bool { return slices.Contains(unread, o.Kind+"."+o.Group) })
	}
	c.pair(known(blue.Objects), known(green.Objects))
	c.settle()
	return c.out
}

// A comparison is the state of Compare.
type comparison struct {
	out      *run.Alike
	rules    []stage.ObjectRule
	now      time.Time
	compiled map[string]*diff.Rules // by the indices of the rules
	visits   map[string]*run.RuleVisits
	sets     map[string]*cause.Set // by kind
	samples  []sample              // differences in the order they were found
	leaves   map[string]*leaves    // by kind
	same     string                // an object that both inventories have with one uid
	problem  string                // a rule that does not compile
}

// leaves are the values of all objects of a kind: how many were compared, how many rules hid, and
// whether a rule of the file matched any.
type leaves struct {
	seen, compared, hidden int
	ruled                  bool
}

// mostHidden is the share of all values that the rules of a file may hide.
const mostHidden = 0.5

// vacuous says what the rules of the file leave nothing of.
func (c *comparison) vacuous() (out []string) {
	var all leaves
	for _, kind := range slices.Sorted(maps.Keys(c.leaves)) {
		l := c.leaves[kind]
		if all.seen += l.seen; l.ruled {
			all.hidden += l.hidden
		}
		if l.ruled && l.seen > 0 && l.compared == 0 {
			out = append(out, fmt.Sprintf("the rules hide every value of kind %s: nothing of it was compared", kind))
		}
	}
	if float64(all.hidden) > mostHidden*float64(all.seen) {
		out = append(out, fmt.Sprintf("the rules hide %d of %d values that both clusters hold, which is more than half", all.hidden, all.seen))
	}
	return out
}

// A sample is a difference of an object of a kind.
type sample struct {
	kind string
	diff diff.Difference
}

// maxSamples bounds how many differences are kept to show their values.
const maxSamples = 20_000

// pair walks both inventories in the order of their objects' names (rules 1 and 2).
func (c *comparison) pair(blue, green []inventory.Object) {
	others := make(map[string]*inventory.Object, len(green))
	for i := range green {
		others[green[i].Key()] = &green[i]
	}
	c.sets = map[string]*cause.Set{}
	kinds := map[string]*run.AlikeKind{}
	count := func(o *inventory.Object) *run.AlikeKind {
		return lazy.Entry(kinds, o.Kind, run.AlikeKind{Kind: o.Kind})
	}
	blue, green = sorted(blue), sorted(green)
	for i := range blue {
		b := &blue[i]
		count(b).Blue++
		g := others[b.Key()]
		if g == nil {
			if b.Kind != inventory.ImageKind {
				c.only("blue", b)
			}
			continue
		}
		delete(others, b.Key())
		c.compare(i, b, g)
	}
	for i := range green {
		count(&green[i]).Green++
		if others[green[i].Key()] != nil && green[i].Kind != inventory.ImageKind {
			c.only("green", &green[i])
		}
	}
	for _, k := range kinds {
		c.out.Kinds = append(c.out.Kinds, *k)
	}
	slices.SortFunc(c.out.Kinds, func(a, b run.AlikeKind) int { return cmp.Compare(a.Kind, b.Kind) })
}

// sorted is a copy in the order of kinds, namespaces and names.
func sorted(list []inventory.Object) []inventory.Object {
	out := slices.Clone(list)
	slices.SortFunc(out, func(a, b inventory.Object) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Group, b.Group))
	})
	return out
}

func (c *comparison) only(side string, o *inventory.Object) {
	c.out.Only = append(c.out.Only, run.OnlyObject{Side: side, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name})
	if side == "blue" {
		c.out.OnlyBlue++
	} else {
		c.out.OnlyGreen++
	}
}

// compare compares one pair.
func (c *comparison) compare(index int, b, g *inventory.Object) {
	c.out.Objects++
	if b.UID != "" && b.UID == g.UID {
		c.same = b.Title() // Rule 4
	}
	rules := c.rulesOf(b)
	result := diff.Compare(b.JSON, g.JSON, rules)
	l := lazy.Entry(c.leaves, b.Kind, leaves{})
	l.seen, l.compared, l.hidden = l.seen+result.Leaves.Seen, l.compared+result.Leaves.Compared, l.hidden+result.Leaves.Ignored+result.Leaves.Dropped
	for _, r := range result.Rules {
		l.ruled = l.ruled || r.Visits > 0 && !strings.HasPrefix(r.Origin, builtinOrigin)
		v := lazy.Entry(c.visits, r.Origin, run.RuleVisits{At: r.Origin})
		v.Visits += r.Visits
		v.Hits += r.Hits
	}
	if result.Equal() {
		return
	}
	c.out.Differ++
	set := c.sets[b.Kind]
	if set == nil {
		set = cause.NewSet()
		c.sets[b.Kind] = set
	}
	for _, d := range result.Differences {
		if len(c.samples) < maxSamples {
			c.samples = append(c.samples, sample{b.Kind, d})
		}
	}
	set.AddAt(cause.Site{Index: index, Case: strings.TrimPrefix(b.Title(), b.Kind+" "), Suite: b.Kind}, result.Differences)
}

// rulesOf are the compiled rules for an object.
func (c *comparison) rulesOf(o *inventory.Object) *diff.Rules {
	var key strings.Builder
	var list []diff.Rule
	for i := range c.rules {
		if isFor(&c.rules[i], o) {
			fmt.Fprintf(&key, "%d ", i)
			list = append(list, c.rules[i].Rule)
		}
	}
	rules, ok := c.compiled[key.String()]
	if !ok {
		var errs []diff.RuleError
		if rules, errs = diff.Compile(list, diff.Options{Now: c.now}); len(errs) > 0 {
			c.problem = fmt.Sprintf("rule %s: %s: %s", list[errs[0].Rule].Origin, errs[0].Field, errs[0].Msg)
		}
		c.compiled[key.String()] = rules
	}
	return rules
}

// isFor reports whether a rule is for an object.
func isFor(r *stage.ObjectRule, o *inventory.Object) bool {
	named := r.Name == ""
	if !named {
		// Names have no characters that a pattern of package path treats otherwise.
		named, _ = path.Match(r.Name, o.Name)
	}
	kind := len(r.Kinds) == 0 || slices.ContainsFunc(r.Kinds, func(k string) bool {
		name, group, grouped := strings.Cut(k, ".")
		return strings.EqualFold(name, o.Kind) && (!grouped || group == o.Group)
	})
	return named && kind && (len(r.Namespaces) == 0 || slices.Contains(r.Namespaces, o.Namespace))
}

// settle gives the verdict and its reasons, gravest first.
func (c *comparison) settle() {
	out := c.out
	for _, kind := range slices.Sorted(maps.Keys(c.sets)) {
		first := len(out.Causes)
		list := c.sets[kind].List()
		for _, found := range list {
			out.Causes = append(out.Causes, run.AlikeCause{Cause: found, ObjectKind: kind, Objects: found.Cases})
		}
		c.show(kind, list, out.Causes[first:])
	}
	slices.SortStableFunc(out.Causes, func(a, b run.AlikeCause) int { return cmp.Compare(b.Objects, a.Objects) })
	for i := range out.Causes {
		out.Causes[i].ID = i + 1
	}
	for _, origin := range slices.Sorted(maps.Keys(c.visits)) {
		out.Rules = append(out.Rules, *c.visits[origin])
	}
	say := func(v run.Verdict, format string, args ...any) {
		out.Verdict = out.Verdict.Worse(v)
		out.Reasons = append(out.Reasons, fmt.Sprintf(format, args...))
	}
	if out.Differ > 0 {
		say(run.Fail, "%d of %s differ: %s", out.Differ, text.Count(out.Objects, "object"), CauseText(&out.Causes[0]))
	}
	if n := out.OnlyBlue; n > 0 {
		say(run.Fail, "only on blue: %s", onlyText(out.Only, "blue", n))
	}
	if n := out.OnlyGreen; n > 0 {
		say(run.Fail, "only on green: %s", onlyText(out.Only, "green", n))
	}
	for _, u := range out.Unread { // Rule 3
		say(run.Broken, "%s", u)
	}
	for _, hidden := range c.vacuous() {
		say(run.Broken, "%s", hidden)
	}
	switch {
	case c.problem != "":
		say(run.Broken, "%s", c.problem)
	case c.same != "":
		say(run.Broken, "blue and green are the same cluster: %s has one uid on both", c.same)
	case out.Objects == 0 && out.OnlyBlue+out.OnlyGreen == 0:
		say(run.Broken, "nothing was compared: neither cluster has an object of these kinds in these namespaces")
	}
}

// show gives each cause of a kind the values of its first difference, and says whether
// all its differences have the same ones.
func (c *comparison) show(kind string, list []cause.Cause, causes []run.AlikeCause) {
	finder := cause.NewFinder(list)
	for i := range c.samples {
		s := &c.samples[i]
		id, ok := finder.Find(&s.diff)
		if s.kind != kind || !ok {
			continue
		}
		at := slices.IndexFunc(causes, func(found run.AlikeCause) bool { return found.ID == id })
		if at < 0 {
			continue
		}
		switch found := &causes[at]; {
		case found.Blue == "" && found.Green == "":
			found.Blue, found.Green, found.OneEdit = s.diff.Blue.JSON, s.diff.Green.JSON, true
		case found.Blue != s.diff.Blue.JSON || found.Green != s.diff.Green.JSON:
			found.OneEdit = false
		}
	}
}

// CauseText says a cause in words: spec.replicas 2 -> 3 in 3 Deployments.
func CauseText(c *run.AlikeCause) string {
	return fmt.Sprintf("%s %s in %s", strings.TrimPrefix(c.Path, "$."), c.EditText(), CountKind(c.Objects, c.ObjectKind))
}

// CountKind counts objects of a kind: 3 Deployments, 2 NetworkPolicies.
func CountKind(n int, kind string) string {
	switch {
	case n == 1:
		return "1 " + kind
	case strings.HasSuffix(kind, "y"):
		return text.Thousands(n) + " " + strings.TrimSuffix(kind, "y") + "ies"
	case strings.HasSuffix(kind, "s"):
		return text.Thousands(n) + " " + kind + "es"
	}
	return text.Thousands(n) + " " + kind + "s"
}

// onlyText names the first objects of one side.
func onlyText(list []run.OnlyObject, side string, n int) string {
	const named = 3
	var names []string
	for i := range list {
		if list[i].Side == side && len(names) < named {
			names = append(names, list[i].Title())
		}
	}
	if more := n - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// deprecated are the warnings of both servers, each once, with the side that gave it.
func deprecated(blue, green []string) []string {
	var out []string
	for _, w := range blue {
		if !slices.Contains(green, w) {
			out = append(out, "blue: "+w)
		}
	}
	for _, w := range green {
		out = append(out, "green: "+w)
	}
	return out
}

// removed are the versions that objects of blue are written in and green does not serve
// (rule 5).
func removed(blue *inventory.Inventory, green interface {
	Serves(apiVersion, kind string) bool
	Knows(apiVersion string) bool
},
) []run.RemovedVersion {
	found := map[string]*run.RemovedVersion{}
	for i := range blue.Objects {
		o := &blue.Objects[i]
		for _, v := range o.Versions {
			if green.Serves(v, o.Kind) || !green.Knows(v) {
				continue
			}
			r := lazy.Entry(found, v+" "+o.Kind, run.RemovedVersion{APIVersion: v, Kind: o.Kind})
			const examples = 3
			if r.Objects++; len(r.Examples) < examples {
				r.Examples = append(r.Examples, strings.TrimPrefix(o.Title(), o.Kind+" "))
			}
		}
	}
	var out []run.RemovedVersion
	for _, key := range slices.Sorted(maps.Keys(found)) {
		out = append(out, *found[key])
	}
	return out
}
