package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// collectionsFolder is where collections are looked for unless BGVERIFY_COLLECTIONS
// names another folder.
const collectionsFolder = "../../shared/corpus/postman"

// A wireRow is what came of one collection.
type wireRow struct {
	name                   string
	sent, both, equal      int
	plain, plainEqual      int // of both: without lost script code
	agree, onlyUs, onlyPM  int // outcomes of items: equal; ours alone fails; Newman's alone fails
	problem                string
	scriptSent, scriptSame int
}

// postmanWire plays whole collections with Newman and with the imported suites.
func postmanWire(verbose bool) error {
	newman, err := exec.LookPath("newman")
	if err != nil {
		fmt.Println("importwire postman: skipped: no newman on the PATH (npm install newman@6.2.2)")
		return nil
	}
	root := collectionsFolder
	if dir := os.Getenv("BGVERIFY_COLLECTIONS"); dir != "" {
		root = dir
	}
	list, err := findCollections(root)
	if err != nil || len(list) == 0 {
		fmt.Printf("importwire postman: no collections in %s; BGVERIFY_COLLECTIONS names a folder\n", root)
		return nil
	}
	work, err := os.MkdirTemp("", "importwire")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	binary, err := builtBinary(work)
	if err != nil {
		return err
	}
	only := os.Getenv("IMPORTWIRE_ONLY")
	var rows []wireRow
	for i, c := range list {
		if only != "" && !strings.Contains(c.name, only) {
			continue
		}
		p := &wirePlay{c: c, newman: newman, binary: binary, dir: filepath.Join(work, fmt.Sprint(i)), verbose: verbose}
		began := time.Now()
		row, err := p.play()
		if verbose {
			fmt.Printf("=== %s: %v\n", c.name, time.Since(began).Round(time.Millisecond))
		}
		if err != nil {
			row.problem = err.Error()
		}
		row.name = c.name
		rows = append(rows, row)
	}
	writeWire(rows)
	return nil
}

func builtBinary(work string) (string, error) {
	if binary := os.Getenv("BGVERIFY_BINARY"); binary != "" {
		return binary, nil
	}
	binary := filepath.Join(work, "bgverify")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return binary, command(ctx, ".", "go", "build", "-C", "..", "-o", binary, "./cmd/bgverify")
}

// A wirePlay is one collection on its way through both tools.
type wirePlay struct {
	c              *playedCollection
	newman, binary string
	dir            string
	verbose        bool
	given          map[string]string
	steps          map[string]int  // item by suite/case/step
	lossy          map[int]bool    // items that need script code which was lost
	outcomes       map[int]*[2]int // failed assertions by item: Newman, suite
	again          map[int][]string
}

func (p *wirePlay) play() (wireRow, error) {
	row := wireRow{}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return row, err
	}
	p.c.prepare()
	p.given = p.c.give()
	answers := make([]answer, len(p.c.items))
	for i, it := range p.c.items {
		answers[i] = answerFor(it.scripts)
	}
	data, err := json.Marshal(p.c.top)
	if err != nil {
		return row, err
	}
	if err := os.WriteFile(filepath.Join(p.dir, "c.json"), data, 0o644); err != nil {
		return row, err
	}
	p.outcomes = map[int]*[2]int{}
	want, err := p.playNewman(ctx, answers)
	if err != nil {
		return row, err
	}
	first := p.outcomes
	p.outcomes = map[int]*[2]int{}
	// What differs between two plays of Newman is generated: a time or a random value.
	if p.again, err = p.playNewman(ctx, answers); err != nil {
		return row, err
	}
	p.outcomes = first
	got, err := p.playSuite(ctx, answers)
	if err != nil {
		for _, list := range want {
			row.sent += len(list)
		}
		return row, err
	}
	p.compare(&row, want, got)
	return row, nil
}

// files are the arguments for what is next to the collection.
func (p *wirePlay) files(env, globals, data string) []string {
	var out []string
	for _, f := range [][2]string{{env, p.c.env}, {globals, p.c.globals}, {data, p.c.data}} {
		if f[1] != "" {
			abs, _ := filepath.Abs(f[1])
			out = append(out, f[0], abs)
		}
	}
	return out
}

// writeWire prints a row for each collection and their sum.
func writeWire(rows []wireRow) {
	fmt.Println("| collection | sent by Newman | sent by both | equal | no lost code | equal of these | only the suite fails | only Newman fails |\n|---|---|---|---|---|---|---|---|")
	sum := wireRow{name: "**all**"}
	for _, r := range rows {
		printWire(r)
		sum.sent += r.sent
		sum.both += r.both
		sum.equal += r.equal
		sum.plain += r.plain
		sum.plainEqual += r.plainEqual
		sum.onlyUs += r.onlyUs
		sum.onlyPM += r.onlyPM
	}
	printWire(sum)
	for _, r := range rows {
		if r.problem != "" {
			fmt.Printf("%s: %s\n", r.name, r.problem)
		}
	}
}

func printWire(r wireRow) {
	fmt.Printf("| %s | %d | %d | %s | %d | %s | %d | %d |\n", r.name, r.sent, r.both, percent(r.equal, r.both), r.plain,
		percent(r.plainEqual, r.plain), r.onlyUs, r.onlyPM)
}
