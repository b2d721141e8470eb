package inventory

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// decode reads an object; numbers stay as written.
func decode(text []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	doc := map[string]any{}
	return doc, dec.Decode(&doc)
}

// member is a member that is an object; nil where there is none.
func member(doc map[string]any, name string) map[string]any {
	m, _ := doc[name].(map[string]any)
	return m
}

// ownedByCluster reports objects that clusters make by themselves, or that come and go:
//
//  1. Objects that another one makes: Jobs of a CronJob, Pods of a ReplicaSet.
//  2. Tokens of service accounts, releases of Helm, and the authorities of the cluster.
//  3. Roles and bindings that Kubernetes and EKS bring with them; they follow the version.
//  4. Records of a leader's election.
func ownedByCluster(kind string, doc map[string]any) bool {
	meta := member(doc, "metadata")
	name, _ := meta["name"].(string)
	owners, _ := meta["ownerReferences"].([]any)
	for _, o := range owners { // Rule 1
		if owner, _ := o.(map[string]any); owner["controller"] == true && slices.Contains([]string{
			"CronJob", "ReplicaSet",
			"StatefulSet", "Deployment",
		}, text(owner["kind"])) {
			return true
		}
	}
	annotations := member(meta, "annotations")
	switch kind {
	case "Secret": // Rule 2
		return slices.Contains([]string{
			"kubernetes.io/service-account-token", "helm.sh/release.v1",
			"bootstrap.kubernetes.io/token",
		}, text(doc["type"]))
	case "ConfigMap":
		_, leads := annotations["control-plane.alpha.kubernetes.io/leader"]
		return leads || slices.Contains([]string{"kube-root-ca.crt", "istio-ca-root-cert", "openshift-service-ca.crt"}, name) // Rules 2 and 4
	case "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding": // Rule 3
		return text(member(meta, "labels")["kubernetes.io/bootstrapping"]) != "" || strings.HasPrefix(name,
			"system:") || strings.HasPrefix(name, "eks:")
	}
	return false
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// versions are the versions that an object was written in: those of its managed fields,
// but for its status, which controllers write, and that of what kubectl applied last.
func versions(doc map[string]any) []string {
	meta := member(doc, "metadata")
	var out []string
	add := func(v string) {
		if v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	fields, _ := meta["managedFields"].([]any)
	for _, f := range fields {
		if m, _ := f.(map[string]any); text(m["subresource"]) == "" {
			add(text(m["apiVersion"]))
		}
	}
	if applied, err := decode([]byte(text(member(meta, "annotations")[lastApplied]))); err == nil {
		add(text(applied["apiVersion"]))
	}
	slices.Sort(out)
	return out
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Members of metadata, and annotations and labels, that a cluster gives by itself.
var (
	metaMembers = []string{
		"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields", "selfLink",
		"ownerReferences", "name", "namespace",
	}
	ownAnnotations = []string{
		lastApplied, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation",
		"autoscaling.alpha.kubernetes.io/conditions",
		"autoscaling.alpha.kubernetes.io/current-metrics", "kubectl.kubernetes.io/restartedAt", "argocd.argoproj.io/tracking-id",
		"argocd.argoproj.io/refresh",
		"batch.kubernetes.io/job-tracking", "kubernetes.io/change-cause",
	}
	ownLabels = []string{
		"controller-uid", "batch.kubernetes.io/controller-uid", "argocd.argoproj.io/instance",
		"app.kubernetes.io/instance-uid",
	}
)

// defaults are members that newer servers fill in and older ones do not have, by kind,
// with the value that means "not written".
var defaults = map[string][]struct {
	at    string
	value any
}{
	"Service": {{"spec.internalTrafficPolicy", "Cluster"}, {"spec.sessionAffinity", "None"}, {"spec.allocateLoadBalancerNodePorts", true}},
	"Job": {
		{"spec.completionMode", "NonIndexed"}, {"spec.suspend", false}, {
			"spec.podReplacementPolicy",
			"TerminatingOrFailed",
		}, {"spec.manualSelector", false},
	},
	"CronJob": {{"spec.suspend", false}},
	"StatefulSet": {{"spec.persistentVolumeClaimRetentionPolicy", map[string]any{
		"whenDeleted": "Retain",
		"whenScaled":  "Retain",
	}}, {"spec.minReadySeconds", json.Number("0")}},
	"ServiceAccount": {{"automountServiceAccountToken", true}},
	"NetworkPolicy":  {{"spec.policyTypes", []any{"Ingress"}}},
}

// assigned are members that a cluster assigns, by kind.
var assigned = map[string][]string{
	"Service": {
		"spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.healthCheckNodePort", "spec.ports.nodePort",
	},
	"ServiceAccount":           {"secrets"},
	"Job":                      {"spec.selector"},
	"CustomResourceDefinition": {"spec.conversion.webhook.clientConfig.caBundle"},
	"PersistentVolumeClaim":    {"spec.volumeName"},
}

// prune removes what every cluster makes up by itself: identity, times, status, addresses.
func prune(kind string, doc map[string]any) {
	for _, m := range []string{"apiVersion", "kind", "status"} {
		delete(doc, m)
	}
	meta := member(doc, "metadata")
	for _, m := range metaMembers {
		delete(meta, m)
	}
	if headless := text(member(doc, "spec")["clusterIP"]) == "None"; headless && kind == "Service" {
		defer func() { member(doc, "spec")["clusterIP"] = "None" }() // it is a choice, not an address
	}
	for _, d := range defaults[kind] {
		if parent, name := find(doc, d.at); parent != nil && reflect.DeepEqual(parent[name], d.value) {
			delete(parent, name)
		}
	}
	for _, at := range assigned[kind] {
		remove(doc, strings.Split(at, "."))
	}
	prunePods(doc)
	for _, m := range []string{"annotations", "labels"} {
		if len(member(meta, m)) == 0 {
			delete(meta, m)
		}
	}
	if len(meta) == 0 {
		delete(doc, "metadata")
	}
}

// prunePods removes annotations and labels of the object and of its Pods' template.
func prunePods(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range ownAnnotations {
			delete(member(v, "annotations"), name)
		}
		for _, name := range ownLabels {
			delete(member(v, "labels"), name)
		}
		if v["creationTimestamp"] == nil { // of a template's metadata, which has null
			delete(v, "creationTimestamp")
		}
		for _, m := range v {
			prunePods(m)
		}
	case []any:
		for _, m := range v {
			prunePods(m)
		}
	}
}

// find is the object that holds the last member of a path; nil: there is none.
func find(doc map[string]any, at string) (map[string]any, string) {
	parts := strings.Split(at, ".")
	for _, p := range parts[:len(parts)-1] {
		if doc = member(doc, p); doc == nil {
			return nil, ""
		}
	}
	return doc, parts[len(parts)-1]
}

// remove deletes a member, in every element of the lists on its way.
func remove(v any, path []string) {
	switch v := v.(type) {
	case map[string]any:
		if len(path) == 1 {
			delete(v, path[0])
			return
		}
		remove(v[path[0]], path[1:])
	case []any:
		for _, m := range v {
			remove(m, path)
		}
	}
}
