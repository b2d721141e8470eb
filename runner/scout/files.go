package scout

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
)

// Names of the files that a first look writes.
const (
	ConfigFile = "bgverify.yaml"
	EnvFile    = "env/first.yaml"
	SuiteFile  = "scenarios/first.yaml"
	SuiteDir   = "scenarios"
)

// Config is bgverify.yaml: which folder has the suites and which env file a run takes.
func Config() []byte {
	return []byte(`# Defaults of bgverify in this folder: "bgverify run" is enough.
paths: [` + SuiteDir + `]
envs: {first: ` + EnvFile + `}
env: first
`)
}

// Env is the env file: addresses, identity, and rules, which is YAML that begins with
// the key rules; empty: none are known yet.
func Env(blue, green string, found *Found, rules []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "doc: The first stage. Copy this file for each further one.\nsides:\n  blue: {url: %s}\n  green: {url: %s}\n",
		text.Quote(blue), text.Quote(green))
	if len(found.Identity) > 0 {
		b.WriteString("\n# What each side says it is. A run asks before and after its cases.\nidentity:\n")
		for _, id := range found.Identity {
			fmt.Fprintf(&b, "  - {get: %s, %s, must: %s}   # seen: %s and %s\n",
				text.Quote(id.Get), id.place(), id.Must, text.Quote(id.Blue), text.Quote(id.Green))
		}
	} else {
		b.WriteString(`
# No value was found that differs between blue and green and stays the same on each.
# Until there is an identity, a run cannot show that they are two clusters:
# identity:
#   - {get: /version, at: $.cluster, must: differ}
`)
	}
	require := "compare"
	for _, id := range found.Identity {
		if id.Must == Differ {
			require = "compare, identity"
		}
	}
	fmt.Fprintf(&b, "\n# A run that leaves one of these out is inconclusive, whatever its flags.\nrequire: [%s]\n", require)
	b.WriteString("\n# Load and requests that write are refused off loopback until the stage allows them:\n# limits: {load: allow, writes: " +
		"allow, max_rps: 50}\n")
	if len(rules) > 0 {
		b.WriteString("\n")
		b.Write(bytes.TrimRight(rules, "\n"))
		b.WriteString("\n")
	}
	return b.Bytes()
}

// place is where an identity's value is, as a key of the file.
func (id *Identity) place() string {
	if id.Header != "" {
		return "header: " + text.Quote(id.Header)
	}
	return "at: " + text.Quote(id.At)
}

// Suite is the first suite: one case for each path that blue answers.
func Suite(found *Found) []byte {
	var b bytes.Buffer
	b.WriteString("suite: first\ndoc: What was found at a first look. Replace it by what your clients really ask.\n")
	if !found.Asks() {
		b.WriteString(`
# Health and version say nothing of what clients ask, so that this suite cannot pass a run.
# Add cases that matter, then remove this line:
gate: advisory
`)
	}
	b.WriteString("\ncases:\n")
	names := map[string]bool{}
	for _, e := range found.Endpoints {
		fmt.Fprintf(&b, "  - case: %s\n    get: %s\n", caseName(e.Path, names), text.Quote(e.Path))
		if e.Media != "" {
			fmt.Fprintf(&b, "    expect:\n      headers: {content-type: {contains: %s}}\n", text.Quote(e.Media))
		}
		// What tells the clusters apart is checked by the identity, and differs here.
		for _, id := range found.Identity {
			if id.Get == e.Path && id.Must == Differ {
				fmt.Fprintf(&b, "    rules:\n      - {%s, do: ignore, why: names the cluster; the identity checks that it differs}\n", id.place())
			}
		}
	}
	return b.Bytes()
}

// caseName makes a name of a path that no other case has: /v1/channels gives v1-channels.
func caseName(path string, taken map[string]bool) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.':
			return r
		}
		return '-'
	}, path), "-.")
	if name == "" {
		name = "root"
	}
	name = name[:min(len(name), 90)]
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", name, n)
	}
	taken[unique] = true
	return unique
}
