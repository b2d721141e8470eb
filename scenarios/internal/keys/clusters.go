package keys

// The key tables of what an env file says about the clusters that the sides run on.

// green is required, as all but alike is asked of it; blue only for alike.
var clustersTable = Table{"clusters", "The Kubernetes clusters that blue and green run on, and what a pass must have shown of them. They " +
	"are only read.", []Key{
	{"blue", object("cluster"), "How blue's cluster is reached.", "", "{context: eks-blue}", false, ""},
	{"green", object("cluster"), "How green's cluster is reached.", "", "{context: eks-green}", true, ""},
	{
		"ready", object("ready"), "What must be ready on green before the first request.",
		"nothing is waited for", "{workloads: {namespaces: [stb]}}", false, "",
	},
	{
		"alike", object("alike"), "What both clusters must hold alike.",
		"nothing is compared", "{namespaces: [stb]}", false, "",
	},
	{
		"services", object("cluster services"), "Which services exist, to report those that no case asked.",
		"not reported", "{from: VirtualService, namespaces: [stb]}", false, "",
	},
}}

var clusterTable = Table{"cluster", "How one cluster is reached.", []Key{
	{"context", aText, "Context of the kubeconfig.", "the current one", "eks-green", false, "Context"},
	{
		"kubeconfig", aText, "Kubeconfig file; ~/ is the home folder. It is never archived.", "$KUBECONFIG, else ~/.kube/config",
		"~/.kube/green", false, "Kubeconfig",
	},
	{"in-cluster", aBool, "Use the service account of the pod that bgverify runs in.", "false", "true", false, "InCluster"},
}}

var readyTable = Table{"ready", "What must be ready, all of it at once and for a while.", []Key{
	{
		"applications", object("ready applications"), "Applications of Argo CD.",
		"none", "{selector: part-of=stb, namespace: argocd, expect: {gte: 100}}", false, "",
	},
	{
		"workloads", object("ready workloads"), "Workloads, Pods, volumes, autoscalers, routes and Services of namespaces.",
		"none", "{namespaces: [stb, istio-system], settle: 30s}", false, "",
	},
	{"timeout", aDuration(1, 86400), "When to give up waiting.", "20m", "30m", false, "Timeout"},
}}

var readyApplicationsTable = Table{"ready applications", "The applications that must be synced and healthy.", []Key{
	{"selector", aText, "Labels of the applications, as kubectl -l takes them.", "all", "part-of=stb", false, "Selector"},
	{"namespace", aText, "Namespace that the applications are in.", "argocd", "argocd", false, "Namespace"},
	{"expect", object("ready expect"), "How many there must be.", "{gte: 1}", "{gte: 100}", false, ""},
	{"context", aText, "Context of the cluster that Argo CD runs in.", "green's", "argocd-central", false, "Context"},
	{"kubeconfig", aText, "Kubeconfig file of that cluster.", "green's", "~/.kube/argocd", false, "Kubeconfig"},
	{
		"revision", aText, "Revision that must be deployed: a commit, or its beginning of at least 7 digits.", "any", "4f2c9e1",
		false, "Revision",
	},
	{"suspended", aBool, "Suspended counts as healthy, as for a Rollout that waits for a promotion.", "false", "true", false, "Suspended"},
	{
		"refresh", aBool, "Ask Argo CD to compare every application now, by an annotation. It needs the right to patch applications.",
		"false: wait for its own comparison, minutes apart", "true", false, "Refresh",
	},
	{"settle", aDuration(0, 3600), "How long all of it must stay ready.", "30s", "1m", false, "Settle"},
}}

// Both fields are of the applications.
var readyExpectTable = Table{"ready expect", "A number of applications: at least, or exactly.", []Key{
	{"gte", anInt(1, 100_000), "At least so many.", "1", "100", false, "AtLeast"},
	{"eq", anInt(1, 100_000), "Exactly so many.", "any number", "104", false, "Exactly"},
}}

var readyWorkloadsTable = Table{"ready workloads", "The namespaces whose workloads must be available.", []Key{
	{"namespaces", listOf(aText), "The namespaces.", "", "[stb, istio-system]", true, "Namespaces"},
	{
		"except", listOf(aText), "Objects that are not waited for, as Kind/name; a * in the name matches any text.", "none",
		"[CronJob/*, Service/canary]", false, "Except",
	},
	{"settle", aDuration(0, 3600), "How long all of it must stay ready.", "30s", "30s", false, "Settle"},
}}

var alikeTable = Table{"alike", "What is compared between the clusters.", []Key{
	{"namespaces", listOf(aText), "The namespaces whose objects are compared.", "", "[stb, istio-system]", true, "Namespaces"},
	{
		"kinds", listOf(aText), "Kinds to compare instead of the built-in list; a kind that begins with + is added to the list. Kind, or " +
			"Kind.group.",
		"workloads, Services, configuration, autoscaling, policies, routes, RBAC, CRDs", "[+ExternalSecret.external-secrets.io]", false, "Kinds",
	},
	{
		"secrets", aWord("compare", "ignore"), "Whether Secrets are compared: by a keyed digest, values never leave memory.",
		"ignore", "compare", false, "Secrets",
	},
	{
		"rules", listOf(object("alike rule")), "Rules after the built-in ones.",
		"none", `[{at: "$.spec.replicas", kind: Deployment, do: ignore, why: autoscaler}]`, false, "",
	},
}}

// alikeRuleTable has the keys of a rule for bodies, and which objects it is for. The key
// kind names kinds of objects here, so that rules that allow a kind of difference until
// a date are left out.
var alikeRuleTable = Table{"alike rule", "A rule for objects of clusters: a rule of bodies, and the objects that it is for.", append([]Key{
	{"kind", orList(aText), "Kinds of objects that the rule is for.", "all", "Deployment", false, "Kinds"},
	{"namespace", orList(aText), "Namespaces that the rule is for.", "all", "stb", false, "Namespaces"},
	{"name", aText, "Name of the objects; * matches any text.", "all", "epg-*", false, "Name"},
}, bodyRuleKeys()...)}

// bodyRuleKeys are the keys of a rule that make sense for an object.
func bodyRuleKeys() []Key {
	var out []Key
	for _, k := range ruleTable.Keys {
		switch k.Name {
		case "use", "kind", "allow", "max", "header", "headers", "only", "where":
		default:
			out = append(out, k)
		}
	}
	return out
}

// Each kind has hosts and paths in another place; see package runner/cluster.
var clusterServicesTable = Table{"cluster services", "Where the services of green's cluster are read from.", []Key{
	{
		"from", aWord("VirtualService", "HTTPRoute", "Ingress",
			"Service"), "Kind of object that says which hosts and paths lead to which service.",
		"", "VirtualService", true, "From",
	},
	{"namespaces", listOf(aText), "The namespaces.", "", "[stb]", true, "Namespaces"},
}}

var prometheusTable = Table{"prometheus", "Servers that have the metrics of both sides: what a load stage cost is compared after " +
	"it.", []Key{
	{
		"blue", oneOf(aText, object("prometheus server")), "The server with blue's metrics.", "",
		"http://prometheus.blue.example:9090", true, "",
	},
	{
		"green", oneOf(aText, object("prometheus server")), "The server with green's metrics; it may be the same one.", "",
		"http://prometheus.green.example:9090", true, "",
	},
	{"namespaces", listOf(aText), "Namespaces that the built-in queries are about.", "all", "[stb]", false, "Namespaces"},
	{
		"live", aWord("blue"), "blue carries live traffic in addition to the test's: resources are reported and not compared.",
		"neither side does", "blue", false, "BlueLive",
	},
	{
		"queries", listOf(object("prometheus query")), "Queries after the built-in ones, or in place of one of the same name.",
		"the built-in ones", `[{name: queue depth, query: "sum(queue_depth{$match})", kind: gauge}]`, false, "",
	},
}}

// A server is also written as its URL alone.
var prometheusServerTable = Table{"prometheus server", "One server with a Prometheus API.", []Key{
	{"url", aText, "Base URL: /api/v1/query_range is asked below it.", "", "http://prometheus.green.example:9090", true, "URL"},
	{"match", aText, "Label matchers that choose the side's series, where one server has both.", "none", `cluster="green"`, false, "Match"},
	{"token_env", aName, "Environment variable with a bearer token.", "none", "PROMETHEUS_TOKEN", false, "TokenEnv"},
	{
		"auth", aWord("sigv4"), "Sign requests with AWS Signature Version 4, as Amazon Managed Service for Prometheus asks for; credentials " +
			"are the environment's.",
		"none", "sigv4", false, "SigV4",
	},
	{"region", aName, "AWS region of the signature.", "that of the URL, else $AWS_REGION", "ap-northeast-2", false, "Region"},
	{"ca", aFile, "PEM file with the authorities to trust instead of the system's.", "the system's", "ca.pem", false, "CA"},
}}

var prometheusQueryTable = Table{"prometheus query", "One figure that is measured on both sides over a load stage.", []Key{
	{"name", aText, "Name in reports.", "", "queue depth", true, "Name"},
	{
		"query", aText, "PromQL; $match is replaced by the side's matchers and the namespaces.",
		"", `sum(queue_depth{$match})`, true, "Query",
	},
	{
		"kind", aWord("counter", "gauge"), "A counter counts by its increase over the stage, divided by the requests; a gauge by its mean and " +
			"its maximum.",
		"gauge", "counter", false, "Counter",
	},
	{"margin", aPercent(0, 100), "How much more green may need.", "20%", "10%", false, "Margin"},
	{"floor", aNumber(0, 1e15), "Differences below it never count, in the unit of the figure.", "0", "0.01", false, "Floor"},
	{
		"role", aWord("gate", "guard"), "A guard can only fail; a gate must have been measured for a pass.",
		"guard", "gate", false, "Gate",
	},
}}
