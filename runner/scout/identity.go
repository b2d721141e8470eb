package scout

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/wire"
)

// A candidate is a value that could identify a side, with how telling its name is.
type candidate struct {
	Identity
	rank int // lower is better
}

// clusterWords and buildWords are parts of names, in lower case and without
// separators, that tell a cluster or a build; the most telling first.
var (
	clusterWords = []string{
		"cluster", "environment", "env", "stage", "region", "zone", "site", "deployment", "colour", "color",
		"instance", "namespace",
	}
	buildWords = []string{"commit", "gitsha", "sha", "revision", "buildid", "buildnumber", "build", "version", "release", "tag"}
)

// identities finds the values of a path that all samples of a side agree on. Headers
// count for telling clusters apart alone: what they say of builds is the proxy's.
func identities(path string, answers [2][]*wire.Exchange) []candidate {
	var out []candidate
	blue, green := agreed(answers[0], bodyValues), agreed(answers[1], bodyValues)
	for at, b := range blue {
		g, both := green[at]
		if !both || b == "" || g == "" {
			continue
		}
		name := leafName(at)
		id := Identity{Get: path, At: at, Blue: b, Green: g}
		if b == g {
			if rank := wordRank(name, buildWords); rank >= 0 {
				id.Must = Same
				out = append(out, candidate{id, rank})
			}
		} else if rank := wordRank(name, clusterWords); rank >= 0 {
			id.Must = Differ
			out = append(out, candidate{id, rank})
		}
	}
	blue, green = agreed(answers[0], headerValues), agreed(answers[1], headerValues)
	for name, b := range blue {
		if g := green[name]; g != "" && g != b {
			if rank := wordRank(name, append(slices.Clone(clusterWords), "servedby", "backend", "node", "server")); rank >= 0 {
				out = append(out, candidate{Identity{Get: path, Header: name, Must: Differ, Blue: b, Green: g}, 2*len(clusterWords) + rank})
			}
		}
	}
	return out
}

func bodyValues(x *wire.Exchange) map[string]string { return scalars(x.Answer) }

func headerValues(x *wire.Exchange) map[string]string {
	out, twice := map[string]string{}, map[string]bool{}
	for _, f := range x.Headers {
		name := strings.ToLower(f.Name)
		_, seen := out[name]
		twice[name] = seen || twice[name]
		out[name] = f.Value
	}
	// Which of several values an identity would read is not the same everywhere.
	maps.DeleteFunc(out, func(name, _ string) bool { return twice[name] })
	return out
}

// agreed are the values that every sample of a side has.
func agreed(list []*wire.Exchange, values func(*wire.Exchange) map[string]string) map[string]string {
	out := values(list[0])
	for _, x := range list[1:] {
		other := values(x)
		maps.DeleteFunc(out, func(key, v string) bool { return other[key] != v })
	}
	return out
}

// leafName is the last name of a path: $.build.commit gives commit.
func leafName(at string) string {
	at = strings.TrimSuffix(strings.TrimSuffix(at, "']"), `"]`)
	return at[strings.LastIndexAny(at, `.'"`)+1:]
}

// wordRank says how telling a name is: twice the place of the first word that it
// holds, and one more where it holds other letters too; -1: it holds none.
func wordRank(name string, words []string) int {
	name = strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
	for i, w := range words {
		switch {
		case name == w:
			return 2 * i
		case strings.Contains(name, w):
			return 2*i + 1
		}
	}
	return -1
}

// choose takes the most telling value that differs, and the most telling one that is the same.
func choose(candidates []candidate) []Identity {
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.Get, b.Get), strings.Compare(a.At, b.At),
			strings.Compare(a.Header, b.Header))
	})
	var out []Identity
	for _, must := range []Must{Differ, Same} {
		if i := slices.IndexFunc(candidates, func(c candidate) bool { return c.Must == must }); i >= 0 {
			out = append(out, candidates[i].Identity)
		}
	}
	return out
}
