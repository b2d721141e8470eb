package main

import (
	"encoding/json"
	"io"
)

// checkOutput refuses an --output that is neither text nor json.
func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return usage("text or json", "unknown output %q", output)
	}
	return nil
}

// printJSON writes a document for --output json.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
