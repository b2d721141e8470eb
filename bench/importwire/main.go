// Importwire compares what imported suites send with what the tool sends that the
// source was written for: both run against a server that records requests.
//
//	go run ./importwire jmeter [-v]    generated JMeter plans, played by JMeter
//	go run ./importwire postman [-v]   assertion forms and values, judged by Newman (npm install newman@6.2.2)
//	go run ./importwire collections [-v]   whole collections, played by Newman and as imported suites
//
// It needs the tool on the PATH and says so when it is missing.
package main

import (
	"fmt"
	"os"
	"slices"
)

// tools are the sources that can be compared, by the name that import has for them.
var tools = []struct {
	name string
	run  func(verbose bool) error
}{
	{"jmeter", jmeter},
	{"postman", postmanForms},
	{"collections", postmanWire},
}

func main() {
	args := os.Args[1:]
	verbose := slices.Contains(args, "-v")
	args = slices.DeleteFunc(args, func(a string) bool { return a == "-v" })
	for _, t := range tools {
		if len(args) > 0 && !slices.Contains(args, t.name) {
			continue
		}
		if err := t.run(verbose); err != nil {
			fmt.Fprintf(os.Stderr, "importwire %s: %v\n", t.name, err)
			os.Exit(1)
		}
	}
}
