package keys

// tables are the key tables, in the order in which docs/format.md prints them.
var tables = []*Table{
	&suiteTable, &caseTable, &stepTable, &requestTable, &multipartTable, &graphqlTable, &authTable, &basicTable, &apiKeyTable,
	&oauth2Table, &digestTable, &hmacTable, &awsTable, &expectTable, &sideExpectTable, &whenTable, &latencyTable, &matchersTable,
	&notTable, &countTable, &hlsTable, &captureTable, &pollTable, &retryTable, &dataTable, &quarantineTable, &ruleTable,
	&defaultsTable, &sidesTable, &sideTable, &serviceTable, &tlsTable, &identityTable, &answerTable, &transportTable,
	&transportAllowTable, &sessionTable, &coverageTable, &flakyTable, &loadTable, &loadStepTable, &usersTable, &marginsTable,
	&partsTable, &ruleFileTable, &envTable, &limitsTable, &clustersTable, &clusterTable, &readyTable, &readyApplicationsTable,
	&readyExpectTable, &readyWorkloadsTable, &alikeTable, &alikeRuleTable, &clusterServicesTable, &prometheusTable,
	&prometheusServerTable, &prometheusQueryTable, &notifyTable, &requireTable, &configTable, &shiftTable, &holdTable,
	&shiftBeforeTable, &shiftGateTable, &shiftDuringTable, &shiftProbeTable, &shiftAfterTable, &shiftRunTable, &confirmTable,
	&driverTable, &execDriverTable, &haproxyDriverTable, &route53DriverTable, &routeDriverTable,
}

// Order lists the names of the key tables as docs/format.md prints them.
var Order = func() []string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	return names
}()

// Tables are the key tables by name: the closed lists that the walker, the JSON
// Schema and docs/format.md share.
var Tables = func() map[string]*Table {
	m := map[string]*Table{}
	for _, t := range tables {
		m[t.Name] = t
	}
	return m
}()

// foreignKeys are the words of other tools, with ours.
var foreignKeys = map[string]string{
	"assert": `write expect:`, "asserts": `write expect:`, "asserters": `write expect:`, "tests": `write expect:`,
	"test": "write case: or expect:", "validate": "write expect:",
	"captures": "write capture:", "extract": "write capture:", "bind": "write capture:",
	"body": "write json:, form:, xml: or text:", "url": "write the verb: get: /path",
	"method": "write the verb: get: /path, or request: {method, url}", "path": "write the verb: get: /path",
	"uri":       "write the verb: get: /path",
	"variables": "write vars:", "var": "write vars:", "params": "write query:", "querystringparams": "write query:",
	"header": "write headers:", "baseurl": "write url: in sides:",
	"description": "write doc:", "desc": "write doc:", "ignore": "write a rule: rules: [{at: …, do: ignore, why: …}]",
	"include": "write use:", "import": "write use:",
	"sleep": "write pause:", "delay": "write pause:", "wait": "write pause:", "if": "write when:", "loop": "write repeat: or data:",
	"retries": "write retry:", "before": "write setup:", "after": "write teardown: or cleanup:",
	"scenario": "write suite: or case:", "requests": "write cases: or steps:", "basicauth": "write auth: {basic: …}",
	"digestauth": "write auth: {digest: …}", "sigv4": "write aws:", "jsonpath": "write at:", "awsv4": "write aws:",
	"apikey": "write api_key:", "threshold": "write margins:", "thresholds": "write margins:", "stages": "write rates:",
	"vus": "write rate:",
}

// foreignRuleKeys are what somebody writes for the keys of a rule.
var foreignRuleKeys = map[string]string{
	"path": "write at:", "jsonpath": "write at:", "field": "write at:", "pointer": "write at:", "action": "write do:",
	"ignore": "write at: with do: ignore", "reason": "write why:", "because": "write why:", "headers": "write header:",
}

// foreignEnvKeys are what somebody writes at the top of an env file.
var foreignEnvKeys = map[string]string{
	"suite": "this is a suite: name it as PATH, and an env file with --env", "cases": "cases belong to a suite, which is named as PATH",
	"blue": "write sides: {blue: {url: …}, green: {url: …}}", "green": "write sides: {blue: {url: …}, green: {url: …}}",
	"variables": "write vars:", "headers": "headers belong to a side: sides: {blue: {headers: …}}",
}

// foreignMatchers are the matchers of other tools, with ours.
var foreignMatchers = map[string]string{
	"equals": "write eq:", "equal": "write eq:", "equalto": "write eq:", "is": "write eq:", "value": "write eq:",
	"notequals": "write ne:", "not": "write ne:",
	"greaterthan": "write gt:", "lessthan": "write lt:", "min": "write gte:", "max": "write lte:", "size": "write count:",
	"length": "write count:", "len": "write count:", "haslength": "write count:",
	"regex": "write matches:", "pattern": "write matches:", "startswith": `write matches: "^…"`, "endswith": `write matches: "…$"`,
	"includes": "write contains:", "oneof": "write in:", "enum": "write in:",
	"isstring": "write type: string", "isinteger": "write type: integer", "isboolean": "write type: boolean",
	"isempty": "write empty: true", "isnull": "write eq: null", "null": "write eq: null", "present": "write exists: true",
	"every": "write each:", "all": "write each:",
}

var configTable = Table{"config", "bgverify.yaml in the working folder names env files and defaults of flags.", []Key{
	{
		"envs", mapOf(aFile), "Env files by stage, for --env NAME.",
		"none", "{dev: envs/dev.yaml, production: envs/production.yaml}", false, "",
	},
	{"env", aName, "Stage of runs that name none.", "none", "dev", false, "Env"},
	{"paths", listOf(aText), "Scenario files and folders of runs that name none.", "none", "[scenarios]", false, "Paths"},
	{"out", aText, "Folder of the runs.", "runs", "runs", false, "Out"},
	{"concurrency", anInt(1, 1024), "Cases walked at once.", "8", "16", false, "Concurrency"},
	{"timeout", aDuration(1, 7*86400), "Longest time of a run.", "none", "30m", false, "Timeout"},
	{"keep", anInt(1, 1_000_000), "Runs that are kept.", "all", "200", false, "Keep"},
	{"keep_days", anInt(1, 36500), "Days that runs are kept.", "forever", "90", false, "KeepDays"},
	{
		"on_inconclusive", aWord("block", "warn", "retry"), "What an inconclusive load stage does.",
		"block", "retry", false, "OnInconclusive",
	},
	{"format", listOf(aName), "Report formats to write.", "all", "[html, junit]", false, "Format"},
}}
