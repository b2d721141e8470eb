package postman

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// everyForm holds every member that the importer reads.
const everyForm = `{"info":{"name":"all","description":{"content":"d"}},"auth":{"type":"basic","basic":[{"key":"username","value":"u"},{"key":"password","value":"p"}]},
"variable":[{"key":"base","value":"https://x.example/v1","type":"string"},{"id":"n","value":5}],
"event":[{"listen":"prerequest","script":{"exec":["pm.sendRequest({url: pm.variables.get('base') + '/t', method: 'POST', header: {A: 'b'}, body: {mode: 'raw', raw: '{}'}}, (e, r) => pm.environment.set('tok', r.json().token));"]}}],
"protocolProfileBehavior":{"disableBodyPruning":true},
"item":[{"name":"f","item":[
 {"name":"a","request":{"method":"POST","url":{"raw":"{{base}}/:id?q=1","protocol":"https","host":["{{base}}"],"port":"8","path":["a",":id",{"value":"c"}],"query":[{"key":"q","value":"1","disabled":true},"b=2"],"variable":[{"key":"id","value":"7"}],"auth":{}},
  "header":[{"key":"A","value":"{{tok}}","disabled":false},"B: c"],"body":{"mode":"raw","raw":"{\"a\": {{n}}}","options":{"raw":{"language":"json"}},"disabled":false}},
  "event":[{"listen":"test","disabled":false,"script":{"type":"text/javascript","exec":["const j = pm.response.json();","j.list.forEach(x => pm.expect(x.id).to.be.above(0));","pm.environment.set('id', j.id)"]}}],
  "response":[{"name":"ok","code":200,"body":"{}","header":[{"key":"content-type","value":"json"}],"_postman_previewlanguage":"json"}]},
 {"name":"b","auth":{"type":"apikey","apikey":{"key":"K","value":"{{id}}","in":"query"}},"request":{"method":"PUT","url":"{{base}}/b","header":"A: b","body":{"mode":"formdata","formdata":[{"key":"a","value":"b","type":"text","contentType":"x/y"},{"key":"f","src":["no.txt"],"type":"file"}]}}},
 {"name":"c","request":{"url":"{{base}}/c","method":"POST","body":{"mode":"urlencoded","urlencoded":[{"key":"a","value":"b"}]}}},
 {"name":"d","request":{"url":"{{base}}/d","method":"POST","body":{"mode":"graphql","graphql":{"query":"{a}","variables":{"x":1},"operationName":"o"}}}},
 {"name":"e","request":{"url":"{{base}}/e","method":"POST","body":{"mode":"file","file":{"src":"no.bin","content":"c"}}}}]},"https://y.example"]}`

// A damaged collection or environment is refused with its place, or imported to files
// that load. Nothing panics.
func TestHostileCollections(t *testing.T) {
	n, refused := 0, 0
	for what, data := range converttest.Mutants(everyForm) {
		n++
		in := source.Input{Files: fstest.MapFS{"c.json": {Data: data}}, Name: "c.json"}
		_, err := Convert(in, Options{})
		if err == nil {
			if n%28 == 0 || strings.Contains(what, "twice") { // to load what is written takes longest
				holdImport(t, in, Options{})
			}
			continue
		}
		refused++
		if place := (*source.Error)(nil); !errors.As(err, &place) {
			t.Errorf("%s: refused without a place: %v", what, err)
		}
	}
	if refused < 50 || n-refused < 500 {
		t.Errorf("%d of %d damaged collections were refused: the mutants are not what they were", refused, n)
	}
	const env = `{"name":"e","values":[{"key":"base","value":"https://x.example","enabled":true,"type":"secret"}]}`
	good := fstest.MapFS{"c.json": {Data: []byte(everyForm)}}
	for what, data := range converttest.Mutants(env) {
		_, err := Convert(source.Input{Files: good, Name: "c.json"}, Options{Envs: []model.File{{Name: "e.json", Data: data}}})
		if place := (*source.Error)(nil); err != nil && !errors.As(err, &place) {
			t.Errorf("environment, %s: refused without a place: %v", what, err)
		}
	}
}
