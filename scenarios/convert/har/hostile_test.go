package har

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// everyEntry holds every member that the importer reads.
const everyEntry = `{"log":{"version":"1.2","entries":[
 {"startedDateTime":"2026-01-02T03:04:05.678Z","_resourceType":"xhr","request":{"method":"POST","url":"https://h.example/a?x=1&y=a%3Ab","bodySize":3,"headers":[{"name":"Content-Type","value":"multipart/form-data; boundary=b"}],"cookies":[{"name":"c","value":"d"}],
  "postData":{"mimeType":"text/plain","text":"aGk=","encoding":"base64","params":[{"name":"a","value":"b","fileName":"f.txt","contentType":"text/plain"}]}},
  "response":{"status":200,"headers":[{"name":"Set-Cookie","value":"s=1; Path=/"},{"name":"Content-Type","value":"application/json"}],"cookies":[{"name":"s","value":"1"}],"content":{"mimeType":"application/json","text":"eyJ0b2tlbiI6ImFiY2RlZjEyMzQ1NiJ9","encoding":"base64"}}},
 {"request":{"method":"GET","url":"https://h.example/b/abcdef123456","headers":[{"name":"Authorization","value":"Bearer abcdef123456"}],"cookies":{"name":"c","value":"d"}},"response":{"status":0}}]}}`

// A damaged recording is refused, or imported to files that load. Nothing panics.
func TestHostileRecordings(t *testing.T) {
	n, refused := 0, 0
	for what, data := range converttest.Mutants(everyEntry) {
		n++
		in := source.Input{Files: fstest.MapFS{"x.har": {Data: data}}, Name: "x.har"}
		result, err := Convert(in, Options{RequestsOnly: n%2 == 0, Snapshots: n%3 == 0})
		if err != nil {
			refused++
			continue
		}
		if problems, _ := converttest.Problems(write.Files(&result.Tree), result.Tree.Envs); n%5 == 0 && problems.HasErrors() {
			t.Errorf("%s: what is written does not load: %v", what, problems)
		}
	}
	if refused < 50 || n-refused < 100 {
		t.Errorf("%d of %d damaged recordings were refused: the mutants are not what they were", refused, n)
	}
}

// What recordings of other tools leave out or write otherwise is said, or read.
func TestRecordingsOfOtherTools(t *testing.T) {
	const doc = `{"log":{"version":"1.2","entries":[
 {"request":{"method":"GET","url":"https://h.example/lang","headers":[{"name":"Accept-Language","value":"ko"}],"cookies":{"name":"theme","value":"dark"}},"response":{"status":200,"content":{}}},
 {"request":{"method":"POST","url":"https://h.example/lost","bodySize":20},"response":{"status":201,"content":{}}},
 {"request":{"method":"GET","url":"https://h.example/open"},"response":{"status":0}}]}}`
	read := func(opts Options) string {
		t.Helper()
		result, err := Convert(source.Input{Files: fstest.MapFS{"x.har": {Data: []byte(doc)}}, Name: "x.har"}, opts)
		if err != nil {
			t.Fatal(err)
		}
		var report strings.Builder
		if err := result.Report.Write(&report); err != nil {
			t.Fatal(err)
		}
		return converttest.Render(write.Files(&result.Tree)) + report.String()
	}
	got := read(Options{})
	for _, want := range []string{"Accept-Language: ko", "COOKIE_THEME", "its body is not in the recording", "the recording does not hold it", "--requests-only"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "/open") {
		t.Errorf("a request without an answer was taken:\n%s", got)
	}
	if got := read(Options{RequestsOnly: true}); !strings.Contains(got, "get: /open") || strings.Contains(got, "status: 0") {
		t.Errorf("the request without an answer:\n%s", got)
	}
}
