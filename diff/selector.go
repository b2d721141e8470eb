package diff

// keeps reports whether the filter keeps node c.
func (s *selector) keeps(t *tree, c uint32) bool {
	for _, term := range s.terms {
		m := t.member(c, term.name)
		if m == 0 || !sameScalarText(t, m, term.literal) {
			return false
		}
	}
	return true
}

// sameScalarText reports whether node m has the value of a JSON literal.
func sameScalarText(t *tree, m uint32, literal string) bool {
	typ := t.nodes[m].typ
	if typ != typeOfByte(literal[0]) {
		return false
	}
	switch typ {
	case NumberType:
		return sameNumber(t.text(m), []byte(literal))
	case StringType:
		return string(t.stringText(m)) == string(unescape(nil, []byte(literal[1:len(literal)-1])))
	default:
		return string(t.text(m)) == literal
	}
}

// needsLength reports whether the slice cannot be decided without the length.
func (s *selector) needsLength() bool {
	return s.step < 0 || s.hasStart && s.start < 0 || s.hasEnd && s.end < 0
}

// inSlice reports whether index lies in the slice of an array of n elements
// (RFC 9535, 2.3.4.2.2).
func (s *selector) inSlice(index, n int) bool {
	if s.step == 0 {
		return false
	}
	norm := func(i int) int {
		if i < 0 {
			return n + i
		}
		return i
	}
	start, end := 0, n
	if s.step < 0 {
		start, end = n-1, -n-1
	}
	if s.hasStart {
		start = s.start
	}
	if s.hasEnd {
		end = s.end
	}
	start, end = norm(start), norm(end)
	if s.step > 0 {
		lower, upper := min(max(start, 0), n), min(max(end, 0), n)
		return index >= lower && index < upper && (index-lower)%s.step == 0
	}
	upper, lower := min(max(start, -1), n-1), min(max(end, -1), n-1)
	return index <= upper && index > lower && (upper-index)%-s.step == 0
}
