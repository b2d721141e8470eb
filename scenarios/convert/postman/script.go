package postman

import (
	"cmp"
	"slices"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
)

// A draftHost answers what the scripts of one request or folder ask.
type draftHost struct {
	im *pmImport
	d  *pmDraft
}

// scripts reads the scripts of a request or folder.
func (im *pmImport) scripts(d *pmDraft, scripts []script.Source) {
	d.defs = append(d.defs, script.Read(draftHost{im, d}, scripts, &d.step.Expect)...)
}

func (h draftHost) VarName(name string) string       { return h.im.varName(name) }
func (h draftHost) NamesIn(template string) []string { return h.im.namesIn(template) }

func (h draftHost) Unset(name string) bool {
	given := func(list []pmVar) bool { return findPMVar(list, name) != nil }
	return !slices.ContainsFunc(h.im.valueLists(), given) && !h.im.setSomewhere[name] && !h.im.isColumn(name)
}

func (h draftHost) Scopes(name string) (environment, collection bool) {
	environment = slices.ContainsFunc(h.im.envs, func(e pmEnv) bool { return findPMVar(e.vars, name) != nil })
	return environment, findPMVar(h.im.c.vars, name) != nil
}

func (h draftHost) Template(text string) string { return h.im.text(nil, text, "script", false) }

func (h draftHost) Secret(name, text, where string) string {
	return h.im.secret(h.d, name, text, where)
}

func (h draftHost) Use(name string) { h.d.use(name, false) }

func (h draftHost) Schema(data []byte) string {
	return h.im.asset("schemas/"+cmp.Or(naming.Name(h.d.item.name), "schema")+".json", data)
}

func (h draftHost) IsHead() bool {
	return h.d.item.request != nil && h.d.item.request.method == "HEAD"
}

func (h draftHost) Lose(l model.Lost)          { h.im.lose(h.d, l) }
func (h draftHost) Mapped(k model.Kind, n int) { h.im.report.Mapped(k, n) }

func (h draftHost) Note(format string, args ...any) {
	h.im.report.Note(h.d.path(), format, args...)
}
