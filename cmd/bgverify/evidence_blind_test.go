package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The comparison sees everything: what a folding comparator would take for
// equal ends as a difference, and what it cannot see is no PASS.
func TestEvidenceComparatorBlind(t *testing.T) {
	t.Parallel()
	rules := func(rules string) string {
		return "suite: one\nrules:\n" + rules + "cases:\n  - {case: item, get: /item}\n"
	}
	cookies := func(second string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header()["X-Flag"] = []string{"one", second}
			says(`{"a":1}`)(w, r)
		}
	}
	trailing := func(status string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "Grpc-Status")
			says(`{"a":1}`)(w, r)
			w.Header().Set("Grpc-Status", status)
		}
	}
	deep := func(leaf string) string { return strings.Repeat("[", 20000) + leaf + strings.Repeat("]", 20000) }
	prove(t, "comparator_blind", []proof{
		{name: "everything ignored as $", suite: rules("  - {at: $, do: ignore, why: lazy}\n"), status: 2, reason: `suite\.yaml:\d+:\d+: error: at: the whole body cannot be hidden`},
		{name: "everything ignored as $..*", suite: rules("  - {at: '$..*', do: ignore, why: lazy}\n"), status: 2, reason: `suite\.yaml:\d+:\d+: error: `},
		{name: "everything dropped", suite: rules("  - {at: '$', do: drop, why: lazy}\n"), status: 2, reason: `suite\.yaml:\d+:\d+: error: `},
		{name: "everything ignored piece by piece", suite: rules("  - {at: '$.*', do: ignore, why: lazy}\n"), blue: says(`{"a":1,"b":{"c":2}}`), green: says(`{"a":3,"b":{"c":4}}`), status: 4, reason: `vacuous: none of the body's \d+ values is compared`},
		{name: "everything dropped piece by piece", suite: rules("  - {at: '$.*', do: drop, why: lazy}\n"), blue: says(`{"a":1,"b":{"c":2}}`), green: says(`{"a":3}`), status: 4, reason: `vacuous`},
		{name: "only headers that are not there", suite: rules("  - {headers: [x-nothing], do: only}\n  - {at: '$.*', do: ignore, why: lazy}\n"), blue: says(`{"a":1}`), status: 4, reason: `vacuous`},
		{name: "shape alone by default", suite: "suite: one\ndefaults: {mode: shape}\ncoverage: {min: 50%}\ncases:\n  - {case: item, get: /item}\n", blue: says(`{"a":1}`), green: says(`{"a":2}`), status: 4, reason: `coverage 0 % is below its minimum of 50 %`},
		{name: "a pattern that takes anything", suite: rules("  - {at: '$.*', do: format, is: regex, pattern: '.*'}\n"), blue: says(`{"a":"x","b":"y"}`), green: says(`{"a":"p","b":"q"}`), status: 4, reason: `vacuous: none of the body's 2 values is compared`},
		{name: "a tolerance as wide as the values", suite: rules("  - {at: '$.*', do: tolerance, abs: 100000}\n"), blue: says(`{"a":1,"b":2}`), green: says(`{"a":900,"b":5}`), status: 4, reason: `vacuous: none of the body's 2 values is compared`},
		{name: "every value mapped", suite: rules("  - {at: '$.*', do: map, as: any}\n"), blue: says(`{"a":"x","b":"y"}`), green: says(`{"a":"p","b":"q"}`), status: 4, reason: `vacuous: no change`},
		{name: "every change allowed", suite: rules("  - {at: '$.*', do: allow, kind: changed, why: planned, ticket: STB-1, until: 2999-01-31}\n"), blue: says(`{"a":"x","b":"y"}`), green: says(`{"a":"p","b":"q"}`), status: 4, reason: `vacuous: none of the body's 2 values is compared`},
		{
			name: "a list dropped, one value left", suite: rules("  - {at: $.channels, do: drop, why: noisy}\n"), blue: says(`{"channels":[` + strings.Repeat(`{"id":"c","price":1},`, 40) + `{}],"total":40}`), green: says(`{"channels":[{"id":"X","price":"free"}],"total":40}`),
			status: 4, reason: `vacuous: 1 of the body's 82 values are compared or expected, less than 20 %`,
		},
		{
			name: "a list dropped, another member expected", suite: strings.Replace(rules("  - {at: $.channels, do: drop, why: noisy}\n"), "get: /item}", "get: /item, expect: {body: {$.total: 40}}}", 1), blue: says(`{"channels":[` + strings.Repeat(`{"id":"c","price":1},`, 40) + `{}],"total":40}`), green: says(`{"channels":[],"total":40}`),
			status: 4, reason: `vacuous: 1 of the body's 82 values are compared or expected`,
		},
		{
			name: "more than half of a list gone, one removal allowed", suite: rules("  - {at: '$.channels[*]', do: allow, kind: removed, why: one was retired, until: 2999-01-31}\n"), blue: says(`{"channels":[{"id":1},{"id":2},{"id":3}],"total":3}`), green: says(`{"channels":[],"total":3}`),
			status: 1, reason: `\$\.channels\[\*\] removed`,
		},
		{name: "trailers", suite: one, blue: trailing("0"), green: trailing("13"), status: 1, reason: `(?i)header trailer:grpc-status changed`},
		{name: "length of what HEAD asks for", suite: "suite: one\ncases:\n  - {case: item, head: /item}\n", blue: says(`{"a":1}`), green: says(`{"a":1,"b":2}`), status: 1, reason: `header content-length changed`},
		{
			name: "rule hitting nothing", suite: rules("  - {at: '$.itmes[*].at', do: ignore, why: clock}\n"), blue: says(`{"items":[{"at":1}]}`), green: says(`{"items":[{"at":2}]}`),
			status: 1, reason: `\$\.items\[\*\]\.at changed`, warns: `rule suite\.yaml:\d+:\d+ \(ignore +\$\.itmes\[\*\]\.at\) matched nothing`,
		},
		{
			name: "allow that is expired", suite: rules("  - {at: '$.a', do: allow, kind: changed, why: planned, ticket: STB-1, until: 2020-01-31}\n"),
			status: 2, reason: `suite\.yaml:\d+:\d+: error: the rule expired on 2020-01-31`,
		},
		{name: "duplicate keys", suite: one, blue: says(`{"a":1,"a":2}`), green: says(`{"a":2}`), status: 1, reason: `duplicate|\$\.a`},
		{name: "duplicate keys on both sides", suite: one, blue: says(`{"a":1,"a":2}`), green: says(`{"a":3,"a":2}`), status: 1, reason: `duplicate|\$\.a`},
		{name: "big numbers", suite: one, blue: says(`{"id":9007199254740993}`), green: says(`{"id":9007199254740992}`), status: 1, reason: `\$\.id changed`},
		{name: "long decimals", suite: one, blue: says(`{"id":0.10000000000000000001}`), green: says(`{"id":0.1}`), status: 1, reason: `\$\.id changed`},
		{name: "exponents beyond a float", suite: one, blue: says(`{"id":1e999}`), green: says(`{"id":2e999}`), status: 1, reason: `\$\.id changed`},
		{name: "invalid UTF-8", suite: one, blue: says("{\"a\":\"\xff\"}"), green: says("{\"a\":\"\xfe\"}"), status: 1, reason: `UTF-8|\$\.a|JSON`},
		{name: "lone surrogates", suite: one, blue: says(`{"a":"\ud800"}`), green: says(`{"a":"\ud801"}`), status: 1, reason: `surrogate|\$\.a|UTF|JSON`},
		{name: "bytes after the first value", suite: one, blue: says(`{"a":1}`), green: says(`{"a":1}{"b":2}`), status: 1, reason: `after|trailing|JSON`},
		{name: "bytes after the first value on both sides", suite: one, blue: says(`{"a":1}{"b":1}`), green: says(`{"a":1}{"b":2}`), status: 1, reason: `after|trailing|JSON|differ|changed`},
		{
			name: "redaction before comparison", suite: "suite: one\nsecrets: [token]\ncases:\n  - case: item\n    get: /item\n    expect: {status: 200}\n    capture: {token: $.token}\n",
			blue: says(`{"token":"blue-secret-1"}`), green: says(`{"token":"green-secret-2"}`), status: 1, reason: `\$\.token changed`,
		},
		{name: "redacted header", suite: one, blue: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Api-Key", "blue-secret-1")
			says(`{"a":1}`)(w, r)
		}, green: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Api-Key", "green-secret-2")
			says(`{"a":1}`)(w, r)
		}, status: 1, reason: `(?i)header x-api-key`},
		{name: "second value of a header", suite: one, blue: cookies("two"), green: cookies("three"), status: 1, reason: `(?i)header x-flag`},
		{name: "set loses multiplicity", suite: rules("  - {at: $.tags, do: match, by: value}\n"), blue: says(`{"tags":["a","a","b"]}`), green: says(`{"tags":["a","b","b"]}`), status: 1, reason: `\$\.tags`},
		{name: "order", suite: one, blue: says(`{"tags":["a","b"]}`), green: says(`{"tags":["b","a"]}`), status: 1, reason: `\$\.tags`},
		{name: "null, absent and empty", suite: one, blue: says(`{"a":null,"b":[]}`), green: says(`{"b":[]}`), status: 1, reason: `\$\.a`},
		{name: "number as a string", suite: one, blue: says(`{"a":1650}`), green: says(`{"a":"1650"}`), status: 1, reason: `\$\.a type`},
		{name: "noise that confirm finds", suite: "suite: one\ncases:\n  - {case: item, get: /item, confirm: 2}\n", blue: says(`{"a":1}`), green: says(`{"a":2}`), status: 1, reason: `\$\.a changed`},
		{name: "tolerance that hides the unit", suite: rules("  - {at: $.price, do: tolerance, rel: 0.1}\n"), blue: says(`{"price":100,"x":1}`), green: says(`{"price":"100","x":1}`), status: 1, reason: `\$\.price`},
		{name: "too deep to be compared", suite: one, blue: says(deep("1")), green: says(deep("2")), status: 1, reason: `deep|depth|nest|could not be compared`},
		{name: "too deep to be compared, and alike", suite: one, blue: says(deep("1")), status: 1, reason: `deep|depth|nest|could not be compared`},
		{name: "content type alone", suite: one, blue: answers(200, "application/json", `{"a":1}`), green: answers(200, "text/plain", `{"a":1}`), status: 1, reason: `(?i)header content-type`},
	})
}

// What the archive hid has no value to be judged by: a run that is judged again
// neither passes nor fails by what stands there instead.
func TestEvidenceHidden(t *testing.T) {
	t.Parallel()
	suite := func(rule, expect string) string {
		return fmt.Sprintf("suite: one\nsecrets: [token]\nrules:\n  - {at: $.token, %s}\ncases:\n  - {case: item, get: /item, expect: {%s}, capture: {token: $.token}}\n", rule, expect)
	}
	const ignored = "do: ignore, why: each side signs its own"
	word := func(v string) string { return `{"token":"` + v + `","n":1}` }
	blue, green := word("blue-secret-1"), word("green-secret-2")
	for _, row := range []struct {
		name, again string // the suite as edited since
		blue, green string
		status      int
		reason      string
	}{
		{"a pattern that what stands there has", suite("do: format, is: regex, pattern: '^<secret'", "status: 200"), blue, green, 3, `could not be compared: rule suite\.yaml:\d+:\d+ \(format +\$\.token\) needs a value that the archive hid`},
		{"a rewrite", suite("do: rewrite, blue: blue, green: green, as: SIDE", "status: 200"), blue, green, 3, `could not be compared: rule .*rewrite`},
		{"a normaliser", suite("do: string, as: fold", "status: 200"), blue, word("BLUE-SECRET-1"), 3, `could not be compared: rule .*string`},
		{"a tolerance", suite("do: tolerance, rel: 0.5", "status: 200"), `{"token":12345678,"n":1}`, `{"token":12345679,"n":1}`, 3, `could not be compared: rule .*tolerance`},
		{"what it is not", suite(ignored, "body: {$.token: {ne: blue-secret-1}}"), blue, green, 3, `blue: expected \$\.token ne blue-secret-1, could not be compared: the archive hid the value`},
		{"a pattern that is expected", suite(ignored, "body: {$.token: {matches: ^<secret}}"), blue, green, 3, `could not be compared: the archive hid the value`},
		{"a format that it does not have", suite("do: format, is: uuid", "status: 200"), blue, green, 1, `\$\.token changed`},
		{"another type", suite(ignored, "status: 200"), `{"token":12345678,"n":1}`, `{"token":"12345678","n":1}`, 1, `\$\.token type`},
	} {
		t.Run("comparator_blind/hidden in the archive/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", suite(ignored, "status: 200"))
			e.bgverify("run", "suite.yaml", "--run-id", "first", "--blue", serve(t, says(row.blue)), "--green", serve(t, says(row.green)))
			e.file("suite.yaml", row.again)
			e.bgverify("rediff", "first", "suite.yaml", "--run-id", "it").ends(row.status, row.reason, "")
		})
	}
	t.Run("comparator_blind/hidden in the archive/a condition on a variable", func(t *testing.T) {
		t.Parallel()
		steps := func(when string) string {
			return "suite: one\nsecrets: [token]\nrules: [{at: $.token, " + ignored + "}]\ncases:\n  - case: item\n    steps:\n      - {step: first, get: /item, capture: {token: $.token}}\n      - {step: more, get: /item" + when + "}\n"
		}
		e := newEvidence(t)
		e.file("suite.yaml", steps(""))
		e.bgverify("run", "suite.yaml", "--run-id", "first", "--blue", serve(t, says(blue)), "--green", serve(t, says(green)))
		e.file("suite.yaml", steps(", when: {vars: {token: {matches: ^<secret}}}"))
		e.bgverify("rediff", "first", "suite.yaml", "--run-id", "it").ends(3, `variable token: could not be compared: the archive hid the value`, "")
		e.file("suite.yaml", steps(", when: {vars: {token: {exists: true}}}"))
		if r := e.bgverify("rediff", "first", "suite.yaml", "--run-id", "known"); r.status != 0 {
			t.Errorf("exit status %d, want 0: %q", r.status, r.run.Reasons)
		}
	})
	for _, row := range []struct {
		name, blue, green string
		status            int
	}{
		{"two session cookies", "b5f0c1d29e8a47c36f1d0a7be2945c83", "3e9d71a4c05b2f86d7a1e4c93b60f528", 0},
		{"two tokens in quotes", `"kQ8s0Zp2Vx7LmT4y"`, `"Wc5hJ1uN9eRb6DfA"`, 0},
		{"a session cookie of zeros", "b5f0c1d29e8a47c36f1d0a7be2945c83", "00000000000000000000000000000000", 1},
		{"two words", "premium", "basic", 1},
	} {
		t.Run("comparator_blind/hidden in the archive/"+row.name, func(t *testing.T) {
			t.Parallel()
			sets := func(value string) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Set-Cookie", "sid="+value+"; Path=/; HttpOnly")
					says(`{"n":1}`)(w, r)
				}
			}
			e := newEvidence(t)
			e.file("suite.yaml", "suite: one\ncases:\n  - {case: item, get: /item, expect: {status: 200}}\n")
			for _, r := range []*ended{
				e.bgverify("run", "suite.yaml", "--run-id", "first", "--blue", serve(t, sets(row.blue)), "--green", serve(t, sets(row.green))),
				e.bgverify("rediff", "first", "--run-id", "it"),
			} {
				if r.status != row.status {
					t.Errorf("exit status %d, want %d: %q", r.status, row.status, r.run.Reasons)
				}
			}
		})
	}
	t.Run("comparator_blind/hidden in the archive/a pass where nothing needs it", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", suite(ignored, "body: {$.token: {type: string}}"))
		e.bgverify("run", "suite.yaml", "--run-id", "first", "--blue", serve(t, says(blue)), "--green", serve(t, says(green)))
		if r := e.bgverify("rediff", "first", "--run-id", "it"); r.status != 0 {
			t.Errorf("exit status %d, want 0: %q", r.status, r.run.Reasons)
		}
	})
}

// Two saved bodies of which nothing is compared are not equal either.
func TestEvidenceDiffOfNothing(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, blue, green string
		args              []string
	}{
		{"both files are empty", "", "", nil},
		{"everything is ignored", `{"a":1}`, `{"a":2}`, []string{"--rules", "rules.yaml"}},
	} {
		t.Run("comparator_blind/diff of nothing/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("blue.json", row.blue)
			e.file("green.json", row.green)
			e.file("rules.yaml", "rules:\n  - {at: $.a, do: ignore, why: lazy}\n")
			r := e.bgverify(append([]string{"diff", "blue.json", "green.json"}, row.args...)...)
			if r.status != 3 || !strings.Contains(r.out.String()+r.err.String(), "nothing was compared") && row.blue != "" {
				t.Errorf("exit status %d, want 3 and why:\n%s%s", r.status, &r.out, &r.err)
			}
			walked(t, r.status, strings.TrimSpace(r.err.String()+r.out.String()))
		})
	}
}
