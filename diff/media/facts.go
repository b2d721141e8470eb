package media

// A Fact is a property of a whole body that its tree does not hold. It is
// compared by its own path, $['#bom'] for one.
type Fact struct {
	Name  string // #bom, #encoding, …
	Value string
	// Style: the fact is about how lines are written. It does not count where only
	// types are compared.
	Style bool
	// Loose: a side without the fact says nothing against one that has it.
	Loose bool
}

// fact adds a fact; a document has at most one of a name.
func (d *Doc) fact(f Fact) { d.Facts = append(d.Facts, f) }

// A Disagreement is a fact that two bodies do not share; a value is empty where
// a side does not have it.
type Disagreement struct {
	Name        string
	Blue, Green string
	Style       bool
}

// CompareFacts returns where two bodies of one kind disagree beyond their trees.
func CompareFacts(blue, green *Doc) []Disagreement {
	var out []Disagreement
	for i := range blue.Facts {
		b := &blue.Facts[i]
		g := green.named(b.Name)
		if g == nil && !b.Loose || g != nil && g.Value != b.Value {
			d := Disagreement{Name: b.Name, Blue: b.Value, Style: b.Style}
			if g != nil {
				d.Green = g.Value
			}
			out = append(out, d)
		}
	}
	for i := range green.Facts {
		if g := &green.Facts[i]; blue.named(g.Name) == nil && !g.Loose {
			out = append(out, Disagreement{Name: g.Name, Green: g.Value, Style: g.Style})
		}
	}
	return out
}

// named is the fact of a name; nil where the document does not have it.
func (d *Doc) named(name string) *Fact {
	for i := range d.Facts {
		if d.Facts[i].Name == name {
			return &d.Facts[i]
		}
	}
	return nil
}
