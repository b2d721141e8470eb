// Package ballast holds memory that is never touched, and so takes none of the machine. It
// counts for the collector, which lets the heap of a small run grow by as much before it walks
// it again: with the few megabytes that live in a run it would otherwise take a tenth of its
// time. Packages are initialised in the order of their paths, those that others import first,
// so this one, which imports nothing, is ready before the large tables of other packages are
// made, and these do not make the collector run at every start.
package ballast

// weight is the ballast. It is a variable of the package, so that it is there for as long as
// the process is.
//
//lint:ignore U1000 it has to be there and is not read
var weight = make([]byte, 16<<20)
