// Package stb is the suite of a set-top box, from power-on to the first
// picture: scenario files as data, embedded for the demonstration.
package stb

import "embed"

// FS holds the scenario files and what they read, as they lie in this folder.
//
//go:embed *.yaml common data schemas
var FS embed.FS
