package stage

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// Prometheus are the servers with the metrics of both sides, and what is asked of them.
type Prometheus struct {
	Pos         problem.Pos
	Blue, Green PrometheusServer
	Namespaces  []string
	// BlueLive says that blue carries other traffic at the same time.
	BlueLive bool
	Queries  []PrometheusQuery
}

// A PrometheusServer is one server with a Prometheus API. Match are label matchers that
// choose a side's series; CA is a file below the scenario folder. SigV4 signs requests for an
// AWS region, which the URL or the environment says where Region is empty.
type PrometheusServer struct {
	Pos                      problem.Pos
	URL, Match, TokenEnv, CA string
	SigV4                    bool
	Region                   string
}

// A PrometheusQuery is one figure of a side over a load stage. Counter says that it grows
// and is counted by its increase per request; Gate that it must have been measured.
// Margin is a ratio, Floor in the unit of the figure.
type PrometheusQuery struct {
	Pos           problem.Pos
	Name, Query   string
	Counter, Gate bool
	Margin, Floor float64
}

// DefaultResourceMargin is how much more green may need where a query says nothing, as a
// ratio.
const DefaultResourceMargin = 0.2

// ReadPrometheus reads where the metrics of both sides are; nil: the file does not say.
func ReadPrometheus(o *keys.Mapping, host Host) *Prometheus {
	x := o.Open("prometheus", "prometheus", "prometheus")
	if x == nil {
		return nil
	}
	p := &Prometheus{Pos: x.Reader.Pos(x.Node)}
	x.Bind(p)
	readPrometheusServer(x, "blue", &p.Blue, host)
	readPrometheusServer(x, "green", &p.Green, host)
	if !x.Broken && p.Blue.URL == p.Green.URL && p.Blue.Match == p.Green.Match {
		x.Fail(x.At("green"), `write {url: …, match: 'cluster="green"'} for each side`, "blue and green are the same series of the same server")
	}
	x.EachElement("queries", func(_ int, n *yaml.Node) {
		q := x.Reader.Object(n, "prometheus query", "")
		query := PrometheusQuery{Pos: q.Reader.Pos(q.Node), Margin: DefaultResourceMargin}
		q.Bind(&query)
		if slices.ContainsFunc(p.Queries, func(other PrometheusQuery) bool { return other.Name == query.Name }) && query.Name != "" {
			q.Fail(q.At("name"), "", "query %q is listed twice", problem.Cut(query.Name, 40))
		}
		p.Queries = append(p.Queries, query)
	})
	return p
}

// readPrometheusServer reads a server: its URL alone, or a mapping.
func readPrometheusServer(x *keys.Mapping, side string, s *PrometheusServer, host Host) {
	n := x.Get(side)
	if n == nil {
		return
	}
	s.Pos = x.Reader.Pos(source.Deref(n))
	at := source.Deref(n)
	if at.Kind == yaml.MappingNode {
		o := x.Reader.Object(n, "prometheus server", "prometheus "+side)
		o.Bind(s)
		if s.CA != "" {
			host.CheckCA(o, "ca", s.CA)
		}
		switch {
		case s.SigV4 && s.TokenEnv != "":
			o.Fail(o.At("token_env"), "remove one of them", "a server takes auth or token_env")
		case s.Region != "" && !s.SigV4:
			o.Fail(o.At("region"), "add auth: sigv4", "region without auth: sigv4")
		}
		x.Broken = x.Broken || o.Broken
		at = o.At("url")
	} else {
		s.URL = x.Text(side)
	}
	if msg, hint := host.BadURL(s.URL); s.URL != "" && msg != "" {
		x.Fail(at, hint, "url: %s", msg)
	}
}
