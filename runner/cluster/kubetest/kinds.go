package kubetest

import "github.com/bgverify/bgverify/runner/cluster/kube"

// Builtin are the kinds of Kubernetes itself that a new server serves.
var Builtin = []kube.Resource{
	{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true},
	{Version: "v1", Name: "services", Kind: "Service", Namespaced: true},
	{Version: "v1", Name: "configmaps", Kind: "ConfigMap", Namespaced: true},
	{Version: "v1", Name: "secrets", Kind: "Secret", Namespaced: true},
	{Version: "v1", Name: "serviceaccounts", Kind: "ServiceAccount", Namespaced: true},
	{Version: "v1", Name: "nodes", Kind: "Node"},
	{Version: "v1", Name: "namespaces", Kind: "Namespace"},
	{Group: "apps", Version: "v1", Name: "deployments", Kind: "Deployment", Namespaced: true},
	{Group: "apps", Version: "v1", Name: "statefulsets", Kind: "StatefulSet", Namespaced: true},
	{Group: "apps", Version: "v1", Name: "daemonsets", Kind: "DaemonSet", Namespaced: true},
	{Group: "batch", Version: "v1", Name: "jobs", Kind: "Job", Namespaced: true},
	{Group: "batch", Version: "v1", Name: "cronjobs", Kind: "CronJob", Namespaced: true},
	{Group: "autoscaling", Version: "v2", Name: "horizontalpodautoscalers", Kind: "HorizontalPodAutoscaler", Namespaced: true},
	{Group: "policy", Version: "v1", Name: "poddisruptionbudgets", Kind: "PodDisruptionBudget", Namespaced: true},
	{Group: "networking.k8s.io", Version: "v1", Name: "ingresses", Kind: "Ingress", Namespaced: true},
	{Group: "networking.k8s.io", Version: "v1", Name: "networkpolicies", Kind: "NetworkPolicy", Namespaced: true},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Name: "roles", Kind: "Role", Namespaced: true},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Name: "rolebindings", Kind: "RoleBinding", Namespaced: true},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Name: "clusterroles", Kind: "ClusterRole"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Name: "clusterrolebindings", Kind: "ClusterRoleBinding"},
	{Group: "apiextensions.k8s.io", Version: "v1", Name: "customresourcedefinitions", Kind: "CustomResourceDefinition"},
	{Version: "v1", Name: "persistentvolumeclaims", Kind: "PersistentVolumeClaim", Namespaced: true},
	{Group: "apps", Version: "v1", Name: "replicasets", Kind: "ReplicaSet", Namespaced: true},
	{Group: "coordination.k8s.io", Version: "v1", Name: "leases", Kind: "Lease", Namespaced: true},
	{Group: "discovery.k8s.io", Version: "v1", Name: "endpointslices", Kind: "EndpointSlice", Namespaced: true},
}

// Kinds of add-ons that tests serve in addition.
var (
	Application    = kube.Resource{Group: "argoproj.io", Version: "v1alpha1", Name: "applications", Kind: "Application", Namespaced: true}
	VirtualService = kube.Resource{
		Group: "networking.istio.io", Version: "v1", Name: "virtualservices",
		Kind: "VirtualService", Namespaced: true,
	}
	HTTPRoute = kube.Resource{Group: "gateway.networking.k8s.io", Version: "v1", Name: "httproutes", Kind: "HTTPRoute", Namespaced: true}
	Gateway   = kube.Resource{Group: "gateway.networking.k8s.io", Version: "v1", Name: "gateways", Kind: "Gateway", Namespaced: true}
)
