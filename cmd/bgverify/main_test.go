package main

import (
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bgverify/bgverify/fixtures"
	"github.com/bgverify/bgverify/report/archive/remote/remotetest"
)

var update = flag.Bool("update", false, "rewrite the golden parts of the scripts")

// TestMain lets scripts run this very binary as bgverify. More tests run at once than there
// are cores, since most wait for processes; -parallel on the command line replaces the number.
// Signals that are ignored where the tests are started (nohup, a job in the background of a
// script) would be ignored by every process that they start: a handler here prevents it.
func TestMain(m *testing.M) {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	_ = flag.Set("test.parallel", "6")
	testscript.Main(judged{m}, map[string]func(){"bgverify": mainOrCrew})
}

func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("REPO", root)
			env.Setenv("LC_ALL", "C.UTF-8")
			return copyScenarios(root, env.WorkDir)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exitcode": exitcode,
			"twin":     twin,
			"onerun":   onerun,
			"recorded": recordedResults,
			"store":    objectStore,
		},
	})
}

// copyScenarios copies the folders of suites in scenarios into a folder in which commands run.
func copyScenarios(root, dir string) error {
	for _, name := range []string{"stb", "real", "httpbin"} {
		folder := filepath.Join("scenarios", name)
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(root, folder))); err != nil {
			return err
		}
	}
	return nil
}

// exitcode N COMMAND… runs a command that must end with status N.
// ("! exec" would accept any failure.)
func exitcode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if args[1] == "bgverify" {
		got = scripted(ts, args[2:])
	} else if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ee *exec.ExitError
		if !errors.As(err, &ee) {
			ts.Fatalf("%s: %v", strings.Join(args[1:], " "), err)
		}
		got = ee.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d: %s", got, want, strings.Join(args[1:], " "))
	}
}

// scripted executes a command line of a script in a process of the crew, without standard
// input. The environment of a script can only be asked of a process that has it.
func scripted(ts *testscript.TestScript, args []string) int {
	environment := filepath.Join(ts.Getenv("WORK"), ".environment")
	ts.Check(ts.Exec("sh", "-c", `exec env -0 >"$0"`, environment))
	text, err := os.ReadFile(environment)
	ts.Check(err)
	ts.Check(os.Remove(environment))
	came, err := ordered(order{Dir: ts.MkAbs("."), Env: strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), Args: args})
	ts.Check(err)
	_, err = ts.Stdout().Write(came.Out)
	ts.Check(err)
	_, err = ts.Stderr().Write(came.Err)
	ts.Check(err)
	return came.Status
}

// twin [GREENFAULTS [BLUEFAULTS]] starts the embedded services for the rest of
// the script and sets BLUE and GREEN to their URLs, and BLUE_ALIAS to
// another spelling of BLUE.
func twin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 2 {
		ts.Fatalf("usage: twin [greenfaults [bluefaults]]")
	}
	args = append(args, "", "")
	green, err := fixtures.ParseFaults(args[0])
	ts.Check(err)
	blue, err := fixtures.ParseFaults(args[1])
	ts.Check(err)
	services, err := fixtures.Start(fixtures.Options{Seed: 1, BlueFaults: blue, GreenFaults: green})
	ts.Check(err)
	ts.Defer(services.Close)
	ts.Setenv("BLUE", services.BlueURL)
	ts.Setenv("GREEN", services.GreenURL)
	ts.Setenv("BLUE_ALIAS", strings.Replace(services.BlueURL, "127.0.0.1", "localhost", 1))
}

// objectStores hold the store of each script that started one.
var objectStores sync.Map

// store start begins an object store for the rest of the script; store drop SUFFIX removes
// the objects whose keys end with it; store refuse makes it answer 403, store allow ends that.
func objectStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: store start|drop SUFFIX|refuse|allow")
	}
	known, _ := objectStores.Load(ts.Name())
	server, _ := known.(*remotetest.Server)
	switch args[0] {
	case "start":
		server = remotetest.New()
		h := httptest.NewServer(server)
		ts.Defer(h.Close)
		for name, value := range remotetest.Env(h.URL) {
			ts.Setenv(name, value)
		}
		objectStores.Store(ts.Name(), server)
	case "drop":
		for key := range server.Objects() {
			if strings.HasSuffix(key, args[1]) {
				server.Set(key, nil)
			}
		}
	case "refuse":
		server.Fail(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			remotetest.Refuse(w, http.StatusForbidden, "AccessDenied")
			return true
		})
	case "allow":
		server.Fail(nil)
	}
}

// onerun [DIR] checks that the archive holds exactly one run folder and sets RUN to it.
func onerun(ts *testscript.TestScript, neg bool, args []string) {
	root := "runs"
	if len(args) == 1 {
		root = args[0]
	}
	entries, err := os.ReadDir(ts.MkAbs(root))
	ts.Check(err)
	var folders []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			folders = append(folders, e.Name())
		}
	}
	if len(folders) != 1 {
		ts.Fatalf("%s holds %d run folders, want 1: %v", root, len(folders), folders)
	}
	ts.Setenv("RUN", filepath.Join(root, folders[0]))
}
