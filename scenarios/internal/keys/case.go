package keys

import "slices"

// The key tables of cases, steps and what a step is made of.

// In the order of the constants of scenarios.SideEffects, which Undeclared begins without a word.
var sideEffectWords = []string{"none", "idempotent", "isolated", "compensated", "unreviewed"}

// Verbs are the keys of a request whose method has a key of the same name, with the path as
// value. Every other method is written with request:.
var Verbs = []string{"get", "post", "put", "patch", "delete", "head", "options"}

// BodyKeys are the keys that give a request its body: a step has at most one of them.
var BodyKeys = []string{"json", "form", "multipart", "graphql", "xml", "text", "file", "base64"}

// RequestKeys are shared by steps and by cases of one request.
var RequestKeys = []Key{
	{"get", aTemplate, "GET this path of the service, or an absolute URL of one of the side's services.", "", "/v1/channels", false, ""},
	{"post", aTemplate, "POST to this path. Needs side_effects.", "", "/v1/orders", false, ""},
	{"put", aTemplate, "PUT to this path. Needs side_effects.", "", "/v1/bookmarks/{{content}}", false, ""},
	{"patch", aTemplate, "PATCH this path. Needs side_effects.", "", "/v1/settings", false, ""},
	{"delete", aTemplate, "DELETE this path. Needs side_effects.", "", "/v1/orders/{{order}}", false, ""},
	{"head", aTemplate, "HEAD of this path.", "", "/v1/channels", false, ""},
	{"options", aTemplate, "OPTIONS of this path.", "", "/v1/channels", false, ""},
	{"request", object("request"), "Any other method.", "", "{method: PROPFIND, url: /dav}", false, ""},
	{
		"service", aName, "Named service of the sides that the path belongs to. On a case with steps: that of its steps.",
		"the suite's", "auth", false, "",
	},
	{
		"query", mapOf(orList(aTemplate)), "Query parameters in order; a list repeats the name. Values are escaped.",
		"none", "{region: seoul, size: 300}", false, "",
	},
	{"headers", mapOf(orList(aTemplate)), "Request headers; a list repeats the name.", "none", `{X-Device-Id: "{{device}}"}`, false, ""},
	{"cookies", mapOf(aTemplate), "Cookies sent in addition to those of the jar.", "none", "{region: seoul}", false, ""},
	{
		"auth", oneOf(aWord("none"), object("auth")), "How the request proves who sends it; none overrides the defaults.",
		"the defaults'", "none", false, "Auth",
	},
	{
		"json", aJSON, "JSON body. Plain numbers, true, false and null are literals, anything else is a string.",
		"", `{item: VOD-1001, price: 1650}`, false, "",
	},
	{"form", mapOf(orList(aTemplate)), "application/x-www-form-urlencoded body.", "", "{user: kim, lang: ko}", false, ""},
	{
		"multipart", mapOf(oneOf(aTemplate, object("multipart part"), listOf(oneOf(aTemplate, object("multipart part"))))),
		"multipart/form-data body; a list makes parts of one name.",
		"", "{title: logo, image: {file: logo.png}, tag: [new, hd]}", false, "",
	},
	{
		"graphql", oneOf(aTemplate, object("graphql")), "GraphQL request: a query, with variables when it has any.",
		"", `{query: "query($id: ID!) { vod(id: $id) { title } }", variables: {id: VOD-1001}}`, false, "",
	},
	{"xml", aTemplate, "XML body; values of placeholders are escaped.", "", `"<q>{{title}}</q>"`, false, ""},
	{"text", aTemplate, "Plain text body.", "", "hello", false, ""},
	{"file", aFile, "File whose bytes are the body, as they are.", "", "payload.bin", false, ""},
	{"base64", aTemplate, "Body given as base64.", "", "AAECAw==", false, ""},
	{
		"side_effects", aWord(sideEffectWords...),
		"What an unsafe request leaves behind. none: it only reads; idempotent: sending it twice is harmless; isolated: it " +
			"touches nobody else's data; compensated: a later step takes it back; unreviewed: the step is skipped.",
		"", "compensated", false, "SideEffects",
	},
	{"timeout", aDuration(0.001, 600), "How long the request may take, from connecting to the last byte.", "30s", "5s", false, "Timeout"},
	{
		"expect", object("expect"), "What must hold on both sides, whatever the comparison says.",
		"status 2xx and an API answer", "{status: 200}", false, "",
	},
	{"compare", aWord("all", "none"), "Whether the two answers are compared. none needs an expectation.", "all", "none", false, "Compare"},
	{
		"mode", aWord("strict", "subset", "shape"), "Which differences count: all, all but additions, or types and presence only.",
		"strict", "subset", false, "Mode",
	},
	{
		"rules", listOf(object("rule")), "Rules for these answers, after those of the suite. On a case with steps: for all of them.",
		"none", `[{at: "$..viewers", do: tolerance, rel: 0.2}]`, false, "",
	},
	{
		"capture", mapOf(oneOf(aPath, object("capture"))), "Values read from the answer for later steps, each side its own.",
		"none", "{token: $.token}", false, "",
	},
	{
		"poll", object("poll"), "Ask again on each side until its own condition holds.",
		"", `{until: {body: {"$.state": SETTLED}}, every: 500ms, up_to: 20s}`, false, "",
	},
	{
		"retry", object("retry"), "Resend after transport failures; passing on a retry is flaky, never silently pass.",
		"none", "{for: [502, 503, connect], max: 2}", false, "",
	},
	{"continue", aBool, "Go on with the case when this step fails.", "false", "true", false, "Continue"},
	{"repeat", anInt(1, 1000), "How often the step is sent.", "1", "3", false, "Repeat"},
	{"pause", aDuration(0, 600), "Wait before the step.", "0s", "200ms", false, "Pause"},
	{
		"when", oneOf(aTemplate, object("when")),
		"Run the step only when this holds: a placeholder that is not empty, false or 0, or tests of variables and of the " +
			"previous answer.",
		"always", `"{{nextPage}}"`, false, "",
	},
	{"sides", listOf(aWord("blue", "green")), "Send to these sides only; needs compare: none.", "both", "[green]", false, ""},
	{"trace", aWord("on", "off"), "Whether traceparent and X-Bgverify-Run are added.", "on", "off", false, "Trace"},
}

// CaseKeys are those that only cases have.
var CaseKeys = []Key{
	{"case", aName, "Id of the case, unique in the suite.", "", "channel-list", true, ""},
	{"name", aText, "Name for people.", "the id", "채널 목록", false, "Name"},
	{"doc", aText, "What the case is about.", "", "The list a box shows after power-on.", false, "Doc"},
	{"tags", listOf(aName), "Words for --tag.", "none", "[smoke, p1]", false, ""},
	{
		"data", oneOf(object("data"), listOf(mapOf(aJSON))), "Rows; the case runs once per row with its columns as variables.",
		"one run without a row", `{file: epg.csv, name: "{{channel}} {{date}}"}`, false, "",
	},
	{"vars", mapOf(aTemplate), "Variables of this case; they win over those of sides and suite.", "none", "{size: 300}", false, "Vars"},
	{
		"order", aWord("together", "blue-then-green", "green-then-blue"),
		"When the two requests of a step leave. With together, the run's seed decides which one is first.",
		"together", "blue-then-green", false, "Order",
	},
	{
		"crossover", aBool, "Also walk the case blue-green-blue-green and green-blue-green-blue: sessions must survive the change-over.",
		"false", "true", false, "Crossover",
	},
	{
		"confirm", anInt(1, 10),
		"How often a differing safe pair is sent again as blue, blue, green to label it; never turns a fail into a pass.",
		"0", "2", false, "Confirm",
	},
	{"skip", aText, "Do not run the case, for this reason.", "", "waits for STB-4711", false, "Skip"},
	{"only", aBool, "Run only the cases marked so; refused on CI.", "false", "true", false, "Only"},
	{
		"quarantine", object("quarantine"), "Run the case but let it decide nothing until a date.",
		"", "{until: 2027-03-31, ticket: STB-4712}", false, "",
	},
	{
		"cleanup", listOf(object("step")), "Steps that run after the case, however it ended: they take back what it created.",
		"none", `[{delete: "/v1/orders/{{order}}", side_effects: compensated, expect: {status: [200, 404]}, compare: none}]`, false, "",
	},
	{
		"steps", listOf(object("step")), "The steps, in order. A failed expectation or capture ends the case; a difference does not.",
		"", "[{step: order, post: /v1/orders, side_effects: compensated}]", false, "",
	},
}

// A case of one request has the keys of both; a case with steps refuses those of a request.
var caseTable = Table{
	"case",
	"A case is an independent sequence of steps: a testcase in reports. A case of one step writes the step's keys itself.",
	slices.Concat(CaseKeys, RequestKeys),
}

// use takes no other key of a request: the part has its own.
var stepTable = Table{"step", "A step is one request sent to both sides, or the use of a part.", append([]Key{
	{"step", aText, "Name of the step, unique in its case.", "the verb and path", "sign in", false, ""},
	{"use", aText, "Named step list of a parts file: file#name, relative to this file.", "", "common/session.yaml#sign-in", false, ""},
	{"with", mapOf(aTemplate), "Arguments of the part.", "none", "{content: VOD-1001}", false, ""},
	{
		"compensates", orList(aText),
		"Earlier steps of the case that this one takes back. It is sent on every side that got one of them, also when the case " +
			"ends early.",
		"in cleanup and for DELETE: the steps whose captures or URL it uses", "order", false, "",
	},
}, RequestKeys...)}

var partsTable = Table{"parts file", "A parts file holds named step lists for use:.", []Key{
	{"doc", aText, "What the parts are for.", "", "Sign-in and sign-out.", false, ""},
	{
		"parts", mapOf(listOf(object("step"))), "The step lists by name.",
		"", `{sign-out: [{step: sign out, delete: /v1/session, side_effects: idempotent}]}`, true, "",
	},
}}

// For methods without a key. A method that has one is refused here.
var requestTable = Table{"request", "A request with any other method.", []Key{
	{"method", aText, "The method, in capitals.", "", "PROPFIND", true, "Method"},
	{"url", aTemplate, "Path or absolute URL.", "", "/dav", true, "URL"},
}}

// A part has a value or a file, which code checks.
var multipartTable = Table{"multipart part", "One part of a multipart/form-data body.", []Key{
	{"value", aTemplate, "The part's text.", "", "logo", false, "Value"},
	{"file", aFile, "File whose bytes are the part.", "", "logo.png", false, "File"},
	{"filename", aText, "File name that is sent.", "the file's", "logo.png", false, "FileName"},
	{"type", aText, "Content-Type of the part.", "by the file's ending", "image/png", false, "Type"},
}}

var graphqlTable = Table{"graphql", "A GraphQL request.", []Key{
	{"query", aTemplate, "The query.", "", `"{ channels { id } }"`, true, "Text"},
	{"variables", aJSON, "Its variables.", "none", "{id: VOD-1001}", false, ""},
	{"operation", aText, "Name of the operation to run.", "", "Channels", false, "Operation"},
}}

// Only bearer is bound: which key is written says which kind it is.
var authTable = Table{"auth", "How a request proves who sends it: exactly one of the keys.", []Key{
	{"basic", object("basic"), "User and password.", "", `{user: box, password: "{{env.STB_KEY}}"}`, false, ""},
	{"bearer", aTemplate, "A token for Authorization: Bearer.", "", `"{{token}}"`, false, "Token"},
	{"api_key", object("api_key"), "A key in a header or the query.", "", `{header: X-Api-Key, value: "{{env.STB_KEY}}"}`, false, ""},
	{
		"oauth2", object("oauth2"), "A token fetched from an OAuth 2 server, once per side.",
		"", `{grant: client_credentials, token_url: https://auth.example/token, client_id: stb, ` +
			`client_secret: "{{env.STB_KEY}}"}`, false, "",
	},
	{
		"digest", object("digest"), "User and password for the server's Digest challenge.",
		"", `{user: box, password: "{{env.STB_KEY}}"}`, false, "",
	},
	{
		"hmac", object("hmac"), "A signature over parts of the request, made with a shared secret.",
		"", `{secret: "{{env.STB_KEY}}", sign: "{{request.method}} {{request.path}}", header: X-Signature}`, false, "",
	},
	{
		"aws", object("aws"), "AWS Signature Version 4.",
		"", `{region: ap-northeast-2, service: execute-api, access_key: AKIDEXAMPLE, secret_key: "{{env.STB_KEY}}"}`, false, "",
	},
}}

var digestTable = Table{"digest", "Digest authentication (RFC 7616): MD5, SHA-256 and SHA-512-256, qop auth and auth-int.", []Key{
	{"user", aTemplate, "The user.", "", "box", true, "User"},
	{"password", aTemplate, "The password.", "", `"{{env.STB_KEY}}"`, true, "Password"},
}}

var hmacTable = Table{"hmac", "A signature with a shared secret. Its text and its header are those of the server that checks it.", []Key{
	{"secret", aTemplate, "The shared secret.", "", `"{{env.STB_KEY}}"`, true, "Secret"},
	{
		"sign", aTemplate,
		"The text that is signed: variables, and of the request request.method, request.path, request.query, request.host, " +
			"request.body and request.headers.NAME.",
		"", `"{{request.method}}\n{{request.path}}\n{{request.headers.X-Timestamp}}\n{{request.body | sha256}}"`, true, "Sign",
	},
	{"header", aText, "Header that carries the signature.", "Authorization", "X-Signature", false, "Header"},
	{
		"value", aTemplate, "Value of the header, with {{request.signature}} in it.",
		"the signature", `"HMAC {{client}}:{{request.signature}}"`, false, "Value",
	},
	{"hash", aWord("sha256", "sha512", "sha1"), "Hash function.", "sha256", "sha512", false, "Hash"},
	{"encode", aWord("hex", "base64"), "How the signature is written.", "hex", "base64", false, "Encode"},
}}

var awsTable = Table{
	"aws",
	"AWS Signature Version 4: signed are the host, Content-Type, Range and X-Amz- headers, the query and the body.",
	[]Key{
		{"region", aTemplate, "The region.", "", "ap-northeast-2", true, "Region"},
		{"service", aTemplate, "The service's name in signatures.", "", "execute-api", true, "Service"},
		{"access_key", aTemplate, "Id of the key.", "", "AKIDEXAMPLE", true, "AccessKey"},
		{"secret_key", aTemplate, "The secret key.", "", `"{{env.STB_KEY}}"`, true, "SecretKey"},
		{"session_token", aTemplate, "Token of temporary credentials.", "none", `"{{env.AWS_SESSION_TOKEN}}"`, false, "SessionToken"},
	},
}

var basicTable = Table{"basic", "Basic authentication.", []Key{
	{"user", aTemplate, "The user.", "", "box", true, "User"},
	{"password", aTemplate, "The password.", "", `"{{env.STB_KEY}}"`, true, "Password"},
}}

var apiKeyTable = Table{"api_key", "An API key.", []Key{
	{"header", aText, "Header that carries it.", "", "X-Api-Key", false, ""},
	{"query", aText, "Query parameter that carries it.", "", "key", false, ""},
	{"value", aTemplate, "The key.", "", `"{{env.STB_KEY}}"`, true, "Value"},
}}

// user and password count for the password grant alone and are refused with the other one.
var oauth2Table = Table{"oauth2", "OAuth 2.", []Key{
	{"grant", aWord("client_credentials", "password"), "Kind of grant.", "client_credentials", "password", false, ""},
	{
		"token_url", aTemplate, "Where tokens are fetched: an absolute URL, or a path of the step's service.",
		"", "https://auth.example/token", true, "TokenURL",
	},
	{"client_id", aTemplate, "The client.", "", "stb", false, "ClientID"},
	{"client_secret", aTemplate, "Its secret.", "", `"{{env.STB_KEY}}"`, false, "ClientSecret"},
	{"user", aTemplate, "User of the password grant.", "", "kim", false, ""},
	{"password", aTemplate, "Password of the password grant.", "", `"{{env.STB_PASSWORD}}"`, false, ""},
	{"scopes", listOf(aText), "Scopes to ask for.", "none", "[epg]", false, "Scopes"},
}}

// Exactly one place, or a regex over the body; readCapture counts them.
var captureTable = Table{"capture", "Where a captured value is: one of at, header, cookie, status, or a regex over the body.", []Key{
	{"at", aPath, "Path to a single value of the body.", "", "$.profile.id", false, "At"},
	{"header", aText, "Response header.", "", "Location", false, "Header"},
	{"cookie", aText, "Cookie that the answer sets.", "", "sid", false, "Cookie"},
	{
		"regex", aText,
		"Regular expression (RE2) over the value of at, header or cookie, or over the body as text, whatever its type. Its first " +
			"group is captured, or all that it matches.",
		"", "token=([a-z0-9]+)", false, "Regex",
	},
	{"status", aBool, "The status itself.", "false", "true", false, "Status"},
	{"same", aBool, "Both sides must have captured the same value.", "false", "true", false, "Same"},
}}

var pollTable = Table{"poll", "Business waiting: each side is asked until its own condition holds.", []Key{
	{"until", object("expect"), "The condition.", "", `{body: {"$.state": SETTLED}}`, true, ""},
	{"every", aDuration(0.01, 600), "Wait between two requests.", "1s", "500ms", false, "Every"},
	{"up_to", aDuration(0.01, 3600), "When to give up; the step then fails.", "30s", "20s", false, "UpTo"},
}}

// Statuses below 400 are answers and are refused by code.
var retryTable = Table{"retry", "Resending after transport failures and statuses of a gateway.", []Key{
	{
		"for", orList(oneOf(anInt(100, 599), aWord(FailureWords...))), "Statuses and failures that are retried.",
		"", "[502, 503, connect]", true, "",
	},
	{"max", anInt(1, 10), "Most retries.", "1", "2", false, "Max"},
	{"wait", aDuration(0, 60), "Wait before each retry.", "0s", "200ms", false, "Wait"},
}}

// FailureWords are the classes of transport failures that retry: for: takes, as package wire
// names them.
var FailureWords = []string{"dns", "refused", "connect", "tls", "reset", "timeout", "truncated"}

var quarantineTable = Table{"quarantine", "Keeps a case running without letting it decide.", []Key{
	{"until", aDate, "Last day of the quarantine.", "", "2027-03-31", true, "Until"},
	{"ticket", aText, "Where the repair is followed.", "", "STB-4712", true, "Ticket"},
}}

// Rows are opened while files are read, so that their mistakes are problems of the suite.
var dataTable = Table{"data", "Rows of a case. The case runs once per row, as suite/case[row].", []Key{
	{"file", aFile, "csv (header row; cells are text), json (a list of objects) or ndjson.", "", "epg.csv", false, ""},
	{"rows", listOf(mapOf(aJSON)), "Rows written here, instead of a file.", "", "[{channel: CH001}, {channel: CH002}]", false, ""},
	{"name", aTemplate, "Names a row from its columns.", "the row's number", `"{{channel}} {{date}}"`, false, ""},
	{"format", aWord("csv", "json", "ndjson"), "Format of the file.", "by the file's ending", "csv", false, ""},
	{"encoding", aWord("utf-8", "cp949"), "Encoding of a csv file.", "utf-8", "cp949", false, ""},
	{"sample", anInt(1, 1e9), "Draw this many rows, by the run's seed.", "all", "100", false, ""},
}}
