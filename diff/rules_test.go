package diff

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

var testDay = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func mustCompile(t testing.TB, opts Options, rules ...Rule) *Rules {
	t.Helper()
	if opts.Now.IsZero() {
		opts.Now = testDay
	}
	r, errs := Compile(rules, opts)
	if errs != nil {
		t.Fatalf("compile: %+v", errs)
	}
	return r
}

// What each rule does, with a pair that it hides and one that it does not.
func TestRules(t *testing.T) {
	later := testDay.AddDate(0, 1, 0)
	for _, tt := range []struct {
		name        string
		rules       []Rule
		blue, green string
		want        string // differences
		hidden      string
		why         string
	}{
		{"ignore value", []Rule{{At: "$..ts", Do: DoIgnore, Why: "w"}}, `{"a":{"ts":1}}`, `{"a":{"ts":2}}`, "", "changed $.a.ts", "the value may differ"},
		{"ignore type", []Rule{{At: "$.ts", Do: DoIgnore, Why: "w"}}, `{"ts":1}`, `{"ts":"1"}`, "type $.ts", "", "the type may not"},
		{"ignore presence", []Rule{{At: "$.ts", Do: DoIgnore, Why: "w"}}, `{"ts":1}`, `{}`, "removed $.ts", "", "nor may it be absent"},
		{"ignore subtree", []Rule{{At: "$.meta", Do: DoIgnore, Why: "w"}}, `{"meta":{"a":1,"b":2}}`, `{"meta":{"a":"x"}}`, "", "type $.meta.a, removed $.meta.b", "an object's value is all that lies in it"},
		{"drop", []Rule{{At: "$.debug", Do: DoDrop, Why: "w"}}, `{"debug":{"a":1}}`, `{"debug":[2]}`, "", "changed $.debug", "type is not looked at either"},
		{"drop presence", []Rule{{At: "$.debug", Do: DoDrop, Why: "w"}}, `{"a":1}`, `{"a":1,"debug":2}`, "", "added $.debug", "nor is presence"},
		{"allow added", []Rule{{At: "$.b", Do: DoAllow, Kind: "added", Why: "w", Until: later}}, `{"a":1}`, `{"a":1,"b":2,"c":3}`, "added $.c", "added $.b", "only that member, only that kind"},
		{"allow is of a kind", []Rule{{At: "$.b", Do: DoAllow, Kind: "added", Why: "w", Until: later}}, `{"b":1}`, `{"b":2}`, "changed $.b", "", "another kind is no intended change"},
		{"allow order", []Rule{{At: "$", Do: DoAllow, Kind: "order", Why: "w", Until: later}}, `[1,2]`, `[2,1]`, "", "moved $[0]", "an order that is allowed is one of the array"},
		{"allow type", []Rule{{At: "$.p", Do: DoAllow, Kind: "type", Why: "w", Until: later}}, `{"p":1}`, `{"p":"1"}`, "", "type $.p", "a planned change of type"},
		{"allow removed, one", []Rule{{At: "$[*]", Do: DoAllow, Kind: "removed", Why: "w", Until: later}}, `[1,2,3]`, `[1,3]`, "", "removed $[1]", "one element may go"},
		{"allow removed, half", []Rule{{At: "$[*]", Do: DoAllow, Kind: "removed", Why: "w", Until: later}}, `[1,2,3,4]`, `[1,3]`, "", "removed $[1], removed $[3]", "so may half of them"},
		{"allow removed, more", []Rule{{At: "$.a[*]", Do: DoAllow, Kind: "removed", Why: "w", Until: later}}, `{"a":[1,2,3]}`, `{"a":[3]}`, "removed $.a[0], removed $.a[1]", "", "the list may not"},
		{"allow removed, all", []Rule{{At: "$.a[*]", Do: DoAllow, Kind: "removed", Why: "w", Until: later}}, `{"a":[1]}`, `{"a":[]}`, "removed $.a[0]", "", "not even a short one"},
		{"allow removed, per list", []Rule{{At: "$..c[*]", Do: DoAllow, Kind: "removed", Why: "w", Until: later}, {At: "$", Do: DoMatch, As: "list"}}, `[{"c":[1,2,3,4]},{"c":[5,6]}]`, `[{"c":[1,2,4]},{"c":[]}]`, "removed $[1].c[0], removed $[1].c[1]", "removed $[0].c[2]", "each list is counted apart"},
		{"allow removed, members", []Rule{{At: "$.a.*", Do: DoAllow, Kind: "removed", Why: "w", Until: later}}, `{"a":{"ch1":1,"ch2":2,"ch3":3}}`, `{"a":{"ch3":3}}`, "removed $.a.ch1, removed $.a.ch2", "", "an object can be a list"},
		{"allow removed, named members", []Rule{{At: "$[*]['a','b']", Do: DoAllow, Kind: "removed", Why: "w", Until: later}, {At: "$", Do: DoMatch, As: "list"}}, `[{"a":1,"b":2},{"a":1}]`, `[{},{}]`, "", "removed $[0].a, removed $[0].b, removed $[1].a", "members that the rule names may all go"},
		{"allow removed, max", []Rule{{At: "$[*]", Do: DoAllow, Kind: "removed", Max: Bound{Count: 2}, Why: "w", Until: later}}, `[1,2,3]`, `[3]`, "", "removed $[0], removed $[1]", "a max takes the place of half"},
		{"allow removed, max passed", []Rule{{At: "$[*]", Do: DoAllow, Kind: "removed", Max: Bound{Count: 2}, Why: "w", Until: later}}, `[1,2,3,4]`, `[4]`, "removed $[0], removed $[1], removed $[2]", "", "and no more than it: of a list, all or nothing"},
		{"allow removed, two shares", []Rule{{At: "$[:2]", Do: DoAllow, Kind: "removed", Max: Bound{Share: 1}, Why: "w", Until: later}, {At: "$[2:]", Do: DoAllow, Kind: "removed", Max: Bound{Count: 2}, Why: "w", Until: later}, {At: "$", Do: DoMatch, As: "list"}}, `[1,2,3,4,5]`, `[5]`, "removed $[0], removed $[1], removed $[2], removed $[3]", "", "no rule alone allows that four of five go"},
		{"allow changed, two shares", []Rule{{At: "$[*].p", Do: DoAllow, Kind: "changed", Max: Bound{Share: 0.5}, Why: "w", Until: later}, {At: "$..p", Do: DoAllow, Kind: "changed", Max: Bound{Share: 0.5}, Why: "w", Until: later}, {At: "$", Do: DoMatch, As: "list"}}, `[{"p":1},{"p":1},{"p":1},{"p":1}]`, `[{"p":2},{"p":2},{"p":2},{"p":1}]`, "changed $[2].p", "changed $[0].p, changed $[1].p", "two halves of the same places are one half"},
		{"allow changed, share", []Rule{{At: "$[*].p", Do: DoAllow, Kind: "changed", Max: Bound{Share: 0.5}, Why: "w", Until: later}, {At: "$", Do: DoMatch, As: "list"}}, `[{"p":1},{"p":1},{"p":1}]`, `[{"p":2},{"p":2},{"p":1}]`, "changed $[1].p", "changed $[0].p", "half of three places is one"},
		{"allow order, max", []Rule{{At: "$[*]", Do: DoAllow, Kind: "order", Max: Bound{Count: 1}, Why: "w", Until: later}, {At: "$", Do: DoMatch, As: "list"}}, `[1,2,3,4,5]`, `[2,1,3,5,4]`, "moved $[3]", "moved $[0]", "places are counted, whatever the kind"},
		{"match by", []Rule{{At: "$", Do: DoMatch, By: []string{"k"}}}, `[{"k":1,"v":1},{"k":2,"v":2}]`, `[{"k":1,"v":1},{"k":3,"v":9},{"k":2,"v":3}]`, "changed $[?@.k==2].v, added $[?@.k==3]", "", "pairs have one key"},
		{"match by, order", []Rule{{At: "$", Do: DoMatch, By: []string{"k"}}}, `[{"k":1},{"k":2},{"k":3}]`, `[{"k":3},{"k":2},{"k":1}]`, "order $", "", "a key does not make the order meaningless"},
		{"match by as set", []Rule{{At: "$", Do: DoMatch, By: []string{"k"}, As: "set"}}, `[{"k":1,"v":1},{"k":2,"v":1}]`, `[{"k":2,"v":2},{"k":1,"v":1}]`, "changed $[?@.k==2].v", "", "as: set does"},
		{"match by composite", []Rule{{At: "$", Do: DoMatch, By: []string{"id", "region"}}}, `[{"id":1,"region":"kr","v":1},{"id":1,"region":"us","v":1}]`, `[{"id":1,"region":"kr","v":1},{"id":1,"region":"us","v":2}]`, "changed $[?@.id==1 && @.region=='us'].v", "", "two members make the key"},
		{"match by, repeated key", []Rule{{At: "$", Do: DoMatch, By: []string{"k"}}}, `[{"k":1,"v":1},{"k":1,"v":2}]`, `[{"k":1,"v":1},{"k":1,"v":3}]`, "changed $[?@.k==1].v", "", "the k-th with the k-th"},
		{"match by, missing key", []Rule{{At: "$", Do: DoMatch, By: []string{"k"}}}, `[{"k":1}]`, `[{"v":1}]`, "removed $[?@.k==1], added $[0]", "", "no key, no partner"},
		{"match set", []Rule{{At: "$", Do: DoMatch, As: "set"}}, `[1,2,2,3]`, `[3,1,2]`, "", "", "a set has no order and no copies"},
		{"match set leftovers", []Rule{{At: "$", Do: DoMatch, As: "set"}}, `[1,2]`, `[2,4,5]`, "changed $[0], added $[2]", "", "what is left is paired"},
		{"match multiset", []Rule{{At: "$", Do: DoMatch, As: "multiset"}}, `[1,2,2]`, `[2,1,1]`, "changed $[2]", "", "a multiset counts copies"},
		{"match set, inner difference", []Rule{{At: "$", Do: DoMatch, As: "set"}}, `[{"a":1,"b":2,"c":3},{"a":7,"b":8,"c":9}]`, `[{"a":7,"b":8,"c":9},{"a":1,"b":2,"c":4}]`, "changed $[0].c", "", "the likest leftovers are paired"},
		{"match set, a copy that a rule compares", []Rule{{At: "$", Do: DoMatch, As: "set"}, {At: "$[*].t", Do: DoTime, Within: time.Minute}}, `[{"t":"2026-11-23T03:12:45Z"}]`, `[{"t":"2026-11-23T03:12:45Z"},{"t":"2026-11-23T12:12:45Z"}]`, "changed $[0].t", "", "a copy on green is one under the rules too"},
		{"match set, a copy of the first", []Rule{{At: "$", Do: DoMatch, As: "set"}, {At: "$[*]", Do: DoTime, Within: time.Minute}}, `["2026-11-23T03:12:45Z","2026-11-23T12:12:45Z","2026-11-23T03:12:45Z"]`, `["2026-11-23T03:12:45Z","2026-11-23T12:12:45Z","2026-11-23T03:12:45Z","2026-11-23T03:12:45Z"]`, "", "", "copies are compared with what they are copies of"},
		{"match set, one id too many", []Rule{{At: "$", Do: DoMatch, As: "set"}, {At: "$[*]", Do: DoMap, As: "x"}}, `["a","b"]`, `["x","y","z"]`, "changed $[1]", "changed $[0], changed $[1]", "z is the partner of nothing"},
		{"match list", []Rule{{At: "$", Do: DoMatch, As: "list"}}, `[{"id":1},{"id":2}]`, `[{"id":2},{"id":1}]`, "moved $[0]", "", "no key is guessed"},
		{"tolerance abs", []Rule{{At: "$.p", Do: DoTolerance, Abs: new(0.01)}}, `{"p":1.10}`, `{"p":1.11}`, "", "changed $.p", "0.01 is meant exactly"},
		{"tolerance abs missed", []Rule{{At: "$.p", Do: DoTolerance, Abs: new(0.01)}}, `{"p":1.10}`, `{"p":1.1100000000000000001}`, "changed $.p", "", "to the last digit"},
		{"tolerance rel", []Rule{{At: "$.p", Do: DoTolerance, Rel: new(0.1)}}, `{"p":100}`, `{"p":110}`, "", "changed $.p", "10 % of blue"},
		{"tolerance rel of blue", []Rule{{At: "$.p", Do: DoTolerance, Rel: new(0.1)}}, `{"p":110}`, `{"p":98.9}`, "changed $.p", "", "a share of blue's value, not of green's"},
		{"tolerance huge", []Rule{{At: "$.p", Do: DoTolerance, Rel: new(0.1)}}, `{"p":1e999999999}`, `{"p":1e999999998}`, "changed $.p", "", "numbers too large to compute with are never close"},
		{"tolerance on text", []Rule{{At: "$.p", Do: DoTolerance, Abs: new(float64(5))}}, `{"p":"1"}`, `{"p":"2"}`, "changed $.p", "", "a string is no number"},
		{"time rfc3339", []Rule{{At: "$.t", Do: DoTime, Within: 5 * time.Second, Notation: "any"}}, `{"t":"2026-11-23T03:12:45Z"}`, `{"t":"2026-11-23T12:12:50+09:00"}`, "", "changed $.t", "five seconds apart, in two zones"},
		{"time missed", []Rule{{At: "$.t", Do: DoTime, Within: 5 * time.Second}}, `{"t":"2026-11-23T03:12:45Z"}`, `{"t":"2026-11-23T03:12:50.001Z"}`, "changed $.t", "", "a millisecond too far"},
		{"time epoch", []Rule{{At: "$.t", Do: DoTime, Within: 5 * time.Second}}, `{"t":1700000000}`, `{"t":1700000004}`, "", "changed $.t", "seconds as a number"},
		{"time epoch ms", []Rule{{At: "$.t", Do: DoTime, Within: 5 * time.Second}}, `{"t":1700000000000}`, `{"t":1700000006000}`, "changed $.t", "", "milliseconds"},
		{"time other notation", []Rule{{At: "$.t", Do: DoTime, Within: time.Hour}}, `{"t":1700000000}`, `{"t":1700000000000}`, "changed $.t", "", "seconds became milliseconds: clients break"},
		{"time http", []Rule{{At: "$.t", Do: DoTime, Within: 2 * time.Second}}, `{"t":"Mon, 23 Nov 2026 03:12:45 GMT"}`, `{"t":"Mon, 23 Nov 2026 03:12:46 GMT"}`, "", "changed $.t", "an HTTP date"},
		{"time no time", []Rule{{At: "$.t", Do: DoTime, Within: time.Hour}}, `{"t":"soon"}`, `{"t":"later"}`, "changed $.t", "", "no time, no tolerance"},
		{"format", []Rule{{At: "$.id", Do: DoFormat, Is: "uuid"}}, `{"id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`, `{"id":"7ba7b810-9dad-11d1-80b4-00c04fd430c8"}`, "", "changed $.id", "both are UUIDs"},
		{"format missed", []Rule{{At: "$.id", Do: DoFormat, Is: "uuid"}}, `{"id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`, `{"id":"none"}`, "changed $.id", "", "green's is none"},
		{"format, nil uuid", []Rule{{At: "$.id", Do: DoFormat, Is: "uuid"}}, `{"id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`, `{"id":"00000000-0000-0000-0000-000000000000"}`, "changed $.id", "", "what a program gives that has none"},
		{"format, nil uuid in any notation", []Rule{{At: "$.id", Do: DoFormat, Is: "uuid", Notation: "any"}}, `{"id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`, `{"id":"00000000-0000-0000-0000-000000000000"}`, "changed $.id", "", "zero is no notation"},
		{"format, time of year 1", []Rule{{At: "$.t", Do: DoFormat, Is: "date-time"}}, `{"t":"2026-11-23T03:12:45Z"}`, `{"t":"0001-01-01T00:00:00Z"}`, "changed $.t", "", "Go's time without a value"},
		{"format, time of 1970", []Rule{{At: "$.t", Do: DoFormat, Is: "date-time"}}, `{"t":"2026-11-23T12:12:45+09:00"}`, `{"t":"1970-01-01T09:00:00+09:00"}`, "changed $.t", "", "a clock of 0"},
		{"format, hex of zeros", []Rule{{At: "$.h", Do: DoFormat, Is: "hex"}}, `{"h":"3f9ac1d27b6e4f0a"}`, `{"h":"0000000000000000"}`, "changed $.h", "", "no digest is all zeros"},
		{"format, hex of one digit", []Rule{{At: "$.h", Do: DoFormat, Is: "hex"}}, `{"h":"5"}`, `{"h":"0"}`, "", "changed $.h", "a number like another"},
		{"format, base64 of zeros", []Rule{{At: "$.h", Do: DoFormat, Is: "base64"}}, `{"h":"P5rB0ntuTwo="}`, `{"h":"AAAAAAAAAAA="}`, "changed $.h", "", "bytes that nobody wrote"},
		{"format, no address", []Rule{{At: "$.a", Do: DoFormat, Is: "ipv4"}}, `{"a":"10.0.0.7"}`, `{"a":"0.0.0.0"}`, "changed $.a", "", "no host's"},
		{"format, the last uuid", []Rule{{At: "$.id", Do: DoFormat, Is: "uuid"}}, `{"id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`, `{"id":"FFFFFFFF-ffff-ffff-ffff-ffffffffffff"}`, "changed $.id", "", "RFC 9562: no one's"},
		{"format, the last ulid", []Rule{{At: "$.id", Do: DoFormat, Is: "ulid"}}, `{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}`, `{"id":"7ZZZZZZZZZZZZZZZZZZZZZZZZZ"}`, "changed $.id", "", "all bits 1"},
		{"format, hex of ones", []Rule{{At: "$.h", Do: DoFormat, Is: "hex"}}, `{"h":"3f9ac1d27b6e4f0a"}`, `{"h":"ffffffffffffffff"}`, "changed $.h", "", "-1 as a program writes it"},
		{"format, base64 of ones", []Rule{{At: "$.h", Do: DoFormat, Is: "base64"}}, `{"h":"P5rB0ntuTwo="}`, `{"h":"//////////8="}`, "", "changed $.h", "only whole characters of ones are seen"},
		{"format, base64 of ones alone", []Rule{{At: "$.h", Do: DoFormat, Is: "base64"}}, `{"h":"P5rB0ntuTwoX"}`, `{"h":"////////////"}`, "changed $.h", "", "nine bytes of ones"},
		{"format, time without end", []Rule{{At: "$.t", Do: DoFormat, Is: "date-time"}}, `{"t":"2026-11-23T03:12:45Z"}`, `{"t":"9999-12-31T23:59:59Z"}`, "changed $.t", "", "a token that never expires"},
		{"format, this machine", []Rule{{At: "$.a", Do: DoFormat, Is: "ipv4"}}, `{"a":"10.0.0.7"}`, `{"a":"127.0.0.1"}`, "changed $.a", "", "an address that was not configured"},
		{"format, everybody", []Rule{{At: "$.a", Do: DoFormat, Is: "ipv4"}}, `{"a":"10.0.0.7"}`, `{"a":"255.255.255.255"}`, "changed $.a", "", "no host's"},
		{"format, url of this machine", []Rule{{At: "$.u", Do: DoFormat, Is: "url"}}, `{"u":"https://cdn.example/a"}`, `{"u":"https://localhost:8080/a"}`, "changed $.u", "", "the default of a setting"},
		{"format, url of this address", []Rule{{At: "$.u", Do: DoFormat, Is: "url"}}, `{"u":"https://cdn.example/a"}`, `{"u":"https://127.0.0.1/a"}`, "changed $.u", "", "no box reaches it"},
		{"format, url of nothing", []Rule{{At: "$.u", Do: DoFormat, Is: "url", Notation: "any"}}, `{"u":"https://cdn.example/a"}`, `{"u":"https://undefined/a"}`, "changed $.u", "", "a variable without a value"},
		{"format, urls of this machine", []Rule{{At: "$.u", Do: DoFormat, Is: "url"}}, `{"u":"http://127.0.0.1:8081/a"}`, `{"u":"http://127.0.0.1:8082/a"}`, "", "changed $.u", "two servers of a test"},
		{"format, zero on both sides", []Rule{{At: "$.a", Do: DoFormat, Is: "uuid"}}, `{"a":"00000000-0000-0000-0000-000000000000","b":1}`, `{"a":"00000000-0000-0000-0000-000000000000","b":2}`, "changed $.b", "", "none on both"},
		{"format regex", []Rule{{At: "$.id", Do: DoFormat, Is: "regex", Pattern: "req-[0-9]+"}}, `{"id":"req-1"}`, `{"id":"req-22"}`, "", "changed $.id", "the whole text matches"},
		{"format regex is anchored", []Rule{{At: "$.id", Do: DoFormat, Is: "regex", Pattern: "a|b"}}, `{"id":"ax"}`, `{"id":"bx"}`, "changed $.id", "", "a part is not enough"},
		{"rewrite", []Rule{{At: "$..*", Do: DoRewrite, BlueText: "blue.example", GreenText: "green.example", As: "HOST"}}, `{"u":"http://blue.example/1"}`, `{"u":"http://green.example/1"}`, "", "changed $.u", "the hosts stand for each other"},
		{"rewrite, other path", []Rule{{At: "$..*", Do: DoRewrite, BlueText: "blue.example", GreenText: "green.example", As: "HOST"}}, `{"u":"http://blue.example/1"}`, `{"u":"http://green.example/2"}`, "changed $.u", "", "the rest is compared"},
		{"rewrite is one way", []Rule{{At: "$.u", Do: DoRewrite, BlueText: "blue", GreenText: "green", As: "HOST"}}, `{"u":"green"}`, `{"u":"blue"}`, "changed $.u", "", "green naming blue stays a difference"},
		{"rewrite pattern", []Rule{{At: "$.u", Do: DoRewrite, Pattern: `pod-\w+`, As: "POD"}}, `{"u":"at pod-a1"}`, `{"u":"at pod-b2"}`, "", "changed $.u", "both become POD"},
		{"map", []Rule{{At: "$[*].o", Do: DoMap, As: "order"}, {At: "$", Do: DoMatch, As: "list"}}, `[{"o":"B1"},{"o":"B2"},{"o":"B1"}]`, `[{"o":"G1"},{"o":"G2"},{"o":"G1"}]`, "", "changed $[0].o, changed $[1].o, changed $[2].o", "one to one"},
		{"map, nothing", []Rule{{At: "$.*", Do: DoMap, As: "order"}}, `{"a":"B1","b":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","c":"","d":"B4"}`, `{"a":"","b":"00000000-0000-0000-0000-000000000000","c":"","d":" "}`, "changed $.a, changed $.b, changed $.d", "", "an empty text is nobody's id"},
		{"map, words and numbers for nothing", []Rule{{At: "$.*", Do: DoMap, As: "order"}}, `{"a":"B1","b":"B2","c":3,"d":4,"e":"B5","f":"undefined","g":6}`, `{"a":"undefined","b":"null","c":0,"d":-1,"e":"ffffffff-ffff-ffff-ffff-ffffffffffff","f":"None","g":7}`, "changed $.a, changed $.b, changed $.c, changed $.d, changed $.e", "changed $.f, changed $.g", "what a program gives for no id"},
		{"map broken", []Rule{{At: "$[*].o", Do: DoMap, As: "order"}, {At: "$", Do: DoMatch, As: "list"}}, `[{"o":"B1"},{"o":"B2"},{"o":"B1"}]`, `[{"o":"G1"},{"o":"G1"},{"o":"G2"}]`, "changed $[1].o, changed $[2].o", "changed $[0].o", "two of blue's became one of green's, and one became two"},
		{"number lexeme", []Rule{{At: "$.n", Do: DoNumber, As: "lexeme"}}, `{"n":1}`, `{"n":1.0}`, "changed $.n", "", "as written"},
		{"number type", []Rule{{At: "$.n", Do: DoNumber, As: "type"}}, `{"n":1}`, `{"n":1.0}`, "changed $.n", "", "an integer and a fraction"},
		{"number type, two fractions", []Rule{{At: "$.n", Do: DoNumber, As: "type"}}, `{"n":1.50}`, `{"n":15e-1}`, "", "", "two fractions of one value"},
		{"number type and tolerance", []Rule{{At: "$.n", Do: DoNumber, As: "type"}, {At: "$.n", Do: DoTolerance, Abs: new(float64(1))}}, `{"n":1}`, `{"n":1.5}`, "changed $.n", "", "a tolerance is about the value"},
		{"number float64", []Rule{{At: "$.n", Do: DoNumber, As: "float64"}}, `{"n":0.1}`, `{"n":0.10000000000000001}`, "", "changed $.n", "one float64"},
		{"number float64 missed", []Rule{{At: "$.n", Do: DoNumber, As: "float64"}}, `{"n":0.1}`, `{"n":0.11}`, "changed $.n", "", "two float64s"},
		{"string nfc", []Rule{{At: "$.s", Do: DoString, AsList: []string{"nfc"}}}, "{\"s\":\"\u00e9\"}", "{\"s\":\"e\u0301\"}", "", "changed $.s", "one look, two spellings"},
		{"string fold trim", []Rule{{At: "$.s", Do: DoString, AsList: []string{"fold", "trim"}}}, `{"s":"Straße "}`, `{"s":"STRASSE"}`, "", "changed $.s", "letter case as Unicode folds it"},
		{"null absent", []Rule{{At: "$.n", Do: DoNull, As: "absent"}}, `{"n":null}`, `{}`, "", "removed $.n", "null is as good as nothing"},
		{"null absent, value", []Rule{{At: "$.n", Do: DoNull, As: "absent"}}, `{"n":null}`, `{"n":1}`, "added $.n", "", "a value is more than nothing"},
		{"empty absent", []Rule{{At: "$.*", Do: DoEmpty, As: "absent"}}, `{"a":[],"b":"","c":{}}`, `{}`, "", "removed $.a, removed $.b, removed $.c", "nor are empty things"},
		{"empty is not null", []Rule{{At: "$.a", Do: DoEmpty, As: "absent"}}, `{"a":null}`, `{}`, "removed $.a", "", "null has its own rule"},
		{"embedded json", []Rule{{At: "$.p", Do: DoEmbedded, As: "json"}}, `{"p":"{\"a\":1,\"b\":[1]}"}`, `{"p":"{\"b\":[1.0], \"a\":1}"}`, "", "changed $.p", "the documents agree, their text does not"},
		{"embedded json differs", []Rule{{At: "$.p", Do: DoEmbedded, As: "json"}}, `{"p":"{\"a\":1,\"b\":[1]}"}`, `{"p":"{\"b\":[2], \"a\":1}"}`, "changed $.p.b[0]", "", "the inner place is named"},
		{"embedded with a rule inside", []Rule{{At: "$.p", Do: DoEmbedded, As: "json"}, {At: "$.p.ts", Do: DoIgnore, Why: "w"}}, `{"p":"{\"ts\":1}"}`, `{"p":"{\"ts\":2}"}`, "", "changed $.p.ts", "paths go on inside"},
		{"embedded base64", []Rule{{At: "$.p", Do: DoEmbedded, As: "base64-json"}}, `{"p":"eyJhIjoxfQ=="}`, `{"p":"eyJhIjoyfQ"}`, "changed $.p.a", "", "padded or not"},
		{"embedded broken", []Rule{{At: "$.p", Do: DoEmbedded, As: "json"}}, `{"p":"{"}`, `{"p":"{}"}`, "changed $.p", "", "no document, only text"},
		{"specific beats general", []Rule{{At: "$.a.p", Do: DoTolerance, Abs: new(float64(1))}, {At: "$..p", Do: DoIgnore, Why: "w"}}, `{"a":{"p":1},"b":{"p":1}}`, `{"a":{"p":5},"b":{"p":5}}`, "changed $.a.p", "changed $.b.p", "the path without .. decides"},
		{"later beats earlier", []Rule{{At: "$.p", Do: DoTolerance, Abs: new(float64(10))}, {At: "$.p", Do: DoTolerance, Abs: new(float64(1))}}, `{"p":1}`, `{"p":5}`, "changed $.p", "", "of two alike the later line"},
		{"filter", []Rule{{At: "$.c[?@.id=='a'].v", Do: DoIgnore, Why: "w"}}, `{"c":[{"id":"a","v":1},{"id":"b","v":1}]}`, `{"c":[{"id":"a","v":2},{"id":"b","v":2}]}`, "changed $.c[?@.id=='b'].v", "changed $.c[?@.id=='a'].v", "one element by its key"},
		{"index from the end", []Rule{{At: "$[-1]", Do: DoIgnore, Why: "w"}}, `[1,2,3]`, `[1,5,4]`, "changed $[1]", "changed $[2]", "the last one"},
		{"slice", []Rule{{At: "$[:2]", Do: DoIgnore, Why: "w"}}, `[1,2,3]`, `[7,8,9]`, "changed $[2]", "changed $[0], changed $[1]", "the first two"},
		{"glob", []Rule{{At: "$..*Url", Do: DoIgnore, Why: "w"}}, `{"posterUrl":"a","url":"a"}`, `{"posterUrl":"b","url":"b"}`, "changed $.url", "changed $.posterUrl", "names that end so"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules := mustCompile(t, Options{}, tt.rules...)
			r := Compare([]byte(tt.blue), []byte(tt.green), rules)
			got, hidden := brief(r.Differences), brief(r.Hidden)
			if got != tt.want || hidden != tt.hidden {
				t.Errorf("got %q, hidden %q\nwant %q, hidden %q: %s", got, hidden, tt.want, tt.hidden, tt.why)
			}
			checkResult(t, r, tt.blue, tt.green)
			for i, c := range r.Rules {
				if c.Visits == 0 {
					t.Errorf("rule %d visited nothing", i)
				}
			}
			for _, pair := range [][2]string{{tt.blue, tt.blue}, {tt.green, tt.green}} {
				if same := Compare([]byte(pair[0]), []byte(pair[1]), rules); !same.Equal() {
					t.Errorf("%s differs from itself: %v", pair[0], same.Differences)
				}
			}
		})
	}
}

// The same elements in another order are equal as a set and as a multiset, whatever the rules
// have the last word on.
func TestBagHasNoOrder(t *testing.T) {
	values := []string{`"a"`, `"A"`, `1`, `2`, `"2026-11-23T03:12:45Z"`, `"2026-11-23T12:00:00Z"`, `"{\"a\":1}"`, `"{\"a\":2}"`, `"7ba7b810-9dad-11d1-80b4-00c04fd430c8"`}
	for _, rule := range []Rule{
		{Do: DoTime, Within: 5 * time.Second},
		{Do: DoFormat, Is: "uuid"},
		{Do: DoString, AsList: []string{"fold"}},
		{Do: DoEmbedded, As: "json"},
		{Do: DoNumber, As: "lexeme"},
	} {
		for _, how := range []string{"set", "multiset"} {
			rule.At = "$[*].v"
			rules := mustCompile(t, Options{}, rule, Rule{At: "$", Do: DoMatch, As: how})
			var blue, green []string
			for _, v := range append(values, values[0], values[4]) {
				blue = append(blue, `{"v":`+v+`}`)
				green = append([]string{`{"v":` + v + `}`}, green...)
			}
			b, g := "["+strings.Join(blue, ",")+"]", "["+strings.Join(green, ",")+"]"
			r := Compare([]byte(b), []byte(g), rules)
			if !r.Equal() {
				t.Errorf("%s %s: %d differences", rule.Do, how, r.Total)
			}
			checkResult(t, r, b, g)
		}
	}
}

// A set of green holds nothing that is not equal under the rules to an element of blue,
// whatever the rules have the last word on.
func TestSetHasNoStrangers(t *testing.T) {
	values := []string{`"a"`, `"A"`, `"b"`, `1`, `1.0`, `2`, `"2026-11-23T03:12:45Z"`, `"2026-11-23T03:12:46Z"`, `"2026-11-23T12:00:00Z"`, `"{\"a\":1}"`, `"{\"a\":2}"`, `"bb/1"`, `"gg/1"`, `"gg/2"`, `"7ba7b810-9dad-11d1-80b4-00c04fd430c8"`}
	for _, rule := range []Rule{
		{Do: DoTime, Within: 5 * time.Second},
		{Do: DoFormat, Is: "uuid"},
		{Do: DoString, AsList: []string{"fold"}},
		{Do: DoRewrite, BlueText: "bb", GreenText: "gg", As: "H"},
		{Do: DoEmbedded, As: "json"},
		{Do: DoNumber, As: "lexeme"},
		{Do: DoNumber, As: "float64"},
		{Do: DoIgnore, Why: "w"},
		{Do: DoDrop, Why: "w"},
	} {
		for _, at := range []string{"$[*]", "$[*].v"} {
			rule.At = at
			alone := mustCompile(t, Options{}, rule)
			set := mustCompile(t, Options{}, rule, Rule{At: "$", Do: DoMatch, As: "set"})
			element := func(v string) string {
				if at == "$[*].v" {
					return `{"v":` + v + `}`
				}
				return v
			}
			equal := map[[2]string]bool{}
			for _, b := range values {
				for _, x := range values {
					r := Compare([]byte("["+element(b)+"]"), []byte("["+element(x)+"]"), alone)
					equal[[2]string{b, x}] = r.Equal()
				}
			}
			for i, v := range values {
				w := values[(i+1)%len(values)]
				for _, x := range values {
					blue, green := "["+element(v)+","+element(w)+"]", "["+element(v)+","+element(w)+","+element(x)+"]"
					r := Compare([]byte(blue), []byte(green), set)
					if r.Equal() && !equal[[2]string{v, x}] && !equal[[2]string{w, x}] {
						t.Errorf("%s %s: %s has nothing on blue, %s", rule.Do, at, x, blue)
					}
					checkResult(t, r, blue, green)
				}
			}
		}
	}
}

// Visits and hits count on bodies of the same bytes too.
func TestVisitsAndHits(t *testing.T) {
	rules := mustCompile(t, Options{}, Rule{At: "$..ts", Do: DoIgnore, Why: "w", Origin: "a.yaml:1:1"}, Rule{At: "$.none", Do: DoIgnore, Why: "w"}, Rule{At: "$[?@.id==2].v", Do: DoIgnore, Why: "w"})
	body := `[{"id":1,"ts":1,"v":1},{"id":2,"ts":1,"v":1},{"id":3,"ts":1,"v":1}]`
	same := Compare([]byte(body), []byte(body), rules)
	other := Compare([]byte(body), []byte(strings.ReplaceAll(body, `"ts":1`, `"ts":2`)), rules)
	for name, r := range map[string]Result{"same": same, "other": other} {
		hits := 0
		if name == "other" {
			hits = 3
		}
		want := []RuleCount{{"a.yaml:1:1", 3, hits}, {"rule 2", 0, 0}, {"rule 3", 1, 0}}
		if fmt.Sprint(r.Rules) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", name, r.Rules, want)
		}
		if r.Leaves != (Leaves{Seen: 9, Compared: 5, Ignored: 4}) {
			t.Errorf("%s: leaves %+v", name, r.Leaves)
		}
	}
}

func TestModes(t *testing.T) {
	blue, green := `{"a":1,"b":[1,{"x":1}],"c":"s","d":null}`, `{"a":2,"b":[1,{"x":1,"y":2},3],"c":5,"d":null,"e":1}`
	for mode, want := range map[Mode]string{
		Strict: "changed $.a, added $.b[1].y, added $.b[2], type $.c, added $.e",
		Subset: "changed $.a, added $.b[2], type $.c",
		Shape:  "added $.b[1].y, added $.b[2], type $.c, added $.e",
	} {
		r := Compare([]byte(blue), []byte(green), mustCompile(t, Options{Mode: mode}))
		if got := brief(r.Differences); got != want {
			t.Errorf("%v: %s, want %s", mode, got, want)
		}
		checkResult(t, r, blue, green)
		if mode == Shape && r.Leaves.Compared != 0 {
			t.Errorf("shape compares values: %+v", r.Leaves)
		}
	}
}

func TestMapOverACase(t *testing.T) {
	rules := mustCompile(t, Options{}, Rule{At: "$.id", Do: DoMap, As: "order"})
	seen := NewBijections()
	message := func(id string) *Message {
		return &Message{Status: 200, Body: []byte(`{"id":"` + id + `"}`), ContentType: "application/json"}
	}
	if r := CompareMessages(message("b1"), message("g1"), rules, seen); !r.Equal() {
		t.Errorf("first: %v", r.Differences)
	}
	if r := CompareMessages(message("b1"), message("g1"), rules, seen); !r.Equal() {
		t.Errorf("again: %v", r.Differences)
	}
	r := CompareMessages(message("b2"), message("g1"), rules, seen)
	if len(r.Differences) != 1 || !strings.Contains(r.Differences[0].Note, "was blue's b1 before") {
		t.Errorf("a partner taken twice: %+v", r.Differences)
	}
	// The same bytes on both sides count too: the partner of g1 is b1, not g1.
	if r := CompareMessages(message("g1"), message("g1"), rules, seen); r.Equal() {
		t.Error("an id of green that blue suddenly has is not noticed")
	}
	if r := CompareMessages(message("b2"), message("g1"), rules, nil); !r.Equal() {
		t.Errorf("without a case: %v", r.Differences)
	}
}

// A guessed key is told with the rule that fixes it.
func TestGuessedKeyIsTold(t *testing.T) {
	blue := `{"channels":[{"id":"a","n":"x"},{"id":"b","n":"y"},{"id":"c","n":"z"}]}`
	green := `{"channels":[{"id":"b","n":"y"},{"id":"a","n":"x"},{"id":"d","n":"z"}]}`
	r := Compare([]byte(blue), []byte(green), nil)
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, `- {at: "$.channels", do: match, by: `) {
		t.Errorf("notes: %s", notes)
	}
}

func TestLengthIsANote(t *testing.T) {
	r := Compare([]byte(`{"a":[1,2]}`), []byte(`{"a":[1]}`), nil)
	if strings.Join(r.Notes, "") != "$.a: 2 elements on blue, 1 on green" || r.Total != 1 {
		t.Errorf("notes %q, total %d", r.Notes, r.Total)
	}
}

func TestManyDifferencesAreCounted(t *testing.T) {
	var b, g strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
		fmt.Fprintf(&g, `,"k%d":%d`, i, i+1)
	}
	blue, green := "{"+b.String()[1:]+"}", "{"+g.String()[1:]+"}"
	r := Compare([]byte(blue), []byte(green), mustCompile(t, Options{MaxDiffs: 7}))
	if len(r.Differences) != 7 || r.Total != 500 {
		t.Errorf("kept %d of %d, want 7 of 500", len(r.Differences), r.Total)
	}
}

// A name that comes back in every path does not multiply into memory.
func TestLongNamesAreBounded(t *testing.T) {
	var b, g strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, `,"k%d":1`, i)
		fmt.Fprintf(&g, `,"k%d":2`, i)
	}
	name := strings.Repeat("n", 1<<20)
	blue, green := `{"`+name+`":{`+b.String()[1:]+`}}`, `{"`+name+`":{`+g.String()[1:]+`}}`
	r := Compare([]byte(blue), []byte(green), nil)
	kept := 0
	for _, d := range r.Differences {
		kept += len(d.Path)
	}
	if r.Total != 2000 || kept > 2*maxText {
		t.Errorf("total %d, %d bytes of paths kept", r.Total, kept)
	}
}

// Rules serve many comparisons at once.
func TestConcurrentUse(t *testing.T) {
	rules := mustCompile(t, Options{}, Rule{At: "$..ts", Do: DoIgnore, Why: "w"}, Rule{At: "$..*Url", Do: DoIgnore, Why: "w"}, Rule{At: "$..[?@.id==1].v", Do: DoTolerance, Abs: new(1.0)})
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 50 {
				blue := fmt.Sprintf(`{"l":[{"id":1,"v":1,"m%d":1,"aUrl":1},{"id":2,"ts":%d}]}`, i%7, i)
				green := fmt.Sprintf(`{"l":[{"id":1,"v":2,"m%d":1,"aUrl":2},{"id":2,"ts":%d}]}`, i%7, i+worker)
				if r := Compare([]byte(blue), []byte(green), rules); !r.Equal() {
					t.Errorf("%v", r.Differences)
				}
			}
		})
	}
	wg.Wait()
}
