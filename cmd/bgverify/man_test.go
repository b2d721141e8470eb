package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var manFolder = flag.String("man", "", "also write the manual pages to this folder, as releases do")

// Every command has a manual page, made from the command tree. The generator is
// in the tests so that the program does not carry it.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	if *manFolder != "" {
		dir = *manFolder
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := newRoot(stdio{})
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Title: "BGVERIFY", Section: "1", Source: "bgverify", Manual: "bgverify"}
	if _, at := builtFrom(); at != "" { // the same commit gives the same pages
		if day, err := time.Parse(time.RFC3339, at); err == nil {
			header.Date = &day
		}
	}
	if err := doc.GenManTree(root, header, dir); err != nil {
		t.Fatal(err)
	}
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" {
			return
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(page), ".SH SYNOPSIS") {
			t.Errorf("%s has no synopsis", name)
		}
		for _, c := range cmd.Commands() {
			check(c)
		}
	}
	check(root)
}
