package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

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

// need gives a variable that the suite needs the value of the placeholder of its name, else of
// one that names the same host, else a mark.
func (s *importedSuite) need(name string) {
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
		s.need(name)
	}
	s.giveSecrets(y.Env)
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

// giveSecrets gives every secret without a value one.
func (s *importedSuite) giveSecrets(names []string) {
	for _, name := range names {
		if s.env[name] == "" {
			s.env[name] = "secret-of-" + name
		}
	}
}

// learnEnv finds what the env file of the stage says of secrets, variables and green's address.
func (s *importedSuite) learnEnv(y *suiteYAML) {
	s.giveSecrets(y.Env)
	for name, v := range y.Sides.Green.Vars {
		s.mirror(fmt.Sprint(v), fmt.Sprint(y.Sides.Blue.Vars[name]))
	}
	if y.Sides.Blue.URL != "" && !slices.Contains(s.args, "--green") {
		s.args = append(s.args, "--green", y.Sides.Blue.URL)
	}
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
			s.learnEnv(&y)
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
