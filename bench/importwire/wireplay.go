package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func (p *wirePlay) playNewman(ctx context.Context, answers []answer) (map[int][]string, error) {
	proxy, err := newWireProxy(answers)
	if err != nil {
		return nil, err
	}
	defer proxy.ln.Close()
	args := append([]string{
		"run", "c.json", "--insecure", "--ignore-redirects", "-n", "1", "--timeout-request", "5000", "--timeout", "60000",
		"--reporters", "json", "--reporter-json-export", "newman.json",
	}, p.files("-e", "-g", "-d")...)
	for _, name := range sortedKeys(p.given) {
		args = append(args, "--env-var", name+"="+p.given[name])
	}
	run := exec.CommandContext(ctx, p.newman, args...)
	run.Dir = p.dir
	base, _ := filepath.Abs(filepath.Dir(p.c.file))
	run.Args = append(run.Args, "--working-dir", base)
	url := "http://" + proxy.address()
	run.Env = append(os.Environ(), "HTTP_PROXY="+url, "HTTPS_PROXY="+url, "http_proxy="+url, "https_proxy="+url, "NO_PROXY=", "no_proxy=")
	out, _ := run.CombinedOutput() // its status says that assertions failed
	data, err := os.ReadFile(filepath.Join(p.dir, "newman.json"))
	if err != nil {
		return nil, fmt.Errorf("newman: %.300s", out)
	}
	var report struct {
		Run struct {
			Executions []struct {
				Item       struct{ ID string }
				Assertions []struct{ Error any }
			}
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, err
	}
	for _, e := range report.Run.Executions {
		i := 0
		if _, err := fmt.Sscanf(e.Item.ID, "wire-%d", &i); err != nil {
			continue
		}
		o := p.outcome(i)
		for _, a := range e.Assertions {
			if a.Error != nil {
				o[0]++
			}
		}
	}
	return proxy.take(), nil
}

func (p *wirePlay) outcome(item int) *[2]int {
	if p.outcomes[item] == nil {
		p.outcomes[item] = &[2]int{}
	}
	return p.outcomes[item]
}

var (
	needsLine    = regexp.MustCompile(`needs (\S+): a script of .* sets it`)
	greenEnv     = regexp.MustCompile(`\{\{\s*env\.(\w+)\s*\}\}`)
	stepLine     = regexp.MustCompile(`(?m)^(\s*)- step: .*$`)
	beginsWith   = regexp.MustCompile(`addresses begin with (\S+): --blue`)
	renamed      = regexp.MustCompile(`the variable ("(?:[^"\\]|\\.)*") is written (\S+):`)
	fromVariable = regexp.MustCompile(`read from the environment variable (\w+)`)
)

func (p *wirePlay) playSuite(ctx context.Context, answers []answer) (map[int][]string, error) {
	// The files that requests send are next to the collection.
	near := filepath.Dir(p.c.file)
	entries, _ := os.ReadDir(near)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.Size() < 1<<20 && !strings.HasSuffix(e.Name(),
			".postman_collection.json") {
			if data, err := os.ReadFile(filepath.Join(near, e.Name())); err == nil {
				os.WriteFile(filepath.Join(p.dir, e.Name()), data, 0o644) //nolint:errcheck // the case is skipped then
			}
		}
	}
	args := append([]string{"import", "postman", "c.json", "-o", "suite", "--no-examples"}, p.files("--env", "--globals", "--data")...)
	imp := exec.CommandContext(ctx, p.binary, args...)
	imp.Dir = p.dir
	text, err := imp.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("import: %.600s", text)
	}
	blue, err := newWireProxy(answers)
	if err != nil {
		return nil, err
	}
	defer blue.ln.Close()
	green, err := newWireProxy(answers)
	if err != nil {
		return nil, err
	}
	defer green.ln.Close()
	s := &importedSuite{p: p, text: string(text), env: map[string]string{}}
	if err := s.prepare(blue.address(), green.address()); err != nil {
		return nil, err
	}
	run := exec.CommandContext(ctx, p.binary, s.args...)
	run.Dir = p.dir
	run.Env = os.Environ()
	for _, k := range sortedKeys(s.env) {
		run.Env = append(run.Env, k+"="+s.env[k])
	}
	out, err := run.CombinedOutput()
	if keep := os.Getenv("IMPORTWIRE_KEEP"); keep != "" {
		os.CopyFS(filepath.Join(keep, hostWord(p.c.name)), os.DirFS(p.dir)) //nolint:errcheck // for a look
	}
	files, _ := filepath.Glob(filepath.Join(p.dir, "runs", "*", "run.json"))
	if len(files) == 0 {
		return nil, fmt.Errorf("bgverify run: %w: %.900s", errors.Join(err), out)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	p.suiteOutcomes(data)
	return blue.take(), nil
}

// An expectation is one of run.json.
type expectation struct {
	OK   bool
	What string
}

// itemOf is the item that a case's step was made of; a case without named steps is one item.
func (p *wirePlay) itemOf(id, step string) (item int, ok bool) {
	id, _, _ = strings.Cut(id, "[") // a row
	if item, ok = p.steps[id+"/"+step]; !ok {
		item, ok = p.steps[id+"/"]
	}
	return item, ok
}

// countFailed counts the failed expectations of a case's step, where it was made of an item.
func (p *wirePlay) countFailed(id, step string, expectations []expectation) {
	item, ok := p.itemOf(id, step)
	if !ok {
		return
	}
	for _, e := range expectations {
		if !e.OK {
			p.outcome(item)[1]++
			p.trace("~~~ %s %s: %s\n", p.c.name, p.c.items[item].path, e.What)
		}
	}
}

// suiteOutcomes counts the expectations that failed, by item.
func (p *wirePlay) suiteOutcomes(data []byte) {
	var report struct {
		Suites []struct {
			Cases []struct {
				ID    string
				Steps []struct {
					Name         string
					Expectations []expectation
				}
			}
		}
	}
	if json.Unmarshal(data, &report) != nil {
		return
	}
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			for _, st := range c.Steps {
				p.countFailed(c.ID, st.Name, st.Expectations)
			}
		}
	}
}
