package scenarios

var configTable = table{"config", "bgverify.yaml in the working folder names env files and defaults of flags.", []key{
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
	{"keep_days", anInt(1, 36500), "Days that runs are kept.", "for ever", "90", false, "KeepDays"},
	{
		"on_inconclusive", aWord("block", "warn", "retry"), "What an inconclusive load stage does.",
		"block", "retry", false, "OnInconclusive",
	},
	{"format", listOf(aName), "Report formats to write.", "all", "[html, junit]", false, "Format"},
}}
