package convert

import (
	"regexp"
	"slices"
	"strings"
)

// jqPath is a filter of jq that names one value.
var jqPath = regexp.MustCompile(`^(\.[A-Za-z_][A-Za-z0-9_]*|\.?\[[0-9]+\])+$`)

// capturing reads NAME=$(curl … | jq -r .path): the request becomes a step of
// setup, and $NAME what it captures.
func (c *curlImport) capturing(name, value string, cmd *shCommand, w shWord) bool {
	if len(w.unknown) != 1 || value != w.unknown[0] {
		return false
	}
	inside := strings.Trim(value, "`")
	if in, ok := strings.CutPrefix(value, "$("); ok {
		inside = strings.TrimSuffix(in, ")")
	}
	stages, err := splitShell(inside)
	if err != nil || len(stages) != 2 || !stages[0].piped || !isCurl(stages[0].words) {
		return false
	}
	path, ok := jqFilter(stages[1].words)
	if !ok {
		return false
	}
	before := len(c.pending)
	stages[0].line, stages[0].comment = cmd.line, cmd.comment
	c.command(&stages[0], c.stdin(nil, &stages[0]))
	if len(c.pending) != before+1 {
		c.pending = c.pending[:before]
		return false
	}
	capture := &Capture{Name: c.captures.Take(VarName(name)), At: path}
	c.pending[before].capture = capture
	c.assigned[name] = &shAssigned{value: marked(capture.Name), captured: true}
	if secretName(capture.Name) {
		c.suite.Secrets = appendOnce(c.suite.Secrets, capture.Name)
	}
	c.report.Mapped(Captures, 1)
	return true
}

// jqFilter is the path of jq -r .a.b[0].
func jqFilter(list []shWord) (string, bool) {
	if len(list) < 2 || list[0].text != "jq" {
		return "", false
	}
	args := slices.DeleteFunc(slices.Clone(list[1:]), func(w shWord) bool {
		return slices.Contains([]string{"-r", "--raw-output", "-e", "-er", "-re", "-j"}, w.text)
	})
	if len(args) != 1 || !jqPath.MatchString(args[0].text) {
		return "", false
	}
	return "$" + strings.ReplaceAll(args[0].text, ".[", "["), true
}

// setupStep puts a capturing request into setup. One that cannot be sent as it
// stands leaves its value to come from outside.
func (c *curlImport) setupStep(p *pendingCurl, r *webRequest) {
	if len(r.skip) > 0 {
		c.suite.Needs = appendOnce(c.suite.Needs, p.capture.Name)
		c.suite.Cases = append(c.suite.Cases, c.caseOf(r))
		return
	}
	r.step.Name = c.cases.Take(orElse(r.name, Plain(r.describe())))
	r.step.Comment = r.comment
	r.step.Captures = []Capture{*p.capture}
	c.suite.Setup = append(c.suite.Setup, r.step)
}
