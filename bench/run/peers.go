package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const requests = 200

// peers are other tools, each with 200 requests to one side, one after the
// other: what they are made for. One that is not there is skipped, with a word.
func (b *bench) peers() (*table, error) {
	suite, err := b.written(requests)
	if err != nil {
		return nil, err
	}
	ours := b.judge("bgverify run (400 requests, compared)", suite, requests)
	t := &table{title: "200 requests of other tools, one after the other", base: "bare loop", tools: []*tool{
		b.bare("bare loop", requests, 1, ""), ours,
	}}
	for _, peer := range []struct {
		name string
		lay  func(command string) (*tool, error)
	}{{"newman", b.newman}, {"k6", b.k6}, {"runn", b.runn}, {"hurl", b.hurl}} {
		command, err := b.command(peer.name)
		if err != nil {
			fmt.Printf("%s: skipped, it is neither in bench/.tools nor on PATH\n\n", peer.name)
			continue
		}
		x, err := peer.lay(command)
		if err != nil {
			return nil, err
		}
		x.name, x.each = peer.name, requests
		t.tools = append(t.tools, x)
	}
	return t, nil
}

// newmanVersion is what is installed into bench/.tools when npm is there.
const newmanVersion = "newman@6.2.2"

// command finds a tool, and fetches Newman first where that can be done.
func (b *bench) command(name string) (string, error) {
	places := []string{filepath.Join(b.tools, "node_modules", ".bin", name), filepath.Join(b.tools, "bin", name)}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if name == "newman" {
		if npm, err := exec.LookPath("npm"); err == nil {
			install := exec.Command(npm, "install", "--no-audit", "--no-fund", "--prefix", b.tools, newmanVersion)
			if err := install.Run(); err == nil {
				return places[0], nil
			}
		}
	}
	return exec.LookPath(name)
}

// newman runs a collection of 200 requests with two tests each.
func (b *bench) newman(command string) (*tool, error) {
	type object = map[string]any
	items := make([]object, requests)
	for i := range items {
		items[i] = object{
			"name":    fmt.Sprintf("item %d", i),
			"request": object{"method": "GET", "url": fmt.Sprintf("%s/v1/items/%d", b.server.blue, i)},
			"event": []object{{"listen": "test", "script": object{"type": "text/javascript", "exec": []string{
				`pm.test("status", () => pm.response.to.have.status(200));`,
				`pm.test("items", () => pm.expect(pm.response.json().items.length).to.eql(20));`,
			}}}},
		}
	}
	text, err := json.Marshal(object{
		"info": object{"name": "bench", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
		"item": items,
	})
	if err != nil {
		return nil, err
	}
	path, err := b.file("collection.json", string(text))
	return &tool{args: []string{command, "run", path, "--reporters", "cli", "--color", "off"}, slow: true, most: 3}, err
}

func (b *bench) k6(command string) (*tool, error) {
	path, err := b.file("loop.js", fmt.Sprintf(`import http from "k6/http";
import { check } from "k6";
export const options = { iterations: %d, vus: 1 };
export default function () {
  const r = http.get("%s/v1/items/" + __ITER);
  check(r, { status: (r) => r.status === 200, items: (r) => r.json().items.length === 20 });
}
`, requests, b.server.blue))
	return &tool{args: []string{command, "run", "--quiet", path}}, err
}

func (b *bench) runn(command string) (*tool, error) {
	path, err := b.file("book.yml", fmt.Sprintf(`desc: bench
runners:
  req: %s
loop: %d
steps:
  item:
    req:
      /v1/items/{{ i }}:
        get:
          body: null
    test: |
      current.res.status == 200 && len(current.res.body.items) == 20
`, b.server.blue, requests))
	return &tool{args: []string{command, "run", path}}, err
}

func (b *bench) hurl(command string) (*tool, error) {
	var text strings.Builder
	for i := range requests {
		text.WriteString(fmt.Sprintf("GET %s/v1/items/%d\nHTTP 200\n[Asserts]\njsonpath \"$.items\" count == 20\n\n", b.server.blue, i))
	}
	path, err := b.file("items.hurl", text.String())
	return &tool{args: []string{command, "--test", path}}, err
}
