// Package stage is what an env file says about the surroundings of a stage: the Kubernetes
// clusters that the sides run on, and the servers with their metrics.
//
// In come the mappings of an env file, opened by package keys, and a [Host] that reads what
// these parts share with the rest of the language (rules, addresses, certificates). Out
// come [Clusters] and [Prometheus]; whatever does not fit is reported with its place.
// Nothing here connects to anything.
package stage

import (
	"path"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// A Host reads what the rest of the language has too.
type Host interface {
	// ReadRule reads a rule from those keys of a mapping that are of the rule itself.
	ReadRule(o *keys.Mapping, of []keys.Key) (diff.Rule, bool)
	// CompileRules reports what is wrong with rules together.
	CompileRules(rules []diff.Rule)
	// CheckCA reports a file that holds no certificate.
	CheckCA(o *keys.Mapping, key, file string)
	// BadURL says what is wrong with a base URL, and what helps; empty: nothing is.
	BadURL(text string) (msg, hint string)
}

// Clusters are the Kubernetes clusters that the sides of a stage run on.
type Clusters struct {
	Pos         problem.Pos
	Blue, Green ClusterAccess
	// Ready, Alike and Services are what a pass must have shown; nil: not asked for.
	Ready    *ClusterReady
	Alike    *ClusterAlike
	Services *ClusterServices
}

// A ClusterAccess says how a cluster is reached. The zero value is the current context
// of the user's kubeconfig.
type ClusterAccess struct {
	Pos                 problem.Pos
	Context, Kubeconfig string
	InCluster           bool
}

// ClusterReady is what must be ready on green; at least one of its two parts is there.
type ClusterReady struct {
	Pos          problem.Pos
	Applications *ReadyApplications
	Workloads    *ReadyWorkloads
	Timeout      time.Duration
}

// ReadyApplications are the applications of Argo CD that must be synced and healthy.
type ReadyApplications struct {
	Selector, Namespace string
	// AtLeast is how many there must be at least, and never 0; Exactly is how many there
	// must be, 0 where that is open.
	AtLeast, Exactly int
	// Context and Kubeconfig are of the cluster that Argo CD runs in; both empty: green.
	Context, Kubeconfig string
	Revision            string
	Suspended, Refresh  bool
	Settle              time.Duration
}

// ReadyWorkloads are the namespaces whose workloads must be available. Except are objects that
// are not waited for, as Kind/name with * for any text.
type ReadyWorkloads struct {
	Namespaces []string
	Except     []string
	Settle     time.Duration
}

// ClusterAlike is what both clusters must hold alike. Secrets says that they are compared.
type ClusterAlike struct {
	Pos               problem.Pos
	Namespaces, Kinds []string
	Secrets           bool
	Rules             []ObjectRule
}

// An ObjectRule is a rule of package diff and the objects that it is for. Empty lists
// and an empty name mean all; a * in Name matches any text.
type ObjectRule struct {
	Kinds, Namespaces []string
	Name              string
	Rule              diff.Rule
}

// ClusterServices says where the services of green's cluster are read from: the objects
// of kind From (VirtualService, HTTPRoute, Ingress, Service) in Namespaces.
type ClusterServices struct {
	Pos        problem.Pos
	From       string
	Namespaces []string
}

// Defaults of what a file does not write.
const (
	defaultSettle       = 30 * time.Second
	defaultReadyTimeout = 20 * time.Minute
	defaultArgoCD       = "argocd"
)

// ReadClusters reads the clusters of an env file; nil: the file names none. Its rules:
//
//  1. Both sides may not be one cluster: it would be alike itself.
//  2. alike needs blue; all else is asked of green alone.
//  3. A part that would wait for nothing, or compare nothing, is a problem.
func ReadClusters(o *keys.Mapping, host Host) *Clusters {
	x := o.Open("clusters", "clusters", "clusters")
	if x == nil {
		return nil
	}
	c := &Clusters{Pos: x.Reader.Pos(x.Node)}
	blue := readCluster(x, "blue", &c.Blue)
	readCluster(x, "green", &c.Green)
	c.Ready, c.Alike, c.Services = readReady(x), readAlike(x, host), readClusterServices(x)
	// What is not written is the current context, so that two empty accesses are one cluster.
	same := c.Blue.Context == c.Green.Context && c.Blue.Kubeconfig == c.Green.Kubeconfig && c.Blue.InCluster == c.Green.InCluster
	switch {
	case x.Broken:
	case blue && same: // Rule 1
		x.Fail(x.At("blue"), "name another context, or another kubeconfig", "blue and green are the same cluster")
	case c.Alike != nil && !blue: // Rule 2
		x.Fail(x.At("alike"), "add blue: {context: …}", "alike needs the cluster of blue")
	case c.Ready == nil && c.Alike == nil && c.Services == nil: // Rule 3
		x.Fail(x.Node, "add ready:, alike: or services:", "clusters asks for nothing")
	}
	return c
}

// readCluster reads how a cluster is reached, and reports whether that is written.
func readCluster(x *keys.Mapping, side string, c *ClusterAccess) bool {
	o := x.Open(side, "cluster", "cluster "+side)
	if o == nil {
		return false
	}
	c.Pos = o.Reader.Pos(o.Node)
	o.Bind(c)
	if c.InCluster && (c.Context != "" || c.Kubeconfig != "") {
		o.Fail(o.At("in-cluster"), "a pod needs neither", "in-cluster next to a context or a kubeconfig")
	}
	return true
}

func readReady(x *keys.Mapping) *ClusterReady {
	o := x.Open("ready", "ready", "ready")
	if o == nil {
		return nil
	}
	r := &ClusterReady{Pos: o.Reader.Pos(o.Node), Timeout: defaultReadyTimeout}
	o.Bind(r)
	if a := o.Open("applications", "ready applications", "ready applications"); a != nil {
		r.Applications = &ReadyApplications{Namespace: defaultArgoCD, AtLeast: 1, Settle: defaultSettle}
		a.Bind(r.Applications)
		if e := a.Open("expect", "ready expect", "expect"); e != nil {
			e.Bind(r.Applications)
			if !e.Has("gte") && !e.Has("eq") && !e.Broken {
				e.Fail(e.Node, "write expect: {gte: 100}", "expect without a number")
			}
		}
		// A few digits would be the beginning of many commits.
		const shortest = 7
		if rev := r.Applications.Revision; rev != "" && len(rev) < shortest && isCommit(rev) {
			a.Fail(a.At("revision"), "write at least 7 digits of the commit", "revision %q is too short to name one commit", rev)
		}
	}
	if l := o.Open("workloads", "ready workloads", "ready workloads"); l != nil {
		r.Workloads = &ReadyWorkloads{Settle: defaultSettle}
		l.Bind(r.Workloads)
		l.RefuseEmpty("namespaces", "name at least one namespace")
		for _, pattern := range r.Workloads.Except {
			kind, name, ok := strings.Cut(pattern, "/")
			if _, err := path.Match(name, ""); err != nil || !ok || kind == "" || name == "" || strings.ContainsAny(kind, "*?[") {
				l.Fail(l.At("except"), "write Kind/name, as CronJob/report-*", "except: %q does not name a kind and an object",
					problem.Cut(pattern, 40))
			}
		}
	}
	if r.Applications == nil && r.Workloads == nil && !o.Broken {
		o.Fail(o.Node, "add applications: or workloads:", "ready waits for nothing")
	}
	return r
}

// isCommit reports whether a text has the letters of a commit.
func isCommit(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

func readAlike(x *keys.Mapping, host Host) *ClusterAlike {
	o := x.Open("alike", "alike", "alike")
	if o == nil {
		return nil
	}
	a := &ClusterAlike{Pos: o.Reader.Pos(o.Node)}
	o.Bind(a)
	o.RefuseEmpty("namespaces", "name at least one namespace")
	o.EachElement("rules", func(_ int, n *yaml.Node) {
		if rule, ok := readObjectRule(o.Reader, n, host); ok {
			a.Rules = append(a.Rules, rule)
		}
	})
	rules := make([]diff.Rule, len(a.Rules))
	for i := range a.Rules {
		rules[i] = a.Rules[i].Rule
	}
	host.CompileRules(rules)
	return a
}

// objectKeys are the keys of an alike rule that say which objects it is for.
var objectKeys = []string{"kind", "namespace", "name"}

// readObjectRule reads a rule for objects. Verbs that need a kind of difference, a date
// or another message than a body are refused.
func readObjectRule(r *keys.Reader, n *yaml.Node, host Host) (ObjectRule, bool) {
	o := r.Object(n, "alike rule", "")
	var out ObjectRule
	if o.Node.Kind != yaml.MappingNode {
		return out, false
	}
	// The keys that choose objects go into the ObjectRule, all others into its rule.
	var chooses, does []keys.Key
	for _, k := range o.Table.Keys {
		if slices.Contains(objectKeys, k.Name) {
			chooses = append(chooses, k)
		} else {
			does = append(does, k)
		}
	}
	o.BindKeys(chooses, &out)
	switch do := diff.Do(o.Word("do")); do {
	case diff.DoAllow, diff.DoLeak, diff.DoOnly:
		o.Fail(o.At("do"), "write do: ignore and say why", "rules for objects do not take do: %s", do)
		return out, false
	}
	rule, ok := host.ReadRule(o, does)
	out.Rule = rule
	return out, ok
}

func readClusterServices(x *keys.Mapping) *ClusterServices {
	o := x.Open("services", "cluster services", "services")
	if o == nil {
		return nil
	}
	s := &ClusterServices{Pos: o.Reader.Pos(o.Node)}
	o.Bind(s)
	o.RefuseEmpty("namespaces", "name at least one namespace")
	return s
}
