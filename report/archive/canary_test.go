package archive

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/reporttest"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// canarySlots emits a run that holds a secret in every slot of every event and file.
func canarySlots(t *testing.T, w *Writer, s string) {
	t.Helper()
	emit := func(ev run.Event) {
		t.Helper()
		if err := w.Emit(ev); err != nil {
			t.Fatal(err)
		}
	}
	quoted := text.Quote(s)
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + s))
	h := sampleHeader(w.ID(), 1)
	h.Flags = []string{"--var", "token=" + s}
	h.Audit.Actor, h.Env.Hostname = s, s
	h.Sides.Blue.URL = "http://u:" + url.QueryEscape(s) + "@blue.test"
	h.Sides.Green.Services = map[string]string{s: "http://green.test/" + url.PathEscape(s)}
	h.Sides.Green.Identity = map[string]string{"pod": s}
	emit(run.Event{Begin: h})
	id := "stb/" + s
	emit(run.Event{Intent: &run.Intent{Case: id, Step: s}})
	x := &wire.Exchange{
		Method: "POST", URL: "http://blue.test/x?token=" + url.QueryEscape(s) + "&h=" + hex.EncodeToString([]byte(s)),
		Sent: []wire.Field{{Name: "Authorization", Value: "Basic " + basic}, {Name: "X-Other", Value: s}, {Name: "Cookie", Value: "a=" + s}, {Name: s, Value: "name"}},
		Body: []byte(`{"password":` + quoted + `,"basic":"` + basic + `"}`), Started: testStart, Status: 200,
		Headers:  []wire.Field{{Name: "Set-Cookie", Value: "sid=" + s + "; Path=/" + s}, {Name: "Location", Value: "/?" + url.QueryEscape(s)}},
		Trailers: []wire.Field{{Name: "X-T", Value: s}},
		Answer:   []byte("plain " + s + "\nform=" + url.QueryEscape(s) + "\n" + quoted + "\n<" + strings.ToUpper(hex.EncodeToString([]byte(s)))),
		Err:      &wire.Err{Class: wire.ClassTLS, Detail: fmt.Sprintf("tls: certificate %q is bad", s)},
	}
	emit(run.Event{Pair: &run.Pair{Key: run.PairKey(id, "s", ""), Blue: x, Green: x}})
	c := sampleCase(0)
	c.ID, c.Name, c.Tags, c.At, c.Reasons = id, s, []string{s}, s+".yaml:1:1", []string{"panic: " + fmt.Sprintf("%+q", s)}
	step := &c.Steps[0]
	step.Exchange, step.Notes, step.Reasons = run.PairKey(id, "s", ""), []string{s}, []string{"got " + quoted}
	step.Blue = &run.SideResult{URL: x.URL, TraceID: s, Err: x.Err}
	step.Expectations = []run.Expectation{{Side: "blue", What: "$.token eq " + quoted, Got: quoted}}
	long := strings.TrimSuffix(quoted, `"`)
	step.Differences = append(step.Differences,
		diff.Difference{Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InBody, Path: "$[" + quoted + "]", BluePointer: "/" + s, Blue: diff.Excerpt{Type: diff.StringType, JSON: quoted}, Note: s},
		diff.Difference{Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InHeader, Path: "set-cookie", Blue: diff.Excerpt{Type: diff.StringType, JSON: text.Quote("sid=" + s)}, Green: diff.Excerpt{Type: diff.StringType, JSON: text.Quote("sid=undeclared")}},
		diff.Difference{Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InBody, Path: "$.o", Blue: diff.Excerpt{Type: diff.ObjectType, JSON: `{` + quoted + `:` + quoted + `}`}},
		diff.Difference{Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InBody, Path: "$.cut", Blue: diff.Excerpt{Type: diff.StringType, JSON: long[:len(long)-1], Cut: true, Size: 500}},
	)
	emit(run.Event{Case: c})
	load := sampleLoad()
	load.Reason, load.Routes, load.Warnings = s, []string{"GET /" + url.PathEscape(s)}, []string{s}
	emit(run.Event{Load: load})
	end := sampleEnd(run.Fail, 1)
	end.Reasons, end.Causes[0].Edit, end.Causes[0].Rule = []string{s}, s, "- at: "+quoted
	end.Sides = h.Sides
	emit(run.Event{End: end})
	files := fstest.MapFS{"env.yaml": {Data: []byte("vars: {token: " + quoted + "}\n# " + s)}}
	if err := w.CopyScenarios(files, []string{"env.yaml"}); err != nil {
		t.Fatal(err)
	}
	r, err := w.Run()
	if err != nil {
		t.Fatal(err)
	}
	err = w.WriteFiles([]string{RunFile, "report.html"}, func(ws []io.Writer) error {
		_, err := fmt.Fprintf(ws[1], "<p title=%s>%s", quoted, s) // a renderer that knows the secret from elsewhere
		return errors.Join(err, writeRunJSON(ws[0], r))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}

// everyByte calls do for each file below root, bodies unpacked as well.
func everyByte(t *testing.T, root string, do func(name, text string)) {
	t.Helper()
	names, err := walkFiles(disk.OS{}, root, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		do("the name "+name, name)
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // latest
		}
		do(name, string(b))
		if strings.HasSuffix(name, ".zst") {
			dec, err := zstd.NewReader(strings.NewReader(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := io.ReadAll(dec)
			dec.Close()
			if err != nil {
				t.Fatal(err)
			}
			do(name+" unpacked", string(plain))
		}
	}
}

func TestCanaryInEverySlot(t *testing.T) {
	for i, s := range reporttest.Secrets {
		root := t.TempDir()
		w, err := Create(root, Options{Clock: testClock()})
		if err != nil {
			t.Fatal(err)
		}
		w.Secret("token", s)
		canarySlots(t, w, s)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		everyByte(t, root, func(name, text string) {
			for _, f := range reporttest.SecretForms(s) {
				if strings.Contains(text, f) {
					at := strings.Index(text, f)
					t.Errorf("canary %d: %q in %s: …%q…", i, f, name, text[max(0, at-30):min(len(text), at+len(f)+30)])
				}
			}
			if strings.Contains(text, "undeclared") {
				t.Errorf("an undeclared cookie in %s", name)
			}
		})
		folder := mustOpen(t, w.Path())
		if err := folder.Verify(); err != nil {
			t.Errorf("canary %d: %v", i, err)
		}
		run, err := folder.Run()
		if err != nil {
			t.Fatalf("canary %d: %v", i, err)
		}
		for c, err := range run.Cases {
			if err != nil {
				t.Fatalf("canary %d: %v", i, err)
			}
			pair, err := run.Pair(c.Steps[0].Exchange)
			if err != nil || pair == nil {
				t.Errorf("canary %d: the pair of a case with a secret in its id: %v, %v", i, pair, err)
			}
			if _, list, err := folder.RedactedPair(c.Steps[0].Exchange); err != nil || len(list) == 0 {
				t.Errorf("canary %d: no facts: %v", i, err)
			}
		}
	}
}

// TestNoSecretBreaksTheLog uses words of the archive's own vocabulary as secrets.
func TestNoSecretBreaksTheLog(t *testing.T) {
	for _, s := range []string{"verdict", "inconclusive", "changed", "secret", "status", "000000", "differences", `","data":{`, "sha256", "stb/case-000"} {
		root := t.TempDir()
		w, err := Create(root, Options{Clock: testClock()})
		if err != nil {
			t.Fatal(err)
		}
		w.Secret("pw", s)
		if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), 2)}); err != nil {
			t.Fatal(err)
		}
		if err := emitCases(w, 0, 2); err != nil {
			t.Fatal(err)
		}
		if _, err := finishRun(w, run.Fail, 2); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f := mustOpen(t, w.Path())
		if err := f.Verify(); err != nil {
			t.Errorf("secret %q: %v", s, err)
		}
		r, err := f.Run()
		if err != nil {
			t.Errorf("secret %q: %v", s, err)
			continue
		}
		for c, err := range r.Cases {
			if err != nil {
				t.Errorf("secret %q: %v", s, err)
				break
			}
			if pair, err := r.Pair(c.Steps[0].Exchange); err != nil || pair == nil {
				t.Errorf("secret %q: pair %v, %v", s, pair, err)
			}
		}
	}
}

func TestUndeclaredCredentialsOfHeadersAreLearned(t *testing.T) {
	w, err := Create(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), 1)}); err != nil {
		t.Fatal(err)
	}
	const token = "123456789012" // also where JSON has a number
	c := sampleCase(0)
	x := sampleExchange("blue", 0)
	x.Sent = append(x.Sent, wire.Field{Name: "Authorization", Value: "Bearer " + token})
	x.Answer = []byte(`{"echo":"Bearer ` + token + `","n":` + token + `}`)
	c.Steps[0].Reasons = []string{"got " + token}
	if err := w.Emit(run.Event{Pair: &run.Pair{Key: c.Steps[0].Exchange, Blue: x, Green: x}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Emit(run.Event{Case: c}); err != nil {
		t.Fatal(err)
	}
	everyByte(t, w.Path(), func(name, text string) {
		if strings.HasSuffix(name, "unpacked") && !json.Valid([]byte(text)) {
			t.Errorf("%s is no longer JSON: %s", name, text)
		}
		if strings.Contains(text, token) {
			t.Errorf("%s shows an undeclared bearer token", name)
		}
	})
	if strings.Contains(c.Steps[0].Reasons[0], "<secret") || !strings.Contains(string(x.Answer), token) {
		t.Error("what the runner emitted was changed")
	}
}
