package cluster

import (
	"context"
	"time"

	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/cluster/ready"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// Clusters are connections to what an env file names.
type Clusters struct {
	asked *stage.Clusters
	// blue is nil where the file does not name it; argoCD is green where Argo CD runs there.
	blue, green, argoCD *kube.Cluster
}

// Open reads the kubeconfigs of an env file's clusters and sends nothing. Mistakes in them
// are errors of package hint.
func Open(asked *stage.Clusters) (*Clusters, error) {
	c := &Clusters{asked: asked}
	var err error
	if c.green, err = kube.Connect(access("green", asked.Green)); err != nil {
		return nil, err
	}
	if asked.Blue.Pos != (problem.Pos{}) {
		if c.blue, err = kube.Connect(access("blue", asked.Blue)); err != nil {
			return nil, err
		}
	}
	c.argoCD = c.green
	if r := asked.Ready; r != nil && r.Applications != nil && r.Applications.Context+r.Applications.Kubeconfig != "" {
		a := kube.Access{Name: "argo cd", Context: r.Applications.Context, Kubeconfig: r.Applications.Kubeconfig}
		if a.Kubeconfig == "" {
			a.Kubeconfig = asked.Green.Kubeconfig
		}
		if c.argoCD, err = kube.Connect(a); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func access(name string, a stage.ClusterAccess) kube.Access {
	return kube.Access{Name: name, Context: a.Context, Kubeconfig: a.Kubeconfig, InCluster: a.InCluster}
}

// Ready waits until green is ready as the env file asks; see ready.Waiter. progress is
// called after each look and may be nil.
func (c *Clusters) Ready(ctx context.Context, progress func(*run.Ready)) *run.Ready {
	w := &ready.Waiter{Blue: c.blue, Green: c.green, ArgoCD: c.argoCD, Now: time.Now, Sleep: sleep, Progress: progress}
	return w.Wait(ctx, c.asked.Ready)
}

// sleep waits, or returns the error of a context that ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
