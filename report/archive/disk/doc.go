// Package disk is the file system as the archive asks for it. What comes in are
// names and contents; what goes out are files that are whole or absent, locks, and
// the members of JSON files that are too large to be held in memory.
//
// Everything goes through the interface FS, so that a test can make any call fail.
// The package knows nothing of runs.
package disk
