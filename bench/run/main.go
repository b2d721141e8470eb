// Command run measures whole functional runs as processes: `bgverify run`, a
// bare net/http loop and other tools in turn against one loopback server, round
// by round, so that what else the machine does falls on all of them. It prints
// the tables of docs/performance.md.
//
//	go run ./run [-rounds 5] [-only a,b] [-rows 1000,10000,100000]
//
// The server has its own process and answers with 2 KB of JSON: every
// path has its own items, and each answer its own time and request id, which the
// suite's rules name; so no two bodies of a run are the same.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	role := flag.String("role", "", "internal: what this process is")
	blue := flag.String("blue", "", "internal: blue's URL")
	green := flag.String("green", "", "internal: green's URL")
	count := flag.Int("n", 0, "internal: how often")
	atOnce := flag.Int("at-once", 1, "internal: pairs at once")
	control := flag.Bool("control", true, "internal: with negative control")
	rounds := flag.Int("rounds", 5, "measurements of everything")
	rows := flag.String("rows", "1000,10000,100000", "numbers of data rows")
	only := flag.String("only", "start,small,peers,large,control,reports,rows", "tables to make, in this order")
	flag.Parse()
	var err error
	switch *role {
	case "serve":
		err = serve()
	case "twin":
		err = twin()
	case "bare":
		err = bare(*blue, *green, *count, *atOnce)
	case "suite":
		err = suite(*blue, *green, *control)
	case "reports":
		err = reports(*count)
	default:
		err = compare(*rounds, strings.Split(*only, ","), strings.Split(*rows, ","))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// A table is a list of tools that take turns.
type table struct {
	title string
	tools []*tool
	base  string // the tool that the others are a multiple of
}

func compare(rounds int, only, rows []string) error {
	b, err := newBench()
	if err != nil {
		return err
	}
	defer b.close()
	for _, name := range only {
		lay := map[string]func() (*table, error){
			"start": b.start, "small": b.small, "peers": b.peers, "large": b.large, "control": b.control, "reports": b.reports,
			"rows": func() (*table, error) { return b.rows(rows) },
		}[name]
		if lay == nil {
			return fmt.Errorf("-only: there is no table %q", name)
		}
		t, err := lay()
		if err != nil {
			return err
		}
		if err := t.measure(rounds); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		t.print()
	}
	return nil
}

// measure lets the tools take turns. The first turn of each only warms the page
// cache and is not counted, unless a round takes long.
func (t *table) measure(rounds int) error {
	for round := range rounds + 1 {
		for i := range t.tools {
			tool := t.tools[(i+round)%len(t.tools)]
			if round == 0 && tool.slow || tool.most > 0 && len(tool.seen) >= tool.most {
				continue
			}
			u, err := tool.run()
			if err != nil {
				return fmt.Errorf("%s: %w", tool.name, err)
			}
			if round > 0 {
				tool.seen = append(tool.seen, u)
			}
		}
	}
	return nil
}

func (t *table) print() {
	fmt.Printf("### %s\n\n", t.title)
	head := "| tool | wall s | CPU s | ms of CPU each | peak RSS MiB |"
	line := "|---|---|---|---|---|"
	if t.base != "" {
		head += " rate / " + t.base + " | CPU / " + t.base + " |"
		line += "---|---|"
	}
	fmt.Println(head)
	fmt.Println(line)
	base := slices.IndexFunc(t.tools, func(x *tool) bool { return x.name == t.base })
	for _, x := range t.tools {
		row := fmt.Sprintf("| %s | %s | %s | %s | %.0f |", x.name, figure(x.median(wall)), figure(x.median(cpu)),
			figure(x.median(cpu)*1e3/float64(x.each)), x.median(rss)/(1<<20))
		if base >= 0 {
			row += fmt.Sprintf(" %.2f | %.2f |", 1/x.ratio(t.tools[base], wall), x.ratio(t.tools[base], cpu))
		}
		fmt.Println(row)
	}
	fmt.Println()
}

// figure writes a number with three digits that mean something.
func figure(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
}
