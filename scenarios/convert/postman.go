package convert

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// PostmanInput is what an import of a collection reads.
type PostmanInput struct {
	// Files holds the collection and what its requests send, below its folder.
	Files fs.FS
	// Name is the collection's file in Files. With Folder set the collection is
	// the whole of Files, in the YAML form (v3), and Name is what it is called
	// when it does not say so itself.
	Name   string
	Folder bool
	// Envs are environments: each becomes an env file.
	Envs    []File
	Globals *File // nil: none
	Data    *File // iteration data, csv or json; nil: none
	// NoExamples leaves saved answers out.
	NoExamples bool
}

// Postman converts a collection. Its rules, beside those of the package:
//  1. A folder at the top is a suite; folders below it are tags of their cases.
//     Requests beside the folders make a suite named after the collection.
//  2. A request is a case. Requests that hand values to later ones through
//     variables are the steps of one case, in their order; one whose values are
//     used in auth and headers alone, by several or by a folder's auth, signs in:
//     it is a setup step.
//  3. What addresses begin with is a service: the most frequent is the side's
//     url, the others are named. Blue lives where the collection says; where
//     green lives is asked for.
//  4. Collection variables and globals are variables of the suites that use
//     them, environments are env files; what nothing gives is in needs.
//  5. Scripts are read, never run: see scriptReader.
func Postman(in PostmanInput) (*Result, error) {
	im := &pmImport{
		in: in, report: &Report{}, names: map[string]string{}, theirs: map[string]string{}, namer: NewNamer("_"), envNamer: NewNamer("_"), files: NewNamer("-"),
		setSomewhere: map[string]bool{}, bare: map[string]bool{}, told: map[string]bool{},
	}
	if err := im.read(); err != nil {
		return nil, err
	}
	im.findSets(im.c.root)
	im.walk(im.c.root)
	if len(im.drafts) == 0 {
		return nil, &SourceError{in.Name, "$.item", -1, "there is no request in the collection"}
	}
	im.services()
	tree := im.plan()
	return &Result{Tree: *tree, Report: *im.report}, nil
}

// A pmImport is one import on its way.
type pmImport struct {
	in      PostmanInput
	c       *pmCollection
	envs    []pmEnv
	globals []pmVar
	data    *pmData
	report  *Report

	names    map[string]string // our names of variables, by Postman's
	theirs   map[string]string // Postman's names, by ours
	namer    *Namer
	envNamer *Namer
	files    *Namer // of assets, without their endings
	secrets  []pmSecret
	assets   []pmAsset
	// setSomewhere are the names that some script sets, known before anything is translated.
	setSomewhere map[string]bool
	bare         map[string]bool // variables that stand for whole JSON values
	told         map[string]bool // losses of folders, told once

	drafts  []*pmDraft
	folders []*pmDraft // of folders with scripts
	origins []*pmOrigin
}

// A pmDraft is a request (or a folder with scripts) on its way to a step.
type pmDraft struct {
	item     *pmItem
	step     *Step
	uses     []pmUse
	defs     []pmDef
	env      []string // environment variables it reads
	comments []string
	skips    []string
	origin   *pmOrigin
	setup    bool
	vars     []Var // of its case
	index    int
}

// A pmDef is a variable that a script gives a value.
type pmDef struct {
	name    string
	capture *Capture // from the answer; Name is not set
	value   string   // otherwise: a template of ours
	drawn   bool     // the value holds a generated one: later requests must see the same
	after   bool     // set after the answer
	text    string   // the statement
	line    int
}

func (d *pmDraft) path() string {
	if d == nil {
		return ""
	}
	return d.item.path()
}

func (d *pmDraft) comment(format string, args ...any) {
	d.comments = append(d.comments, oneLine(fmt.Sprintf(format, args...), 300))
}

func (d *pmDraft) skip(reason string) {
	if !slices.Contains(d.skips, reason) {
		d.skips = append(d.skips, reason)
	}
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

// lose lists what is not carried over, and keeps it as a comment beside the case.
func (im *pmImport) lose(d *pmDraft, l Lost) {
	l.Request = d.path()
	im.report.Lose(l)
	if d != nil {
		d.comment("not carried over: %s", l.line())
	}
}

func (im *pmImport) read() error {
	var err error
	if im.in.Folder {
		im.c, err = readV3(im.in.Files, im.in.Name)
	} else {
		var data []byte
		if data, err = ReadFile(im.in.Files, im.in.Name); err != nil {
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
	for _, f := range im.in.Envs {
		e, err := readEnv(f)
		if err != nil {
			return err
		}
		im.envs = append(im.envs, e)
	}
	if im.in.Globals != nil {
		e, err := readEnv(*im.in.Globals)
		if err != nil {
			return err
		}
		im.globals = e.vars
	}
	if im.in.Data != nil {
		if im.data, err = readData(*im.in.Data); err != nil {
			return err
		}
	}
	return nil
}

var setCalls = regexp.MustCompile(`(?:\.set|setEnvironmentVariable|setGlobalVariable)\(\s*["'\x60]([^"'\x60]+)["'\x60]`)

// findSets finds the names that scripts set, whether or not they can be carried over.
func (im *pmImport) findSets(item *pmItem) {
	for _, s := range item.scripts {
		for _, m := range setCalls.FindAllStringSubmatch(s.code, -1) {
			im.setSomewhere[m[1]] = true
		}
	}
	for _, i := range item.items {
		im.findSets(i)
	}
}

// walk drafts every request below an item, in order.
func (im *pmImport) walk(item *pmItem) {
	if item.request != nil {
		im.draft(item)
		return
	}
	folder := &pmDraft{item: item, step: &Step{}}
	im.scripts(folder, item.scripts)
	im.folders = append(im.folders, folder)
	for _, i := range item.items {
		im.walk(i)
	}
}

// draft translates one request.
func (im *pmImport) draft(item *pmItem) {
	r := item.request
	d := &pmDraft{item: item, step: &Step{Method: r.method}, index: len(im.drafts)}
	im.drafts = append(im.drafts, d)
	im.report.Mapped(Requests, 1)
	for i := item.parent; i != nil; i = i.parent { // scripts of folders run for each request below
		im.inherit(d, i)
	}
	im.scripts(d, item.scripts)
	im.method(d)
	im.url(d, r.url)
	im.headers(d, r.headers)
	im.body(d, r.body)
	im.authOf(d)
	im.settings(d)
	im.examples(d)
	if d.step.Method != "GET" && d.step.Method != "HEAD" && d.step.Method != "OPTIONS" && d.step.Method != "TRACE" {
		d.step.Effects = Unreviewed
	}
}

// inherit lays what the scripts of a folder expect and set over a request.
func (im *pmImport) inherit(d *pmDraft, folder *pmItem) {
	i := slices.IndexFunc(im.folders, func(f *pmDraft) bool { return f.item == folder })
	if i < 0 {
		return
	}
	f := im.folders[i]
	mergeExpect(&d.step.Expect, &f.step.Expect)
	d.defs = append(slices.Clone(f.defs), d.defs...)
	for _, u := range f.uses {
		d.use(u.name, u.header)
	}
}

// method holds a method to what the language sends.
func (im *pmImport) method(d *pmDraft) {
	m := d.step.Method
	if im.static1(m) != m {
		m = im.static1(m)
	}
	if m == "" || !isToken(m) || m == "CONNECT" {
		im.lose(d, Lost{Kind: Requests, Place: "method", Text: d.step.Method, Why: "this method cannot be sent"})
		d.skip("the method " + oneLine(Plain(d.step.Method), 40) + " cannot be sent")
		m = "GET"
	}
	d.step.Method = strings.ToUpper(m)
}

// static1 is a text with its placeholders resolved, or the text.
func (im *pmImport) static1(text string) string {
	var env []pmVar
	if len(im.envs) > 0 {
		env = im.envs[0].vars
	}
	if out, ok := im.static(text, env, 0); ok {
		return out
	}
	return text
}

var clientHeaders = []string{"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"}

func (im *pmImport) headers(d *pmDraft, headers []pmField) {
	for _, h := range headers {
		name := strings.TrimSpace(h.key)
		if im.disabledField(d, h, "header") || name == "" && h.value == "" {
			continue
		}
		why := ""
		switch lower := strings.ToLower(name); {
		case strings.Contains(name, "{{") || !isToken(name):
			why = "this is not the name of a header"
		case lower == "host":
			why = "write host: in sides"
		case slices.Contains(clientHeaders, lower):
			why = "the client sets it from what it sends"
		case strings.ContainsFunc(h.value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			why = "a control character in the value"
		}
		if why != "" {
			im.lose(d, Lost{Kind: Headers, Place: "header " + name, Text: h.value, Why: why})
			continue
		}
		im.report.Mapped(Headers, 1)
		if strings.EqualFold(name, "cookie") {
			im.cookies(d, h.value)
			continue
		}
		value := ""
		if secretName(name) {
			value = im.secret(d, name, h.value, "header "+name)
		} else {
			value = im.text(d, h.value, "header "+name, true)
		}
		d.step.Headers = append(d.step.Headers, Field{name, strings.TrimSpace(value)})
	}
	// The language compares names without case; Postman's repetitions stay together.
	for i := range d.step.Headers {
		for j := range d.step.Headers[:i] {
			if strings.EqualFold(d.step.Headers[i].Name, d.step.Headers[j].Name) {
				d.step.Headers[i].Name = d.step.Headers[j].Name
			}
		}
	}
}

func (im *pmImport) cookies(d *pmDraft, value string) {
	for one := range strings.SplitSeq(value, ";") {
		name, text, ok := strings.Cut(strings.TrimSpace(one), "=")
		if !ok || !isToken(name) || slices.ContainsFunc(d.step.Cookies, func(f Field) bool { return f.Name == name }) {
			if strings.TrimSpace(one) != "" {
				im.lose(d, Lost{Kind: Headers, Place: "header Cookie", Text: one, Why: "this is no cookie: name=value"})
			}
			continue
		}
		d.step.Cookies = append(d.step.Cookies, Field{name, im.text(d, text, "cookie "+name, true)})
	}
}

// authOf translates the auth that counts for a request.
func (im *pmImport) authOf(d *pmDraft) {
	owner := d.item
	for owner != nil && owner.auth == nil {
		owner = owner.parent
	}
	if owner == nil {
		if d.item.request.url.user {
			im.lose(d, Lost{Kind: Auths, Place: "address", Why: "a user in the address is not sent; use auth: {basic: …}"})
		}
		return
	}
	out, reason := im.auth(d, owner.auth)
	key := "auth " + owner.path()
	if reason != "" {
		if !im.told[key] {
			im.told[key] = true
			im.lose(&pmDraft{item: owner}, Lost{Kind: Auths, Place: "auth", Text: owner.auth.kind, Why: reason})
		}
		d.comment("not carried over: auth %s", owner.auth.kind)
		d.skip(reason)
		return
	}
	if !im.told[key] {
		im.told[key] = true
		im.report.Mapped(Auths, 1)
	}
	if owner != im.suiteRoot(d.item) && owner != im.c.root {
		if out.Kind != NoAuth || im.defaultAuth(d.item) != nil {
			d.step.Auth = out
		}
	} else if owner == im.c.root && im.suiteRoot(d.item).auth != nil {
		d.step.Auth = out
	}
}

// suiteRoot is the folder at the top that an item belongs to, or the collection.
func (im *pmImport) suiteRoot(item *pmItem) *pmItem {
	for item.parent != nil && item.parent.parent != nil {
		item = item.parent
	}
	if item.request != nil {
		return im.c.root
	}
	return item
}

// defaultAuth is the auth of the suite that an item belongs to.
func (im *pmImport) defaultAuth(item *pmItem) *pmAuth {
	if a := im.suiteRoot(item).auth; a != nil {
		return a
	}
	return im.c.root.auth
}

// settings goes through how a request is to be sent.
func (im *pmImport) settings(d *pmDraft) {
	for _, s := range d.item.settings {
		switch {
		case s.key == "disableBodyPruning", s.key == "followRedirects" && s.value == "false", s.key == "disabledSystemHeaders" && s.value == "":
			im.report.Mapped(Settings, 1)
		case s.key == "followRedirects", s.key == "followOriginalHttpMethod", s.key == "followAuthorizationHeader", s.key == "removeRefererHeaderOnRedirect", s.key == "maxRedirects":
			im.lose(d, Lost{Kind: Settings, Place: s.key, Text: s.value, Why: "a redirect is an answer; it is compared, not followed"})
		case s.key == "strictSSL":
			im.lose(d, Lost{Kind: Settings, Place: s.key, Text: s.value, Why: "write tls: {insecure: true} in sides if that is meant"})
		default:
			im.lose(d, Lost{Kind: Settings, Place: s.key, Text: s.value, Why: "there is no such setting"})
		}
	}
}

// maxExample bounds a saved answer that becomes a snapshot.
const maxExample = 1 << 20

// examples makes the first saved answer that succeeded a snapshot.
func (im *pmImport) examples(d *pmDraft) {
	for i, e := range d.item.examples {
		why := ""
		switch {
		case im.in.NoExamples:
			why = "left out as asked"
		case d.step.Expect.Snapshot != "":
			why = "a step has one snapshot"
		case e.code < 200 || e.code > 299:
			why = "it is not the answer of a success"
		case strings.TrimSpace(e.body) == "":
			why = "it has no body"
		case strings.Contains(e.body, "{{"):
			why = "it is a template"
		case len(e.body) > maxExample:
			why = "it is too large"
		}
		if why != "" {
			im.lose(d, Lost{Kind: Examples, Place: "example " + orElse(e.name, fmt.Sprint(i+1)), Why: why})
			continue
		}
		im.report.Mapped(Examples, 1)
		ext := ".txt"
		if _, err := parseJSON("", []byte(e.body)); err == nil {
			ext = ".json"
		}
		d.step.Expect.Snapshot = im.asset("snapshots/"+orElse(Name(d.item.name), "answer")+ext, []byte(e.body))
		if len(d.step.Expect.Status) == 0 {
			d.step.Expect.Status = []string{fmt.Sprint(e.code)}
		}
	}
}
