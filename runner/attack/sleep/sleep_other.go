//go:build !linux

package sleep

// Precise returns the most precise sleeper that the system grants.
func Precise() Sleeper { return coarseSleeper{} }
