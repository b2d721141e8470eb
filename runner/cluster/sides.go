package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/cluster/inventory"
	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/cluster/routes"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// ImportSides writes an env file from the routes of both clusters: `sides:` with one
// service for each that a host leads to, and `clusters:` as it was asked. A service that
// one cluster alone has is listed in a comment: it cannot be compared. at are the addresses
// of blue and green, which their hosts are pinned to; they may be empty where the sides
// have different hosts.
func (c *Clusters) ImportSides(ctx context.Context, at [2]string) (string, error) {
	from := c.asked.Services
	both, err := each([]*kube.Cluster{c.blue, c.green}, func(cluster *kube.Cluster, _ int) ([]routes.Entry, error) {
		served, err := cluster.Served(ctx)
		if err != nil {
			return nil, err
		}
		inv, err := inventory.Read(ctx, cluster, served, nil, &inventory.Plan{RouteKind: routeKinds[from.From], RouteNamespaces: from.Namespaces})
		if err != nil {
			return nil, err
		}
		if len(inv.UnreadRoutes) > 0 {
			return nil, errors.New(strings.Join(inv.UnreadRoutes, "; "))
		}
		entries := routes.New(from.From, inv.Routes).Entries()
		if len(entries) == 0 {
			return nil, fmt.Errorf("%s: no %s in %s leads from a host to a service", cluster.Name, from.From, strings.Join(from.Namespaces, ", "))
		}
		return entries, nil
	})
	if err != nil {
		return "", err
	}
	if shared := sharedHosts(both[0], both[1]); len(shared) > 0 && (at[0] == "" || at[1] == "") {
		return "", hint.Errorf("add --blue-address and --green-address: the addresses of both load balancers",
			"both clusters answer for %s: nothing tells the sides apart", strings.Join(shared, ", "))
	}
	return envText(c.asked, both[0], both[1], at), nil
}

// envText is the env file.
func envText(asked *stage.Clusters, blue, green []routes.Entry, at [2]string) string {
	var b strings.Builder
	var one []string // on one side alone
	names := serviceNames(blue, green)
	other := func(list []routes.Entry, e routes.Entry) (routes.Entry, bool) {
		i := slices.IndexFunc(list, func(o routes.Entry) bool { return o.Namespace == e.Namespace && o.Name == e.Name })
		if i < 0 {
			return e, false
		}
		return list[i], true
	}
	b.WriteString("# Written by bgverify import cluster. Check the scheme and the addresses.\nsides:\n")
	for i, list := range [][]routes.Entry{blue, green} {
		fmt.Fprintf(&b, "  %s:\n    url: %s\n", []string{"blue", "green"}[i], text.Quote("https://"+list[0].Host))
		if at[i] != "" {
			fmt.Fprintf(&b, "    resolve: %s\n", text.Quote(at[i]))
		}
		b.WriteString("    services:\n")
		for _, e := range list {
			if _, ok := other([][]routes.Entry{green, blue}[i], e); !ok {
				one = append(one, fmt.Sprintf("only on %s: %s/%s (%s%s)", []string{"blue", "green"}[i], e.Namespace, e.Name, e.Host, e.Path))
				continue
			}
			fmt.Fprintf(&b, "      %s: %s\n", names[e.Namespace+"/"+e.Name], text.Quote("https://"+e.Host))
		}
	}
	for _, line := range one {
		fmt.Fprintf(&b, "# %s\n", text.Visible(line))
	}
	b.WriteString("clusters:\n")
	for i, a := range []stage.ClusterAccess{asked.Blue, asked.Green} {
		fmt.Fprintf(&b, "  %s: {context: %s", []string{"blue", "green"}[i], text.Quote(a.Context))
		if a.Kubeconfig != "" {
			fmt.Fprintf(&b, ", kubeconfig: %s", text.Quote(a.Kubeconfig))
		}
		b.WriteString("}\n")
	}
	quoted := make([]string, len(asked.Services.Namespaces))
	for i, n := range asked.Services.Namespaces {
		quoted[i] = text.Quote(n)
	}
	list := strings.Join(quoted, ", ")
	fmt.Fprintf(&b, "  ready:\n    workloads: {namespaces: [%s]}\n  alike:\n    namespaces: [%s]\n", list, list)
	fmt.Fprintf(&b, "  services: {from: %s, namespaces: [%s]}\n", asked.Services.From, list)
	return b.String()
}

// sharedHosts are the hosts that lead to a service on both sides: only an address tells
// the sides apart there.
func sharedHosts(blue, green []routes.Entry) []string {
	var out []string
	for _, b := range blue {
		if slices.ContainsFunc(green, func(g routes.Entry) bool { return g.Host == b.Host }) && !slices.Contains(out, b.Host) {
			out = append(out, b.Host)
		}
	}
	return out
}

// serviceNames names each service by its own name, and by its namespace as well where two
// namespaces have the name.
func serviceNames(lists ...[]routes.Entry) map[string]string {
	namespaces := map[string][]string{}
	for _, e := range slices.Concat(lists...) {
		if !slices.Contains(namespaces[e.Name], e.Namespace) {
			namespaces[e.Name] = append(namespaces[e.Name], e.Namespace)
		}
	}
	out := map[string]string{}
	for name, in := range namespaces {
		for _, n := range in {
			out[n+"/"+name] = name
			if len(in) > 1 {
				out[n+"/"+name] = n + "." + name
			}
		}
	}
	return out
}
