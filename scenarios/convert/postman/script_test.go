package postman

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// scripted imports two requests, the first with a test script, and returns what
// the first expects and captures, as it is written.
func scripted(t *testing.T, script string) (string, *model.Report) {
	t.Helper()
	data := `{"info":{"name":"s"},"item":[
		{"name":"a","event":[{"listen":"test","script":{"exec":` + source.Quoted(script) + `}}],"request":"https://x.example/a"},
		{"name":"b","request":"https://x.example/b/{{id}}/{{other}}"}]}`
	result, err := Convert(source.Input{Files: fstest.MapFS{"c.json": {Data: []byte(data)}}, Name: "c.json"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if problems, _ := converttest.Problems(write.Files(&result.Tree), result.Tree.Envs); problems.HasErrors() {
		t.Fatalf("%s\n%v", converttest.Render(write.Files(&result.Tree)), problems)
	}
	step := result.Tree.Suites[0].Cases[0].Steps[0]
	return strings.TrimSpace(write.Keys(&model.Step{Expect: step.Expect, Captures: step.Captures})), &result.Report
}

// Each statement becomes what it means, or is listed.
func TestScripts(t *testing.T) {
	rows := []struct{ name, script, want, lost, reason string }{
		{"status", "pm.response.to.have.status(201)", "expect: {status: 201}", "", "the commonest line there is"},
		{"status in a test", `pm.test("s", function () { pm.response.to.have.status(204); });`, "expect: {status: 204}", "", "tests are functions"},
		{"status by words", `pm.response.to.have.status("Created")`, "expect: {status: 201}", "", "reason phrases are names of codes"},
		{"status class", "pm.response.to.be.success", "expect: {status: 2xx}", "", "classes"},
		{"status of several", "pm.expect(pm.response.code).to.be.oneOf([200, 404])", "expect: {status: [200, 404]}", "", "lists"},
		{"status the old way", `tests["ok"] = responseCode.code === 200;`, "expect: {status: 200}", "", "the form before 2017"},
		{"status contradicted", "pm.response.to.have.status(200); pm.response.to.have.status(201)", "expect: {status: 200}", "another status is expected already", "both can never hold"},
		{"status under a bound", "pm.expect(pm.response.code).to.be.below(500)", "", "a status is expected by value, class or list", "the language has no such range"},
		{"time", "pm.expect(pm.response.responseTime).to.be.below(300)", "expect: {latency: 300ms}", "", "milliseconds"},
		{"time the old way", `tests["fast"] = responseTime < 2000`, "expect: {latency: 2s}", "", "whole seconds read better"},
		{"header", `pm.response.to.have.header("Content-Type", "application/json")`, "expect: {headers: {content-type: application/json}}", "", "names without case"},
		{"header there", `pm.expect(pm.response.headers.has("ETag")).to.be.true`, "expect: {headers: {etag: {exists: true}}}", "", "a condition that is true"},
		{"header part", `tests.t = postman.getResponseHeader("Content-Type").has("json")`, "expect: {headers: {content-type: {contains: json}}}", "", "the sandbox adds has to strings"},
		{"json", "pm.response.to.be.json", "expect: {headers: {content-type: {contains: json}}}", "", "a content type"},
		{"cookie", `pm.expect(pm.cookies.has("sid")).to.be.true`, "expect: {cookies: {sid: {exists: true}}}", "", "cookies of the answer"},
		{"value", `const j = pm.response.json(); pm.expect(j.a.b[0].c).to.eql("x")`, `expect: {body: {"$.a.b[0].c": x}}`, "", "a name for the body is followed"},
		{"text that looks like a number", `pm.expect(pm.response.json().zip).to.eql("010")`, `expect: {body: {$.zip: "010"}}`, "", "a string stays one"},
		{"odd names", `pm.expect(pm.response.json()["a-b"]["c d"]).to.equal(1)`, `expect: {body: {"$['a-b']['c d']": 1}}`, "", "names that paths quote"},
		{"destructured", `const { data: { id } } = JSON.parse(responseBody); pm.expect(id).to.be.a("number")`, "expect: {body: {$.data.id: {type: number}}}", "", "patterns"},
		{"property", `pm.expect(pm.response.json()).to.have.property("a").that.is.an("array").with.lengthOf(2)`, "expect: {body: {$.a: {type: array, count: 2}}}", "", "the subject moves to the member"},
		{"property with value", `pm.expect(pm.response.json()).to.have.nested.property("a.b[1]", null)`, `expect: {body: {"$.a.b[1]": null}}`, "", "null is a value"},
		{"length", "pm.expect(pm.response.json().list.length).to.be.above(0)", "expect:\n  body: {$.list: {count: {gt: 0}, not: {type: object}}}", "", "length is count, and objects have none"},
		{"length between", "pm.expect(pm.response.json()).to.have.length.within(1, 5)", "expect:\n  body:\n    $: {count: {gte: 1, lte: 5}, not: [{type: object}, {type: number}, {type: boolean}, {type: \"null\"}]}", "", "two tests of one count"},
		{"length between, said again", "for (const n of [1, 5, 5]) { pm.expect(pm.response.json()).to.have.length.within(1, n) }", "expect:\n  body:\n    $:\n      count: {gte: 1, lte: 1}\n      not: [{type: object}, {type: number}, {type: boolean}, {type: \"null\"}]\n      all: [{count: {lte: 5}}]", "", "a test that is there already, and one of its kind with another bound"},
		{"found by its key", `pm.environment.set("id", pm.response.json().list.find(x => x.name === "kim").id)`, `capture: {id: "$.list[?@.name=='kim'].id"}`, "", "an element by a member"},
		{"found by two keys", `pm.environment.set("id", pm.response.json().find(function (x) { return x.a === 5 && x.b === true; }).id)`, `capture: {id: "$[?@.a==5 && @.b==true].id"}`, "", "all must hold"},
		{"object filled in a loop", `const by = {}; pm.response.json().list.forEach(x => { by[x.name] = x.body && x.body.id }); pm.environment.set("id", by["kim"]); pm.environment.set("other", by.lee)`, `capture: {id: "$.list[?@.name=='kim'].body.id", other: "$.list[?@.name=='lee'].body.id"}`, "", "a member of each element under another member's value"},
		{"object filled twice", `const by = {}; pm.response.json().list.forEach(x => { by[x.name] = x.id }); by.kim = 5; pm.environment.set("id", by["kim"])`, "", "the value is made by code", "what is left of the first is not known"},
		{"object filled under a condition", `const by = {}; pm.response.json().list.forEach(x => { if (x.ok) by[x.name] = x.id }); pm.environment.set("id", by["kim"])`, "", "the value is made by code", "some elements are not in it"},
		{"found is tested", `const x = pm.response.json().list.find(x => x.name === "kim"); pm.expect(x).to.exist; pm.expect(x.age).to.equal(5)`, "expect:\n  body:\n    $.list: {type: array, count: {gte: 0}, each: {not: {type: \"null\"}}}\n    $.list[?@.name=='kim']: {count: {gte: 1}, each: {exists: true, ne: null}}\n    $.list[?@.name=='kim'].age: {each: {eq: 5}}", "", "an element that a script finds is there"},
		{"found loosely", `pm.expect(pm.response.json().list.find(x => x.name == "kim").age).to.equal(5)`, "", "the value is made by code", "== finds more than a filter"},
		{"none is found", `pm.expect(pm.response.json().list.find(x => x.name === "kim")).to.be.undefined`, "expect:\n  body:\n    $.list: {type: array, count: {gte: 0}, each: {not: {type: \"null\"}}}\n    $.list[?@.name=='kim']: {count: 0}", "", "no element has the key"},
		{"some", `pm.expect(pm.response.json().list.some(x => x.name === "kim")).to.be.true`, "expect:\n  body:\n    $.list: {type: array, count: {gte: 0}, each: {not: {type: \"null\"}}}\n    $.list[?@.name=='kim']: {count: {gte: 1}, each: {exists: true}}", "", "an element has the key"},
		{"contains", `pm.expect(pm.response.json().names).to.include("kim")`, "expect:\n  body: {$.names: {contains: kim, not: {type: object}}}", "", "text or list, and no object that has such a member"},
		{"contains object", `pm.expect(pm.response.json()).to.include({ok: true, n: 1})`, "expect: {body: {$.ok: true, $.n: 1}}", "", "a part of an object is its members"},
		{"pattern", `pm.expect(pm.response.json().id).to.match(/^CH\d{3}$/i)`, "expect: {body: {$.id: {matches: '(?i)^CH\\d{3}$'}}}", "", "flags move into the pattern"},
		{"pattern beyond RE2", `pm.expect(pm.response.json().id).to.match(/(?=a)b/)`, "", "the pattern is not RE2", "lookaround"},
		{"not", `pm.expect(pm.response.json().a).to.not.equal("x"); pm.expect(pm.response.json().b).not.to.be.undefined`, "expect: {body: {$.a: {ne: x}, $.b: {exists: true}}}", "", "opposites that there are"},
		{"exists", `pm.expect(pm.response.json().a).to.exist`, "expect: {body: {$.a: {exists: true, ne: null}}}", "", "null does not exist to chai"},
		{"does not exist", `pm.expect(pm.response.json().a).to.not.exist`, "expect: {body: {$.a: {exists: false}}}", "", "absent; null would do as well"},
		{"a sum", `pm.expect(pm.response.json().n).to.eql(pm.environment.get("id") + 1)`, "", "what it is compared with is made by code", "text joins, numbers add: nobody knows"},
		{"a sure sum", `pm.expect(pm.response.json().n).to.eql(Number(pm.environment.get("id")) - 1)`, "expect: {body: {$.n: \"{{id | number | add: -1}}\"}}", "", "a number for certain"},
		{"a value made a number", `pm.expect(Number(pm.response.json().n)).to.eql(5)`, "", "the script makes a number of the value first", "text would do as well"},
		{"a header made a number", `pm.expect(Number(pm.response.headers.get("X-N"))).to.be.above(5)`, "expect: {headers: {x-n: {gt: 5}}}", "", "headers are text"},
		{"a header is no number", `pm.expect(pm.response.headers.get("X-N")).to.eql(5)`, "", "a header and a cookie are text", "it can never hold"},
		{"loosely equal", `tests.t = pm.response.json().n == 5`, "expect:\n  body: {$.n: {in: [5, \"5\"]}}", "", "== converts"},
		{"strictly equal", `tests.t = pm.response.json().n === 5`, "expect: {body: {$.n: 5}}", "", "=== does not"},
		{"another value", `pm.expect(pm.response.json().n || 5).to.eql(5)`, "", "another value may take the place", "it may not be there"},
		{"identity", `pm.expect(pm.response.json().a).to.equal([1])`, "", "without deep", "never the same list"},
		{"truthy", `pm.expect(pm.response.json().a).to.be.ok`, "expect:\n  body:\n    $.a: {not: {in: [false, 0, \"\", null]}}", "", "none of what counts as false"},
		{"close to", `pm.expect(pm.response.json().a).to.be.closeTo(1.5, 0.25)`, "expect: {body: {$.a: {gte: 1.25, lte: 1.75}}}", "", "two bounds"},
		{"members", `pm.expect(pm.response.json().a).to.have.members(["x", 2])`, "expect:\n  body:\n    $.a: {count: 2, unique: true, each: {in: [x, 2]}}", "", "in any order"},
		{"names", `pm.expect(Object.keys(pm.response.json()).length).to.eql(2)`, "expect:\n  body:\n    $: {count: 2, not: [{type: \"null\"}, {type: string}]}", "", "members"},
		{"null in a list", `pm.expect(pm.response.json().a).to.be.oneOf(["x", null])`, "expect:\n  body: {$.a: {in: [x, null]}}", "", "null is a value"},
		{"a way out", `pm.test("t", () => { if (pm.response.json().n) return; pm.expect(pm.response.json().a).to.eql(1); })`, "expect: {schema: schemas/a.json}", "", "what follows is conditional"},
		{"a way out that the step excludes", `pm.test("t", () => { if (pm.response.code !== 200) { return; } pm.expect(pm.response.json().a).to.eql(1); })`, "expect: {body: {$.a: 1}}", "", "the status is expected anyway"},
		{"caught", `try { pm.expect(pm.response.json().a).to.eql(1) } catch (e) {}`, "", "the script catches the failure", "it cannot fail"},
		{"a test in a try", `try { pm.test("t", () => pm.expect(pm.response.json().a).to.eql(1)) } catch (e) {}`, "expect: {body: {$.a: 1}}", "", "tests report their own failures"},
		{"a member of nothing", `pm.expect(pm.response.json().a.b).to.be.undefined`, "expect:\n  body: {$.a: {not: {type: \"null\"}}, $.a.b: {exists: false}}", "", "to look into null fails"},
		{"ok", "pm.response.to.be.ok", "expect: {status: 200}", "", "ok is 200 alone"},
		{"for each with a number", `pm.response.json().list.forEach((x, i) => { pm.expect(x.n).to.eql(i); pm.expect(x.id).to.be.a("string"); })`, "expect:\n  body: {$.list: {type: array}, \"$.list[*].id\": {count: {gte: 0}, each: {type: string}}}", "what it is compared with is made by code", "the number is code"},
		{"not included", `pm.expect(pm.response.json().a).to.not.include("x")`, "expect:\n  body:\n    $.a: {not: [{contains: x}, {type: object}, {type: number}, {type: boolean}, {type: \"null\"}]}", "", "what has no parts fails chai either way"},
		{"not several", `const t = pm.response.text(); pm.expect(t).to.not.include("error"); pm.expect(t).to.not.include("fail"); pm.expect(t).to.not.match(/denied/i)`, "expect:\n  text: {not: [{contains: error}, {contains: fail}, {matches: \"(?i)denied\"}]}", "", "two of a kind make a list"},
		{"not one of", `pm.expect(pm.response.json().state).to.not.be.oneOf(["OFF", "LOST"])`, "expect:\n  body:\n    $.state: {not: {in: [\"OFF\", LOST]}}", "", "a list"},
		{"not a type", `pm.expect(pm.response.json().a).to.not.be.a("string")`, "", "there is no opposite of type", "nothing at all is no string to chai"},
		{"not without opposite", `pm.expect(pm.response.json()).to.not.have.jsonSchema({type: "object"})`, "", "there is no counterpart of jsonSchema", "never the contrary in silence"},
		{"keys", `pm.expect(pm.response.json()).to.have.all.keys("a", "b")`, "expect:\n  body:\n    $.a: {exists: true}\n    $.b: {exists: true}\n    $: {count: 2, not: [{type: \"null\"}, {type: string}]}", "", "these and no others"},
		{"typeof", `tests.t = typeof JSON.parse(responseBody).a === "string" && JSON.parse(responseBody).b !== undefined`, "expect: {body: {$.a: {type: string}, $.b: {exists: true}}}", "", "two claims of one test"},
		{"both orders", `tests.t = 5 <= JSON.parse(responseBody).n`, "expect: {body: {$.n: {gte: 5}}}", "", "the literal first"},
		{"variable", `pm.expect(pm.response.json().id).to.eql(pm.environment.get("id"))`, "expect: {body: {$.id: \"{{id}}\"}}", "", "variables of any scope"},
		{"for each", `pm.response.json().list.forEach(x => pm.expect(x.id).to.be.a("string"))`, "expect:\n  body: {$.list: {type: array}, \"$.list[*].id\": {count: {gte: 0}, each: {type: string}}}", "", "what holds for each element"},
		{"for of", `for (const x of pm.response.json()) { pm.expect(x).to.have.property("id"); }`, "expect:\n  body: {$: {type: array}, \"$[*].id\": {count: {gte: 0}, each: {exists: true}}}", "", "loops over a list"},
		{"schema", `pm.response.to.have.jsonSchema({type: "object", required: ["a"], properties: {a: {type: "integer"}}})`, "expect: {schema: schemas/a.json}", "", "a file of its own"},
		{"schema of a draft", `pm.response.to.have.jsonSchema({type: "object", dependencies: {a: ["b"]}})`, "", "drafts read differently", "a keyword that changed"},
		{"body text", `pm.expect(pm.response.text()).to.include("hello")`, "expect: {text: {contains: hello}}", "", "whatever the body's type"},
		{"body text the old way", `tests.t = responseBody.has("hello") && !responseBody.has("error")`, "expect: {text: {contains: hello, not: {contains: error}}}", "", "the sandbox adds has to strings"},
		{"the whole body", `pm.response.to.have.body("OK")`, "expect: {text: OK}", "", "a value alone"},
		{"a body", `pm.response.to.have.body()`, "expect: {text: {exists: true}}", "", "whatever it is"},
		{"if it is a success", "if (pm.response.code === 200) { pm.expect(pm.response.json().a).to.eql(1) }", "expect: {body: {$.a: 1}}", "", "the step demands it anyway"},
		{"if something else", "if (pm.response.json().list.length) { pm.expect(pm.response.json().a).to.eql(1) }", "expect: {schema: schemas/a.json}", "", "it is about something else than the list"},
		{"if a list has elements", `const j = pm.response.json(); if (j.list.length) { pm.expect(j.list[0].id).to.be.a("number") }`, "expect:\n  body: {$.list: {type: array}, \"$.list[0:1].id\": {count: {gte: 0}, each: {type: number}}}", "", "the first one, where it is there"},
		{"assigned in a loop", `let last; pm.response.json().list.forEach(x => { last = x.id }); pm.expect(last).to.eql(5)`, "", "the value is made by code", "of an empty list it is nothing"},
		{"counted in a loop", `let n = 0; pm.response.json().list.forEach(x => { n++ }); if (n === 0) { pm.expect(pm.response.json().a).to.eql(1) }`, "", "only if n === 0", "it is no longer what it began as"},
		{"changed in place", `const want = []; want.push(1); pm.expect(pm.response.json().list).to.eql(want)`, "", "what it is compared with is made by code", "the list is not empty"},
		{"changed in code that is not followed", `let w = 1; while (w < 5) { w = w * 2 } pm.expect(pm.response.json().a).to.eql(w)`, "", "what it is compared with is made by code", "nobody ran the loop"},
		{"a function of the script", `function has(o, k) { pm.expect(o).to.have.property(k) } has(pm.response.json(), "a"); has(pm.response.json().b, "c")`, "expect: {body: {$.a: {exists: true}, $.b.c: {exists: true}}}", "", "read where it is called"},
		{"a function that gives a value", `const first = list => list[0]; pm.expect(first(pm.response.json().a).id).to.eql(1)`, "expect: {body: {\"$.a[0].id\": 1}}", "", "its result"},
		{"a function nobody calls", `function f() { pm.expect(pm.response.json().a).to.eql(1) }`, "", "nothing calls it", "it asserts nothing"},
		{"for each of a list of the script", `["a", "b"].forEach(k => pm.expect(pm.response.json()).to.have.property(k))`, "expect: {body: {$.a: {exists: true}, $.b: {exists: true}}}", "", "one by one"},
		{"a counted loop", `const j = pm.response.json(); for (let i = 0; i < j.list.length; i++) { pm.expect(j.list[i].id).to.be.above(0) }`, "expect:\n  body: {$.list: {type: array}, \"$.list[*].id\": {count: {gte: 0}, each: {gt: 0}}}", "", "every element"},
		{"every", `pm.expect(pm.response.json().list.every(x => x.id > 0)).to.be.true`, "expect:\n  body: {$.list: {type: array}, \"$.list[*].id\": {count: {gte: 0}, each: {gt: 0}}}", "", "every element"},
		{"some", `pm.expect(pm.response.json().list.some(x => x.id > 0)).to.be.true`, "", "the value is made by code", "the language has no such test"},
		{"compiled schema", `const ajv = new Ajv(); const valid = ajv.compile({type: "object"}); pm.expect(valid(pm.response.json())).to.be.true`, "expect: {schema: schemas/a.json}", "", "ajv's usual form"},
		{"two parts of a text", `pm.expect(pm.response.text()).to.include("a.b"); pm.expect(pm.response.text()).to.include("c")`, "expect:\n  text: {contains: a.b, all: [{contains: c}]}", "", "two of one kind"},
		{"capture of a part", `pm.environment.set("id", pm.response.headers.get("Location").split("/").pop())`, "capture: {id: {header: Location, regex: \"(?s)([^/]*)$\"}}", "", "the end of an address"},
		{"capture by a match", `pm.environment.set("id", pm.response.text().match(/token=(\w+)/)[1])`, "capture: {id: {regex: token=(\\w+)}}", "", "its group"},
		{"a part that is compared", `pm.expect(pm.response.headers.get("Location").split("/").pop()).to.eql("5")`, "", "the value is made by code", "the whole is something else"},
		{"the last, taken off", `const j = pm.response.json(); const x = j.pop(); pm.environment.set("id", x.id)`, "capture: {id: \"$[-1].id\"}", "", "nothing else reads the list"},
		{"taken off and read", `const j = pm.response.json(); j.pop(); pm.expect(j[0].a).to.eql(1)`, "", "the value is made by code", "it may have had one element"},
		{"of XML", `const x = xml2Json(responseBody); pm.environment.set("id", x["s:Envelope"].result.id)`, `capture: {id: {regex: '(?s)<s:Envelope(?:\s[^>]*)?>.*?<result(?:\s[^>]*)?>.*?<id(?:\s[^>]*)?>\s*([^<]*?)\s*<'}}`, "", "the first element that the names lead to"},
		{"as text", `pm.environment.set("id", String(pm.response.json().n))`, "capture: {id: $.n}", "", "text wherever it is used"},
		{"not a status", `pm.response.to.not.be.error; pm.response.to.have.status(201); pm.response.to.not.have.statusCode(400)`, "expect: {status: 201}", "", "one of both lists"},
		{"not a success of a kind", `pm.response.to.not.be.serverError`, "expect: {status: [1xx, 2xx, 3xx, 4xx]}", "", "the other classes"},
		{"an instant", `pm.expect(new Date(pm.response.json().at).toISOString()).to.equal("2026-01-31T10:00:00.000Z")`, "expect: {body: {$.at: {instant: \"2026-01-31T10:00:00.000Z\"}}}", "", "however the answer writes it"},
		{"an instant that no ISO text is", `pm.expect(new Date(pm.response.json().at).toISOString()).to.equal("2026-01-31T10:00:00Z")`, "", "the value is made by code", "it can never hold"},
		{"an instant of a variable", `pm.expect(new Date(pm.response.json().at).toISOString()).to.equal(pm.environment.get("id"))`, "", "the value is made by code", "nobody knows how it is written"},
		{"a date's other methods", `pm.expect(new Date(pm.response.json().at).getTime()).to.be.above(0)`, "", "the value is made by code", "numbers of a date"},
		{"found by a variable", `pm.expect(pm.response.json().list.find(x => x.id === pm.environment.get("id")).age).to.equal(5)`, "expect:\n  body:\n    $.list: {type: array, count: {gte: 0}, each: {not: {type: \"null\"}}}\n    $.list[?@.id=={{id}}]: {count: {gte: 1}}\n    $.list[?@.id=={{id}}].age: {each: {eq: 5}}", "", "the value of a filter"},
		{"before the failure that is caught", `try { tests.a = responseBody.has("a"); const j = JSON.parse(responseBody); tests.b = j.b === 1 } catch (e) {}`, "expect: {text: {contains: a}}", "the script catches the failure", "nothing before it can fail"},
		{"truthy the old way", `tests.t = pm.response.json().a; tests.h = postman.getResponseHeader("X-A"); tests.n = !postman.getResponseHeader("X-B")`, "expect:\n  headers: {x-a: {empty: false}, x-b: {empty: true}}\n  body:\n    $.a: {not: {in: [false, 0, \"\", null]}}", "", "what counts as true"},
		{"either way", `const j = pm.response.json(); if (j.a === 1) { pm.expect(j.b).to.eql(2); pm.expect(j.c).to.eql(3) } else { pm.expect(j.b).to.eql(2) }`, "expect: {body: {$.b: 2}, schema: schemas/a.json}", "", "both branches say it; the rest is a schema"},
		{"either way, but for a condition inside", `const j = pm.response.json(); if (j.a === 1) { if (j.x) { pm.expect(j.b).to.eql(2) } } else { pm.expect(j.b).to.eql(2) }`, "expect: {schema: schemas/a.json}", "only if j.a === 1", "one of them may not"},
		{"either way, but for a return", `pm.test("t", () => { const j = pm.response.json(); if (j.a === 1) { if (j.x) { return } pm.expect(j.b).to.eql(2) } else { pm.expect(j.b).to.eql(2) } })`, "expect: {schema: schemas/a.json}", "only if j.a === 1", "it may not be reached"},
		{"the last of a list", `const j = pm.response.json(); pm.environment.set("id", j[j.length - 1].id)`, "capture: {id: \"$[-1].id\"}", "", "counted from the end"},
		{"else", "if (pm.response.code === 200) { pm.expect(pm.response.json().a).to.eql(1) } else { pm.expect(1).to.eql(2) }", "expect: {body: {$.a: 1}}", "it tests nothing of the answer", "what cannot be"},
		{"capture", `pm.environment.set("id", pm.response.json().data[0].id)`, `capture: {id: "$.data[0].id"}`, "", "a later request uses it"},
		{"capture header", `postman.setGlobalVariable("id", postman.getResponseHeader("Location"))`, "capture: {id: {header: Location}}", "", "the old names"},
		{"capture under a condition", `if (pm.response.json().id) { pm.collectionVariables.set("id", pm.response.json().id) }`, "capture: {id: $.id}", "", "the later request needs it"},
		{"capture nobody uses", `pm.environment.set("unused", pm.response.json().x)`, "", "no later request uses {{unused}}", "it would do nothing"},
		{"capture of many", `pm.response.json().forEach(x => pm.environment.set("id", x.id))`, "", "it may be more than one value", "the last one of a loop"},
		{"capture by code", `pm.environment.set("id", pm.response.json().find(x => x.ok).id)`, "", "the value is made by code", "a search"},
		{"flow", "postman.setNextRequest(null)", "", "steps run in their order", "no jumps"},
		{"no JavaScript", "pm.test('a', () => {", "", "the script is not valid JavaScript", "a script cut off"},
		{"text joined to braces", `pm.expect(pm.response.json().t).to.eql("{" + "{x}" + "{" + pm.environment.get("id"))`, "expect: {body: {$.t: \"{{'{'}}{x}{{'{'}}{{id}}\"}}", "", "two braces that meet are no placeholder"},
		{"text with braces", `pm.expect(pm.response.json().t).to.eql("{{x}}")`, "expect: {body: {$.t: \"{{'{{'}}x}}\"}}", "", "a script's text is no template"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, report := scripted(t, row.script)
			if d := cmp.Diff(row.want, got); d != "" {
				t.Errorf("%s: %s (-want +got)\n%s", row.reason, row.script, d)
			}
			var lost strings.Builder
			for _, l := range report.Lost {
				lost.WriteString(l.Why + "\n")
			}
			if row.lost == "" && lost.String() != "" || !strings.Contains(lost.String(), row.lost) {
				t.Errorf("%s: %s: lost %q, want %q", row.reason, row.script, lost.String(), row.lost)
			}
		})
	}
}
