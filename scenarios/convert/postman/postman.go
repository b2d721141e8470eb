// Package postman converts Postman collections: JSON exports of the forms v2.0
// and v2.1, and folders of the YAML form v3. In come the collection and the files
// next to it (environments, globals, iteration data, payloads); out come a
// model.Tree and a report.
//
// v2.go and v3.go read both forms into the same records (records.go). A request
// becomes a draft: url.go, request.go, body.go, auth.go and text.go translate it,
// the package script its scripts. plan.go then decides which drafts are the steps
// of one case and which sign in, suite.go and vars.go write suites, service.go
// their sides, env.go env files, and lost.go lists the values that nothing uses.
//
// Scripts are parsed and never run. Files are read only from the input.
package postman

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
)

// Options are the files next to a collection, and what to leave out of it.
type Options struct {
	// Envs are environments: each becomes an env file.
	Envs    []model.File
	Globals *model.File // nil: none
	Data    *model.File // iteration data, csv or json; nil: none
	// NoExamples leaves saved answers out.
	NoExamples bool
}

// Convert converts a collection. Its rules, in addition to those of the package:
//  1. A folder at the top is a suite; folders below it are tags of their cases.
//     Requests next to the folders make a suite named after the collection.
//  2. A request is a case. Requests that hand values to later ones through
//     variables are the steps of one case, in their order; one whose values are
//     used in auth and headers alone, by several or by a folder's auth, signs in:
//     it is a setup step.
//  3. What addresses begin with is a service: the most frequent is the side's
//     url, the others are named. Blue lives where the collection says; where
//     green lives is asked for.
//  4. Collection variables and globals are variables of the suites that use
//     them, environments are env files; what nothing gives is in needs.
//  5. Scripts are read, never run: see the package script.
func Convert(in source.Input, opts Options) (*model.Result, error) {
	im := &pmImport{
		in: in, opts: opts, report: &model.Report{}, names: map[string]string{}, theirs: map[string]string{}, namer: naming.NewNamer("_"),
		envNamer: naming.NewNamer("_"), files: naming.NewNamer("-"), setupNames: naming.NewNamer(" "),
		setSomewhere: map[string]bool{}, setBy: map[string]string{}, bare: map[string]bool{}, listed: map[string]bool{},
		helpers: map[string]string{},
	}
	if err := im.read(); err != nil {
		return nil, err
	}
	im.findSets()
	im.walk(im.c.root)
	if len(im.drafts) == 0 {
		return nil, &source.Error{File: in.Name, Path: "$.item", Offset: -1, Msg: "there is no request in the collection"}
	}
	im.services()
	tree := im.plan()
	return &model.Result{Tree: *tree, Report: *im.report}, nil
}

// A pmImport is one import on its way.
type pmImport struct {
	in      source.Input
	opts    Options
	c       *pmCollection
	envs    []pmEnv
	globals []pmVar
	data    *pmData
	report  *model.Report

	names    map[string]string // our names of variables, by Postman's
	theirs   map[string]string // Postman's names, by ours
	namer    *naming.Namer
	envNamer *naming.Namer
	files    *naming.Namer // of assets, without their endings
	secrets  []pmSecret
	assets   []pmAsset
	// setSomewhere are the names that some script sets, known before anything is translated.
	setSomewhere map[string]bool
	setBy        map[string]string // the first request or folder whose script sets a name
	bare         map[string]bool   // variables that are whole JSON values
	listed       map[string]bool   // losses of folders, which are listed once
	jsonUses     []jsonUse
	helpers      map[string]string // names of values that scripts do not name
	all          string            // every text of the collection, once it was asked for
	setupNames   *naming.Namer     // of steps, over all suites: a suite may use those of another

	givers  map[string][]giver // definitions of the drafts by name; see findGivers
	drafts  []*pmDraft
	folders []*pmDraft // of folders with scripts
	origins []*pmOrigin
}

// A pmDraft is a request (or a folder with scripts) on its way to a step.
type pmDraft struct {
	item     *pmItem
	step     *model.Step
	uses     []pmUse
	defs     []script.Definition
	headers  []scriptHeader
	schemas  []*model.Node // that the body must obey
	env      []string      // environment variables it reads
	comments []string
	skips    []string
	origin   *pmOrigin
	setup    bool
	vars     []model.Var // of its case
	index    int
}

func (d *pmDraft) path() string {
	if d == nil {
		return ""
	}
	return d.item.path()
}

func (d *pmDraft) comment(format string, args ...any) {
	d.comments = append(d.comments, naming.OneLine(fmt.Sprintf(format, args...), 300))
}

func (d *pmDraft) skip(reason string) {
	d.skips = model.AppendOnce(d.skips, reason)
}

// setting reports whether a setting, of the request or a folder around, has a value.
func (d *pmDraft) setting(key, value string) bool {
	for i := d.item; i != nil; i = i.parent {
		for _, s := range i.settings {
			if s.key == key {
				return s.value == value
			}
		}
	}
	return false
}

// lose lists what is not converted, and keeps it as a comment next to the case.
func (im *pmImport) lose(d *pmDraft, l model.Lost) {
	l.Request = d.path()
	im.report.Lose(l)
	if d != nil {
		d.comment("not converted: %s", l.Line())
	}
}

func (im *pmImport) read() error {
	var err error
	if im.in.Folder {
		im.c, err = readV3(im.in.Files, im.in.Name)
	} else {
		var data []byte
		if data, err = im.in.Read(); err != nil {
			return fmt.Errorf("read %s: %w", im.in.Name, err)
		}
		im.c, err = readV2(im.in.Name, data)
	}
	if err != nil {
		return err
	}
	if im.c.name == "" {
		im.c.name = strings.TrimSuffix(im.in.Name, path.Ext(im.in.Name))
	}
	for _, f := range im.opts.Envs {
		e, err := readEnv(f)
		if err != nil {
			return err
		}
		im.envs = append(im.envs, e)
	}
	if im.opts.Globals != nil {
		e, err := readEnv(*im.opts.Globals)
		if err != nil {
			return err
		}
		im.globals = e.vars
	}
	if im.opts.Data != nil {
		if im.data, err = readData(*im.opts.Data); err != nil {
			return err
		}
	}
	return nil
}

var setCalls = regexp.MustCompile(`(?:\.set|setEnvironmentVariable|setGlobalVariable)\(\s*["'\x60]([^"'\x60]+)["'\x60]`)

// findSets finds the names that scripts set, whether or not they can be converted.
func (im *pmImport) findSets() {
	for item := range im.c.root.all() {
		for _, s := range item.scripts {
			for _, m := range setCalls.FindAllStringSubmatch(s.Code, -1) {
				if !im.setSomewhere[m[1]] {
					im.setBy[m[1]] = item.path()
				}
				im.setSomewhere[m[1]] = true
			}
		}
	}
}

// walk drafts every request below an item, in order.
func (im *pmImport) walk(item *pmItem) {
	if item.request != nil {
		im.draft(item)
		return
	}
	folder := &pmDraft{item: item, step: &model.Step{}}
	sent := im.scripts(folder, item.scripts)
	im.folders = append(im.folders, folder)
	im.sentDrafts(nil, item, sent)
	for _, i := range item.items {
		im.walk(i)
	}
}

// draft translates one request.
func (im *pmImport) draft(item *pmItem) {
	d := &pmDraft{item: item, step: &model.Step{Method: item.request.method}, index: len(im.drafts)}
	im.drafts = append(im.drafts, d)
	im.report.Mapped(model.Requests, 1)
	for i := item.parent; i != nil; i = i.parent { // scripts of folders run for each request below
		im.inherit(d, i)
	}
	sent := im.scripts(d, item.scripts)
	if len(d.schemas) > 0 {
		d.step.Expect.Schema = draftHost{im, d}.Schema(claim.SchemaFile(d.schemas))
	}
	im.fill(d)
	im.sentDrafts(d, item, sent)
}

// fill translates what a draft sends.
func (im *pmImport) fill(d *pmDraft) {
	r := d.item.request
	im.method(d)
	im.url(d, r.url)
	im.headers(d, r.headers)
	d.scriptHeaders()
	im.body(d, r.body)
	im.authOf(d)
	im.settings(d)
	im.examples(d)
	if d.step.Method != "GET" && d.step.Method != "HEAD" && d.step.Method != "OPTIONS" && d.step.Method != "TRACE" {
		d.step.Effects = model.Unreviewed
	}
}

// inherit merges what the scripts of a folder expect and set over a request.
func (im *pmImport) inherit(d *pmDraft, folder *pmItem) {
	i := slices.IndexFunc(im.folders, func(f *pmDraft) bool { return f.item == folder })
	if i < 0 {
		return
	}
	f := im.folders[i]
	claim.Merge(&d.step.Expect, &f.step.Expect)
	d.schemas = append(slices.Clone(f.schemas), d.schemas...)
	d.defs = append(slices.Clone(f.defs), d.defs...)
	d.headers = append(slices.Clone(f.headers), d.headers...)
	for _, u := range f.uses {
		d.use(u.name, u.header)
	}
}
