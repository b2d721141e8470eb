package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// The bounds of a document. Past one it is refused.
const (
	maxFile  = 32 << 20  // bytes of all its files
	maxDepth = 200       // nesting of values, aliases followed
	maxNodes = 2_000_000 // values, each alias counted as what it stands for
)

// A file is one file of a document.
type file struct {
	name string // slash path below the root of the file system
	doc  *Document
	root *Node
	err  *Error // what is wrong with the whole file
}

func (f *file) fail(line, col int, format string, args ...any) *Error {
	return &Error{problem.Pos{File: f.name, Line: line, Col: col}, fmt.Sprintf(format, args...)}
}

// parse reads JSON, or else YAML.
func (f *file) parse(data []byte) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if head := bytes.TrimLeft(data, " \t\r\n"); len(head) > 0 && head[0] == '{' {
		v, err := diff.Read(data)
		if err == nil {
			r := &jsonReader{f: f, text: data, line: 1, col: 1}
			f.root, f.err = r.node(v, 0)
			return
		}
		// A YAML file may begin with a brace too; whoever is named json is not one.
		if !strings.HasSuffix(f.name, ".yaml") && !strings.HasSuffix(f.name, ".yml") {
			f.err = jsonFault(f, data, err)
			return
		}
	}
	f.parseYAML(data)
}

// jsonFault gives an error of the JSON reader its line and column.
func jsonFault(f *file, data []byte, err error) *Error {
	var syntax *diff.SyntaxError
	if !errors.As(err, &syntax) {
		return f.fail(1, 1, "not JSON: %v", err)
	}
	r := &jsonReader{f: f, text: data, line: 1, col: 1}
	r.moveTo(min(max(syntax.Offset, 0), len(data)))
	return f.fail(r.line, r.col, "not JSON: %s", syntax.Msg)
}

// A jsonReader turns values of JSON into nodes; it counts lines as it goes, since
// the offsets of values only grow.
type jsonReader struct {
	f         *file
	text      []byte
	at        int
	line, col int
	count     int
}

func (r *jsonReader) moveTo(offset int) {
	for r.at < offset {
		if r.text[r.at] == '\n' {
			r.line, r.col = r.line+1, 0
		}
		_, n := utf8.DecodeRune(r.text[r.at:])
		r.at += n
		r.col++
	}
}

var jsonKinds = map[diff.ValueType]Kind{
	diff.ObjectType: Object, diff.ArrayType: Array, diff.StringType: String, diff.NumberType: Number, diff.NullType: Null,
}

func (r *jsonReader) node(v diff.Value, depth int) (*Node, *Error) {
	r.moveTo(v.Offset())
	r.count++
	n := &Node{Line: r.line, Col: r.col, Kind: jsonKinds[v.Type()], file: r.f}
	switch {
	case depth > maxDepth:
		return nil, r.f.fail(r.line, r.col, "nested more than %d deep", maxDepth)
	case r.count > maxNodes:
		return nil, r.f.fail(r.line, r.col, "more than %d values", maxNodes)
	case n.Kind == 0:
		n.Kind = Bool
	}
	if n.Kind != Object && n.Kind != Array {
		n.Text = v.Text()
		return n, nil
	}
	seen := map[string]bool{}
	for c := range v.Children() {
		if n.Kind == Object && seen[c.Name()] {
			// The place of the name, which the reader has passed, is counted anew from the beginning.
			at := &jsonReader{f: r.f, text: r.text, line: 1, col: 1}
			at.moveTo(keyBefore(r.text, c.Offset()))
			return nil, r.f.fail(at.line, at.col, "duplicate key %q", problem.Cut(c.Name(), 80))
		}
		item, err := r.node(c, depth+1)
		if err != nil {
			return nil, err
		}
		if n.Kind == Object {
			seen[c.Name()] = true
			n.Keys = append(n.Keys, c.Name())
		}
		n.Items = append(n.Items, item)
	}
	return n, nil
}

// keyBefore is where the name of the member begins whose value is at the offset of a
// valid JSON text.
func keyBefore(text []byte, offset int) int {
	end := bytes.LastIndexByte(text[:offset], '"') // the quote that ends the name
	for start := end - 1; start > 0; start-- {
		if text[start] != '"' {
			continue
		}
		slashes := 0
		for start-slashes > 0 && text[start-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return start
		}
	}
	return offset
}

func (f *file) parseYAML(data []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		f.err = f.fail(1, 1, "the file is empty")
		return
	case err != nil:
		line, msg := source.SplitYAMLError(err)
		f.err = f.fail(line, 1, "not valid YAML: %s", msg)
		return
	}
	r := &yamlReader{f: f, known: map[*yaml.Node]*yamlKnown{}}
	known, fault := r.node(&doc, 0)
	if f.err = fault; fault == nil {
		f.root = known.node
	}
}

// A yamlKnown is a node that was read, and how many values and levels it stands
// for with its aliases followed.
type yamlKnown struct {
	node         *Node
	size, height int
}

// A yamlReader turns YAML into nodes. What an alias stands for is read once and
// shared.
type yamlReader struct {
	f     *file
	known map[*yaml.Node]*yamlKnown // of anchors; nil while one is being read
}

func (r *yamlReader) node(n *yaml.Node, depth int) (*yamlKnown, *Error) {
	switch {
	case depth > maxDepth:
		return nil, r.f.fail(n.Line, n.Column, "nested more than %d deep", maxDepth)
	case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
		return r.node(n.Content[0], depth)
	case n.Kind == yaml.AliasNode:
		k, begun := r.known[n.Alias]
		switch {
		case begun && k == nil:
			return nil, r.f.fail(n.Line, n.Column, "alias *%s refers to itself", n.Value)
		case !begun:
			return nil, r.f.fail(n.Line, n.Column, "alias *%s comes before its anchor", n.Value)
		case depth+k.height > maxDepth:
			return nil, r.f.fail(n.Line, n.Column, "nested more than %d deep", maxDepth)
		}
		return k, nil
	}
	if n.Anchor != "" {
		r.known[n] = nil
	}
	// An anchor is known by its node once that is read; until then an alias to it is a circle.
	out := &yamlKnown{node: &Node{Line: n.Line, Col: n.Column, file: r.f}, size: 1}
	if err := r.fill(out, n, depth); err != nil {
		return nil, err
	}
	if out.size > maxNodes {
		return nil, r.f.fail(n.Line, n.Column, "more than %d values, aliases counted as what they stand for", maxNodes)
	}
	if n.Anchor != "" {
		r.known[n] = out
	}
	return out, nil
}

func (r *yamlReader) fill(out *yamlKnown, n *yaml.Node, depth int) *Error {
	add := func(child *yaml.Node) (*Node, *Error) {
		k, err := r.node(child, depth+1)
		if err != nil {
			return nil, err
		}
		out.size, out.height = out.size+k.size, max(out.height, k.height+1)
		return k.node, nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		out.node.Kind = Array
		for _, c := range n.Content {
			item, err := add(c)
			if err != nil {
				return err
			}
			out.node.Items = append(out.node.Items, item)
		}
	case yaml.MappingNode:
		out.node.Kind = Object
		var merged []*Node
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				return r.f.fail(key.Line, key.Column, "a key that is not text")
			}
			item, err := add(n.Content[i+1])
			if err != nil {
				return err
			}
			// Members of << come last: those that the mapping writes itself win.
			if key.Tag == "!!merge" {
				merged = append(merged, item)
				continue
			}
			if seen[key.Value] {
				return r.f.fail(key.Line, key.Column, "duplicate key %q", problem.Cut(key.Value, 80))
			}
			seen[key.Value] = true
			out.node.Keys, out.node.Items = append(out.node.Keys, key.Value), append(out.node.Items, item)
		}
		if len(merged) > 0 {
			mergeInto(out.node, merged)
		}
	default:
		out.node.Kind, out.node.Text = scalar(n)
	}
	return nil
}

// mergeInto adds the members of YAML's << that a mapping does not have itself.
func mergeInto(n *Node, from []*Node) {
	has := map[string]bool{}
	for _, key := range n.Keys {
		has[key] = true
	}
	for _, m := range from {
		list := []*Node{m}
		if m.Kind == Array {
			list = m.Items
		}
		for _, o := range list {
			for i, key := range o.Keys {
				if !has[key] {
					has[key] = true
					n.Keys, n.Items = append(n.Keys, key), append(n.Items, o.Items[i])
				}
			}
		}
	}
}

// scalar reads a scalar as JSON would hold it.
func scalar(n *yaml.Node) (Kind, string) {
	switch n.ShortTag() {
	case "!!null":
		return Null, "null"
	case "!!bool":
		return Bool, strings.ToLower(n.Value)
	case "!!int", "!!float":
		if template.IsNumber(n.Value) {
			return Number, n.Value
		}
		var i int64
		if n.Decode(&i) == nil {
			return Number, strconv.FormatInt(i, 10)
		}
		var x float64
		if n.Decode(&x) == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
			return Number, strconv.FormatFloat(x, 'g', -1, 64)
		}
	}
	return String, n.Value
}
