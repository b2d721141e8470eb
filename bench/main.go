// Command bench measures the comparison engine next to its Go peers: the same
// bodies, one process, the engines taking turns round by round, the best round
// of each counts. It prints the
// tables of docs/performance.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bgverify/bgverify/diff"
)

func main() {
	seed := flag.Uint64("seed", 1, "seed of the corpora")
	only := flag.String("corpus", "abc", "corpora to measure")
	withPeers := flag.Bool("peers", true, "measure the peers too")
	budget := flag.Duration("budget", 700*time.Millisecond, "time per engine and cell")
	worst := flag.Bool("worst", true, "measure the worst cases")
	flag.Parse()
	fmt.Printf("%s, %s/%s, GOMAXPROCS %d\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	for _, c := range corpora(*seed) {
		if strings.Contains(*only, c.name) {
			measure(c, *budget, *withPeers)
		}
	}
	if *worst {
		worstCases()
	}
}

// A cell is one engine on one variant.
type cell struct {
	engine
	best   time.Duration
	rounds int
	batch  int // calls per round
	found  int
	err    error
}

// A batch lasts about batchTime. Below it a wall clock is exact and, the best of
// many rounds, undisturbed; a call that lasts longer is measured in processor
// time, for others use the machine too.
const batchTime = 300 * time.Microsecond

func (c *cell) round(blue, green []byte) {
	if c.batch == 0 {
		start := time.Now()
		c.found, c.err = c.run(blue, green)
		c.batch = int(min(1+batchTime/(time.Since(start)+1), 1000))
	}
	start, cpu := time.Now(), cpuTime()
	for range c.batch {
		c.found, c.err = c.run(blue, green)
	}
	took := time.Since(start)
	if took > 10*batchTime {
		took = min(took, cpuTime()-cpu)
	}
	took /= time.Duration(c.batch)
	if c.rounds == 0 || took < c.best {
		c.best = took
	}
	c.rounds++
}

// interleave runs the cells in turn until each has had its budget.
func interleave(cells []*cell, blue, green []byte, budget time.Duration) {
	runtime.GC()
	for {
		ran := false
		for _, c := range cells {
			if c.rounds < 3 && c.best < 4*budget || time.Duration(c.rounds*c.batch)*c.best < budget {
				c.round(blue, green)
				ran = true
			}
		}
		if !ran {
			return
		}
	}
}

// peerCells has a cell for each peer that copes with bodies of so many bytes.
func peerCells(size int) []*cell {
	var cells []*cell
	for _, p := range peers {
		if p.large || size < 1<<20 {
			cells = append(cells, &cell{engine: p})
		}
	}
	return cells
}

// measure prints a table row for each variant of a corpus. Each engine runs for the budget.
func measure(c corpus, budget time.Duration, withPeers bool) {
	fmt.Printf("### Corpus %s: %s, %d bytes\n\n", c.name, c.what, len(c.blue))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	head := "| variant\t| truth\t| found\t| time\t| / two parses\t| allocs\t| peak / bodies"
	line := "|---\t|---\t|---\t|---\t|---\t|---\t|---"
	for _, p := range peers {
		if withPeers {
			head += "\t| " + p.name
			line += "\t|---"
		}
	}
	fmt.Fprintln(w, head+"\t|")
	fmt.Fprintln(w, line+"\t|")
	for _, v := range c.variants {
		rules := noRules
		if v.rule {
			rules = noiseRules
		}
		us := &cell{engine: engine{name: "bgverify", run: ours(rules)}}
		parses := &cell{engine: engine{name: "two parses", run: twoParses}}
		cells := []*cell{us, parses}
		if withPeers && !v.rule {
			cells = append(cells, peerCells(len(c.blue))...)
		}
		interleave(cells, c.blue, v.green, budget)
		allocs, peak := memory(c.blue, v.green, rules)
		row := fmt.Sprintf("| %s\t| %d\t| %d\t| %v\t| %.2f\t| %d\t| %.2f", v.name, v.truth, us.found, round(us.best),
			float64(us.best)/float64(parses.best), allocs, peak)
		for _, p := range peers {
			if !withPeers {
				break
			}
			i := slices.IndexFunc(cells, func(x *cell) bool { return x.name == p.name })
			if i < 0 {
				row += "\t| –"
				continue
			}
			row += "\t| " + versus(cells[i], us)
		}
		fmt.Fprintln(w, row+"\t|")
	}
	w.Flush()
	fmt.Println()
	parsing(c, budget)
}

// versus is a peer's time as a multiple of ours, and what it found.
func versus(p, us *cell) string {
	if p.err != nil {
		return "error"
	}
	found := "differs"
	if p.found >= 0 {
		found = fmt.Sprint(p.found)
	}
	return fmt.Sprintf("%.1fx (%s)", float64(p.best)/float64(us.best), found)
}

func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(10 * time.Nanosecond)
}

// memory counts the allocations of a comparison with a warm pool, and what a
// cold one allocates in all as a multiple of both bodies: an upper bound of
// what it holds at any moment.
func memory(blue, green []byte, rules *diff.Rules) (allocs uint64, peak float64) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	diff.Compare(blue, green, rules)
	diff.Compare(blue, green, rules)
	runtime.ReadMemStats(&before)
	diff.Compare(blue, green, rules)
	runtime.ReadMemStats(&after)
	allocs = after.Mallocs - before.Mallocs
	cold := mustRules(diff.Rule{At: "$..updatedAt", Do: diff.DoIgnore, Why: "clock"})
	if rules == noRules {
		cold = mustRules()
	}
	runtime.ReadMemStats(&before)
	diff.Compare(blue, green, cold)
	runtime.ReadMemStats(&after)
	runtime.GC()
	return allocs, float64(after.TotalAlloc-before.TotalAlloc) / float64(len(blue)+len(green))
}

// parsing compares our parse with encoding/json and measures rules.
func parsing(c corpus, budget time.Duration) {
	green := c.variants[3].green
	p := &cell{engine: engine{name: "two parses", run: twoParses}}
	a := &cell{engine: engine{name: "encoding/json into any, twice", run: twoAny}}
	none := &cell{engine: engine{name: "compare, no rules", run: ours(noRules)}}
	eight := &cell{engine: engine{name: "compare, 8 rules with ..", run: ours(eightRules())}}
	interleave([]*cell{p, a, none, eight}, c.blue, green, 2*budget)
	mb := float64(len(c.blue)+len(green)) / 1e6
	fmt.Printf("parse %.0f MB/s, %.1fx encoding/json; 8 rules with `..`: %+.0f %%\n\n", mb/p.best.Seconds(),
		float64(a.best)/float64(p.best), 100*(float64(eight.best)/float64(none.best)-1))
}

// eightRules visit members that the corpora have, and some that they lack.
func eightRules() *diff.Rules {
	one := 1e-9
	return mustRules(
		diff.Rule{At: "$..serverTime", Do: diff.DoIgnore, Why: "w"},
		diff.Rule{At: "$..requestId", Do: diff.DoFormat, Is: "uuid"},
		diff.Rule{At: "$..debug", Do: diff.DoDrop, Why: "w"},
		diff.Rule{At: "$..balance", Do: diff.DoTolerance, Abs: &one},
		diff.Rule{At: "$..expiresAt", Do: diff.DoTime, Within: 5 * time.Second},
		diff.Rule{At: "$..traceId", Do: diff.DoIgnore, Why: "w"},
		diff.Rule{At: "$..viewers", Do: diff.DoTolerance, Rel: &one},
		diff.Rule{At: "$..updatedAt", Do: diff.DoTime, Within: time.Second},
	)
}
