package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bgverify/bgverify/"

// allowed is the house: which of our packages a package may import. What is
// not here does not exist; a package below another never imports it back.
var allowed = map[string][]string{
	// Of tests alone:
	"internal/conformance":        {},
	"internal/conformance/status": {"internal/conformance"},
	"internal/steady":             {},

	"diff/media":                    {},
	"diff/internal/oracle":          {"diff"}, // imported by tests alone
	"diff/internal/gen":             {},
	"diff/perf":                     {"internal/text"},
	"internal/text":                 {},
	"internal/lazy":                 {},
	"internal/ballast":              {},
	"internal/hint":                 {},
	"internal/watch":                {"internal/hint"},
	"diff/literal":                  {},
	"diff/notation":                 {},
	"diff/path":                     {"internal/text", "diff/literal", "diff/notation"},
	"diff/token":                    {"internal/text", "diff/literal", "diff/notation"},
	"diff":                          {"diff/token", "internal/text", "diff/media", "diff/literal", "diff/notation", "diff/path"},
	"diff/cause":                    {"internal/text", "diff", "diff/literal", "diff/notation", "diff/path"},
	"diff/mutate":                   {"diff", "diff/literal"},
	"internal/suggest":              {},
	"internal/tree":                 {"internal/hint"},
	"scenarios/problem":             {},
	"scenarios/template":            {"internal/lazy", "internal/text", "internal/suggest", "scenarios/problem"},
	"scenarios/internal/source":     {"internal/lazy", "scenarios/problem"},
	"scenarios/internal/bodyschema": {"internal/suggest"},
	"scenarios/internal/layout":     {"internal/text", "scenarios/template"},
	"scenarios/internal/keys": {
		"internal/text", "diff", "diff/path", "diff/perf", "internal/suggest", "scenarios/problem", "scenarios/template", "scenarios/internal/layout", "scenarios/internal/source",
	},
	"scenarios/stage":   {"internal/lazy", "diff", "scenarios/problem", "scenarios/template", "scenarios/internal/source", "scenarios/internal/keys"},
	"scenarios/rows":    {"scenarios/problem", "scenarios/template", "scenarios/internal/source"},
	"scenarios/openapi": {"internal/lazy", "diff", "scenarios/internal/source", "scenarios/problem", "scenarios/template"},
	"scenarios/apiuse":  {"internal/text", "scenarios", "scenarios/openapi", "scenarios/template"},
	"scenarios": {
		"scenarios/openapi", "internal/text", "diff", "diff/path", "diff/perf", "internal/suggest",
		"scenarios/stage", "scenarios/shiftfile", "scenarios/problem", "scenarios/template", "scenarios/rows", "scenarios/internal/source", "scenarios/internal/keys", "scenarios/internal/bodyschema",
	},
	"scenarios/stb":   {},
	"runner/wire":     {},
	"runner/envelope": {"internal/lazy", "diff", "diff/path", "diff/media"},
	"runner/attack":   {"internal/text", "diff/perf", "runner/run", "runner/wire", "runner/attack/gauge", "runner/attack/sleep"},
	// Parts of an attack, and the judgement of what other tools recorded:
	"runner/attack/gauge":    {},
	"runner/attack/sleep":    {},
	"runner/attack/recorded": {"internal/text", "diff/perf", "runner/attack", "runner/run"},

	"runner/fleet":     {"internal/hint", "internal/text", "diff/perf", "runner/attack", "runner/run"},
	"runner/run":       {"internal/text", "diff", "diff/cause", "diff/perf", "scenarios", "scenarios/template", "runner/wire"},
	"runner/random":    {},
	"runner/judge":     {"internal/suggest", "internal/text", "diff", "diff/path", "diff/literal", "diff/media", "diff/mutate", "diff/notation", "scenarios", "scenarios/template", "runner/envelope", "runner/random", "runner/run", "runner/wire"},
	"runner/verdict":   {"internal/text", "diff", "diff/cause", "diff/perf", "scenarios", "runner/run", "runner/judge", "runner/wire"},
	"runner/asks":      {"diff", "diff/perf", "scenarios", "runner/run", "runner/verdict"},
	"runner/parcel":    {"internal/hint", "internal/tree", "runner", "runner/wire", "scenarios"},
	"runner/rounds":    {"runner", "runner/run"},
	"runner/services":  {"runner/places", "runner/wire", "scenarios"},
	"runner/places":    {"diff", "scenarios", "runner/run", "runner/wire"},
	"runner/transport": {"internal/text", "runner/judge", "runner/run", "runner/verdict", "runner/wire"},
	"runner/findings":  {"internal/text", "diff", "diff/cause", "diff/perf", "runner/attack", "runner/judge", "runner/run", "runner/verdict", "runner/wire", "scenarios"},
	"runner":           {"runner/findings", "runner/services", "runner/asks", "runner/places", "runner/transport", "runner/verdict", "internal/text", "diff", "diff/cause", "diff/perf", "scenarios", "scenarios/template", "runner/run", "runner/random", "runner/judge", "runner/wire", "runner/attack"},
	"runner/calibrate": {"runner/run", "internal/hint", "internal/text", "diff", "diff/notation", "diff/path", "diff/perf", "scenarios", "runner"},
	"runner/scout":     {"internal/text", "diff", "runner/wire"},
	"runner/selftest":  {"runner/run", "internal/hint", "internal/text", "diff", "scenarios", "runner", "runner/wire", "fixtures/faultproxy"},
	"report":           {"report/words", "report/source", "report/page", "internal/text", "runner/run", "runner/wire", "diff", "diff/cause", "diff/perf", "scenarios"},
	"report/words":     {"internal/text", "runner/run", "diff", "diff/perf"},
	"report/source":    {"report/words", "internal/text", "runner/run", "runner/wire", "diff", "diff/cause", "diff/perf"},
	"report/page":      {"internal/lazy", "report/archive/history", "report/words", "report/source", "internal/text", "runner/run", "runner/wire", "diff", "diff/cause", "diff/perf"},
	"report/archive": {
		"report/archive/disk", "report/archive/history", "report/archive/redact", "internal/hint", "internal/suggest", "internal/text", "runner/run", "runner/wire", "diff", "diff/cause", "diff/notation", "diff/perf", "scenarios",
	},
	"report/archive/disk":              {},
	"report/archive/redact":            {"internal/text", "diff", "diff/notation"},
	"report/archive/history":           {"internal/lazy", "internal/text", "report/archive/disk", "runner/run", "diff", "diff/cause", "diff/perf"},
	"report/archive/replay":            {"internal/text", "internal/tree", "scenarios/template", "report/archive/redact", "report/archive/history", "runner/run", "internal/hint", "diff", "diff/notation", "diff/perf", "runner", "runner/attack", "runner/wire", "report/archive"},
	"report/archive/remote":            {"internal/lazy", "internal/hint", "report/archive", "report/archive/history", "scenarios/stage"},
	"report/archive/remote/remotetest": {}, // imported by tests alone
	"report/ci":                        {"report", "runner/run"},
	"report/notify":                    {"internal/text", "runner/run", "scenarios/stage"},
	"report/archive/merge":             {"report/archive", "report/archive/replay", "runner", "runner/run", "internal/hint"},
	"report/serve":                     {"internal/lazy", "report/archive", "report/archive/disk", "report/archive/history", "runner/run", "internal/hint", "internal/suggest", "internal/text"},
	"report/reporttest":                {"runner/run", "runner/wire", "diff", "diff/cause", "diff/perf", "scenarios", "report"},
	"fixtures":                         {"internal/suggest"},
	"fixtures/faultproxy":              {},

	// The import of other tools: one package a source, over internal.
	"scenarios/convert": {
		"scenarios/convert/postman", "scenarios/convert/curl", "scenarios/convert/har", "scenarios/convert/openapi", "scenarios/convert/jmeter", "scenarios/convert/internal/naming",
		"scenarios/convert/internal/model", "scenarios/convert/internal/source", "scenarios/convert/internal/write", "scenarios/internal/bodyschema",
	},
	"scenarios/convert/imported": {"internal/hint", "internal/text", "scenarios", "scenarios/convert"},
	"scenarios/convert/postman": {
		"scenarios", "scenarios/template", "scenarios/convert/postman/script", "scenarios/convert/postman/script/claim", "scenarios/convert/internal/model",
		"scenarios/convert/internal/naming", "scenarios/convert/internal/source", "scenarios/convert/internal/write",
	},
	"scenarios/convert/postman/script": {
		"scenarios/template", "scenarios/convert/internal/model", "scenarios/convert/internal/naming", "scenarios/convert/internal/source",
		"scenarios/convert/postman/script/claim",
	},
	"scenarios/convert/postman/script/claim": {
		"diff", "scenarios/template", "scenarios/convert/internal/model", "scenarios/convert/internal/naming", "scenarios/convert/internal/source",
	},
	"scenarios/convert/curl": {
		"internal/lazy", "scenarios/template", "scenarios/convert/internal/model", "scenarios/convert/internal/naming", "scenarios/convert/internal/source",
		"scenarios/convert/internal/web",
	},
	"scenarios/convert/openapi": {
		"scenarios", "scenarios/openapi", "scenarios/internal/bodyschema", "scenarios/template", "scenarios/convert/internal/model",
		"scenarios/convert/internal/naming", "scenarios/convert/internal/source", "scenarios/convert/internal/write",
	},
	"scenarios/convert/har": {
		"internal/lazy", "scenarios/template", "scenarios/convert/internal/model", "scenarios/convert/internal/naming", "scenarios/convert/internal/source",
		"scenarios/convert/internal/web",
	},
	"scenarios/convert/jmeter": {
		"internal/lazy", "scenarios/convert/internal/model", "scenarios/convert/internal/naming", "scenarios/convert/internal/source",
		"scenarios/convert/internal/web", "scenarios/convert/internal/write", "scenarios/template",
	},
	"scenarios/convert/internal/web": {
		"scenarios/template", "scenarios/convert/internal/model", "scenarios/convert/internal/naming", "scenarios/convert/internal/source",
		"scenarios/convert/internal/write",
	},
	"scenarios/convert/internal/write": {
		"scenarios/internal/keys", "scenarios/internal/layout", "scenarios/convert/internal/model", "scenarios/convert/internal/naming",
	},
	"scenarios/convert/internal/model":       {"scenarios/convert/internal/naming", "scenarios/internal/bodyschema"},
	"scenarios/convert/internal/source":      {"scenarios/template", "scenarios/convert/internal/naming"},
	"scenarios/convert/internal/naming":      {"internal/text", "scenarios/template"},
	"scenarios/convert/internal/converttest": {"scenarios/convert/internal/model", "scenarios"},

	// Traffic from blue to green: the machine is pure, the mechanisms are rooms below shift.
	"scenarios/shiftfile":    {"scenarios/problem", "scenarios/template", "scenarios/internal/source", "scenarios/internal/keys"},
	"runner/shift/machine":   {},
	"runner/probe":           {"internal/text", "runner", "runner/run", "runner/wire", "runner/shift", "runner/shift/machine", "scenarios"},
	"runner/shift":           {"internal/hint", "scenarios/shiftfile", "runner/shift/machine"},
	"runner/shift/command":   {"internal/text", "scenarios/shiftfile", "runner/shift", "runner/shift/machine"},
	"runner/shift/haproxy":   {"internal/hint", "internal/text", "scenarios/shiftfile", "runner/shift", "runner/shift/machine"},
	"runner/shift/route53":   {"internal/hint", "scenarios/shiftfile", "runner/shift", "runner/shift/machine"},
	"runner/shift/gateway":   {"internal/hint", "runner/cluster/kube", "scenarios/shiftfile", "runner/shift", "runner/shift/machine"},
	"report/shiftpage":       {"internal/text", "runner/shift"},
	"runner/shift/shifttest": {"runner", "runner/probe", "runner/shift", "scenarios", "scenarios/shiftfile"}, // imported by tests alone
	"runner/shift/drivers":   {"internal/hint", "scenarios/shiftfile", "runner/shift", "runner/shift/command", "runner/shift/haproxy", "runner/shift/route53", "runner/shift/gateway"},

	// The clusters that the sides run on: each idea is a room below the one that a run asks.
	"runner/cluster/kube":      {"internal/hint", "internal/suggest"},
	"runner/cluster/kubetest":  {"runner/cluster/kube"}, // imported by tests alone
	"runner/cluster/ready":     {"internal/lazy", "internal/text", "runner/cluster/kube", "runner/run", "scenarios/stage"},
	"runner/cluster/inventory": {"runner/cluster/kube"},
	"runner/cluster/alike":     {"internal/lazy", "internal/text", "diff", "diff/cause", "runner/cluster/inventory", "runner/run", "scenarios/stage"},
	"runner/cluster/resources": {"internal/hint", "internal/text", "runner/run", "scenarios/stage"},
	"runner/cluster/routes":    {"internal/lazy", "runner/cluster/inventory", "runner/run"},
	"runner/cluster":           {"internal/hint", "internal/text", "runner/cluster/alike", "runner/cluster/inventory", "runner/cluster/kube", "runner/cluster/ready", "runner/cluster/routes", "runner/run", "scenarios/problem", "scenarios/stage"},

	// The proxy between clients and services, and what is made of what passes.
	"runner/tap":        {"internal/hint"},
	"runner/tap/record": {"internal/hint", "internal/text", "runner/tap"},
	"runner/tap/double": {"diff", "internal/hint", "internal/text", "runner", "runner/run", "runner/tap", "runner/wire", "scenarios"},

	"cmd/bgverify": {
		"runner/tap", "runner/tap/double", "runner/tap/record",
		"internal/tree", "report/ci", "runner/rounds", "scenarios/convert/imported", "diff/media",
		"diff", "diff/cause", "diff/perf", "scenarios", "scenarios/stb", "scenarios/convert", "runner", "runner/asks", "runner/run", "runner/wire", "runner/attack",
		"runner/attack/recorded", "runner/calibrate", "runner/fleet", "runner/parcel", "runner/scout", "runner/selftest", "runner/probe", "report/shiftpage", "runner/shift", "runner/shift/command", "runner/shift/drivers", "runner/shift/machine", "scenarios/shiftfile", "report", "report/notify", "report/page", "report/serve", "report/source", "report/words",
		"report/archive", "report/archive/disk", "report/archive/history", "report/archive/merge", "report/archive/remote", "report/archive/redact", "report/archive/replay",
		"fixtures", "fixtures/faultproxy", "internal/ballast", "internal/hint", "internal/text", "internal/watch", "internal/suggest", "scenarios/template",
		"scenarios/apiuse", "scenarios/openapi",
		"runner/cluster", "runner/cluster/resources", "scenarios/problem", "scenarios/stage",
	},
}

// owner says which of our packages may import a third-party module.
var owner = map[string][]string{
	"github.com/tsenart/vegeta/v12":            {"runner/attack", "runner/attack/recorded"}, // one fires, the other reads result files
	"github.com/tidwall/gjson":                 {"runner/calibrate"},
	"github.com/aws/aws-sdk-go-v2":             {"runner/cluster/resources", "runner/shift/route53", "report/archive/remote"},
	"github.com/aws/smithy-go":                 {"runner/shift/route53", "report/archive/remote"},
	"gopkg.in/yaml.v3":                         {"scenarios", "scenarios/shiftfile", "scenarios/stage", "scenarios/internal/source", "scenarios/internal/keys", "scenarios/openapi", "scenarios/convert/postman"},
	"github.com/olekukonko/tablewriter":        {"report", "report/page"},
	"github.com/google/go-cmp":                 {"diff/internal/oracle", "scenarios/convert/internal/converttest"},
	"github.com/nats-io":                       {"runner/fleet"},
	"github.com/spf13/cobra":                   {"cmd/bgverify"},
	"github.com/fsnotify/fsnotify":             {"internal/watch"},
	"gonum.org/v1/gonum":                       {"diff/perf"},
	"github.com/santhosh-tekuri/jsonschema/v6": {"scenarios/internal/bodyschema"},
	"github.com/mattn/go-runewidth":            {"scenarios/problem", "report"},
	"github.com/dop251/goja":                   {"scenarios/convert/postman/script"},
	"mvdan.cc/sh/v3":                           {"scenarios/convert/curl"},
	"github.com/Shopify/toxiproxy/v2":          {}, // tests alone
	"go.uber.org/goleak":                       {}, // tests alone
	"k8s.io/client-go":                         {"runner/cluster/kube"},
	"k8s.io/apimachinery":                      {"runner/cluster/kube"},
	"k8s.io/klog/v2":                           {"runner/cluster/kube"},
}

// pure lists the packages that may neither touch the world nor read a clock.
var pure = []string{
	"internal/text", "internal/suggest", "scenarios/problem", "scenarios/template", "scenarios/internal/layout", "diff",
	"diff/literal", "diff/notation", "diff/token", "diff/path", "diff/cause", "diff/media", "diff/mutate", "diff/perf",
	"runner/envelope", "runner/run", "runner/random", "runner/judge", "runner/verdict", "runner/shift/machine", "runner/asks", "runner/transport",
}

func TestImports(t *testing.T) {
	if testing.Short() {
		t.Skip("go list of the whole module: skipped with -short")
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		if strings.Contains(pkg, "/node_modules/") { // what npm brought holds Go too
			continue
		}
		may, known := allowed[pkg]
		if !known {
			t.Errorf("package %s has no line in the table of the house", pkg)
			continue
		}
		for _, imp := range fields[1:] {
			if ours, ok := strings.CutPrefix(imp, module); ok && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s, which the table does not allow", pkg, ours)
			}
			for mod, owners := range owner {
				if (imp == mod || strings.HasPrefix(imp, mod+"/")) && !slices.Contains(owners, pkg) {
					t.Errorf("%s imports %s, which belongs to %v", pkg, imp, owners)
				}
			}
			if pkg == "runner/judge" && (imp == "sync" || strings.HasPrefix(imp, "sync/")) {
				t.Errorf("%s imports %s: nothing that judges is shared between goroutines", pkg, imp)
			}
			if slices.Contains(pure, pkg) && (imp == "os" || imp == "net/http" || imp == "net") {
				t.Errorf("%s is pure and imports %s", pkg, imp)
			}
		}
	}
}
