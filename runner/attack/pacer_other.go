//go:build !linux

package attack

// newSleeper returns the most precise sleeper that the system grants.
func newSleeper() sleeper { return coarseSleeper{} }
