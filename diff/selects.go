package diff

import (
	"github.com/bgverify/bgverify/diff/path"
)

// A Node is one value of a body.
type Node struct {
	Path string // normalized, see Difference.Path
	Type ValueType
	JSON []byte // as written; shares the body's memory
}

// Select finds the values at a pattern, each once, in document order. A body
// that Validate refuses is an error.
func Select(body []byte, p *Pattern) ([]Node, error) {
	prog := &program{rules: make([]compiledRule, 1)}
	prog.Add(p, 0)
	prog.Finish(hashBytes)
	var t tree
	lim := (&Options{}).limits()
	reader := parser{lim: lim}
	reader.parse(&t, body, deadState)
	if t.err != nil {
		return nil, t.err
	}
	s := selection{t: &t, auto: newAutomaton(prog)}
	s.visit(0, s.auto.Root, []byte{'$'})
	return s.found, nil
}

type selection struct {
	t     *tree
	auto  *automaton
	found []Node
}

func (s *selection) visit(i uint32, st path.State, at []byte) {
	if st == deadState {
		return
	}
	n := &s.t.nodes[i]
	if len(s.auto.Effects(st).rules) > 0 {
		s.found = append(s.found, Node{Path: string(at), Type: n.typ, JSON: s.t.text(i)})
	}
	if n.typ < ArrayType {
		return
	}
	kids := s.t.children(i, nil)
	for index, c := range kids {
		if n.typ == ObjectType {
			name := s.t.keyText(c)
			s.visit(c, s.auto.Member(st, hashBytes(name), name), path.AppendName(at[:len(at):len(at)], name))
			continue
		}
		s.visit(c, elementOf(s.auto, st, s.t, c, index, len(kids)), path.AppendIndex(at[:len(at):len(at)], index))
	}
}
