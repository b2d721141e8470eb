package envelope

// batch finds the element of a list of answers that is an error and nothing but
// an envelope. A list of codes with their texts, each another, is a catalogue.
func batch(list view) (hit view, ok bool) {
	// Codes are kept apart from clearer errors: whether they are errors is only known from the whole
	// list.
	var coded []view // errors by rule 6 or 7 alone
	distinct, elements := map[string]bool{}, 0
	list.some(func(e view) bool {
		elements++
		if !e.isObject() || !onlyEnvelope(e) {
			return false
		}
		v, wrong := object(e, outside{})
		switch {
		case !wrong:
		case roleOf(v.name)&(code|plain) != 0 && roleOf(v.name)&word == 0:
			coded = append(coded, v)
			distinct[string(v.v.JSON())] = true
		default:
			hit, ok = v, true
		}
		return ok
	})
	// A list of different codes, one in each element, is a table of codes. One that repeats a
	// code, or has other elements too, is a list of answers of which some failed.
	if !ok && len(coded) > 0 && (elements == 1 || len(coded) < elements || len(distinct) < elements) {
		return coded[0], true
	}
	return hit, ok
}

// onlyEnvelope reports whether all members of an object are those of an envelope
// or hold nothing. It stops at the first that is not, so that lists of data cost little.
func onlyEnvelope(v view) bool {
	return !v.some(func(m view) bool {
		return roleOf(m.name) == 0 && !m.hollow() && !(m.name == "id" && isRPC(v))
	})
}
