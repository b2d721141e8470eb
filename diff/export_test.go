package diff

import "fmt"

// CheckTexts reads the text of every value of a valid body again: where a value
// ends, only the text says.
func CheckTexts(body []byte) error {
	var p parser
	p.lim = defaultRules().lim
	var whole, part tree
	p.parse(&whole, body, deadState)
	for i := range whole.nodes {
		text := whole.text(uint32(i))
		p.parse(&part, text, deadState)
		if part.err != nil || part.nodes[0].hash != whole.nodes[i].hash || part.nodes[0].start != 0 || part.end(0) != len(text) {
			return fmt.Errorf("value %d has the text %.80q: %v", i, text, part.err)
		}
	}
	return nil
}

// CompareWithBug compares as Compare does, with a mistake planted in what was
// read: a wrong hash, or a member or element that is passed over.
func CompareWithBug(bug string, blue, green []byte) Result {
	w := (*Rules)(nil).begin(nil)
	w.read(&w.b, source{text: blue})
	w.read(&w.g, source{text: green})
	b, g := &w.b, &w.g
	switch bug {
	case "wrong hash at the root":
		g.nodes[0].hash = b.nodes[0].hash
	case "wrong hashes below":
		for i := range g.nodes {
			g.nodes[i].hash = b.nodes[min(i, len(b.nodes)-1)].hash
		}
	case "last member of green skipped":
		g.nodes[len(g.nodes)-1].flags |= flagShadow
		g.nodes[0].hash++
	case "last element of blue skipped":
		for i := range b.nodes {
			if string(b.text(uint32(i))) == `{"id":2,"price":99}` {
				b.nodes[i].flags |= flagShadow
			}
		}
	}
	w.engine.run(b, g)
	return w.engine.result()
}

// Select finds the values at a pattern in a body that ReadStrict reads.
func Select(body []byte, p *Pattern) ([]Node, error) {
	v, err := ReadStrict(body)
	return v.Select(p), err
}
