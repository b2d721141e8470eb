package curl

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// jqPath is a filter of jq that names one value.
var jqPath = lazy.Regexp(`^(\.[A-Za-z_][A-Za-z0-9_]*|\.?\[[0-9]+\])+$`)

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
	// The command is read like any other; it must make exactly one request.
	before := len(c.pending)
	stages[0].line, stages[0].comment = cmd.line, cmd.comment
	c.command(&stages[0], c.stdin(nil, &stages[0]))
	if len(c.pending) != before+1 {
		c.pending = c.pending[:before]
		return false
	}
	capture := &model.Capture{Name: c.captures.Take(naming.VarName(name)), At: path}
	c.pending[before].capture = capture
	c.assigned[name] = &shAssigned{value: web.Marked(capture.Name), captured: true}
	if naming.SecretName(capture.Name) {
		c.Suite.Secrets = model.AppendOnce(c.Suite.Secrets, capture.Name)
	}
	c.Report.Mapped(model.Captures, 1)
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
	if len(args) != 1 || !jqPath().MatchString(args[0].text) {
		return "", false
	}
	return "$" + strings.ReplaceAll(args[0].text, ".[", "["), true
}

// setupStep puts a capturing request into setup. One that cannot be sent as it
// stands leaves its value to come from outside.
func (c *curlImport) setupStep(p *pendingCurl, r *web.Request) {
	if len(r.Skip) > 0 {
		c.Suite.Needs = model.AppendOnce(c.Suite.Needs, p.capture.Name)
		c.Suite.Cases = append(c.Suite.Cases, c.CaseOf(r))
		return
	}
	r.Step.Name = c.Cases.Take(cmp.Or(r.Name, naming.Plain(r.Describe())))
	r.Step.Comment = r.Comment
	r.Step.Captures = []model.Capture{*p.capture}
	c.Suite.Setup = append(c.Suite.Setup, r.Step)
}
