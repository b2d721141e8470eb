package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// A staged is a run of a stage, as a row of TestLadder alters it.
type staged struct {
	id     string
	began  time.Time
	header run.Header
	end    run.End
	files  fstest.MapFS
	open   bool // it has no end
	after  func(t *testing.T, path string)
}

// aStage is a pass of a stage that began some minutes before testStart.
func aStage(stage string, minutes int, change ...func(*staged)) staged {
	s := staged{
		id: fmt.Sprintf("%s.%d", stage, minutes), began: testStart.Add(-time.Duration(minutes) * time.Minute), header: *sampleHeader("", 1), end: *sampleEnd(run.Pass, 1),
		files: fstest.MapFS{"stb.yaml": {Data: []byte("suite: stb\n")}, ".stage/" + stage + ".yaml": {Data: []byte("doc: " + stage)}},
	}
	s.header.Stage, s.header.Flags, s.header.Started = stage, []string{"--env=" + stage + ".yaml"}, s.began
	s.header.Planned = run.Planned{Cases: 1, OfCases: 1}
	s.header.Asks = &run.Asks{Suites: []run.SuiteAsks{{Name: "stb"}}}
	s.end.Sides.Green.Identity = map[string]string{"build": "9f2c", "cluster": stage + "-green"}
	s.end.Reasons, s.end.Causes = nil, nil
	for _, c := range change {
		c(&s)
	}
	return s
}

func (s *staged) write(t *testing.T, root string) *Folder {
	t.Helper()
	w, err := Create(root, Options{FS: &syncFS{}, ID: s.id, Suite: "stb", Clock: func() time.Time { return s.began }})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var names []string
	for name := range s.files {
		names = append(names, name)
	}
	if err := w.CopyScenarios(s.files, names); err != nil {
		t.Fatal(err)
	}
	s.header.ID = s.id
	emitAll(t, w, run.Event{Begin: &s.header})
	if err := emitCases(w, 0, 1); err != nil {
		t.Fatal(err)
	}
	if s.open {
		return mustOpen(t, w.Path())
	}
	emitAll(t, w, run.Event{End: &s.end})
	if _, err := closeRun(w); err != nil {
		t.Fatal(err)
	}
	if s.after != nil {
		s.after(t, w.Path())
	}
	return mustOpen(t, w.Path())
}

// Only a whole, untouched pass of the named stage over the same suites and build lets a later
// run count, and only while nothing newer speaks against it.
func TestLadder(t *testing.T) {
	verdict := func(v run.Verdict) func(*staged) {
		return func(s *staged) {
			s.end.Verdict, s.end.Suites[0].Verdict, s.end.Reasons = v, v, []string{"because of " + v.String()}
		}
	}
	left := func(what run.Aspect, by run.Source, name string) func(*staged) {
		return func(s *staged) { s.end.LeftOut = []run.LeftOut{{What: what, By: by, Name: name}} }
	}
	flags := func(list ...string) func(*staged) {
		return func(s *staged) { s.header.Flags = append(s.header.Flags, list...) }
	}
	narrowed := func(s *staged) {
		s.header.Narrowed = []run.Narrowing{{By: run.ByFlag, Name: "--case", Cases: true}}
		s.header.Planned.OfCases = 2
	}
	verb := func(verb string) func(*staged) { return func(s *staged) { s.header.Verb = verb } }
	build := func(value string) func(*staged) {
		return func(s *staged) { s.end.Sides.Green.Identity["build"] = value }
	}
	other := func(s *staged) { s.files["stb.yaml"] = &fstest.MapFile{Data: []byte("suite: stb # weaker\n")} }
	more := func(s *staged) { s.files["more.yaml"] = &fstest.MapFile{Data: []byte("suite: more\n")} }
	edited := func(name, from, to string) func(*staged) {
		return func(s *staged) {
			s.after = func(t *testing.T, path string) { edit(t, filepath.Join(path, name), from, to) }
		}
	}
	without := func(name string) func(*staged) {
		return func(s *staged) {
			s.after = func(t *testing.T, path string) {
				if err := os.Remove(filepath.Join(path, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	torn := func(s *staged) {
		s.after = func(t *testing.T, path string) {
			for _, name := range []string{RunFile, EventsFile} {
				if err := os.WriteFile(filepath.Join(path, name), []byte("torn\n{}\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	apart := func(s *staged) {
		s.header.Verb = "merge"
		s.header.Shards = []run.Shard{{Number: 1, Verdict: run.Pass, Ended: s.began}, {Number: 2, Verdict: run.Pass, Ended: s.began, Apart: true}}
	}
	asked := aStage("production", 1, left(run.AspectLoad, run.ByFlag, "--no-load"))
	folder := asked.write(t, t.TempDir()) // writing a run is what takes time here
	const pass = ""
	for _, row := range []struct {
		name string
		runs []staged
		gate Gate
		say  string // empty: the gate opens
	}{
		{"a pass", []staged{aStage("dev", 60)}, Gate{}, pass},
		{"a pass of a merged run", []staged{aStage("dev", 60, verb("merge"))}, Gate{}, pass},
		{"an env file that says what it requires", []staged{aStage("dev", 60, left(run.AspectLoad, run.ByStage, "require: [compare]"))}, Gate{}, pass},
		{"two stages", []staged{aStage("dev", 60), aStage("test", 50)}, Gate{After: Ladder{Stages: []string{"dev", "test"}}}, pass},
		{"one of two stages", []staged{aStage("test", 50)}, Gate{After: Ladder{Stages: []string{"dev", "test"}}}, "stage dev has no run"},
		{"no run at all", nil, Gate{}, "no other run in it names its stage"},
		{"runs of other stages", []staged{aStage("verification", 60)}, Gate{}, "which has runs of verification"},
		{"another case of letters", []staged{aStage("Dev", 60)}, Gate{}, "did you mean Dev?"},
		{"another build", []staged{aStage("dev", 60, build("8a11"))}, Gate{}, "judged another build of green: build=8a11"},
		{"no identity of green", []staged{aStage("dev", 60, func(s *staged) { s.end.Sides.Green.Identity = nil })}, Gate{}, "nothing shows that it was 9f2c"},
		{"a suite that was changed", []staged{aStage("dev", 60, other)}, Gate{}, "its scenario files differ from those of the run: stb.yaml"},
		{"a suite more", []staged{aStage("dev", 60, more)}, Gate{}, "its scenario files differ from those of the run: more.yaml"},
		{"other suites of the same files", []staged{aStage("dev", 60, func(s *staged) { s.header.Suites[0].File = "other.yaml" })}, Gate{}, "other suites than the run"},
		{"failed", []staged{aStage("dev", 60, verdict(run.Fail))}, Gate{}, "its verdict is fail: because of fail"},
		{"broken", []staged{aStage("dev", 60, verdict(run.Broken))}, Gate{}, "its verdict is broken"},
		{"inconclusive", []staged{aStage("dev", 60, verdict(run.Inconclusive))}, Gate{}, "its verdict is inconclusive"},
		{"interrupted", []staged{aStage("dev", 60, verdict(run.Interrupted))}, Gate{}, "it was interrupted"},
		{"not finished", []staged{aStage("dev", 60, func(s *staged) { s.open = true })}, Gate{}, "it has not ended"},
		{"chosen cases", []staged{aStage("dev", 60, narrowed)}, Gate{}, "a run of a part of its suites (--case)"},
		{"chosen cases, which the run itself may have", []staged{aStage("dev", 60, narrowed)}, Gate{Partial: true}, "a run of a part of its suites (--case)"},
		{"a shard that nobody merged", []staged{aStage("dev", 60, func(s *staged) { s.header.Planned.OfCases = 2 })}, Gate{}, "it judged 1 of 2 cases"},
		{"an only", []staged{aStage("dev", 60, func(s *staged) { s.header.Asks = nil })}, Gate{}, "does not record everything that its suites check"},
		{"load left out by a flag", []staged{aStage("dev", 60, left(run.AspectLoad, run.ByFlag, "--no-load"))}, Gate{Without: []run.Aspect{run.AspectLoad}}, "verified without load"},
		{"load that the env file forbids without a word", []staged{aStage("dev", 60, left(run.AspectLoad, run.ByStage, ""))}, Gate{}, "verified without load"},
		{"nothing shows two places", []staged{aStage("dev", 60, left(run.AspectIdentity, run.ByFile, ""))}, Gate{}, "two places"},
		{"another address", []staged{aStage("dev", 60, flags("--green=http://127.0.0.1:1"))}, Gate{}, "--green aimed it at another address"},
		{"another variable", []staged{aStage("dev", 60, flags("--var=region=seoul"))}, Gate{}, "another --var"},
		{"too old", []staged{aStage("dev", 60)}, Gate{MaxAge: 30 * time.Minute}, "the run is stale"},
		{"of the future", []staged{aStage("dev", -60)}, Gate{}, "a clock is wrong"},
		{"of the future, behind a wrong clock and an older pass", []staged{aStage("dev", -60), aStage("dev", 61)}, Gate{}, pass},
		{"judged again", []staged{aStage("dev", 60, verb("rediff"), func(s *staged) { s.header.Parent = "7f3a" })}, Gate{}, "it was made by bgverify rediff"},
		{"run.json edited to another stage", []staged{aStage("test", 60, edited("run.json", `"stage":"test"`, `"stage":"dev"`))}, Gate{}, "changed: run.json"},
		{"run.json edited to a pass", []staged{aStage("dev", 60, verdict(run.Fail), edited("run.json", `"verdict":"fail"`, `"verdict":"pass"`))}, Gate{}, "changed: run.json"},
		{"a scenario file edited afterwards", []staged{aStage("dev", 60, other, edited("scenarios/stb.yaml", " # weaker", ""))}, Gate{}, "changed: scenarios/stb.yaml"},
		{"a newer fail", []staged{aStage("dev", 60), aStage("dev", 50, verdict(run.Fail))}, Gate{}, "its verdict is fail"},
		{"a newer fail of chosen cases", []staged{aStage("dev", 60), aStage("dev", 50, narrowed, verdict(run.Fail))}, Gate{}, "its verdict is fail"},
		{"a newer one that proves too little", []staged{aStage("dev", 60), aStage("dev", 50, verdict(run.Inconclusive))}, Gate{}, "its verdict is inconclusive"},
		{"a newer one that was changed", []staged{aStage("dev", 60), aStage("dev", 50, edited("report.html", "pass", "PASS"))}, Gate{}, "changed: report.html"},
		{"a newer pass of chosen cases", []staged{aStage("dev", 60), aStage("dev", 50, narrowed)}, Gate{}, pass},
		{"shards of which one may be of another build", []staged{aStage("dev", 60, apart)}, Gate{}, "shard 2 shares no identity of green"},
		{"a newer fail of such shards", []staged{aStage("dev", 60), aStage("dev", 50, apart, verdict(run.Fail))}, Gate{}, "shard 2 shares no identity of green"},
		{"a newer fail of another build", []staged{aStage("dev", 60), aStage("dev", 50, build("aaaa"), verdict(run.Fail))}, Gate{}, pass},
		{"a newer fail of a green that did not say what it is", []staged{aStage("dev", 60), aStage("dev", 50, build(""), verdict(run.Fail))}, Gate{}, "judged another build"},
		{"a newer doubt of a green that did not say what it is", []staged{aStage("dev", 60), aStage("dev", 50, build(""), verdict(run.Inconclusive))}, Gate{}, "judged another build"},
		{"one of chosen cases", []staged{aStage("dev", 60), aStage("dev", 50, build(""), narrowed, verdict(run.Inconclusive))}, Gate{}, pass},
		{"a newer fail against another address", []staged{aStage("dev", 60), aStage("dev", 50, flags("--green=http://127.0.0.1:1"), verdict(run.Fail))}, Gate{}, pass},
		{"a newer fail of other suites", []staged{aStage("dev", 60), aStage("dev", 50, other, verdict(run.Fail))}, Gate{}, pass},
		{"a newer one that was interrupted", []staged{aStage("dev", 60), aStage("dev", 50, verdict(run.Interrupted))}, Gate{}, pass},
		{"a newer fail without its run.json", []staged{aStage("dev", 60), aStage("dev", 50, verdict(run.Fail), without("run.json"))}, Gate{}, "run.json"},
		{"one of another stage", []staged{aStage("dev", 60), aStage("test", 50, verdict(run.Fail), without("run.json"))}, Gate{}, pass},
		{"a newer one that nobody can read", []staged{aStage("dev", 60), aStage("test", 50, torn)}, Gate{}, "dev: the stage of run "},
		{"an older one that nobody can read", []staged{aStage("dev", 60), aStage("test", 70, torn)}, Gate{}, pass},
		{"the newer one counts", []staged{aStage("dev", 60, verdict(run.Fail)), aStage("dev", 50)}, Gate{}, pass},
		{"the stage of the run itself", []staged{aStage("production", 60)}, Gate{After: Ladder{Stages: []string{"production"}}}, "the run itself is of stage"},
		{"no stage", []staged{aStage("dev", 60)}, Gate{After: Ladder{Stages: []string{""}}}, "names the stages before it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for i := range row.runs {
				row.runs[i].write(t, root)
			}
			gate := row.gate
			gate.Now, gate.GreenBuild, gate.Without = testStart, "9f2c", []run.Aspect{run.AspectLoad}
			gate.After.Root = root
			if gate.After.Stages == nil {
				gate.After.Stages = []string{"dev"}
			}
			got := gate.Check(folder)
			want := run.Pass
			if row.say != pass {
				want = run.Inconclusive
			}
			text := strings.Join(got.Reasons, "\n")
			if got.Verdict != want || !strings.Contains(text, row.say) {
				t.Errorf("got %s, want %s saying %q:\n%s", got.Verdict, want, row.say, text)
			}
			if want == run.Pass && !strings.Contains(text, "stage dev: run ") {
				t.Errorf("a pass does not name the run that shows it:\n%s", text)
			}
		})
	}
}

// Without a build that somebody named, two runs cannot be shown to be of one build.
func TestLadderNeedsABuild(t *testing.T) {
	root := t.TempDir()
	dev := aStage("dev", 60)
	dev.write(t, root)
	for name, row := range map[string]struct {
		change func(*staged)
		say    string
	}{
		"neither":    {func(*staged) {}, "--after needs the build of green"},
		"of the run": {func(s *staged) { s.header.Flags = append(s.header.Flags, "--green-build=9f2c") }, ""},
		"another one of the run": {func(s *staged) {
			s.header.Flags = append(s.header.Flags, "--green-build=8a11")
			s.end.Sides.Green.Identity["build"] = "8a11"
		}, "judged another build of green"},
		"an only": {func(s *staged) {
			s.header.Flags, s.header.Asks = append(s.header.Flags, "--green-build=9f2c"), nil
		}, "does not record everything"},
	} {
		asked := aStage("production", 1, row.change, func(s *staged) { s.id = strings.ReplaceAll(name, " ", "-") })
		got := Gate{Now: testStart, After: Ladder{Root: root, Stages: []string{"dev"}}}.Check(asked.write(t, root))
		if text := strings.Join(got.Reasons, "\n"); (got.Verdict == run.Pass) != (row.say == "") || !strings.Contains(text, row.say) {
			t.Errorf("%s: %s, want it to say %q:\n%s", name, got.Verdict, row.say, text)
		}
	}
}

// A folder that links into another archive is not one of its runs.
func TestLadderPassesOverLinks(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	dev := aStage("dev", 60)
	path := dev.write(t, elsewhere).Path()
	if err := os.Symlink(path, filepath.Join(root, filepath.Base(path))); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(filepath.Base(path), filepath.Join(root, history.LatestLink)); err != nil {
		t.Fatal(err)
	}
	asked := aStage("production", 1)
	got := Gate{Now: testStart, GreenBuild: "9f2c", After: Ladder{Root: root, Stages: []string{"dev"}}}.Check(asked.write(t, root))
	if got.Verdict != run.Inconclusive {
		t.Errorf("got %s %q", got.Verdict, got.Reasons)
	}
}

// edit replaces a text in a file, and fails where it is not there: a row must do what it says.
func edit(t *testing.T, name, from, to string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("%s does not have %q:\n%s", name, from, text)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
