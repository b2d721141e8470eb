// Package archive keeps runs on disk: one folder a run, and next to the folders
// the history of them all.
//
// The way of the data:
//
//	Create: folder, run.json (incomplete), empty logs, a probe that the disk takes writes
//	-> Emit: redact -> bodies into bodies/, one JSON line with a CRC -> events.ndjson or exchanges.ndjson
//	-> Run: the log read back, cases in plan order
//	-> WriteFile: reports, whole or not at all
//	-> Finish: manifest.json, then run.json (the commit), history.ndjson, latest
//
// Rules of the folder:
//
//  1. A folder is complete when its run.json does not say incomplete; then its
//     manifest.json names every file with its SHA-256. The rename of run.json
//     is the single step between the two states.
//  2. A log is append-only. Its lines carry a CRC and count from 0; a torn last
//     line is what a killed run leaves and is reported, anything else that does
//     not add up is an error.
//  3. After one failed write or sync nothing more is accepted: the run is broken.
//  4. Secrets never reach the disk: they are replaced before a line is formed.
//  5. Files are 0600, folders 0700.
package archive

import (
	"crypto/rand"
	"errors"
	"io"
	"time"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
)

// Names inside a run folder.
const (
	RunFile       = history.RunFile
	EventsFile    = history.EventsFile
	ExchangesFile = "exchanges.ndjson"
	ManifestFile  = "manifest.json"
	BodiesDir     = "bodies"
	LoadDir       = "load"
	ScenariosDir  = "scenarios"
	// StageDir holds the env file and what it uses, in ScenariosDir.
	StageDir = ".stage"
)

// Errors that callers branch on.
var (
	// ErrIncomplete says that a run was killed or is still running.
	ErrIncomplete = errors.New("run is incomplete")
	// ErrComplete says that a run has nothing left to resume.
	ErrComplete = errors.New("run is complete")
	// ErrRunning says that another process is writing the run.
	ErrRunning = errors.New("run is being written by another process")
	// ErrTaken says that a run id is already used under the root.
	ErrTaken = errors.New("run id is taken")
)

// Options say what a new run folder is called and what it is made with. The
// zero value works.
type Options struct {
	// Suite becomes part of the folder's name; empty: "run".
	Suite string
	// ID is the run id of --run-id, [A-Za-z0-9._-]{1,64}; empty: a random one of four hex
	// digits, longer where those are taken.
	ID string
	// Tool is the version that run.json carries until the run has ended.
	Tool string
	// Headers are the names of credential headers besides the built-in ones, in any case.
	Headers []string
	// Index renders index.html from the whole history, oldest first; nil: none is written.
	Index history.Render

	// FS is the file system; nil: the operating system's. Tests pass one that fails.
	FS disk.FS
	// Clock gives the start in the folder name; nil: time.Now.
	Clock func() time.Time
	// Rand gives run ids and redaction keys; nil: crypto/rand.
	Rand io.Reader
}

// withDefaults fills what the caller left empty.
func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = disk.OS{}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return o
}
