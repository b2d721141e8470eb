package postman

import (
	"iter"
	"slices"

	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
)

// The typed records of a collection, whatever form it was read from.

type pmCollection struct {
	name, doc string
	root      *pmItem
	vars      []pmVar
}

// A pmItem is a folder or a request. Request is nil for folders.
type pmItem struct {
	name, doc string
	parent    *pmItem
	items     []*pmItem
	auth      *pmAuth // nil: that of the folder around
	scripts   []script.Source
	request   *pmRequest
	settings  []pmSetting
	examples  []pmExample
}

// path is the folders and the name, as the report names a request.
func (i *pmItem) path() string {
	if i.parent == nil || i.parent.parent == nil {
		return i.name
	}
	return i.parent.path() + " / " + i.name
}

// all are an item and those below it, in their order.
func (i *pmItem) all() iter.Seq[*pmItem] {
	return func(yield func(*pmItem) bool) { i.each(yield) }
}

func (i *pmItem) each(yield func(*pmItem) bool) bool {
	return yield(i) && !slices.ContainsFunc(i.items, func(sub *pmItem) bool { return !sub.each(yield) })
}

type pmVar struct {
	key, value string
	literal    bool // a JSON number or boolean, not text
	secret     bool
	disabled   bool
}

type pmAuth struct {
	kind   string
	params []pmVar
}

func (a *pmAuth) get(name string) string {
	for _, p := range a.params {
		if p.key == name {
			return p.value
		}
	}
	return ""
}

type pmRequest struct {
	method, doc string
	url         pmURL
	headers     []pmField
	body        *pmBody
}

// A pmURL is cut where Postman cuts it: raw is what comes before ? and #.
type pmURL struct {
	raw   string
	query []pmField
	vars  []pmVar // values of :name segments
	user  bool    // user:password@ was there and is left out
}

// A pmField is a header, query parameter or form field.
type pmField struct {
	key, value string
	novalue    bool // a query name without =
	disabled   bool
	file       bool
	files      []string // of a file field
	mime       string   // content type of a form-data part
	filename   string
}

type pmBody struct {
	mode      string // raw, urlencoded, formdata, file, graphql
	language  string // json, xml, text, html, javascript
	raw       string
	fields    []pmField
	query     string // graphql
	variables string
	operation string
	file      string
	disabled  bool
}

type pmSetting struct{ key, value string }

type pmExample struct {
	name, body string
	code       int
	json       bool
}
