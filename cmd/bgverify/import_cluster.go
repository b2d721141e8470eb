package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/runner/cluster"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// importClusterFlags are what import cluster is asked.
type importClusterFlags struct {
	blue, green, kubeconfig   string
	blueAddress, greenAddress string
	from                      string
	namespaces                []string
	out                       string
	force                     bool
}

func newImportCluster(io stdio) *cobra.Command {
	flags := &importClusterFlags{}
	cmd := &cobra.Command{
		Use:  "cluster -o FILE",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd.Context(), io) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.blue, "blue-context", "", "`context` of blue's cluster in the kubeconfig")
	f.StringVar(&flags.green, "green-context", "", "`context` of green's cluster in the kubeconfig")
	f.StringVar(&flags.kubeconfig, "kubeconfig", "", "kubeconfig `file` (default $KUBECONFIG, else ~/.kube/config)")
	f.StringVar(&flags.blueAddress, "blue-address", "", "`address` of blue's load balancer, IP or IP:port")
	f.StringVar(&flags.greenAddress, "green-address", "", "`address` of green's load balancer, IP or IP:port")
	f.StringVar(&flags.from, "from", "VirtualService", "`kind` to read: VirtualService, HTTPRoute, Ingress or Service")
	f.StringSliceVar(&flags.namespaces, "namespace", nil, "`namespace` to read; may be repeated")
	f.StringVarP(&flags.out, "out", "o", "", "env `file` to write; it must be new")
	f.BoolVar(&flags.force, "force", false, "replace a file of the same name")
	return cmd
}

func (f *importClusterFlags) run(ctx context.Context, io stdio) error {
	switch {
	case f.blue == "" || f.green == "":
		return usage("kubectl config get-contexts lists them", "import cluster needs --blue-context and --green-context")
	case f.blue == f.green:
		return usage("name two contexts", "blue and green are the same cluster")
	case len(f.namespaces) == 0:
		return usage("add --namespace NAME", "import cluster needs a namespace")
	case f.out == "":
		return usage("add -o env/verification.yaml", "import cluster needs a file to write")
	case f.from != "VirtualService" && f.from != "HTTPRoute" && f.from != "Ingress" && f.from != "Service":
		return usage("VirtualService, HTTPRoute, Ingress or Service", "services cannot be read from %q", f.from)
	}
	if _, err := os.Stat(f.out); !f.force && !errors.Is(err, fs.ErrNotExist) {
		return usage("--force replaces it", "%s is there already", f.out)
	}
	c, err := cluster.Open(&stage.Clusters{
		Blue:     stage.ClusterAccess{Pos: problem.Pos{File: "--blue-context"}, Context: f.blue, Kubeconfig: f.kubeconfig},
		Green:    stage.ClusterAccess{Pos: problem.Pos{File: "--green-context"}, Context: f.green, Kubeconfig: f.kubeconfig},
		Services: &stage.ClusterServices{From: f.from, Namespaces: f.namespaces},
	})
	if err != nil {
		return failed(ctx, err)
	}
	text, err := c.ImportSides(ctx, [2]string{f.blueAddress, f.greenAddress})
	if err != nil {
		return failed(ctx, err)
	}
	if err := os.MkdirAll(filepath.Dir(f.out), 0o755); err != nil {
		return broken(err)
	}
	if err := os.WriteFile(f.out, []byte(text), 0o644); err != nil {
		return broken(err)
	}
	_, err = fmt.Fprintf(io.out, "wrote %s\nnext: bgverify alike --env %s\n", f.out, f.out)
	return err
}
