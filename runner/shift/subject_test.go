package shift

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// openWalk is the folder of a walk that has sent a write, and what its record has after that.
func openWalk(t *testing.T, root string, began Begun, more string) string {
	t.Helper()
	if began.Dir == "" {
		began.Dir = "/ci"
	}
	begin, err := json.Marshal(began)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := createFolder(root, began.Walk, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text := `{"kind":"begin","begin":` + string(begin) + "}\n" +
		`{"kind":"intent","id":3,"weights":{"blue":95,"green":5},"from":{"blue":100,"green":0}}` + "\n" + more
	if err := os.WriteFile(filepath.Join(folder, auditFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// A walk is found again by what it moves, or by its file, whatever it was called when it began; a walk of
// another thing that has the same name is not.
func TestFindWalk(t *testing.T) {
	records := func(zone, record string) shiftfile.Driver {
		return shiftfile.Driver{Route53: &shiftfile.Route53{Zone: zone, Record: record, Type: "A", Blue: "b", Green: "g"}}
	}
	commands := func(set string) shiftfile.Driver {
		return shiftfile.Driver{Exec: &shiftfile.Exec{Get: "./get.sh", Set: set}}
	}
	file := func(name, file string, d shiftfile.Driver) Subject {
		return SubjectOf(&shiftfile.File{Name: name, File: file, Driver: d}, "/ci")
	}
	one := records("Z1", "api.example.com")
	ofRecord := Begun{Walk: "api", File: "s.yaml", Driver: one}
	ofCommands := Begun{Walk: "api", File: "s.yaml", Driver: commands("./set.sh")}
	const done = `{"kind":"end","outcome":"done"}` + "\n"
	for name, row := range map[string]struct {
		began  Begun
		of     Subject
		locked bool // a process works on the walk
		found  bool
	}{
		"the same":                      {ofRecord, file("api", "s.yaml", one), false, true},
		"another name":                  {ofRecord, file("new", "t.yaml", records("/hostedzone/Z1", "API.example.com.")), false, true},
		"another name, live":            {ofRecord, file("new", "t.yaml", one), true, true},
		"another zone and file":         {ofRecord, file("api", "t.yaml", records("Z2", "api.example.com")), false, false},
		"the file names another zone":   {ofRecord, file("new", "s.yaml", records("Z2", "api.example.com")), false, true},
		"the file cannot be read":       {ofRecord, Subject{Name: "s.yaml", File: "/ci/s.yaml"}, false, true},
		"commands by name":              {Begun{Walk: "api", File: "s.yaml", Dir: "/old", Driver: commands("./set.sh")}, file("api", "t.yaml", commands("./put.sh")), false, true},
		"commands by what they are":     {ofCommands, file("new", "t.yaml", commands("./set.sh")), false, true},
		"other commands, name and file": {ofCommands, file("new", "t.yaml", commands("./put.sh")), false, false},
	} {
		root := t.TempDir()
		folder := openWalk(t, root, row.began, "")
		if row.locked {
			row.began.Dir = "/ci"
			lock, err := LockWalk(root, row.began.Subject(), "another process")
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Unlock()
			if _, err := LockWalk(root, row.of, "test"); err == nil {
				t.Errorf("%s: two locks of one subject", name)
			}
		}
		at, h, err := FindWalk(root, row.of)
		if (err == nil) != row.found || row.found && (at != folder || !h.Open()) {
			t.Errorf("%s: found %q, %v", name, at, err)
		}
	}

	// A walk of the same thing that is open comes first, a killed one of the same file next, and what has
	// ended last; one of the file that another process works on is that process's.
	root := t.TempDir()
	of := file("api", "s.yaml", records("Z2", "b."))
	killed := openWalk(t, root, Begun{Walk: "api", File: "s.yaml", Driver: records("Z1", "a.")}, "")
	ended := openWalk(t, root, Begun{Walk: "api", File: "s.yaml", Driver: records("Z2", "b.")}, done)
	if at, _, err := FindWalk(root, of); err != nil || at != killed {
		t.Errorf("found %s, %v, want the killed walk of the file", at, err)
	}
	lock, err := LockWalk(root, file("api", "s.yaml", records("Z1", "a.")), "another process")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if at, _, err := FindWalk(root, of); err != nil || at != ended {
		t.Errorf("found %s, %v, want the ended walk of the same thing", at, err)
	}
}

// The lock of a process that was killed while it started a command is held until that command's
// program begins: a walk that is looked at meanwhile is not a live one.
func TestLockThatLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		of := Subject{Name: "api", Moves: []string{"record a."}}
		held, err := LockWalk(root, of, "a killed process")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(patience / 2)
			held.Unlock()
		}()
		lock, err := waitLock(root, of, "test")
		if err != nil {
			t.Fatalf("%v, want the lock", err)
		}
		defer lock.Unlock()
		began := time.Now()
		if _, err := waitLock(root, of, "test"); err == nil || time.Since(began) > 2*patience {
			t.Errorf("%v after %v, want a refusal within %v", err, time.Since(began), 2*patience)
		}
	})
}
