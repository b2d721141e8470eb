package page

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A jsonNode is a value of a body as it was written: texts stay the bytes of the
// body, since a reader must see 1.0 where the service sent 1.0.
type jsonNode struct {
	kind byte     // 'o' object, 'a' array, 's' anything else
	text string   // of a scalar
	keys []string // of an object, as written, quotes included
	kids []*jsonNode
}

// Bounds on what the pane shows as a tree; past them a body is shown as lines.
const (
	maxTreeBytes = 1 << 20
	maxTreeDepth = 200
)

// parseJSON reads a body into nodes; false when it is not JSON within the bounds.
func parseJSON(body []byte) (*jsonNode, bool) {
	if len(body) == 0 || len(body) > maxTreeBytes || !json.Valid(body) {
		return nil, false
	}
	p := &jsonReader{text: string(body)}
	n := p.value(0)
	return n, !p.deep
}

// A jsonReader walks text that is known to be valid JSON.
type jsonReader struct {
	text string
	at   int
	deep bool
}

func (p *jsonReader) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *jsonReader) value(depth int) *jsonNode {
	p.space()
	if depth > maxTreeDepth {
		p.deep = true
		return &jsonNode{kind: 's'}
	}
	switch p.text[p.at] {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return &jsonNode{kind: 's', text: p.str()}
	}
	from := p.at
	for p.at < len(p.text) && strings.IndexByte(",]} \t\r\n", p.text[p.at]) < 0 {
		p.at++
	}
	return &jsonNode{kind: 's', text: p.text[from:p.at]}
}

func (p *jsonReader) str() string {
	from := p.at
	for p.at++; p.text[p.at] != '"'; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
	return p.text[from:p.at]
}

func (p *jsonReader) object(depth int) *jsonNode {
	n := &jsonNode{kind: 'o'}
	p.at++
	for p.space(); p.text[p.at] != '}' && !p.deep; p.space() {
		n.keys = append(n.keys, p.str())
		p.space()
		p.at++ // the colon
		n.kids = append(n.kids, p.value(depth+1))
		if p.deep {
			return n
		}
		p.space()
		if p.text[p.at] == ',' {
			p.at++
		}
	}
	p.at++
	return n
}

func (p *jsonReader) array(depth int) *jsonNode {
	n := &jsonNode{kind: 'a'}
	p.at++
	for p.space(); p.text[p.at] != ']' && !p.deep; p.space() {
		n.kids = append(n.kids, p.value(depth+1))
		if p.deep {
			return n
		}
		p.space()
		if p.text[p.at] == ',' {
			p.at++
		}
	}
	p.at++
	return n
}

// pointerKey is a key of an object as a JSON Pointer names it.
func pointerKey(written string) string {
	key := written
	if decoded := ""; json.Unmarshal([]byte(written), &decoded) == nil {
		key = decoded
	}
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// label is how the pane names the i-th member of a node: its key, or nothing.
func (n *jsonNode) label(i int) string {
	if n.kind == 'o' {
		return n.keys[i] + ": "
	}
	return ""
}

// step is the pointer token of the i-th member.
func (n *jsonNode) step(i int) string {
	if n.kind == 'o' {
		return "/" + pointerKey(n.keys[i])
	}
	return "/" + strconv.Itoa(i)
}
