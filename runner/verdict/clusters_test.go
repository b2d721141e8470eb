package verdict

import (
	"slices"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// askedClusters are inputs of a stage that asks for everything of its clusters.
func askedClusters(found *run.Clusters) *Inputs {
	in := &Inputs{Totals: NewTotals(1), Ledger: &Ledger{}}
	in.Suites = []*scenarios.Suite{{Name: "s"}}
	in.Env = &scenarios.Env{Shares: scenarios.RequiredShares{Services: 0.9}, Clusters: &stage.Clusters{
		Ready: &stage.ClusterReady{}, Alike: &stage.ClusterAlike{}, Services: &stage.ClusterServices{From: "Ingress"},
	}}
	in.Clusters = found
	return in
}

// worstOf is the gravest verdict of the gates with one of the names; a pass where there are none.
func worstOf(end *run.End, names ...string) run.Verdict {
	worst := run.Pass
	for _, g := range end.Gates {
		if slices.Contains(names, g.Name) {
			worst = worst.Worse(g.Verdict)
		}
	}
	return worst
}

// Each row is what was found of clusters, the gravest verdict of a gate about them, and
// part of a reason.
func TestClustersWeigh(t *testing.T) {
	pass := func() *run.Clusters {
		return &run.Clusters{
			Ready: &run.Ready{Verdict: run.Pass}, Alike: &run.Alike{Verdict: run.Pass, Objects: 3}, Services: &run.ServiceCoverage{Asked: 9, Of: 10},
		}
	}
	change := func(f func(*run.Clusters)) *run.Clusters {
		c := pass()
		f(c)
		return c
	}
	for _, row := range []struct {
		name   string
		found  *run.Clusters
		want   run.Verdict
		reason string
	}{
		{"all is well", pass(), run.Pass, ""},
		{"nobody looked", nil, run.Broken, "they were not checked"},
		{"nobody looked whether green is ready", change(func(c *run.Clusters) { c.Ready = nil }), run.Broken, "whether green is ready was not checked"},
		{"nobody compared", change(func(c *run.Clusters) { c.Alike = nil }), run.Broken, "whether the clusters are alike was not checked"},
		{"green is not ready", change(func(c *run.Clusters) {
			c.Ready, c.Alike = &run.Ready{Verdict: run.Broken, Reasons: []string{"Pod stb/epg: crash"}}, nil
		}), run.Broken, "green is not ready: Pod stb/epg: crash"},
		{"the clusters differ", change(func(c *run.Clusters) {
			c.Alike.Verdict, c.Alike.Reasons = run.Fail, []string{"only on blue: ConfigMap a"}
		}), run.Fail, "not alike: only on blue"},
		{"too few services", change(func(c *run.Clusters) { c.Services.Asked = 8 }), run.Inconclusive, "requires that cases ask 90 %"},
		{"services that cannot be read", change(func(c *run.Clusters) { c.Services.Problem = "403" }), run.Inconclusive, "403"},
		{"nobody read the services", change(func(c *run.Clusters) { c.Services = nil }), run.Inconclusive, "not checked"},
	} {
		t.Run(row.name, func(t *testing.T) {
			end := Conclude(askedClusters(row.found))
			worst := worstOf(end, "clusters", "green ready", "clusters alike", "services asked")
			if text := strings.Join(end.Reasons, "\n"); worst != row.want || !strings.Contains(text, row.reason) {
				t.Errorf("gates %+v, reasons:\n%s\nwant %v and %q", end.Gates, text, row.want, row.reason)
			}
			if row.want > run.Pass && end.Verdict < row.want {
				t.Errorf("the verdict is %v, lighter than its gate", end.Verdict)
			}
		})
	}
}

// What a load stage cost weighs as it was judged; on-inconclusive warn takes doubt away.
func TestResourcesWeigh(t *testing.T) {
	for _, row := range []struct {
		name     string
		found    run.Verdict
		warnOnly bool
		want     run.Verdict
	}{
		{"worse", run.Fail, true, run.Fail},
		{"no data on green alone", run.Inconclusive, false, run.Inconclusive},
		{"no data on green alone, and doubt is accepted", run.Inconclusive, true, run.Pass},
		{"nothing was compared", run.Skip, false, run.Pass},
	} {
		t.Run(row.name, func(t *testing.T) {
			in := &Inputs{Totals: NewTotals(1), Ledger: &Ledger{}}
			in.Suites, in.WarnOnly, in.Loaded, in.Planned.Loads = []*scenarios.Suite{{Name: "s"}}, row.warnOnly, true, 1
			in.Loads = []run.LoadResult{{Name: "peak", Verdict: run.Pass, Resources: &run.Resources{Verdict: row.found, Reason: "why"}}}
			end := Conclude(in)
			worst := worstOf(end, "load peak resources")
			if worst != row.want {
				t.Errorf("gate %v, want %v: %+v", worst, row.want, end.Gates)
			}
			if row.want > run.Pass && end.Verdict < row.want {
				t.Errorf("the verdict is %v, lighter than its gate", end.Verdict)
			}
		})
	}
}
