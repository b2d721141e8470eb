package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// peers are the tools that are separate programs, as modules. The newest
// Fortio needs a module that the proxy does not serve; this is the last without.
var peers = map[string]string{
	"k6":     "go.k6.io/k6@v1.8.1",
	"fortio": "fortio.org/fortio@v1.66.5",
}

// available returns the tools that can be run, and says which are left out.
func (b *bench) available(tools []string) []string {
	b.paths = map[string]string{}
	var have []string
	for _, tool := range tools {
		if module, external := peers[tool]; external {
			path, err := locate(tool, module)
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s is left out: %v\n", tool, err)
				continue
			}
			b.paths[tool] = path
		}
		have = append(have, tool)
	}
	return have
}

// locate finds a tool on the path or in .tools, or installs it there.
func locate(tool, module string) (string, error) {
	if path, err := exec.LookPath(tool); err == nil {
		return path, nil
	}
	folder, err := filepath.Abs(".tools")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, tool)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintf(os.Stderr, "installing %s into %s\n", module, folder)
	install := exec.Command("go", "install", module)
	install.Env = append(os.Environ(), "GOBIN="+folder, "GOFLAGS=-mod=mod")
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s: %w: %.300s", module, err, out)
	}
	return path, nil
}
