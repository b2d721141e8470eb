package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/tree"
)

// A panic in a worker makes its case broken, and with it the run. The session is
// walked in this process: the binary as built has no panic to offer.
func TestEvidencePanic(t *testing.T) {
	t.Parallel()
	t.Run("nothing_ran/panic in a worker", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		const hidden = "panic-C4nary-19"
		e.file("suite.yaml", "suite: one\nneeds: [hidden]\nsecrets: [hidden]\nvars: {trap: x}\ncases:\n  - {case: fine, get: /item}\n  - {case: item, get: \"/item/{{trap}}\", headers: {X-Key: \"{{hidden}}\"}}\n")
		flags := &runFlags{}
		set := pflag.NewFlagSet("run", pflag.ContinueOnError)
		flags.bind(set)
		if err := set.Parse([]string{
			"--blue", serve(t, says(`{"a":1}`)), "--green", serve(t, says(`{"a":1}`)),
			"--out", filepath.Join(e.dir, "runs"), "--run-id", "it", "--var", "hidden=" + hidden,
		}); err != nil {
			t.Fatal(err)
		}
		files, err := tree.Open([]string{filepath.Join(e.dir, "suite.yaml")})
		if err != nil {
			t.Fatal(err)
		}
		r := &ended{evidence: e}
		s, err := newSession(stdio{in: &bytes.Buffer{}, out: &r.out, err: &r.err}, flags, files, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, &r.err)
		}
		lookup := s.plan.World.Getenv
		s.plan.World.Getenv = func(name string) (string, bool) {
			if strings.Contains(strings.ToUpper(name), "TRAP") && bytes.Contains(debug.Stack(), []byte("walkCase")) {
				panic("trap with " + hidden)
			}
			return lookup(name)
		}
		var end *statusError
		if err := s.execute(t.Context()); errors.As(err, &end) {
			r.status = end.status
		}
		r.read()
		r.ends(3, `internal error: trap with <secret:hidden#[0-9a-f]{8}> at .*\.go:\d+`, "")
		everyFile(t, filepath.Join(e.dir, "runs"), func(name, text string) {
			if strings.Contains(text, hidden) {
				t.Errorf("the secret of the panic stands in %s", name)
			}
		})
		if r.run.Counts.Pass != 1 || r.run.Counts.Broken != 1 {
			t.Errorf("%+v, want the other case to pass", r.run.Counts)
		}
	})
}
