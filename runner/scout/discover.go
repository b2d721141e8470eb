package scout

import (
	"context"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/wire"
)

// Descriptions are the paths at which frameworks publish what an API has, and Roots those
// whose answer often links to the rest.
var (
	Descriptions = []string{
		"/openapi.json", "/swagger.json", "/v3/api-docs", "/v2/api-docs", "/api-docs", "/api/openapi.json", "/swagger/v1/swagger.json",
	}
	Roots = []string{"/api", "/api/v1", "/v1"}
)

// mostFound bounds the paths that are asked because an answer names them.
const mostFound = 24

// nowhere is a path that no service has: one that answers it with a page does so for any path.
const nowhere = "/bgverify-looks-for-a-path-that-does-not-exist"

// discover asks for what blue's answers lead to: the reads of an API description that need
// no parameter, and links. Where only health and version paths answer, pages are taken.
func (l *look) discover(ctx context.Context) error {
	var found []string
	for _, path := range slices.Concat(Descriptions, Roots) {
		x := l.sides[0].once(ctx, path)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if x.Err == nil && x.Status/100 == 2 && !isHTML(x) {
			found = append(found, described(x.Answer)...)
			found = append(found, links(x, l.sides[0].base)...)
		}
	}
	for _, a := range l.first {
		if !isHTML(a.got) {
			found = append(found, links(a.got, l.sides[0].base)...)
		}
	}
	if err := l.askFound(ctx, found, asFound); err != nil || l.found.Asks() {
		return err
	}
	return l.pages(ctx)
}

// pages takes the first page and those that it links to, unless blue sends a page for any path.
func (l *look) pages(ctx context.Context) error {
	i := slices.IndexFunc(l.first, func(a answer) bool { return a.path == "/" && isHTML(a.got) })
	if i < 0 {
		return nil
	}
	first := l.first[i].got
	x := l.sides[0].once(ctx, nowhere)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if x.Err != nil || x.Status/100 == 2 {
		return nil
	}
	delete(l.asked, "/") // it was asked for as an API
	l.found.Skipped = slices.DeleteFunc(l.found.Skipped, func(s Skipped) bool { return s.Path == "/" })
	return l.askFound(ctx, append([]string{"/"}, links(first, l.sides[0].base)...), asPage)
}

// askFound asks for paths that answers name, the first ones of them.
func (l *look) askFound(ctx context.Context, paths []string, how purpose) error {
	var fresh []string
	for _, path := range paths {
		if len(fresh) < mostFound && !l.asked[path] && !slices.Contains(fresh, path) && !acting.MatchString(path) {
			fresh = append(fresh, path)
		}
	}
	return l.askAll(ctx, fresh, how)
}

// acting are parts of paths that are left alone: a GET of them may do something, whatever HTTP
// says of GET, or they are a part of a page.
var acting = regexp.MustCompile(`(?i)log-?out|sign-?out|sign-?off|delete|remove|unsubscribe|cancel|reset|restart|shutdown|refresh|purge|flush|\.(css|js|png|jpe?g|gif|svg|ico|woff2?)$`)

// described are the paths of an API description in JSON that answer a GET without
// parameters, below the path of its first server.
func described(text []byte) []string {
	doc, err := diff.Read(text)
	if err != nil || !doc.Member("openapi").Exists() && !doc.Member("swagger").Exists() {
		return nil
	}
	base := doc.Member("basePath").Text()
	if server := doc.Member("servers").Element(0).Member("url"); server.Exists() {
		if u, err := url.Parse(server.Text()); err == nil {
			base = u.Path
		}
	}
	var out []string
	for path := range doc.Member("paths").Children() {
		get := path.Member("get")
		if get.Type() != diff.ObjectType || strings.Contains(path.Name(), "{") || needs(path) || needs(get) {
			continue
		}
		out = append(out, strings.TrimSuffix(base, "/")+path.Name())
	}
	return out
}

// needs reports whether an operation or a path has a parameter that must be given, or one
// that is written elsewhere.
func needs(v diff.Value) bool {
	for p := range v.Member("parameters").Children() {
		if string(p.Member("required").JSON()) == "true" || p.Member("$ref").Exists() {
			return true
		}
	}
	return false
}

// href finds the links of a page.
var href = regexp.MustCompile(`(?i)<a\s[^>]*?href\s*=\s*["']([^"']+)["']`)

// links are the paths of blue's own address that an answer names: the links of a page, and
// the texts of a JSON body that are one.
func links(x *wire.Exchange, base string) []string {
	var out []string
	add := func(text string) {
		text, _, _ = strings.Cut(strings.TrimSpace(text), "#")
		if rest, ok := strings.CutPrefix(text, strings.TrimSuffix(base, "/")+"/"); ok {
			text = "/" + rest
		}
		u, err := url.Parse(text)
		if err != nil || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.ContainsAny(text, "{}<> \n") || u.Path == "/" {
			return
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if isHTML(x) {
		for _, m := range href.FindAllSubmatch(x.Answer, -1) {
			add(html.UnescapeString(string(m[1])))
		}
		return out
	}
	body, err := diff.Read(x.Answer)
	if err != nil {
		return nil
	}
	var walk func(v diff.Value)
	walk = func(v diff.Value) {
		switch v.Type() {
		case diff.ObjectType, diff.ArrayType:
			for c := range v.Children() {
				walk(c)
			}
		case diff.StringType:
			add(v.Text())
		}
	}
	walk(body)
	return out
}
