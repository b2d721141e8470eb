package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Served is what a server serves: its version, and every version of every kind.
type Served struct {
	// Version is the server's: v1.31.4-eks-2d5f260.
	Version string `json:"version"`
	// Resources are the kinds that can be listed, sorted by group, kind and then as the
	// server prefers their versions, the best first.
	Resources []Resource `json:"resources"`
	// Failed are group versions that the server announces and could not describe, as
	// where an extension API server is down: nothing is known of their kinds.
	Failed []string `json:"failed,omitempty"`
}

// Find is the best version of a kind, named as people write it: Deployment, or
// VirtualService.networking.istio.io where the group matters. Where several groups have a
// kind of the name, the one of the core or of a group of Kubernetes itself wins, then
// the alphabet.
func (s *Served) Find(name string) (Resource, bool) {
	kind, group, grouped := strings.Cut(name, ".")
	var found []Resource
	for _, r := range s.Resources {
		if strings.EqualFold(r.Kind, kind) && (!grouped || r.Group == group) {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return Resource{}, false
	}
	return slices.MinFunc(found, func(a, b Resource) int {
		return cmp.Compare(rankOf(a.Group), rankOf(b.Group))
	}), true
}

// rankOf orders groups: the core, those of Kubernetes, all others.
func rankOf(group string) int {
	switch {
	case group == "":
		return 0
	case !strings.Contains(group, "."): // apps, batch
		return 1
	case strings.HasSuffix(group, ".k8s.io"):
		return 2
	}
	return 3
}

// Serves reports whether a kind is served in a version: apps/v1, Deployment.
func (s *Served) Serves(apiVersion, kind string) bool {
	return slices.ContainsFunc(s.Resources, func(r Resource) bool { return r.Kind == kind && r.APIVersion() == apiVersion })
}

// Knows reports whether the server could describe a group version, or does not have it.
func (s *Served) Knows(apiVersion string) bool { return !slices.Contains(s.Failed, apiVersion) }

// Served asks the server what it serves. Errors are those of List.
func (c *Cluster) Served(ctx context.Context) (*Served, error) {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	var groups struct {
		Kind   string `json:"kind"`
		Groups []struct {
			Versions         []struct{ GroupVersion string }
			PreferredVersion struct{ GroupVersion string }
		} `json:"groups"`
	}
	if err := c.read(ctx, "/version", "the server's version", &version); err != nil {
		return nil, err
	}
	if err := c.read(ctx, "/apis", "the API groups", &groups); err != nil {
		return nil, err
	}
	if groups.Kind != "APIGroupList" || version.GitVersion == "" {
		return nil, c.failed(ctx, fmt.Errorf("%w: kind %q", errTorn, groups.Kind), &Error{Verb: "get", Kind: "the API groups"})
	}
	order := []string{"v1"} // the preferred version of each group first
	for _, g := range groups.Groups {
		order = append(order, g.PreferredVersion.GroupVersion)
		for _, v := range g.Versions {
			if v.GroupVersion != g.PreferredVersion.GroupVersion {
				order = append(order, v.GroupVersion)
			}
		}
	}
	out := &Served{Version: version.GitVersion}
	lists, errs := c.describe(ctx, order)
	for i, gv := range order {
		if errs[i] != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if gv == "v1" {
				return nil, errs[i]
			}
			out.Failed = append(out.Failed, gv)
		}
		out.Resources = append(out.Resources, lists[i]...)
	}
	slices.SortStableFunc(out.Resources, func(a, b Resource) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}

// describe reads the kinds of group versions, several at once.
func (c *Cluster) describe(ctx context.Context, groupVersions []string) ([][]Resource, []error) {
	lists, errs := make([][]Resource, len(groupVersions)), make([]error, len(groupVersions))
	const atOnce = 8
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, gv := range groupVersions {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			lists[i], errs[i] = c.describeOne(ctx, gv)
		})
	}
	all.Wait()
	return lists, errs
}

func (c *Cluster) describeOne(ctx context.Context, groupVersion string) ([]Resource, error) {
	path, group, version := "/api/"+groupVersion, "", groupVersion
	if g, v, ok := strings.Cut(groupVersion, "/"); ok {
		path, group, version = "/apis/"+groupVersion, g, v
	}
	var list struct {
		Kind      string `json:"kind"`
		Resources []struct {
			Name, Kind string
			Namespaced bool
			Verbs      []string
		} `json:"resources"`
	}
	if err := c.read(ctx, path, "the kinds of "+groupVersion, &list); err != nil {
		return nil, err
	}
	if list.Kind != "APIResourceList" {
		return nil, c.failed(ctx, fmt.Errorf("%w: kind %q", errTorn, list.Kind), &Error{Verb: "get", Kind: "the kinds of " + groupVersion})
	}
	var out []Resource
	for _, r := range list.Resources {
		if slices.Contains(r.Verbs, "list") && !strings.Contains(r.Name, "/") {
			out = append(out, Resource{Group: group, Version: version, Name: r.Name, Kind: r.Kind, Namespaced: r.Namespaced})
		}
	}
	return out, nil
}

// read gets one document of the server's own.
func (c *Cluster) read(ctx context.Context, path, what string, into any) error {
	raw, err := answer(ctx, c.client.Get().AbsPath(path))
	if err == nil {
		if err = json.Unmarshal(raw, into); err != nil {
			err = fmt.Errorf("%w: %w", errTorn, err)
		}
	}
	if err != nil {
		return c.failed(ctx, err, &Error{Verb: "get", Kind: what})
	}
	return nil
}
