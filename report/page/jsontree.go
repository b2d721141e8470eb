package page

import (
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
)

// A jsonNode is a value of a body as it was written: texts stay the bytes of the
// body, since a reader must see 1.0 where the service sent 1.0.
type jsonNode struct {
	kind  byte     // 'o' object, 'a' array, 's' anything else
	text  string   // of a scalar
	keys  []string // of an object, as written, quotes included
	names []string // the keys as a JSON Pointer names them
	kids  []*jsonNode
}

// Bounds on what the pane shows as a tree; past them a body is shown as lines.
const (
	maxTreeBytes = 1 << 20
	maxTreeDepth = 200
)

// parseJSON reads a body into nodes; false when it is not JSON within the bounds.
func parseJSON(body []byte) (*jsonNode, bool) {
	if len(body) > maxTreeBytes {
		return nil, false
	}
	v, err := diff.Read(body)
	if err != nil {
		return nil, false
	}
	n := nodeOf(v, 0)
	return n, n != nil
}

// nodeOf is a value with all below it; nil where that is deeper than the bound.
func nodeOf(v diff.Value, depth int) *jsonNode {
	n := &jsonNode{kind: 's'}
	switch v.Type() {
	case diff.ObjectType:
		n.kind = 'o'
	case diff.ArrayType:
		n.kind = 'a'
	default:
		n.text = string(v.JSON())
	}
	for member := range v.Children() {
		kid := nodeOf(member, depth+1)
		if kid == nil || depth == maxTreeDepth {
			return nil
		}
		n.kids = append(n.kids, kid)
		if n.kind == 'o' {
			n.keys = append(n.keys, string(member.NameJSON()))
			n.names = append(n.names, strings.ReplaceAll(strings.ReplaceAll(member.Name(), "~", "~0"), "/", "~1"))
		}
	}
	return n
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
		return "/" + n.names[i]
	}
	return "/" + strconv.Itoa(i)
}
