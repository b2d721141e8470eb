package merge

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner/run"
)

// ownFlags may differ between shards: they say how a shard ran on its machine and what it
// printed, and nothing of what was judged.
var ownFlags = []string{
	"shard", "seed", "out", "run-id", "concurrency", "format", "output", "timeout", "keep", "keep-days", "report-assets",
	"trace-url", "ticket", "quiet", "verbose", "no-color", "no-progress", "no-notify", "workers", "listen", "join-within", "bus", "bus-creds",
	"bus-fingerprint", "bus-token-file", "bus-tls-cert", "bus-tls-key",
}

// secretMark is a secret that the archive replaced. Its hash depends on a key of the folder of
// runs, so that one secret has another mark on another machine.
var secretMark = regexp.MustCompile(`<secret:([^#>]*)#[^>]*>`)

// withoutKeys makes the marks of one secret equal in all shards.
func withoutKeys(text string) string { return secretMark.ReplaceAllString(text, "<secret:$1>") }

// unlike notes everything in which b is of another plan than a (rule 4 of Open).
func (p *problems) unlike(a, b *shard) {
	ha, hb, path, first := &a.run.Header, &b.run.Header, b.folder.Path(), a.folder.Path()
	if ha.Tool != hb.Tool {
		p.add(path, "use one version of bgverify for all shards", "it was made by bgverify %s, %s by %s", hb.Tool.Version, first, ha.Tool.Version)
	}
	if ha.Seed != hb.Seed {
		p.add(path, "give every shard the same --seed", "its seed is %d, that of %s is %d", hb.Seed, first, ha.Seed)
	}
	if names := archive.OtherFiles(a.files, b.files); len(names) > 0 {
		p.add(path, "run all shards from one commit", "its scenario files are not those of %s: %s", first, strings.Join(names, ", "))
	}
	if !slices.Equal(a.asked.Paths, b.asked.Paths) || a.asked.Env != b.asked.Env || !slices.Equal(a.asked.Cases, b.asked.Cases) {
		p.add(path, "", "it was asked for other files or cases than %s", first)
	}
	if fa, fb := planFlags(ha), planFlags(hb); !slices.Equal(fa, fb) {
		p.add(path, "give every shard the same flags", "its flags are %s, those of %s are %s", shown(fb), first, shown(fa))
	}
	if ha.Planned.OfCases != hb.Planned.OfCases || ha.Planned.OfLoads != hb.Planned.OfLoads {
		p.add(path, "", "its suites hold %d cases and %d load stages, those of %s %d and %d", hb.Planned.OfCases, hb.Planned.OfLoads,
			first, ha.Planned.OfCases, ha.Planned.OfLoads)
	}
	if names := archive.Unequal(a.asked.Variables, b.asked.Variables); len(names) > 0 {
		p.add(path, "run all shards with the same environment", "the environment gave it other values than %s: %s", first,
			strings.Join(names, ", "))
	}
}

// A saying is a place or a build that a shard met, and the folder of the first one that did.
type saying struct{ value, folder string }

// unlikeSides compares where the sides were, and what they said they are at the end, with what
// earlier shards met. A shard has the services and identities of the suites of which it has a
// case, so that each is held against the first shard that has it too.
func (p *problems) unlikeSides(met map[string]saying, s *shard) {
	path := s.folder.Path()
	sides := &s.run.End.Sides
	for _, side := range []struct {
		name string
		of   *run.SideHead
	}{{"blue", &sides.Blue}, {"green", &sides.Green}} {
		p.hold(met, saying{side.of.URL, path}, side.name, "all shards must ask the same two sides")
		for _, name := range slices.Sorted(maps.Keys(side.of.Services)) {
			p.hold(met, saying{side.of.Services[name], path}, side.name+" service "+name, "all shards must ask the same two sides")
		}
		for _, name := range slices.Sorted(maps.Keys(side.of.Identity)) {
			p.hold(met, saying{side.of.Identity[name], path}, side.name+" identity "+name,
				"another build: deploy nothing before the last shard has ended, then run all shards again")
		}
	}
}

// hold compares one value of a shard with that of the first shard that had it.
func (p *problems) hold(met map[string]saying, s saying, what, advice string) {
	was, known := met[what]
	switch {
	case s.value == "":
	case !known:
		met[what] = s
	case withoutKeys(was.value) != withoutKeys(s.value):
		p.add(s.folder, advice, "its %s is %q, that of %s is %q", what, s.value, was.folder, was.value)
	}
}

// planFlags are the flags that make the plan, sorted.
func planFlags(h *run.Header) []string {
	var out []string
	for _, flag := range h.Flags {
		name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		if !slices.Contains(ownFlags, name) {
			out = append(out, withoutKeys(flag))
		}
	}
	slices.Sort(out)
	return out
}

// shown lists flags in a message.
func shown(flags []string) string {
	if len(flags) == 0 {
		return "none"
	}
	return strings.Join(flags, " ")
}
