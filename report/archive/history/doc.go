// Package history is the folder that holds all runs: their names, the line that
// each complete run has in history.ndjson, the pins that keep a run from being
// removed, and the link to the latest.
//
// It finds a run by its id, removes the runs that no rule keeps, and follows the
// causes of differences from run to run. It reads of a run only what run.json and
// the folder's name say; logs and bodies belong to package archive.
package history
