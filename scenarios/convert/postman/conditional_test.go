package postman

import (
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/internal/bodyschema"
)

// What a script asserts under a condition is a schema that passes no body that fails in the
// script, and few that pass there. The outcomes are those of Newman.
func TestConditional(t *testing.T) {
	const eight = " { pm.expect(j.n).to.eql(8) }"
	rows := []struct {
		script, body string
		passes       bool
		reason       string
	}{
		{"if (j.v)" + eight, `{}`, true, "nothing counts as false"},
		{"if (j.v)" + eight, `{"v":0}`, true, "0 counts as false"},
		{"if (j.v)" + eight, `{"v":[]}`, false, "a list counts as true"},
		{"if (j.v)" + eight, `{"v":"a","n":8}`, true, "the branch holds"},
		{"if (!j.v)" + eight, `{}`, false, "the branch is entered"},
		{"if (!j.v)" + eight, `{"v":1}`, true, "it is not"},
		{"if (!(j.v && j.v.id))" + eight, `{"n":8}`, true, "nobody looks into nothing"},
		{"if (j.v.id)" + eight, `{"n":8}`, false, "a member of nothing"},
		{"if (j.v.id)" + eight, `{"v":null,"n":8}`, false, "a member of null"},
		{"if (j.v.id)" + eight, `{"v":5}`, true, "a number has no such member"},
		{"if (j.v && j.v.id === 1)" + eight, `{}`, true, "&& ends at nothing"},
		{"if (j.v && j.v.id === 1)" + eight, `{"v":{"id":1}}`, false, "both hold"},
		{"if (j.n && j.v.id === 1)" + eight, `{"n":7}`, false, "what follows && is read where the first holds"},
		{"if (j.n && j.v.id === 1)" + eight, `{}`, true, "and only there"},
		{"if (j.a && j.ab === 1)" + eight, `{"ab":1}`, true, "a name that begins like another"},
		{"if (j.v === 5)" + eight, `{"v":"5"}`, true, "text is not the number"},
		{"if (j.v != 5)" + eight, `{}`, false, "nothing differs from 5"},
		{"if (j.v == 5)" + eight, `{"v":"5"}`, false, "== converts"},
		{"if (j.v == 'a')" + eight, `{"v":["a"],"n":7}`, false, "a list is text to =="},
		{"if (j.v > 1)" + eight, `{"v":"5","n":7}`, false, "text is a number to >"},
		{"if (j.v.length)" + eight, `{"v":[1]}`, false, "a list with elements"},
		{"if (j.v.length)" + eight, `{"v":[]}`, true, "one without"},
		{"if (j.v.length > 2)" + eight, `{"v":[1,2]}`, true, "two are not more than two"},
		{"if ('id' in j.v)" + eight, `{"v":"text","n":8}`, false, "in fails for text"},
		{"if (j.v) { pm.expect(j.n).to.eql(7) } else" + eight, `{"n":8}`, true, "the other branch"},
		{"if (j.v) { pm.expect(j.n).to.eql(7) } else" + eight, `{"v":1,"n":8}`, false, "the first branch"},
		{"if (j.n) { pm.expect(j.v).to.not.match(/a/) }", `{"n":1,"v":"b"}`, true, "text without it"},
		{"if (j.n) { pm.expect(j.v).to.not.match(/a/) }", `{"n":1,"v":false}`, false, "false is text with an a"},
		{"if (j.n) { pm.expect(j.v).to.include('b').and.include('c') }", `{"n":1,"v":"ab"}`, false, "both parts"},
		{"if (j.n) { pm.expect(j.v).to.be.undefined }", `{"n":1,"v":null}`, false, "null is something"},
		{"if (j.n) { pm.expect(j.v.id).to.be.undefined }", `{"n":1}`, false, "a member of nothing"},
		{"if (j.v[0].id === 1)" + eight, `{"v":[{"id":1}]}`, false, "the first element"},
		{"if (j.v[0].id === 1)" + eight, `{"v":[],"n":8}`, false, "a member of no element"},
		{"if (j.v[1])" + eight, `{"v":[1]}`, true, "no second element"},
		{"if (j.v[1])" + eight, `{"v":"ab","n":8}`, false, "a character is not an element"},
		{"if (!j.v) return; pm.expect(j.v[0].n).to.eql(8)", `{"v":[{"n":8}]}`, true, "what follows a way out"},
		{"if (!j.v) return; pm.expect(j.v[0].n).to.eql(8)", `{}`, true, "the way out"},
		{"if (!j.v) return; pm.expect(j.v[0].n).to.eql(8)", `{"v":[]}`, false, "no way out"},
		{"if (pm.response.code === 200 && j.v)" + eight, `{"v":1}`, false, "the step expects the status anyway"},
		{"if (j.n === 1 || j.n === 2) { pm.expect(j.v).to.eql(1) }", `{"n":2,"v":2}`, false, "either value"},
		{"pm.expect(!j.v).to.be.true", `{"v":""}`, true, "an empty text counts as false"},
		{"pm.expect(!j.v).to.be.true", `{"v":{}}`, false, "an object counts as true"},
	}
	for _, row := range rows {
		script := "pm.test('t', () => { const j = pm.response.json(); " + row.script + " })"
		data := `{"info":{"name":"s"},"item":[{"name":"a","event":[{"listen":"test","script":{"exec":` + source.Quoted(script) + `}}],"request":"https://x.example/a"}]}`
		result, err := Convert(source.Input{Files: fstest.MapFS{"c.json": {Data: []byte(data)}}, Name: "c.json"}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Report.Lost) > 0 || len(result.Tree.Assets) != 1 {
			t.Errorf("%s: %d files, lost %v", row.script, len(result.Tree.Assets), result.Report.Lost)
			continue
		}
		schema, err := bodyschema.Compile("a.json", "", result.Tree.Assets[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(schema.Check([]byte(row.body))) == 0; got != row.passes {
			t.Errorf("%s: %s with %s: got %t, want %t\n%s", row.reason, row.script, row.body, got, row.passes, result.Tree.Assets[0].Data)
		}
	}
}
