package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner/run"
)

// What answers under load showed is not in the records: it stays when they are
// judged again, by judge and by rediff, and its examples are archived.
func TestJudgeRunKeepsFindings(t *testing.T) {
	if testing.Short() {
		t.Skip("loads for four seconds: skipped with -short")
	}
	t.Parallel()
	e := newEvidence(t)
	var n atomic.Int64
	blue := serve(t, says(`{"user":"kim"}`))
	green := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) > 20 {
			says(`{"user":"lee"}`)(w, r)
			return
		}
		says(`{"user":"kim"}`)(w, r)
	})
	e.file("suite.yaml", "suite: one\ncases:\n  - {case: item, get: /item}\nload:\n  - {load: peak, rate: 40/s, warmup: 2s, duration: 2s, steps: [{case: item}]}\n")
	const finding = `$.user changed, blue "kim", green "lee"`
	r := e.bgverify("run", "suite.yaml", "--blue", blue, "--green", green)
	head := strings.Join(strings.Split(r.out.String(), "\n")[:10], "\n")
	if r.status != 1 || !strings.Contains(head, finding) || !strings.Contains(r.out.String(), "load peak responses equal") {
		t.Fatalf("exit status %d of a green that answers for another user under load\n%s%s", r.status, &r.out, &r.err)
	}
	if r := e.bgverify("judge", "it"); r.status != 1 || !strings.Contains(r.out.String(), "found in the run, not in its records: responses differ in") {
		t.Errorf("judge: exit status %d\n%s%s", r.status, &r.out, &r.err)
	}
	path, err := history.Resolve(filepath.Join(e.dir, "runs"), "it")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	run, err := folder.Run()
	if err != nil {
		t.Fatal(err)
	}
	examples := run.Loads[0].Judging.Examples
	if len(examples) == 0 {
		t.Fatal("no examples")
	}
	if pair, err := folder.Pair(examples[0].Exchange); err != nil || pair == nil || string(pair.Green.Answer) != `{"user":"lee"}` {
		t.Errorf("the exchange of %s: %+v, %v", examples[0].Exchange, pair, err)
	}
	for _, name := range []string{"run.json", "report.html", "junit.xml", "summary.md"} {
		text, err := os.ReadFile(filepath.Join(path, name))
		if err != nil || !strings.Contains(string(text), "responses equal") || !strings.Contains(string(text), "$.user") && !strings.Contains(string(text), "&#36;.user") {
			t.Errorf("%s does not name the difference: %v", name, err)
		}
	}
	if r := e.bgverify("rediff", "it", "--run-id", "again"); r.status != 1 || !strings.Contains(r.out.String(), finding) {
		t.Errorf("rediff: exit status %d\n%s%s", r.status, &r.out, &r.err)
	}
	if r := e.bgverify("judge", "again"); r.status != 3 {
		t.Errorf("judge of the run that was judged again: exit status %d\n%s%s", r.status, &r.out, &r.err)
	}
}

// The load stages of a run are judged again from their records: the verdict must
// be the run's, and nothing that is damaged, foreign or missing gives one.
func TestJudgeRun(t *testing.T) {
	if testing.Short() {
		t.Skip("loads for two seconds: skipped with -short")
	}
	t.Parallel()
	e := newEvidence(t)
	blue, green := serve(t, says(`{"id":1}`)), serve(t, says(`{"id":1}`))
	e.file("suite.yaml", "suite: one\ncases:\n  - {case: item, get: /item}\nload:\n  - {load: peak, rate: 40/s, duration: 1s, steps: [{case: item}]}\n")
	if r := e.bgverify("run", "suite.yaml", "--blue", blue, "--green", green); r.status != 4 {
		t.Fatalf("exit status %d of a stage of one second\n%s%s", r.status, &r.out, &r.err)
	}
	judge := func(status int, text string, args ...string) *ended {
		t.Helper()
		r := e.bgverify(append([]string{"judge"}, args...)...)
		if both := r.out.String() + r.err.String(); r.status != status || !strings.Contains(both, text) {
			t.Errorf("judge %s: exit status %d, want %d with %q\n%s", strings.Join(args, " "), r.status, status, text, both)
		}
		return r
	}
	judge(4, "one/peak: inconclusive; in the run: inconclusive", "it")
	judge(4, "margin 50 %", "it", "--p50", "50%")
	judge(2, "--expect is for result files of vegeta", "it", "--expect", "2xx")
	judge(2, "no such run", "nowhere")
	judge(2, "judge takes one run", "it", "it")
	var doc struct {
		Verdict string
		Stages  []struct{ Name, Verdict, Was string }
	}
	if err := json.Unmarshal(judge(4, "", "it", "--output", "json").out.Bytes(), &doc); err != nil || doc.Verdict != "inconclusive" || len(doc.Stages) != 1 || doc.Stages[0].Was != "inconclusive" {
		t.Errorf("as JSON: %+v, %v", doc, err)
	}

	path, err := history.Resolve(filepath.Join(e.dir, "runs"), "it")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ran, err := folder.Run()
	if err != nil {
		t.Fatal(err)
	}
	lie := ran.Loads[0]
	lie.Verdict = run.Pass
	if s, err := replay.JudgeLoad(folder, ran, &lie, nil); err != nil || s.Verdict != run.Broken || s.Reason != "the records say inconclusive, the run says pass" {
		t.Errorf("a pass that the records do not give: %+v, %v", s, err)
	}
	lie.Records = "../../etc/passwd"
	if s, err := replay.JudgeLoad(folder, ran, &lie, nil); err == nil {
		t.Errorf("records outside of the folder: %+v", s)
	}

	if r := e.bgverify("rediff", "it", "--run-id", "again"); r.status != 4 {
		t.Errorf("exit status %d of rediff\n%s%s", r.status, &r.out, &r.err)
	}
	judge(3, "bgverify judge it", "again")
	if r := e.bgverify("run", "suite.yaml", "--no-load", "--run-id", "unloaded", "--blue", blue, "--green", green); r.status != 0 {
		t.Errorf("exit status %d without load\n%s%s", r.status, &r.out, &r.err)
	}
	judge(3, "the run has no load stage", "unloaded")
	records := filepath.Join(path, ran.Loads[0].Records)
	text, err := os.ReadFile(records)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(records, text, 0o600); err != nil {
		t.Fatal(err)
	}
	judge(3, "load/peak.bin", "it")
}
