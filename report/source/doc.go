// Package source is a run as its reports read it: the gaps of an unfinished run
// filled, causes found by difference and grouped into spreads, gates in the order
// of a table, and the commands that repeat a run, a case or a request.
//
// A run comes in as the archive reads it back; what goes out are its parts, ready
// to be put into words. The package writes no format and decides no verdict.
package source
