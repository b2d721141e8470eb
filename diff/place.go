package diff

// Place is what two differences share when they disagree about the same thing,
// whatever the values: their kind, their part of the message, and their path with
// indices and keys generalised.
func Place(d *Difference) string {
	k := keyOf(d)
	return k.kind.String() + " " + k.where.String() + " " + k.path
}

// Place is the place of the differences that the cause stands for.
func (c *Cause) Place() string { return c.Kind.String() + " " + c.Where.String() + " " + c.Path }
