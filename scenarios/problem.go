package scenarios

import "io"

// HasErrors reports whether a problem is an error.
func (p Problems) HasErrors() bool {
	for _, x := range p {
		if x.Kind == Error {
			return true
		}
	}
	return false
}

// Write prints the problems for people.
func (p Problems) Write(w io.Writer) error { return nil }
