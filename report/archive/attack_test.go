package archive

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// A scene is an archive with a pass and a fail, as a row of TestGateCannotBeTricked finds it.
type scene struct {
	t         *testing.T
	root      string
	good, bad string // folders
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// sign makes the manifest of a folder anew, as somebody would who can write to the archive.
func (s *scene) sign(folder string, v run.Verdict) {
	s.t.Helper()
	m, _, err := mustOpen(s.t, folder).Manifest()
	s.must(err)
	m.Verdict = v
	for i := range m.Files {
		m.Files[i].SHA256, m.Files[i].Size, err = digestFile(disk.OS{}, filepath.Join(folder, filepath.FromSlash(m.Files[i].Path)))
		s.must(err)
	}
	text, err := json.Marshal(m)
	s.must(err)
	s.must(os.WriteFile(filepath.Join(folder, ManifestFile), text, 0o600))
}

// copyTo copies a run folder.
func (s *scene) copyTo(from, to string) {
	s.t.Helper()
	s.must(os.CopyFS(to, os.DirFS(from)))
}

// latest makes latest point to something else.
func (s *scene) latest(target string) {
	s.t.Helper()
	s.must(history.PointLatest(disk.OS{}, s.root, target))
}

// asPass edits run.json of the failed run to say that it passed.
func (s *scene) asPass() {
	s.t.Helper()
	edit(s.t, filepath.Join(s.bad, RunFile), `"verdict":"fail"`, `"verdict":"pass"`)
}

// Whatever somebody does to an archive, a gate that did not open for a run does not open for it
// afterwards, and one that opened still does where nothing but the place has changed.
func TestGateCannotBeTricked(t *testing.T) {
	build := Gate{GreenBuild: "9f2c"}
	for _, row := range []struct {
		name string
		// do attacks and returns the name that gate is asked for.
		do   func(s *scene) string
		gate Gate
		want run.Verdict // 0: no run is found
		say  string
	}{
		{"nothing was done", func(s *scene) string { return "good" }, build, run.Pass, ""},
		{"the archive was moved", func(s *scene) string {
			moved := s.root + "-moved"
			s.must(os.Rename(s.root, moved))
			s.root = moved
			return "good"
		}, build, run.Pass, ""},
		{"one run was moved elsewhere", func(s *scene) string {
			to := filepath.Join(s.t.TempDir(), "artifact")
			s.copyTo(s.good, to)
			return to
		}, build, run.Pass, ""},
		{"a pass in the folder of the fail", func(s *scene) string {
			s.must(os.RemoveAll(s.bad))
			s.copyTo(s.good, s.bad)
			return s.bad
		}, build, run.Broken, "holds another run: good"},
		{"a pass in the folder of the fail, by its id", func(s *scene) string {
			s.must(os.RemoveAll(s.bad))
			s.copyTo(s.good, s.bad)
			return "bad"
		}, build, 0, "neither a run folder nor the id"},
		{"a link to the pass in place of the fail", func(s *scene) string {
			s.must(os.RemoveAll(s.bad))
			s.must(os.Symlink(filepath.Base(s.good), s.bad))
			return s.bad
		}, build, run.Broken, "holds another run: good"},
		{"files of the pass linked into the fail", func(s *scene) string {
			s.must(os.Remove(filepath.Join(s.bad, EventsFile)))
			s.must(os.Symlink(filepath.Join(s.good, EventsFile), filepath.Join(s.bad, EventsFile)))
			return "bad"
		}, build, 0, "is not a file"},
		{"latest leads to a pass of another archive", func(s *scene) string {
			other := filepath.Join(s.t.TempDir(), filepath.Base(s.good))
			s.copyTo(s.good, other)
			s.must(os.Remove(filepath.Join(s.root, history.LatestLink)))
			s.must(os.Symlink(other, filepath.Join(s.root, history.LatestLink)))
			return "latest"
		}, build, 0, "is not a run of this folder"},
		{"latest leads nowhere", func(s *scene) string {
			s.latest("2026-11-23T03-12-45Z-stb-gone")
			return "latest"
		}, build, 0, "no such file"},
		{"latest leads to a run that goes on", func(s *scene) string {
			going := aStage("production", 0, func(o *staged) { o.id, o.open = "going", true })
			s.latest(filepath.Base(going.write(s.t, s.root).Path()))
			return "latest"
		}, build, run.Broken, "run is incomplete"},
		{"run.json says pass", func(s *scene) string { s.asPass(); return "bad" }, build, run.Broken, "changed: run.json"},
		{"run.json and manifest say pass", func(s *scene) string {
			s.asPass()
			s.sign(s.bad, run.Pass)
			return "bad"
		}, build, run.Broken, "run.json says pass, the manifest pass, the log fail"},
		{"the log of the pass below the fail's name", func(s *scene) string {
			s.asPass()
			text, err := os.ReadFile(filepath.Join(s.good, EventsFile))
			s.must(err)
			s.must(os.WriteFile(filepath.Join(s.bad, EventsFile), text, 0o600))
			s.sign(s.bad, run.Pass)
			return "bad"
		}, build, run.Broken, "the log of good"},
		{"a log that was edited", func(s *scene) string {
			s.asPass()
			edit(s.t, filepath.Join(s.bad, EventsFile), `"verdict":"fail"`, `"verdict":"pass"`)
			s.sign(s.bad, run.Pass)
			return "bad"
		}, build, run.Broken, ""},
		{"a suite that was edited afterwards", func(s *scene) string {
			edit(s.t, filepath.Join(s.good, ScenariosDir, "stb.yaml"), "stb", "stb2")
			return "good"
		}, build, run.Broken, "changed: scenarios/stb.yaml"},
		{"a suite that was added afterwards", func(s *scene) string {
			s.must(os.WriteFile(filepath.Join(s.good, ScenariosDir, "more.yaml"), []byte("suite: more\n"), 0o600))
			return "good"
		}, build, run.Broken, "not in the manifest: scenarios/more.yaml"},
		{"a suite that was edited and signed, held to the digest", func(s *scene) string {
			edit(s.t, filepath.Join(s.good, ScenariosDir, "stb.yaml"), "stb", "stb2")
			s.sign(s.good, run.Pass)
			return "good"
		}, Gate{Digest: "the pass"}, run.Broken, "the folder's digest is"},
		{"another pass, held to the digest", func(s *scene) string {
			other := aStage("production", 3, func(o *staged) { o.id = "other" })
			other.write(s.t, s.root)
			return "other"
		}, Gate{Digest: "the pass"}, run.Broken, "the folder's digest is"},
		{"another build than the one that ran", func(s *scene) string { return "good" }, Gate{GreenBuild: "8a11"}, run.Broken, "judged another build of green"},
		{"the name of the cluster for a build", func(s *scene) string { return "good" }, Gate{GreenBuild: "production"}, run.Broken, "judged another build of green"},
		{"a variable that switched steps off", func(s *scene) string {
			other := aStage("production", 3, func(o *staged) {
				o.id, o.header.Flags = "other", []string{"--var=plan=none"}
				o.end.LeftOut = []run.LeftOut{{What: run.AspectSteps, By: run.ByFlag, Name: "--var plan", Step: "stb/a", Count: 1}}
			})
			other.write(s.t, s.root)
			return "other"
		}, build, run.Inconclusive, "--var plan switched off"},
		{"the clock was set back by an hour", func(s *scene) string { return "good" }, Gate{Now: testStart.Add(-time.Hour)}, run.Broken, "a clock is wrong"},
		{"the clock was set back, with a limit", func(s *scene) string { return "good" }, Gate{Now: testStart.Add(-time.Hour), MaxAge: time.Hour}, run.Broken, "a clock is wrong"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := &scene{t: t, root: filepath.Join(t.TempDir(), "runs")}
			good := aStage("production", 2, func(o *staged) { o.id = "good" })
			bad := aStage("production", 1, func(o *staged) {
				o.id, o.end.Verdict, o.end.Suites[0].Verdict = "bad", run.Fail, run.Fail
			})
			s.good, s.bad = good.write(t, s.root).Path(), bad.write(t, s.root).Path()
			_, digest, err := mustOpen(t, s.good).Manifest()
			s.must(err)
			gate := row.gate
			if gate.Now.IsZero() {
				gate.Now = testStart
			}
			if gate.Digest != "" {
				gate.Digest = digest
			}
			name := row.do(s)
			var got Answer
			path, err := history.Resolve(s.root, name)
			if err == nil {
				var folder *Folder
				if folder, err = Open(path); err == nil {
					got = gate.Check(folder)
				}
			}
			text := strings.Join(got.Reasons, "\n")
			if err != nil {
				text = err.Error()
			}
			if got.Verdict != row.want || !strings.Contains(text, row.say) {
				t.Errorf("got %s, want %s saying %q:\n%s", got.Verdict, row.want, row.say, text)
			}
		})
	}
}
