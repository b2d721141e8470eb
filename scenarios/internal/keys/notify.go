package keys

// The key table of who hears of a verdict.

var notifyTable = Table{"notify", "Who hears of a verdict once a run is archived. What goes wrong here is a warning and never changes " +
	"the verdict.", []Key{
	{
		"webhook", aText, "URL that gets a POST with a summary of the run as JSON, or `body`. http or https.",
		"one of webhook, webhook_env and slack_env is needed", "https://hooks.example/bgverify", false, "Webhook",
	},
	{"webhook_env", aName, "Environment variable with that URL, where the URL is a secret.", "none", "TEAMS_WEBHOOK", false, "WebhookEnv"},
	{"slack_env", aName, "Environment variable with the URL of an incoming webhook of Slack.", "none", "SLACK_WEBHOOK", false, "SlackEnv"},
	{
		"on", listOf(aWord("pass", "inconclusive", "broken", "fail", "interrupted", "rollback")),
		"Verdicts to report, and rollback: `bgverify shift` has rolled back, or `bgverify serve` answered Flagger that it must.",
		"[fail, broken, inconclusive, rollback]", "[fail, inconclusive]", false, "On",
	},
	{
		"body", aTemplate, "JSON to send in place of the summary. `{{verdict}}`, `{{run}}`, `{{suites}}`, `{{reasons}}`, `{{link}}`, " +
			"`{{blue}}`, `{{green}}`, " +
			"`{{event}}` and `{{digest}}` are replaced by text, escaped for JSON: write them inside quotes.",
		"the summary", `'{"text": "green: {{verdict}}, {{reasons}}"}'`, false, "Body",
	},
	{"token_env", aName, "Environment variable with a bearer token to send.", "none", "HOOK_TOKEN", false, "TokenEnv"},
	{
		"link", aTemplate, "Where people read the report; `{{run}}` and `{{folder}}` are replaced.",
		"none", "'https://bgverify.example/{{folder}}/report.html'", false, "Link",
	},
}}
