package run

import (
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
)

// Clusters are what a run found about the clusters that the sides run on. A nil part was
// not asked for.
type Clusters struct {
	Ready    *Ready           `json:"ready,omitempty"`
	Alike    *Alike           `json:"alike,omitempty"`
	Services *ServiceCoverage `json:"services,omitempty"`
}

// Ready is what the wait for green came to. Verdict is Pass, Broken where it was not
// ready in time, or Interrupted.
type Ready struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons,omitempty"`
	// WaitedS is how long was waited, SettleS how long all of it had to stay ready, and
	// TimeoutS when the wait gave up.
	WaitedS  float64 `json:"waited_s"`
	SettleS  float64 `json:"settle_s"`
	TimeoutS float64 `json:"timeout_s"`
	// Kinds count what is ready by kind, and Waves by sync wave where there are several.
	Kinds []ReadyCount `json:"kinds"`
	Waves []ReadyCount `json:"waves,omitempty"`
	// Waiting is what is not ready, by wave and name.
	Waiting []ReadyItem `json:"waiting,omitempty"`
}

// A ReadyCount counts the objects of one kind or wave. Missing is how many more there
// have to be.
type ReadyCount struct {
	Name    string `json:"name"`
	Ready   int    `json:"ready"`
	Of      int    `json:"of"`
	Missing int    `json:"missing,omitempty"`
}

// A ReadyItem is one object that was judged, with everything that it waits for.
type ReadyItem struct {
	Kind      string   `json:"kind"`
	Namespace string   `json:"namespace,omitempty"`
	Name      string   `json:"name"`
	Wave      int      `json:"wave,omitempty"`
	Ready     bool     `json:"ready"`
	Reasons   []string `json:"reasons,omitempty"`
	// Waits says that only Argo CD's next comparison is missing.
	Waits bool `json:"waits,omitempty"`
}

// Alike is what a comparison of both clusters found. Verdict is Pass, Fail where they
// differ, or Broken where something could not be read.
type Alike struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons,omitempty"`
	// Versions are those of the API servers and of the nodes' kubelets.
	Versions ClusterVersions `json:"versions"`
	// Kinds count the objects of each kind that was compared.
	Kinds []AlikeKind `json:"kinds"`
	// Objects were compared on both sides; Differ of them differ; OnlyBlue and OnlyGreen
	// are there on one side alone.
	Objects   int `json:"objects"`
	Differ    int `json:"differ"`
	OnlyBlue  int `json:"only_blue"`
	OnlyGreen int `json:"only_green"`
	// Causes are the differences by what made them, and Only the objects of one side.
	Causes []AlikeCause `json:"causes,omitempty"`
	Only   []OnlyObject `json:"only,omitempty"`
	// Removed are versions that objects of blue are written in and green does not serve,
	// and Deprecated what the servers warn of.
	Removed    []RemovedVersion `json:"removed,omitempty"`
	Deprecated []string         `json:"deprecated,omitempty"`
	// Unread is what could not be read, on one side or both.
	Unread []string `json:"unread,omitempty"`
	// Rules count what each rule of the file hid.
	Rules []RuleVisits `json:"rules,omitempty"`
}

// ClusterVersions are the versions that both clusters run. Kubelets are sorted, each once;
// they are empty where nodes may not be read.
type ClusterVersions struct {
	Blue          string   `json:"blue"`
	Green         string   `json:"green"`
	BlueKubelets  []string `json:"blue_kubelets,omitempty"`
	GreenKubelets []string `json:"green_kubelets,omitempty"`
}

// An AlikeKind counts the objects of one kind.
type AlikeKind struct {
	Kind  string `json:"kind"`
	Blue  int    `json:"blue"`
	Green int    `json:"green"`
}

// An AlikeCause is one edit that explains differences of several objects. Objects counts
// them, and Examples names the first.
type AlikeCause struct {
	cause.Cause
	ObjectKind string `json:"object_kind"`
	Objects    int    `json:"objects"`
	// Blue and Green are the values of the first difference as JSON texts, cut; OneEdit says
	// that all differences of the cause have these values.
	Blue    string `json:"blue,omitempty"`
	Green   string `json:"green,omitempty"`
	OneEdit bool   `json:"one_edit,omitempty"`
}

// EditText says what was changed: the values where all differences have the same, else
// the edit that they share with the first values as an example.
func (c *AlikeCause) EditText() string {
	const longest = 80
	edit := c.Edit
	if edit == "" {
		edit = c.Kind.String()
	}
	values := text.Cut(c.Blue, longest) + " -> " + text.Cut(c.Green, longest)
	switch {
	case c.Blue == "" && c.Green == "":
		return edit
	case c.Blue == "":
		return "added on green: " + text.Cut(c.Green, longest)
	case c.Green == "":
		return "missing on green: " + text.Cut(c.Blue, longest)
	case c.OneEdit:
		return values
	}
	return edit + ", such as " + values
}

// An OnlyObject is there on one side alone.
type OnlyObject struct {
	Side      string `json:"side"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// A RemovedVersion is a version of a kind that objects of blue are written in and green
// does not serve.
type RemovedVersion struct {
	APIVersion string   `json:"api_version"`
	Kind       string   `json:"kind"`
	Objects    int      `json:"objects"`
	Examples   []string `json:"examples"` // the first three, as namespace/name
}

// ServiceCoverage is which of the cluster's services the cases asked.
type ServiceCoverage struct {
	From string `json:"from"` // the kind of object that the services were read from
	// Asked of Of services were asked by at least one case.
	Asked int `json:"asked"`
	Of    int `json:"of"`
	// Services are all of them, those that were not asked first.
	Services []ServiceAsked `json:"services"`
	// Required is the share that a pass must have; 0: none.
	Required float64 `json:"required,omitempty"`
	// Problem says why the services could not be read; empty: they were.
	Problem string `json:"problem,omitempty"`
}

// A ServiceAsked is one service with its routes.
type ServiceAsked struct {
	Name      string       `json:"name"`
	Namespace string       `json:"namespace"`
	Asked     int          `json:"asked"` // requests that were answered
	Routes    []RouteAsked `json:"routes"`
}

// A RouteAsked is one host and path that leads to a service.
type RouteAsked struct {
	Route string `json:"route"` // host and path: api.example/v1/epg*
	Asked int    `json:"asked"`
}

// Title names an object: Deployment stb/epg.
func (i *ReadyItem) Title() string { return objectTitle(i.Kind, i.Namespace, i.Name) }

// Title names an object: ConfigMap stb/epg-flags.
func (o *OnlyObject) Title() string { return objectTitle(o.Kind, o.Namespace, o.Name) }

func objectTitle(kind, namespace, name string) string {
	if namespace != "" {
		name = namespace + "/" + name
	}
	return kind + " " + name
}

// Resources are what both sides needed while a load stage ran. Verdict is the gravest of
// the figures; Skip where none could be compared.
type Resources struct {
	Verdict Verdict          `json:"verdict"`
	Reason  string           `json:"reason,omitempty"`
	Figures []ResourceFigure `json:"figures"`
}

// A ResourceFigure is one figure of both sides: an increase over the stage, or a mean with
// its maximum. Unit is s, B or empty. Margin is a ratio; differences below Floor never
// count. Gate says that it must have been measured for a pass.
type ResourceFigure struct {
	Name         string  `json:"name"`
	Unit         string  `json:"unit,omitempty"`
	Blue         float64 `json:"blue"`
	Green        float64 `json:"green"`
	BlueMax      float64 `json:"blue_max,omitempty"`
	GreenMax     float64 `json:"green_max,omitempty"`
	BlueScrapes  int     `json:"blue_scrapes"`
	GreenScrapes int     `json:"green_scrapes"`
	Margin       float64 `json:"margin"`
	Floor        float64 `json:"floor"`
	Gate         bool    `json:"gate,omitempty"`
	Verdict      Verdict `json:"verdict"`
	Note         string  `json:"note,omitempty"`
}

// Amount writes a value of the figure with its unit: 16 ms, 512.0 MiB.
func (f *ResourceFigure) Amount(v float64) string {
	switch {
	case f.Unit == "B" && v >= 1<<20:
		return strconv.FormatFloat(v/(1<<20), 'f', 1, 64) + " MiB"
	case f.Unit == "s":
		return strconv.FormatFloat(v*1000, 'g', 4, 64) + " ms"
	}
	return strings.TrimSpace(strconv.FormatFloat(v, 'g', 4, 64) + " " + f.Unit)
}
