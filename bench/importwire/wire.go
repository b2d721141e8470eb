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
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
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

// files are the arguments for what stands next to the collection.
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

// suiteOutcomes counts the expectations that failed, by item.
func (p *wirePlay) suiteOutcomes(data []byte) {
	var report struct {
		Suites []struct {
			Cases []struct {
				ID    string
				Steps []struct {
					Name         string
					Expectations []struct {
						OK   bool
						What string
					}
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
				id, _, _ := strings.Cut(c.ID, "[") // a row
				item, ok := p.steps[id+"/"+st.Name]
				if !ok {
					item, ok = p.steps[id+"/"]
				}
				if !ok {
					continue
				}
				for _, e := range st.Expectations {
					if !e.OK {
						p.outcome(item)[1]++
						if p.verbose {
							fmt.Printf("~~~ %s %s: %s\n", p.c.name, p.c.items[item].path, e.What)
						}
					}
				}
			}
		}
	}
}

// An importedSuite is what import wrote, made ready to be run against two mocks.
type importedSuite struct {
	p    *wirePlay
	text string // what import printed
	env  map[string]string
	args []string
	lost []string // variables that a lost script sets
}

func (s *importedSuite) prepare(blue, green string) error {
	p := s.p
	dir := filepath.Join(p.dir, "suite")
	files, _ := filepath.Glob(filepath.Join(dir, "*.yaml"))
	more, _ := filepath.Glob(filepath.Join(dir, "common", "*.yaml"))
	envs, _ := filepath.Glob(filepath.Join(dir, "env", "*.yaml"))
	p.steps, p.lossy = map[string]int{}, map[int]bool{}
	texts := map[string]string{}
	for _, f := range slices.Concat(files, more) {
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(data), "side_effects: unreviewed", "side_effects: none")
		text = stepLine.ReplaceAllString(text, "$0\n$1  continue: true")
		for _, m := range needsLine.FindAllStringSubmatch(text, -1) {
			s.lost = append(s.lost, m[1])
		}
		texts[f] = text
	}
	for _, f := range sortedKeys(texts) {
		if err := os.WriteFile(f, []byte(texts[f]), 0o644); err != nil {
			return err
		}
		if err := s.learn(texts[f]); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(f), err)
		}
	}
	for _, m := range fromVariable.FindAllStringSubmatch(s.text, -1) {
		if s.env[m[1]] == "" {
			s.env[m[1]] = "secret-of-" + m[1]
		}
	}
	for _, m := range renamed.FindAllStringSubmatch(s.text, -1) {
		var theirs string
		if json.Unmarshal([]byte(m[1]), &theirs) == nil && p.given[theirs] != "" {
			s.env["BGVERIFY_VAR_"+m[2]] = p.given[theirs]
		}
	}
	s.args = []string{
		"run", "suite", "--out", "runs", "--format", "json", "--no-progress", "--no-load", "--allow-writes",
		"--concurrency", "1", "--env", "wire.yaml",
	}
	if m := beginsWith.FindStringSubmatch(s.text); m != nil {
		url := p.resolve(m[1], 0)
		if !strings.Contains(url, "://") {
			url = "http://" + url
		}
		if url == "http://" {
			url += hostWord(m[1]) + ".test"
		}
		s.args = append(s.args, "--blue", url, "--green", url)
	} else if url := s.blueURL(texts); url != "" {
		s.args = append(s.args, "--green", url)
	}
	return s.writeEnv(envs, blue, green)
}

// resolve puts the values of variables into a text.
func (p *wirePlay) resolve(text string, depth int) string {
	return placeholderName.ReplaceAllStringFunc(text, func(m string) string {
		name := strings.TrimSpace(m[2 : len(m)-2])
		v := p.c.values[name]
		if v == "" {
			v = p.given[name]
		}
		if depth > 5 {
			return v
		}
		return p.resolve(v, depth+1)
	})
}

// suiteYAML is the part of a suite that the harness reads.
type suiteYAML struct {
	Suite string
	Needs []string
	Env   []string
	Sides struct {
		Blue, Green struct {
			URL            string
			Services, Vars map[string]any
		}
	}
	Setup, Teardown []map[string]any
	Cases           []map[string]any
}

func (s *importedSuite) blueURL(texts map[string]string) string {
	for _, f := range sortedKeys(texts) {
		var y suiteYAML
		if yaml.Unmarshal([]byte(texts[f]), &y) == nil && y.Sides.Blue.URL != "" {
			return y.Sides.Blue.URL
		}
	}
	return ""
}

// learn finds which step is which item, and what the suite must be given.
func (s *importedSuite) learn(text string) error {
	var y suiteYAML
	if err := yaml.Unmarshal([]byte(text), &y); err != nil {
		return err
	}
	for name, v := range y.Sides.Green.Services {
		s.mirror(fmt.Sprint(v), fmt.Sprint(y.Sides.Blue.Services[name]))
	}
	for name, v := range y.Sides.Green.Vars {
		s.mirror(fmt.Sprint(v), fmt.Sprint(y.Sides.Blue.Vars[name]))
	}
	for _, name := range y.Needs {
		key := "BGVERIFY_VAR_" + name
		switch {
		case s.env[key] != "":
		case s.p.given[name] != "":
			s.env[key] = s.p.given[name]
		default:
			s.env[key] = "lost-" + name
			for _, n := range s.p.c.placeholders {
				if hostWord(n) == hostWord(name) && s.p.given[n] != "" {
					s.env[key] = s.p.given[n]
				}
			}
		}
	}
	for _, name := range y.Env {
		if s.env[name] == "" {
			s.env[name] = "secret-of-" + name
		}
	}
	for _, st := range y.Setup {
		s.step(y.Suite+"/(setup)/"+fmt.Sprint(st["step"]), st)
	}
	for _, c := range y.Cases {
		steps, _ := c["steps"].([]any)
		if len(steps) == 0 {
			s.step(y.Suite+"/"+fmt.Sprint(c["case"])+"/", c)
		}
		for _, st := range steps {
			if m, ok := st.(map[string]any); ok {
				s.step(y.Suite+"/"+fmt.Sprint(c["case"])+"/"+fmt.Sprint(m["step"]), m)
			}
		}
	}
	s.lossyItems(text)
	return nil
}

// mirror gives the environment variable of green blue's value.
func (s *importedSuite) mirror(green, blue string) {
	if m := greenEnv.FindStringSubmatch(green); m != nil {
		s.env[m[1]] = strings.ReplaceAll(blue, "{{'{{'}}", "{{")
	}
}

func (s *importedSuite) step(id string, step map[string]any) {
	headers, _ := step["headers"].(map[string]any)
	item := 0
	if _, err := fmt.Sscan(fmt.Sprint(headers[markHeader]), &item); err == nil {
		s.p.steps[id] = item
	}
}

var markLine = regexp.MustCompile(markHeader + `: ["']?(\d+)`)

// lossyItems marks the items that use what a lost script sets, or whose own script
// before the request was not converted.
func (s *importedSuite) lossyItems(text string) {
	var comments []string
	var block []string
	flush := func() {
		whole := strings.Join(block, "\n")
		m := markLine.FindStringSubmatch(whole)
		if m == nil {
			return
		}
		item := 0
		fmt.Sscan(m[1], &item) //nolint:errcheck // it matched digits
		for _, c := range comments {
			if strings.Contains(c, "pre-request script") && !strings.HasSuffix(c, "— output") {
				s.p.lossy[item] = true
			}
		}
		for _, name := range s.lost {
			if regexp.MustCompile(`\{\{\s*` + regexp.QuoteMeta(name) + `\b`).MatchString(whole) {
				s.p.lossy[item] = true
			}
		}
	}
	var next []string
	for line := range strings.SplitSeq(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "# not converted"):
			next = append(next, trimmed)
			continue
		case strings.HasPrefix(trimmed, "- case: "), strings.HasPrefix(trimmed, "- step: "):
			flush()
			block, comments, next = nil, next, nil
		}
		block = append(block, line)
	}
	flush()
}

// writeEnv makes the env file: that of the stage, if there is one, with the mocks in
// the place of every host.
func (s *importedSuite) writeEnv(envs []string, blue, green string) error {
	env := map[string]any{}
	if len(envs) > 0 {
		data, err := os.ReadFile(envs[0])
		if err != nil {
			return err
		}
		if err := yaml.Unmarshal(data, &env); err != nil {
			return err
		}
		var y suiteYAML
		if err := yaml.Unmarshal(data, &y); err == nil {
			for _, name := range y.Env {
				if s.env[name] == "" {
					s.env[name] = "secret-of-" + name
				}
			}
			for name, v := range y.Sides.Green.Vars {
				s.mirror(fmt.Sprint(v), fmt.Sprint(y.Sides.Blue.Vars[name]))
			}
			if y.Sides.Blue.URL != "" && !slices.Contains(s.args, "--green") {
				s.args = append(s.args, "--green", y.Sides.Blue.URL)
			}
		}
	}
	sides, _ := env["sides"].(map[string]any)
	if sides == nil {
		sides = map[string]any{}
		env["sides"] = sides
	}
	for name, address := range map[string]string{"blue": blue, "green": green} {
		side, _ := sides[name].(map[string]any)
		if side == nil {
			side = map[string]any{}
			sides[name] = side
		}
		side["resolve"], side["tls"] = address, map[string]any{"insecure": true}
	}
	env["limits"] = map[string]any{"writes": "allow"}
	data, err := yaml.Marshal(env)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.p.dir, "wire.yaml"), data, 0o644)
}

// compare counts the requests of Newman that the suite sends too, and as they are.
func (p *wirePlay) compare(row *wireRow, want, got map[int][]string) {
	for item := -1; item < len(p.c.items); item++ {
		left := slices.Clone(got[item])
		for n, w := range want[item] {
			row.sent++
			second := w
			if n < len(p.again[item]) {
				second = p.again[item][n]
			}
			i := slices.IndexFunc(left, func(s string) bool { return sameRequest(w, second, s) })
			if item < 0 {
				row.scriptSent++
				if i >= 0 {
					row.scriptSame++
				}
			}
			if len(left) == 0 || item < 0 && i < 0 { // what a script sends has no number
				if p.verbose {
					fmt.Printf("--- not sent: %s item %d %s\n%s\n", p.c.name, item, p.path(item), w)
				}
				continue
			}
			row.both++
			lossy := p.lossy[item]
			if !lossy {
				row.plain++
			}
			if i < 0 {
				if p.verbose {
					fmt.Printf("--- differs (lost code: %t): %s item %d %s\nNewman: %s\nsuite:  %s\n", lossy, p.c.name, item, p.path(item), w, left[0])
				}
				left = left[1:]
				continue
			}
			row.equal++
			if !lossy {
				row.plainEqual++
			}
			left = slices.Delete(left, i, i+1)
		}
		if o := p.outcomes[item]; o != nil && len(want[item]) > 0 && len(got[item]) > 0 {
			switch {
			case (o[0] > 0) == (o[1] > 0):
				row.agree++
			case o[1] > 0:
				row.onlyUs++
			default:
				row.onlyPM++
			}
		}
	}
}

var word = regexp.MustCompile(`[A-Za-z0-9]+|[^A-Za-z0-9]`)

// sameRequest reports whether s is w, but for the words in which second differs from
// it: these are generated anew in every play, and must only be of the same kind.
func sameRequest(w, second, s string) bool {
	w, s = sameTimes(w, s)
	second, _ = sameTimes(second, s)
	if w == second || w == s {
		return w == s
	}
	a, b, c := word.FindAllString(w, -1), word.FindAllString(second, -1), word.FindAllString(s, -1)
	if len(a) != len(b) { // a generated value of several words: the kinds of words are compared
		return false
	}
	if len(a) != len(c) {
		return false
	}
	for i := range a {
		if a[i] == c[i] {
			continue
		}
		if a[i] == b[i] || isNumber(a[i]) != isNumber(c[i]) {
			return false
		}
	}
	return true
}

var isoTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?`)

// sameTimes gives two requests the same times where those of each are written alike and
// less than an hour apart: the two tools play one after the other.
func sameTimes(a, b string) (string, string) {
	x, y := isoTime.FindAllString(a, -1), isoTime.FindAllString(b, -1)
	if len(x) != len(y) {
		return a, b
	}
	for i := range x {
		const layout = "2006-01-02T15:04:05.999"
		t, err1 := time.Parse(layout[:min(len(x[i]), len(layout))], x[i])
		u, err2 := time.Parse(layout[:min(len(y[i]), len(layout))], y[i])
		if len(x[i]) == len(y[i]) && err1 == nil && err2 == nil && t.Sub(u).Abs() < time.Hour {
			b = strings.Replace(b, y[i], x[i], 1)
		}
	}
	return a, b
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (p *wirePlay) path(item int) string {
	if item < 0 {
		return "of a script"
	}
	return p.c.items[item].path
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func percent(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(of))
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
