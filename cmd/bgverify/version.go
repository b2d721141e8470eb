package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by the linker for a release; otherwise the build's own record is printed.
var version, commit, date string

// toolVersion is the version of this program: that of a release, or devel with the commit.
func toolVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, dirty := setting(info, "vcs.revision"), ""
	if revision == "" {
		return "devel"
	}
	if setting(info, "vcs.modified") == "true" {
		dirty = "+dirty"
	}
	return "devel-" + revision[:min(12, len(revision))] + dirty
}

// builtFrom is the commit that this program was built from and its time; empty where
// nothing recorded them.
func builtFrom() (revision, at string) {
	revision, at = commit, date
	if info, ok := debug.ReadBuildInfo(); ok {
		revision = cmp.Or(revision, setting(info, "vcs.revision"))
		at = cmp.Or(at, setting(info, "vcs.time"))
	}
	return revision, at
}

// setting is one value of a build's record.
func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func newVersionCommand(io stdio) *cobra.Command {
	return &cobra.Command{
		Use:  "version",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(io.out, "bgverify %s %s %s/%s\n", toolVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			if revision, at := builtFrom(); err == nil && revision != "" {
				_, err = fmt.Fprintf(io.out, "commit %s of %s\n", revision, cmp.Or(at, "an unknown date"))
			}
			return err
		},
	}
}
