package keys

import "github.com/bgverify/bgverify/diff"

// The key tables of a suite, of its sides and of what surrounds its cases.

// Keys without a field are read by code of package scenarios, in the order that one depends on
// the other: sides before steps, setup before cases.
var suiteTable = Table{"suite", "A suite is one scenario file: cases that are run on both sides and compared.", []Key{
	{"suite", aName, "Name of the suite: the first half of every case id.", "", "stb-home", true, ""},
	{
		"doc", aText, "What the suite is about, in a sentence for reports.",
		"", "What a set-top box asks for between power-on and the first picture.", false, "Doc",
	},
	{
		"service", aName, "Row of the services matrix in reports. Steps go to the service of this name where the sides have one.",
		"the side's url", "home", false, "Service",
	},
	{"owner", aText, "Who answers for a failure.", "", "stb-api", false, "Owner"},
	{"wave", anInt(0, 1000), "Order of suites in a staged change-over; smaller waves run first.", "0", "1", false, "Wave"},
	{
		"gate", aWord("required", "advisory"), "Whether the suite's verdict decides. An advisory suite is reported only.",
		"required", "advisory", false, "Gate",
	},
	{
		"env", listOf(aVar), "The only environment variables this file may read, as {{env.NAME}}.",
		"none", "[STB_REGION, STB_KEY]", false, "Env",
	},
	{
		"secrets", listOf(aVar), "Variables and environment variables whose values never appear in any output.",
		"none", "[STB_KEY, token]", false, "Secrets",
	},
	{
		"needs", listOf(aVar),
		"Variables that must come from outside (flag, environment, env file): validate accepts their absence, run demands them.",
		"none", "[accountId]", false, "Needs",
	},
	{
		"vars", mapOf(aTemplate), "Variables of every case.",
		"", `{model: UHD4, region: "{{env.STB_REGION | default: seoul}}"}`, false, "Vars",
	},
	{
		"sides", object("sides"), "Where blue and green live and what differs between them. Usually in an env file or flags.",
		"", "{blue: {url: https://api.blue.example}, green: {url: https://api.green.example}}", false, "",
	},
	{
		"identity", listOf(object("identity")), "What each side must say it is, asked before and after the run over fresh connections.",
		"none", `[{get: /version, at: $.commit, must: same, samples: 30}]`, false, "",
	},
	{
		"defaults", object("defaults"),
		"What every step starts from. A step's own keys win; headers and expectations are merged by name.",
		"", "{timeout: 5s, headers: {Accept: application/json}}", false, "",
	},
	{
		"rules", listOf(object("rule")), "Rules of every step. Rules of cases and steps come after them.",
		"none", `[{at: "$..serverTime", do: ignore, why: clock of the answering pod}]`, false, "Rules",
	},
	{
		"number", aWord(numberWords...),
		"When numbers in bodies are equal. decimal: they have the same value, so that 1, 1.0 and 1e0 are one number. type: an " +
			"integer also differs from a number with a fraction or an exponent, as it does for clients with integer types. A rule do: " +
			"number says otherwise for its places.",
		"the env file's, else decimal", "type", false, "Numbers",
	},
	{
		"answer", object("answer"), "Which answers are successes, for every step of the suite.",
		"the envelopes that bgverify knows", `{ok: {"$.resultCode": "0000"}}`, false, "",
	},
	{
		"transport", object("transport"), "Differences between the connections to blue and green that are accepted.",
		"none", `{allow: [{fact: compression, why: the CDN compresses}]}`, false, "",
	},
	{"session", object("session"), "When setup is run again during a long run.", "never", "{ttl: 25m, refresh_on: 401}", false, ""},
	{
		"coverage", object("coverage"), "How much of the mutated bodies the comparison must notice.",
		"none demanded", "{min: 60%}", false, "",
	},
	{"flaky", object("flaky"), "The share of flaky cases that is accepted.", "none", "{max: 0.2%}", false, ""},
	{
		"setup", listOf(object("step")), "Steps that run once per lane before the first case. What they capture is known to every case.",
		"none", `[{step: sign in, post: /v1/session, side_effects: idempotent}]`, false, "",
	},
	{
		"cases", listOf(object("case")),
		"The cases, in the order they are planned. Only a suite that loads the cases of other suites has none.",
		"", `[{case: channel-list, get: /v1/channels}]`, false, "",
	},
	{
		"teardown", listOf(object("step")), "Steps that run once per lane after the last case, whatever happened.",
		"none", `[{use: common/session.yaml#sign-out}]`, false, "",
	},
	{
		"load", listOf(object("load")), "Load stages, run after the cases of all suites.",
		"none", `[{load: evening peak, steps: [{case: channel-list}], rate: 200/s}]`, false, "",
	},
}}

// someOf names the keys of which a mapping has at least one, the usual one first.
var someOf = map[string][]string{"suite": {"cases", "load"}}

// Neither side is required here: flags and the env file may give its address.
var sidesTable = Table{"sides", "Both sides. Blue is trusted, green is under judgement.", []Key{
	{"blue", object("side"), "The trusted side.", "", "{url: https://api.blue.example}", false, ""},
	{"green", object("side"), "The side under judgement.", "", "{url: https://api.green.example}", false, ""},
}}

// Addresses have no field: they are expanded when what comes from outside is known.
var sideTable = Table{"side", "One side: where it lives and what is sent only to it.", []Key{
	{
		"url", aTemplate, "Base URL that the paths of steps are joined to. --blue and --green win.",
		"", "https://api.blue.example", false, "",
	},
	{
		"services", mapOf(oneOf(aTemplate, object("service"))),
		"Named base URLs of the side. One that starts with / is joined to the side's url.",
		"none", "{auth: https://auth.blue.example, epg: /epg}", false, "",
	},
	{
		"vars", mapOf(aTemplate), "Variables with another value on each side; both sides define the same names.",
		"none", "{device: STB-B1}", false, "Vars",
	},
	{"headers", mapOf(orList(aTemplate)), "Headers sent only to this side.", "none", "{X-Cluster: blue}", false, "Headers"},
	{
		"auth", oneOf(aWord("none"), object("auth")), "How requests to this side prove who sends them.",
		"none", `{bearer: "{{token}}"}`, false, "Auth",
	},
	{
		"resolve", aTemplate, "Address (IP or IP:port) that every host of the side is pinned to, when DNS has not moved yet.",
		"DNS", "10.0.2.7", false, "",
	},
	{"host", aTemplate, "Host header and TLS server name of every request.", "the URL's host", "api.example", false, ""},
	{"proxy", aTemplate, "Proxy for this side. The environment's proxy is never used.", "none", "http://proxy.example:3128", false, ""},
	{
		"tls", object("tls"), "How the side's certificates are checked, and the client's own.",
		"the system's authorities", "{ca: ca.pem}", false, "",
	},
	{"http", aWord("1.1", "2", "h2c"), "HTTP version to insist on.", "1.1 or 2, as TLS negotiates", "h2c", false, "HTTP"},
	{"live", aBool, "The side carries customers' traffic: load stages are refused.", "false", "true", false, "Live"},
}}

// A service has the keys of a side that can differ from it, and shared.
var serviceTable = Table{"service", "A named base URL of a side. What it does not write it takes from the side.", []Key{
	{"url", aTemplate, "Base URL, or a path joined to the side's url.", "", "https://cdn.example", true, ""},
	{"shared", aBool, "The same address on both sides on purpose.", "false", "true", false, "Shared"},
	{"headers", mapOf(orList(aTemplate)), "Headers sent only to this service.", "none", "{X-Zone: a}", false, "Headers"},
	{
		"auth", oneOf(aWord("none"), object("auth")), "How requests to this service prove who sends them.",
		"the side's", "none", false, "Auth",
	},
	{"resolve", aTemplate, "Address the service's host is pinned to.", "the side's", "10.0.2.8", false, ""},
	{"host", aTemplate, "Host header and TLS server name.", "the side's", "auth.example", false, ""},
	{"tls", object("tls"), "Certificates of this service.", "the side's", "{insecure: true}", false, ""},
	{"http", aWord("1.1", "2", "h2c"), "HTTP version to insist on.", "the side's", `"2"`, false, "HTTP"},
}}

// server_name is checked by code, as it takes no placeholders.
var tlsTable = Table{"tls", "Certificates. File names are relative to the scenario file.", []Key{
	{"ca", aFile, "PEM file with the authorities to trust instead of the system's.", "the system's", "ca.pem", false, "CA"},
	{"cert", aFile, "PEM file with the client certificate.", "none", "client.pem", false, "Cert"},
	{"key", aFile, "PEM file with the client certificate's key.", "none", "client-key.pem", false, "Key"},
	{"server_name", aTemplate, "Name the certificate must be for.", "the host", "api.example", false, ""},
	{"insecure", aBool, "Do not check certificates. Reports show it in red.", "false", "true", false, "Insecure"},
}}

// get is required and has no field: the path is checked before it is kept.
var identityTable = Table{"identity", "What a side must be: a value asked from it, the same on both sides or different.", []Key{
	{"get", aTemplate, "Path that answers with the identity.", "", "/version", true, ""},
	{"service", aName, "Service to ask.", "the side's url", "auth", false, "Service"},
	{"at", aPath, "Where in the answer the value is.", "the whole body", "$.commit", false, "At"},
	{"header", aText, "Header that holds the value, instead of at.", "", "X-Build", false, "Header"},
	{"must", aWord("same", "differ"), "What the two values must be to each other.", "", "same", true, "Must"},
	{"blue", aTemplate, "The value blue must show.", "any", "1.4.2", false, "Blue"},
	{"green", aTemplate, "The value green must show.", "any", `"{{env.GREEN_CLUSTER}}"`, false, "Green"},
	{"samples", anInt(1, 10000), "How many fresh connections ask; all answers of a side must agree.", "3", "30", false, "Samples"},
}}

// numberWords are the readings of numbers that a suite can choose for all bodies.
var numberWords = []string{diff.Decimal.String(), diff.Typed.String()}

// The fields are those of a step too, so that Inherit hands them down; a row that is added here
// is inherited without more code.
var defaultsTable = Table{"defaults", "What every step of the suite starts from.", []Key{
	{"service", aName, "Service of steps that name none; wins over the suite's.", "the suite's", "home", false, "Service"},
	{
		"headers", mapOf(orList(aTemplate)), "Headers of every step; a step's header of the same name wins.",
		"none", "{Accept: application/json}", false, "Headers",
	},
	{"query", mapOf(orList(aTemplate)), "Query parameters of every step.", "none", "{lang: ko}", false, "Query"},
	{"cookies", mapOf(aTemplate), "Cookies of every step.", "none", "{region: seoul}", false, "Cookies"},
	{
		"auth", oneOf(aWord("none"), object("auth")), "How every step proves who sends it.",
		"the service's, then the side's", `{bearer: "{{token}}"}`, false, "Auth",
	},
	{"timeout", aDuration(0.001, 600), "How long one request may take, from connecting to the last byte.", "30s", "5s", false, "Timeout"},
	{
		"expect", object("expect"), "What every step's answers must be. A step's own expectations win part by part.",
		"status 2xx and an API answer", "{status: 2xx}", false, "",
	},
	{
		"mode", aWord("strict", "subset", "shape"), "Which differences count: all, all but additions, or types and presence only.",
		"strict", "subset", false, "Mode",
	},
	{"number", aWord(numberWords...), "When numbers in bodies are equal; wins over the suite's.", "the suite's", "type", false, "Numbers"},
	{
		"side_effects", aWord(sideEffectWords...), "What unsafe requests leave behind, for steps that do not say.",
		"", "none", false, "SideEffects",
	},
	{"retry", object("retry"), "Resending after transport failures.", "none", "{for: [connect], max: 1}", false, ""},
	{"trace", aWord("on", "off"), "Whether traceparent and X-Bgverify-Run are added to requests.", "on", "off", false, "Trace"},
}}

// Its values are matchers, as in expect, without placeholders.
var answerTable = Table{"answer", "Which answers are successes: what takes the place of the envelopes that bgverify knows.", []Key{
	{
		"ok", mapOf(oneOf(aJSON, object("matchers"))),
		"What the values at paths of the body are in a success: a value, or matchers. An answer that has at least one of the " +
			"paths is judged by them alone.",
		"", `{"$.resultCode": {in: ["0000", "S000"]}}`, true, "",
	},
}}

// The list is required: an empty acceptance would look like one.
var transportTable = Table{"transport", "What is accepted of how blue and green are reached, besides their answers.", []Key{
	{
		"allow", listOf(object("transport allow")), "The accepted differences.",
		"", `[{fact: keep-alive, service: epg, why: the gateway closes until STB-4711 is done}]`, true, "",
	},
}}

var transportAllowTable = Table{"transport allow", "One accepted difference. It stays in reports and no longer decides.", []Key{
	{"fact", aWord(TransportFacts...), "What differs.", "", "keep-alive", true, "Fact"},
	{"service", aName, "The service it is accepted of.", "every service", "epg", false, "Service"},
	{"why", aText, "Why it is right.", "", "the gateway closes until STB-4711 is done", true, "Why"},
}}

// Without ttl a session never gets old; without refresh_on no status ends it.
var sessionTable = Table{"session", "When setup runs again.", []Key{
	{"ttl", aDuration(1, 7*86400), "Age at which setup runs again before the next case.", "never", "25m", false, "TTL"},
	{
		"refresh_on", orList(anInt(100, 599)), "Statuses after which setup runs again and the case is walked once more.",
		"none", "401", false, "RefreshOn",
	},
}}

// Its field is one of the suite, and so is that of flaky.
var coverageTable = Table{"coverage", "The negative control's minimum.", []Key{
	{
		"min", aPercent(0, 1),
		"Share of mutated bodies that the comparison must notice. Below 20%, also the share of each body's values that must be " +
			"compared or expected.",
		"none demanded of mutants, 20% of values", "60%", true, "MinCoverage",
	},
}}

var flakyTable = Table{"flaky", "How much flakiness is accepted.", []Key{
	{"max", aPercent(0, 1), "Highest share of cases that pass only on a retry.", "0%", "0.2%", true, "MaxFlaky"},
}}

// What an env file shares with a suite has the same name and field there.
var envTable = Table{"env file", "An env file is what one stage (dev, verification, production) adds to every suite.", []Key{
	{"doc", aText, "What stage this is.", "", "The verification clusters.", false, ""},
	{"env", listOf(aVar), "Environment variables that this file may read.", "none", "[STB_KEY]", false, "Env"},
	{"secrets", listOf(aVar), "Variables whose values never appear in any output.", "none", "[STB_KEY]", false, "Secrets"},
	{
		"sides", object("sides"), "Where the sides of this stage live; wins over the suites' files.",
		"", "{blue: {url: https://api.blue.example}}", false, "",
	},
	{
		"vars", mapOf(aTemplate), "Variables of the stage; they win over those of suites and cases.",
		"none", "{account: verify-01}", false, "Vars",
	},
	{
		"rules", listOf(object("rule")), "Rules of every step, before those of suites.",
		"none", `[{header: x-stage, do: ignore, why: names the stage}]`, false, "Rules",
	},
	{
		"number", aWord(numberWords...), "When numbers in bodies are equal, for every suite; a suite's own number wins.",
		"decimal", "type", false, "Numbers",
	},
	{
		"state", aWord("separate", "shared"), "Whether blue and green each have a separate database. Only then does `tap` send sign-ins to both.",
		"shared", "separate", false, "SeparateState",
	},
	{
		"limits", object("limits"), "What is allowed at this stage.",
		"neither load nor writes off loopback", "{load: allow, writes: allow, max_rps: 200, data: 1000}", false, "",
	},
	{
		"answer", object("answer"), "Which answers are successes, for every suite; a suite's own paths win.",
		"the envelopes that bgverify knows", `{ok: {"$.resultCode": "0000"}}`, false, "",
	},
	{
		"transport", object("transport"), "Differences between the connections to blue and green that are accepted, for every suite.",
		"none", `{allow: [{fact: compression, why: the CDN compresses}]}`, false, "",
	},
	{
		"require", oneOf(object("require"), listOf(oneOf(aWord("compare", "load", "writes", "identity"), object("require")))),
		"What a pass must have shown. Load and writes that the list does not name are left out where `limits` does not allow " +
			"them, and the banner says so; without a list that is an error. A mapping asks for a share of the cluster's services.",
		"none", "[compare, load, identity, services: 95%]", false, "",
	},
	{
		"identity", listOf(object("identity")), "What the sides of this stage must be, in addition to what suites ask.",
		"none", "[{get: /version, at: $.cluster, must: differ}]", false, "",
	},
	{
		"clusters", object("clusters"), "The Kubernetes clusters that the sides run on: readiness, what they hold, and which services no case " +
			"asked.",
		"none", "{green: {context: eks-green}, ready: {workloads: {namespaces: [stb]}}}", false, "",
	},
	{
		"prometheus", object("prometheus"), "Metrics of both sides that are compared after each load stage.",
		"none", "{blue: http://prometheus.blue.example:9090, green: http://prometheus.green.example:9090}", false, "",
	},
	{
		"archive", aText, "The object store that the folder of each run is copied to once it is complete.",
		"none", "s3://stb-runs/staging", false, "",
	},
	{
		"notify", listOf(object("notify")), "Who hears of the verdict of `bgverify run` and `resume`.",
		"nobody", "[{slack_env: SLACK_WEBHOOK, on: [fail, inconclusive]}]", false, "",
	},
}}

// The words of require have no table: they are a list.
var requireTable = Table{"require", "A share that a pass must have shown.", []Key{
	{
		"services", aPercent(0, 1), "Share of the services of `clusters: {services: …}` that the cases must have asked.",
		"", "95%", true, "Services",
	},
}}

// A stage that says nothing allows neither load nor writes.
var limitsTable = Table{"limits", "What a stage allows. load and writes count off loopback, max_rps and data everywhere.", []Key{
	{"load", aWord("allow", "deny"), "Whether load stages run.", "deny", "allow", false, "Load"},
	{"writes", aWord("allow", "deny"), "Whether steps with side effects run.", "deny", "allow", false, "Writes"},
	{"max_rps", aNumber(0.1, 1e6), "Most requests per second to one host, load included.", "no cap", "200", false, "MaxRPS"},
	{
		"data", anInt(1, 1e9),
		"Most rows of one case. Larger cases are sampled to this many rows by the run's seed; the report says how many were left out.",
		"all rows", "1000", false, "Rows",
	},
}}

// TransportFacts are the names of what is compared of how the sides are reached,
// as transport: {allow: …} writes them; docs/trust.md says what each means.
var TransportFacts = []string{
	"tls-old", "tls-1.3", "http-1.1", "http-2", "certificate-expiry", "certificate-names", "certificate-issuer",
	"keep-alive", "connections-reset", "resends", "compression", "clock", "header-names", "head", "options",
	"empty-answer-framing", "answer-form", "conditional", "buffered-events", "time",
}
