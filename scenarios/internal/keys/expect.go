package keys

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
)

// The key tables of expectations, rules and load stages.

// ExpectKeys are shared by expect, by what it says of one side, and by when.
var ExpectKeys = []Key{
	{"status", orList(aStatus), "Status or class, or a list of which any is right.", "2xx", "[200, 204, 4xx]", false, ""},
	{
		"latency", oneOf(aDuration(0.000001, 600), object("latency")), "How long the answer may take: a duration is an upper bound.",
		"", "{lt: 300ms}", false, "",
	},
	{
		"headers", mapOf(oneOf(aTemplate, object("matchers"))), "What response headers must be.",
		"", "{content-type: {contains: json}}", false, "",
	},
	{
		"cookies", mapOf(oneOf(aTemplate, object("matchers"))), "What the cookies set by the answer must be.",
		"", "{sid: {exists: true}}", false, "",
	},
	{
		"body", mapOf(oneOf(aJSON, object("matchers"))), "What the values at paths of the body must be: a value, or matchers.",
		"", `{"$.code": 0, "$.channels": {count: {gte: 100}}}`, false, "",
	},
	{
		"text", oneOf(aTemplate, object("matchers")), "What the whole body must be as text, whatever its type: a value, or matchers.",
		"", "{contains: </html>}", false, "",
	},
	{
		"schema", aFile, "JSON Schema file that the body must obey, or a part of one or of an API description.",
		"", "schemas/epg.json", false, "",
	},
	{"snapshot", aFile, "Stored body that the answer must equal under the same rules.", "", "snapshots/channels.json", false, ""},
	{"hls", object("hls"), "What an HLS playlist must hold.", "", "{variants: {gte: 3}, codecs: {contains: avc1}}", false, ""},
}

var expectTable = Table{"expect", "What must hold on both sides, whatever the comparison says.", append(slices.Clone(ExpectKeys),
	Key{"blue", object("side expect"), "Overrides for blue.", "", "{status: 404}", false, ""},
	Key{"green", object("side expect"), "Overrides for green.", "", "{status: 200}", false, ""},
)}

// Without blue and green: an override has no overrides.
var sideExpectTable = Table{"side expect", "Expectations of one side, in place of those of both.", ExpectKeys}

var whenTable = Table{
	"when", "When a step runs: all of it must hold. vars tests variables, the rest the answer of the step before.",
	append([]Key{
		{
			"vars", mapOf(oneOf(aJSON, object("matchers"))), "What variables must be: a value, or matchers.",
			"", "{plan: premium, items: {gt: 0}}", false, "",
		},
	}, ExpectKeys...),
}

// Bounds are kept as seconds.
var latencyTable = Table{"latency", "Bounds of the time to the last byte.", []Key{
	{"lt", aDuration(0, 600), "Less than.", "", "300ms", false, ""},
	{"lte", aDuration(0, 600), "At most.", "", "300ms", false, ""},
	{"gt", aDuration(0, 600), "More than.", "", "10ms", false, ""},
	{"gte", aDuration(0, 600), "At least.", "", "10ms", false, ""},
}}

var typeWords = []string{"string", "number", "integer", "boolean", "null", "array", "object"}

var formatWords = []string{"uuid", "ulid", "date-time", "jwt", "hex", "base64", "url", "ipv4", "date", "email"}

// The order is that of scenarios.Op, in which reports list the tests of a value.
var matchersTable = Table{"matchers", "Tests of a value; all of them must hold. A value without matchers means eq.", []Key{
	{"eq", aJSON, "Equal to this value, type included.", "", "0", false, ""},
	{"ne", aJSON, "Not equal to this value.", "", "ERROR", false, ""},
	{"lt", aTemplate, "Less than this number.", "", "10", false, ""},
	{"lte", aTemplate, "At most this number.", "", "10", false, ""},
	{"gt", aTemplate, "More than this number.", "", "0", false, ""},
	{"gte", aTemplate, "At least this number.", "", "1", false, ""},
	{"in", listOf(aJSON), "One of these values.", "", "[ON, OFF]", false, ""},
	{"contains", aTemplate, "Text that contains this, or a list with this element.", "", "json", false, ""},
	{"matches", aTemplate, "Regular expression (RE2) that the text matches.", "", `"^CH[0-9]{3}$"`, false, ""},
	{"type", aWord(typeWords...), "JSON type.", "", "string", false, ""},
	{"format", aWord(formatWords...), "Format of a text.", "", "uuid", false, ""},
	{"instant", aTemplate, "A time that is the same instant, however both are written (RFC 3339).", "", "2026-01-31T10:00:00Z", false, ""},
	{"count", oneOf(aTemplate, object("count")), "Number of elements, members or characters.", "", "{gte: 100}", false, ""},
	{"unique", aBool, "All values found are different.", "", "true", false, ""},
	{
		"each", object("matchers"),
		"Tests of every element of a list, or of every value at a path such as $.items[*].price, which each item must have. There " +
			"must be one, unless count accepts 0: {count: {gte: 0}, each: {gt: 0}}.",
		"", "{type: string}", false, "",
	},
	{"exists", aBool, "Whether there is a value at all.", "", "true", false, ""},
	{"empty", aBool, "Whether the text, list or mapping is empty.", "", "false", false, ""},
	{
		"not", orList(object("not")), "What must not hold: none of these tests does, and there is a value.",
		"", "{contains: error}", false, "",
	},
	{
		"all", listOf(object("matchers")), "More tests of the value, for several of one kind.", "",
		"[{contains: id}, {contains: name}]", false, "",
	},
}}

// Only tests whose opposite has no word of its own.
var notTable = Table{
	"not",
	"Tests that must not hold. For the others there are opposites: ne, lt and gte, exists: false, empty: false.",
	[]Key{
		{"in", listOf(aJSON), "One of these values.", "", "[SUSPENDED, CLOSED]", false, ""},
		{"contains", aTemplate, "Text that contains this, or a list with this element.", "", "error", false, ""},
		{"matches", aTemplate, "Regular expression (RE2) that the text matches.", "", `"(?i)exception"`, false, ""},
		{"type", aWord(typeWords...), "JSON type.", "", "array", false, ""},
		{"format", aWord(formatWords...), "Format of a text.", "", "uuid", false, ""},
	},
}

var countTable = Table{"count", "Tests of a number of elements.", []Key{
	{"eq", aTemplate, "Exactly.", "", "12", false, ""},
	{"ne", aTemplate, "Not.", "", "0", false, ""},
	{"lt", aTemplate, "Less than.", "", "500", false, ""},
	{"lte", aTemplate, "At most.", "", "500", false, ""},
	{"gt", aTemplate, "More than.", "", "0", false, ""},
	{"gte", aTemplate, "At least.", "", "100", false, ""},
	{"in", listOf(aTemplate), "One of these numbers.", "", "[1, 2]", false, ""},
}}

// Numbers are tests as under count; codecs are one text.
var hlsTable = Table{"hls", "What an HLS playlist must hold.", []Key{
	{"variants", oneOf(aTemplate, object("count")), "Number of variant streams of a master playlist.", "", "{gte: 3}", false, ""},
	{"segments", oneOf(aTemplate, object("count")), "Number of segments of a media playlist.", "", "{gte: 5}", false, ""},
	{"target_duration", oneOf(aTemplate, object("count")), "EXT-X-TARGETDURATION in seconds.", "", "{lte: 10}", false, ""},
	{"codecs", oneOf(aTemplate, object("matchers")), "Codecs of the variants, as one text.", "", "{contains: avc1}", false, ""},
}}

// doWords are the kinds of rules. They and the words of `as` come from the rows
// of package diff, so that a new kind is known here at once.
var doWords = func() []string {
	var words []string
	for _, k := range diff.RuleKinds() {
		words = append(words, string(k.Do))
	}
	return words
}()

// asDoc lists the words of `as` by the kinds that take it.
var asDoc = func() string {
	var words, names []string
	for _, k := range diff.RuleKinds() {
		switch {
		case len(k.As) > 0:
			words = append(words, string(k.Do)+": "+strings.Join(k.As, ", ")+".")
		case slices.Contains(k.Params, "as"):
			names = append(names, string(k.Do))
		}
	}
	return strings.Join(words, " ") + " " + strings.Join(names, " and ") + ": a name."
}()

var ruleTable = Table{
	"rule",
	"A rule changes how differences at a place count. One of at, header, headers, where says the place, do says what happens.",
	[]Key{
		{"at", aText, "Path pattern into the body.", "", `"$..serverTime"`, false, "At"},
		{"header", aText, "One response header.", "", "x-served-by", false, "Header"},
		{"headers", orList(aText), "Response headers; with do: only.", "", "[content-type, etag]", false, "Headers"},
		{"where", aWord("status"), "The status line.", "", "status", false, "Where"},
		{"do", aWord(doWords...), "What happens to differences at the place.", "", "ignore", false, "Do"},
		{"by", orList(aText), "match: members that identify an element.", "", "id", false, "By"},
		{"as", orList(aText), asDoc, "", "set", false, ""},
		{"abs", aNumber(0, 1e300), "tolerance: largest difference.", "", "0.01", false, "Abs"},
		{"rel", aNumber(0, 1e6), "tolerance: largest difference as a ratio.", "", "0.2", false, "Rel"},
		{"within", aDuration(0, 366*86400), "time: largest difference.", "", "5s", false, "Within"},
		{"is", aText, "format: uuid, ulid, date-time, jwt, hex, base64, url, ipv4 or regex.", "", "uuid", false, "Is"},
		{
			"notation", aWord("any"),
			"time and format: the notation may differ too (T or a space, an offset or Z, letter case); of a jwt only the form counts.",
			"both sides write alike", "any", false, "Notation",
		},
		{"pattern", aText, "Regular expression of format: regex, or of a rewrite of text.", "", `"^[a-z]+$"`, false, "Pattern"},
		{"blue", aText, "rewrite: blue's text.", "", "blue.example.com", false, "BlueText"},
		{"green", aText, "rewrite: green's text.", "", "green.example.com", false, "GreenText"},
		{"kind", aWord("added", "removed", "changed", "type", "order"), "allow: the kind of change.", "", "added", false, "Kind"},
		{
			"max", oneOf(anInt(1, 1_000_000_000), aPercent(0.0001, 1)),
			"allow: the most that the rule hides of one pair of answers, as a number or as a share of the places that the path matches.",
			"all; of removed elements at most half of a list", "3", false, "Max",
		},
		{"allow", aBool, "leak: true switches the check off here.", "", "true", false, "Allow"},
		{"why", aText, "Why the rule is right. Needed by ignore, drop and allow.", "", "clock of the answering pod", false, "Why"},
		{"ticket", aText, "Where the change is tracked.", "", "STB-4711", false, "Ticket"},
		{"until", aDate, "Last day of the rule; past it the rule is a problem. Needed by allow.", "forever", "2027-03-31", false, "Until"},
		{"use", aText, "Takes the rules of a rule file in, instead of writing one.", "", "rules/release-2.4.yaml", false, ""},
	},
}

var ruleFileTable = Table{"rule file", "A rule file holds rules only, for diff --rules, rediff --rules and use: in a list of rules.", []Key{
	{"doc", aText, "What the rules are for.", "", "Accepted with release 2.4.", false, ""},
	{"rules", listOf(object("rule")), "The rules.", "", `[{at: "$..serverTime", do: ignore, why: clock of the answering pod}]`, true, ""},
}}

const loadDoc = "A load stage sends the same requests, or walks the same cases, on both sides at once and compares latency, " +
	"errors and answers."

// Rates have no field: a share needs the peak before it is a rate.
var loadTable = Table{"load", loadDoc, []Key{
	{"load", aText, "Name of the stage, unique in the suite.", "", "evening peak", true, "Name"},
	{
		"steps", listOf(object("load step")), "The cases that are sent or walked, with their weights.",
		"", "[{case: channel-list, weight: 7}, {case: epg, weight: 3}]", true, "",
	},
	{"rate", aRate, "Requests per second and side; walks, where a case has several steps.", "", "200/s", false, ""},
	{
		"rates", listOf(oneOf(aPercent(0.001, 10), aRate)), "A ladder of rates, as shares of peak or rates.",
		"", "[50%, 80%, 100%]", false, "",
	},
	{"peak", aRate, "The rate that shares in rates refer to.", "", "400/s", false, ""},
	{
		"users", object("users"), "A closed loop instead of a rate: users of each side who walk the cases one after the other.",
		"", "{count: 200, ramp: 30s, think: 1s, duration: 5m}", false, "",
	},
	{"duration", aDuration(1, 86400), "Longest measuring time, warm-up not included.", "2m", "2m", false, "Duration"},
	{
		"warmup", aDuration(0, 3600), "Time that is sent and not measured.",
		"5s or 200 requests, whichever is longer", "10s", false, "WarmUp",
	},
	{"margins", object("margins"), "How much worse is still no worse.", "p50 5%, p95 10%, p99 20%, errors 0.5%", "{p95: 10%}", false, ""},
	{"connections", anInt(1, 10000), "Most connections per side.", "64, or one for each user", "128", false, "Connections"},
	{"reconnect", aPercent(0, 1), "Share of requests that open a new connection.", "0%", "5%", false, "Reconnect"},
	{
		"pairing", aWord("simultaneous", "interleaved"), "Both sides at once, or in alternating blocks.",
		"simultaneous", "interleaved", false, "",
	},
	{"writes", aBool, "Whether steps with side effects are sent.", "false", "true", false, "Writes"},
	{"timeout", aDuration(0.001, 600), "How long one request may take.", "the step's", "5s", false, "Timeout"},
	{
		"identity", aText, "Response header that tells back ends apart: how many were reached is reported.",
		"the header of the suite's identity, else addresses", "X-Pod", false, "Identity",
	},
}}

// duration has no field, as it belongs to the stage.
var usersTable = Table{"users", "The users of a closed loop. How much they send follows from how fast they are answered.", []Key{
	{"count", anInt(1, 20000), "How many users walk on each side at the same time.", "", "200", true, "Count"},
	{"ramp", aDuration(0, 3600), "Time in which they begin, one after the other. It is not measured.", "all at once", "30s", false, "Ramp"},
	{
		"think", aSpan(0, 3600), "How long a user waits after a walk before the next: a duration or, evenly distributed, a range.",
		"not at all", "500ms..2s", false, "Think",
	},
	{"duration", aDuration(1, 86400), "Longest measuring time, as the stage's duration.", "the stage's", "5m", false, ""},
}}

var loadStepTable = Table{"load step", "One case of a load stage.", []Key{
	{"case", aText, "Id of a case, or suite/case for another suite. A case of several steps is walked whole.", "", "channel-list", true, ""},
	{"weight", anInt(1, 1_000_000), "Its share of the requests or walks.", "1", "7", false, "Weight"},
}}

var marginsTable = Table{"margins", "How much worse is still no worse.", []Key{
	{"p50", aMargin, "Median latency.", "5%", "5%", false, "P50"},
	{"p95", aMargin, "95th percentile.", "10%", `"10% or 2ms"`, false, "P95"},
	{"p99", aMargin, "99th percentile.", "20%", "20%", false, "P99"},
	{"errors", aPercent(0.00001, 1), "Rate of pairs in which only green failed.", "0.5%", "0.5%", false, "Errors"},
}}
