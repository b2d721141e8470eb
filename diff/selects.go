package diff

import "github.com/bgverify/bgverify/diff/path"

// A selection walks a tree and collects the values at a pattern.
type selection struct {
	t     *tree
	auto  *path.Automaton[bool]
	found []Node
}

func (s *selection) visit(i uint32, st path.State, at []byte) {
	if st == deadState {
		return
	}
	n := &s.t.nodes[i]
	if *s.auto.Effects(st) {
		s.found = append(s.found, Node{Path: string(at), Type: n.typ, JSON: s.t.text(i), Value: Value{s.t, i}})
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
