package keys

// The tables of shift.yaml: how the weight of a name moves from blue to green.

var shiftTable = Table{"shift file", "A shift file says how traffic moves from blue to green: by which steps, after which checks, " +
	"through which mechanism.", []Key{
	{
		"shift", aName, "Name of the walk: its archive and its lock carry it. Usually the public host name.", "", "api.stb.example.com",
		true, "Name",
	},
	{"doc", aText, "What is moved.", "", "The set-top-box API.", false, "Doc"},
	{"steps", listOf(aPercent(0, 1)), "Shares of green, rising.", "", "[1%, 5%, 25%, 50%, 100%]", true, ""},
	{"hold", object("hold"), "How long each step is held.", "5m after 60s of settling", "{min: 5m, settle: 60s}", false, ""},
	{"before", object("shift before"), "What must hold before each step.", "nothing", "{gate: {run: latest, max_age: 4h}}", false, ""},
	{
		"during", object("shift during"), "What is watched from the first step to the end.", "nothing",
		"{probe: {suites: [scenarios/stb], through: \"https://api.stb.example.com\"}}", false, "",
	},
	{
		"after", object("shift after"), "What runs at the end of each hold.", "nothing",
		"{run: {suites: [scenarios/stb], tag: smoke, load: none}}", false, "",
	},
	{"confirm", object("confirm"), "Steps that a person or another system confirms.", "none", "{at: [50%], exec: ./ask.sh}", false, ""},
	{
		"unchecked", aText, "Why nothing is checked: a walk without before, during, after and confirm needs it.", "",
		"The load balancer is empty.", false, "Unchecked",
	},
	{"on_fail", aWord("rollback", "pause"), "What a failed check does.", "rollback", "pause", false, "OnFail"},
	{"driver", object("driver"), "The mechanism that gives weight.", "", "{exec: {get: ./get.sh, set: ./set.sh}}", true, ""},
}}

// max has no default here: it follows from min.
var holdTable = Table{"hold", "How long a step of a shift is held.", []Key{
	{"min", aDuration(0, 7*86400), "Shortest time at a step.", "5m", "5m", false, "Min"},
	{
		"settle", aDuration(0, 86400), "Wait after the mechanism reports that the weights are in effect; the TTL of a DNS record is added.",
		"60s", "60s", false, "Settle",
	},
	{
		"max", aDuration(1, 7*86400), "Longest time at a step while the probe has too few answers; then the walk pauses.",
		"4 times min, at least 10m", "30m", false, "Max",
	},
}}

var shiftBeforeTable = Table{"shift before", "What must hold before each step of a shift.", []Key{
	{
		"gate", object("shift gate"), "An archived run, chosen and pinned by its digest when the walk starts.", "",
		"{run: latest, max_age: 4h}", true, "",
	},
}}

// Texts are expanded from the environment alone, so that they have no field.
var shiftGateTable = Table{"shift gate", "The archived run that a shift relies on. A run that no longer holds pauses the walk.", []Key{
	{"run", aTemplate, "A run folder, an id, or latest.", "", "2026-11-28T03-12-45Z-stb-82fb", true, ""},
	{"out", aText, "Folder that keeps the runs, relative to this file.", "runs", "runs", false, "Out"},
	{"digest", aTemplate, "The digest that the run printed.", "that of the run when the walk starts", `"sha256:9c88…"`, false, ""},
	{"max_age", aDuration(1, 90*86400), "Largest age of the run, at each step.", "any age", "4h", false, "MaxAge"},
	{
		"green_build", aTemplate, "What green's identity must have shown. The run at the end of a hold demands the same.", "any build",
		`"{{env.GREEN_BUILD}}"`, false, "",
	},
	{"without", listOf(aWord(aspectWords...)), "What the run may have left out.", "nothing", "[writes]", false, "Without"},
	{"require", listOf(aWord(aspectWords...)), "What the run must have shown.", "nothing", "[compare, load, identity]", false, "Require"},
	{"no_weaker", aTemplate, "An archived run; a run that checks less than it does not hold.", "none", "7f3a", false, ""},
	{
		"after", listOf(aText), "Stages that must have passed before, with the same suites and green_build.", "none", "[dev, verification]",
		false, "After",
	},
}}

var shiftDuringTable = Table{"shift during", "What is watched while a shift moves traffic.", []Key{
	{
		"probe", object("shift probe"), "Safe requests through the public name and to green itself.", "",
		"{suites: [scenarios/stb], through: \"https://api.stb.example.com\"}", true, "",
	},
}}

var shiftProbeTable = Table{"shift probe", "A probe asks the safe steps of suites through the public name, and asks green and blue " +
	"themselves.", []Key{
	{"suites", listOf(aText), "Scenario files and folders, relative to this file.", "", "[scenarios/stb]", true, "Suites"},
	{"tag", aText, "Only cases whose tags match.", "all", "smoke", false, "Tag"},
	{"env", aText, "Env file of the stage, relative to this file.", "none", "env/production.yaml", false, "Env"},
	{"through", aTemplate, "The public URL.", "", `"https://api.stb.example.com"`, true, ""},
	{
		"blue", aTemplate, "Address (IP or IP:port) that the public name is pinned to, to ask blue.", "resolve of the sides",
		`"10.0.1.10"`, false, "",
	},
	{"green", aTemplate, "The same for green.", "resolve of the sides", `"10.0.2.10"`, false, ""},
	{"every", aDuration(0.01, 3600), "Pause between two requests.", "2s", "500ms", false, "Every"},
	{"budget", anInt(0, 1e6), "How many answers of green may fail in the whole walk before it is rolled back; less than min_green.", "0", "2", false, "Budget"},
	{"min_green", anInt(1, 1e6), "How many answers of green a step needs.", "200", "200", false, "MinGreen"},
}}

var shiftAfterTable = Table{"shift after", "What runs at the end of each hold of a shift.", []Key{
	{"run", object("shift run"), "A run of suites against both sides.", "", "{suites: [scenarios/stb], tag: smoke}", true, ""},
}}

// Flags of `run` that would hide something are not among the keys.
var shiftRunTable = Table{"shift run", "A run at the end of each hold. What narrows it is written here on purpose, and so counts like a " +
	"flag.", []Key{
	{"suites", listOf(aText), "Scenario files and folders, relative to this file.", "", "[scenarios/stb]", true, "Suites"},
	{"tag", aText, "Only cases whose tags match.", "all", "smoke", false, "Tag"},
	{"env", aText, "Env file of the stage, relative to this file.", "none", "env/production.yaml", false, "Env"},
	{"load", aWord("none", "run"), "Whether load stages run.", "none", "run", false, "Load"},
	{"timeout", aDuration(1, 86400), "Longest time of the run.", "10m", "10m", false, "Timeout"},
}}

var confirmTable = Table{"confirm", "Steps of a shift that wait for a yes.", []Key{
	{"at", listOf(aPercent(0, 1)), "The steps, as steps has them.", "", "[50%]", true, ""},
	{
		"exec", aText, "Command that exits with 0 for yes; anything else pauses the walk. It gets the step as SHIFT_STEP.", "", "./ask.sh",
		true, "Exec",
	},
	{"timeout", aDuration(1, 7*86400), "How long an answer is waited for.", "1h", "1h", false, "Timeout"},
}}

// Exactly one of them is written; its table says what it needs.
var driverTable = Table{"driver", "The mechanism that gives weight to blue and green: exactly one.", []Key{
	{"exec", object("exec driver"), "Commands of yours.", "", "{get: ./get.sh, set: ./set.sh}", false, ""},
	{
		"haproxy", object("haproxy driver"), "Two servers of an HAProxy backend, through its runtime API.", "",
		"{socket: \"unix:///run/haproxy/admin.sock\", backend: app, blue: blue, green: green}", false, "",
	},
	{
		"route53", object("route53 driver"), "Two weighted records of a Route 53 zone.", "",
		"{zone: Z0123, name: api.example.com, type: A, blue: set-blue, green: set-green}", false, "",
	},
	{
		"httproute", object("route driver"), "Two backends of an HTTPRoute of the Gateway API.", "",
		"{namespace: stb, name: api, blue: svc-blue, green: svc-green}", false, "",
	},
	{
		"virtualservice", object("route driver"), "Two destinations of a VirtualService of Istio.", "",
		"{namespace: stb, name: api, blue: svc-blue, green: svc-green}", false, "",
	},
}}

var route53DriverTable = Table{"route53 driver", "Credentials come from where the AWS tools look for them.", []Key{
	{"zone", aText, "ID of the hosted zone.", "", "Z0123456789", true, "Zone"},
	{"name", aText, "Name of the records.", "", "api.example.com", true, "Record"},
	{"type", aWord("A", "AAAA", "CNAME"), "Type of the records.", "", "A", true, "Type"},
	{"blue", aText, "Set identifier of blue's record.", "", "set-blue", true, "Blue"},
	{"green", aText, "Set identifier of green's record.", "", "set-green", true, "Green"},
}}

var routeDriverTable = Table{"route driver", "Every rule of the route that names both backends is walked, all in one patch.", []Key{
	{"context", aText, "Context of the kubeconfig.", "its current one", "gateway", false, "Context"},
	{"kubeconfig", aText, "Kubeconfig file.", "$KUBECONFIG, else ~/.kube/config", "~/.kube/config", false, "Kubeconfig"},
	{"in_cluster", aBool, "Use the service account of the pod.", "false", "true", false, "InCluster"},
	{"namespace", aText, "Namespace of the route.", "", "stb", true, "Namespace"},
	{"name", aText, "Name of the route.", "", "api", true, "Name"},
	{"blue", aText, "Blue's backend: the name of its service; of a VirtualService the host, or host:subset.", "", "svc-blue", true, "Blue"},
	{"green", aText, "The same of green.", "", "svc-green", true, "Green"},
}}

var execDriverTable = Table{"exec driver", "get prints {\"blue\": 99, \"green\": 1} as JSON, with \"ttl\" in seconds where there is one; " +
	"set reads the same from standard input.", []Key{
	{"get", aText, "Command that prints the weights. It runs in the folder of this file.", "", "./get.sh", true, "Get"},
	{"set", aText, "Command that sets both weights and exits with 0 when they are set.", "", "./set.sh", true, "Set"},
	{"max", anInt(1, 1e6), "Largest weight.", "1000", "100", false, "Max"},
	{"timeout", aDuration(1, 600), "Longest time of one command.", "30s", "30s", false, "Timeout"},
}}

var haproxyDriverTable = Table{"haproxy driver", "Weights of two servers of one HAProxy backend.", []Key{
	{
		"socket", aText, "Stats socket of level admin: unix:///path or tcp://host:port.", "", "\"unix:///run/haproxy/admin.sock\"",
		true, "Socket",
	},
	{"backend", aText, "The backend.", "", "app", true, "Backend"},
	{"blue", aText, "Name of blue's server.", "", "blue", true, "Blue"},
	{"green", aText, "Name of green's server.", "", "green", true, "Green"},
}}

// aspectWords are the parts of a run that can be left out or required.
var aspectWords = []string{"compare", "load", "writes", "identity"}
