package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A played collection is one that both tools play: its file with numbered items, and
// what is next to it.
type playedCollection struct {
	name, file   string
	env, globals string // files, or empty
	data         string
	top          map[string]any
	items        []playedItem
	values       map[string]string // of variables, before the first request
	setSomewhere map[string]bool
	placeholders []string
	text         string
}

type playedItem struct {
	path, origin string
	scripts      []string // that run after its answer, of folders too
}

// findCollections finds the collections below a folder.
func findCollections(root string) ([]*playedCollection, error) {
	var out []*playedCollection
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".json" {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var top map[string]any
		if json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &top) != nil {
			return nil
		}
		if inner, ok := top["collection"].(map[string]any); ok {
			top = inner
		}
		if _, ok := top["item"].([]any); !ok || top["run"] != nil {
			return nil
		}
		name, _ := filepath.Rel(root, file)
		c := &playedCollection{name: name, file: file, top: top}
		prefix, _, _ := strings.Cut(filepath.Base(file), ".postman_")
		near, _ := filepath.Glob(filepath.Join(filepath.Dir(file), prefix+".postman_*"))
		for _, n := range near {
			switch kind := strings.TrimPrefix(filepath.Base(n), prefix+".postman_"); {
			case strings.HasPrefix(kind, "environment"):
				c.env = n
			case strings.HasPrefix(kind, "globals"):
				c.globals = n
			case strings.HasPrefix(kind, "data"):
				c.data = n
			}
		}
		out = append(out, c)
		return nil
	})
	return out, err
}

var (
	placeholderName = regexp.MustCompile(`\{\{([^{}]+)\}\}`)
	setName         = regexp.MustCompile(`(?:\.set|setEnvironmentVariable|setGlobalVariable)\(\s*["'\x60]([^"'\x60]+)["'\x60]`)
)

// prepare numbers the items and learns what the variables are.
func (c *playedCollection) prepare() {
	c.values, c.setSomewhere = map[string]string{}, map[string]bool{}
	for _, file := range []string{c.globals, c.env} {
		var e struct{ Values []map[string]any }
		if data, err := os.ReadFile(file); file != "" && err == nil && json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &e) == nil {
			c.learn(e.Values)
		}
	}
	var own []map[string]any
	list, _ := c.top["variable"].([]any)
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			own = append(own, m)
		}
	}
	known := c.values
	c.values = map[string]string{}
	c.learn(own)
	for k, v := range known { // the environment wins
		c.values[k] = v
	}
	c.number(c.top, "", nil)
	text, _ := json.Marshal(c.top)
	for _, m := range placeholderName.FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(c.placeholders, m[1]) {
			c.placeholders = append(c.placeholders, m[1])
		}
	}
	c.text = string(text)
}

func (c *playedCollection) learn(list []map[string]any) {
	for _, v := range list {
		key, _ := v["key"].(string)
		if key == "" {
			key, _ = v["id"].(string)
		}
		if v["value"] != nil && v["enabled"] != false && v["disabled"] != true {
			c.values[key] = fmt.Sprint(v["value"])
		}
	}
}

// number walks folders and gives every request its mark.
func (c *playedCollection) number(item map[string]any, path string, scripts []string) {
	scripts = append(slices.Clip(scripts), c.testScripts(item)...)
	if inner, ok := item["item"].([]any); ok {
		for i, x := range inner {
			m, ok := x.(map[string]any)
			if text, isText := x.(string); isText {
				m, ok = map[string]any{"request": map[string]any{"url": text, "method": "GET"}}, true
				inner[i] = m
			}
			if ok {
				c.number(m, path+"/"+fmt.Sprint(m["name"]), scripts)
			}
		}
		return
	}
	request, ok := item["request"].(map[string]any)
	if text, isText := item["request"].(string); isText {
		request, ok = map[string]any{"url": text, "method": "GET"}, true
		item["request"] = request
	}
	if !ok {
		return
	}
	mark := fmt.Sprint(len(c.items))
	item["id"], item["_postman_id"] = "wire-"+mark, "wire-"+mark
	switch h := request["header"].(type) {
	case string:
		request["header"] = strings.TrimRight(h, "\n") + "\n" + markHeader + ": " + mark
	case []any:
		request["header"] = append(h, map[string]any{"key": markHeader, "value": mark})
	default:
		request["header"] = []any{map[string]any{"key": markHeader, "value": mark}}
	}
	c.items = append(c.items, playedItem{path: path, origin: originOfRequest(request), scripts: scripts})
}

// testScripts are the scripts of an item that run after the answer; the names that
// any of its scripts sets are kept.
func (c *playedCollection) testScripts(item map[string]any) []string {
	var out []string
	events, _ := item["event"].([]any)
	for _, e := range events {
		m, _ := e.(map[string]any)
		s, _ := m["script"].(map[string]any)
		var lines []string
		switch exec := s["exec"].(type) {
		case string:
			lines = []string{exec}
		case []any:
			for _, l := range exec {
				lines = append(lines, fmt.Sprint(l))
			}
		}
		code := strings.Join(lines, "\n")
		for _, n := range setName.FindAllStringSubmatch(code, -1) {
			c.setSomewhere[n[1]] = true
		}
		if m["listen"] == "test" {
			out = append(out, code)
		}
	}
	return out
}

// originOfRequest is what its address begins with, as the collection has it.
func originOfRequest(request map[string]any) string {
	raw, _ := request["url"].(string)
	if u, ok := request["url"].(map[string]any); ok {
		raw, _ = u["raw"].(string)
		if host, ok := u["host"].([]any); ok {
			var parts []string
			for _, h := range host {
				parts = append(parts, fmt.Sprint(h))
			}
			raw = strings.Join(parts, ".")
			if p, _ := u["protocol"].(string); p != "" {
				raw = p + "://" + raw
			}
		}
	}
	rest := strings.TrimSpace(raw)
	scheme := ""
	if i := strings.Index(rest, "://"); i >= 0 {
		scheme, rest = rest[:i+3], rest[i+3:]
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + rest
}

// give makes values for the variables that nothing gives: an address for those that
// addresses begin with, a word for the rest. It returns those that it gave.
func (c *playedCollection) give() map[string]string {
	out := map[string]string{}
	for _, it := range c.items {
		m := placeholderName.FindStringSubmatch(it.origin)
		if m == nil || !strings.HasPrefix(it.origin, "{{") || c.values[m[1]] != "" || c.setSomewhere[m[1]] {
			continue
		}
		out[m[1]] = "http://" + hostWord(m[1]) + ".test"
		if strings.HasPrefix(it.origin, m[0]+":") || strings.HasPrefix(it.origin, m[0]+".") {
			out[m[1]] = hostWord(m[1]) + ".test"
		}
	}
	for _, name := range c.placeholders {
		if c.values[name] == "" && out[name] == "" && !c.setSomewhere[name] && !strings.HasPrefix(name, "$") && name != "" {
			out[name] = "val-" + hostWord(name)
			if bare := regexp.MustCompile(`[:\[,]\s*(?:\\[nrt])*\s*\{\{` + regexp.QuoteMeta(name) + `\}\}`); bare.MatchString(c.text) {
				out[name] = "7" // a JSON value
			}
		}
	}
	return out
}

func hostWord(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return '-'
	}, name), "-")
}
