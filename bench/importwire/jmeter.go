package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"
)

// jmeter plays one plan of many generated thread groups with JMeter and runs what
// import makes of it, and compares the requests path by path.
func jmeter(verbose bool) error {
	if _, err := exec.LookPath("jmeter"); err != nil {
		fmt.Println("importwire jmeter: skipped: no jmeter on the PATH (apt-get install jmeter)")
		return nil
	}
	work, err := os.MkdirTemp("", "importwire")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	blue, err := newRecorder()
	if err != nil {
		return err
	}
	green, err := newRecorder()
	if err != nil {
		return err
	}
	groups := generate()
	for name, data := range map[string]string{
		"plan.jmx": plan(groups), "rows.csv": "user,city\nkim,Seoul\nlee,Busan\n", "one.csv": "acme\n", "upload.txt": "uploaded\n", "body.json": `{"from": "file"}`,
	} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(data), 0o644); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	properties := []string{"-J", "host=127.0.0.1", "-J", fmt.Sprintf("port=%d", blue.port()), "-J", "tenant=t9"}
	if err := play(ctx, work, properties); err != nil {
		return err
	}
	want := blue.take()
	if keep := os.Getenv("IMPORTWIRE_KEEP"); keep != "" {
		command(ctx, work, "cp", "plan.jmx", "log.jtl", "jmeter.log", keep) //nolint:errcheck // for a look
	}
	if err := imported(ctx, work, properties, blue, green); err != nil {
		return err
	}
	report(groups, want, blue.take(), verbose)
	return nil
}

// permission lets XStream read the classes of a plan. JMeter 2.13 does not say
// which it needs, and the XStream of later Debians then admits none.
const permission = `package com.thoughtworks.xstream.security;
public class NoTypePermission implements TypePermission {
    public static final TypePermission NONE = new NoTypePermission();
    public boolean allows(Class type) { return true; }
}
`

// play runs the plan with Debian's JMeter.
func play(ctx context.Context, work string, properties []string) error {
	const xstream, jmeterJar = "/usr/share/java/xstream.jar", "/usr/share/jmeter/bin/ApacheJMeter.jar"
	if err := os.WriteFile(filepath.Join(work, "NoTypePermission.java"), []byte(permission), 0o644); err != nil {
		return err
	}
	if err := command(ctx, work, "javac", "-nowarn", "-cp", xstream, "-d", "classes", "NoTypePermission.java"); err != nil {
		return err
	}
	args := []string{"-cp", strings.Join([]string{"classes", xstream, jmeterJar}, ":"), "-Djmeter.home=/usr/share/jmeter", "org.apache.jmeter.NewDriver", "-n", "-t", "plan.jmx", "-l", "log.jtl"}
	return command(ctx, work, "java", append(args, flat(properties)...)...)
}

// flat joins -J and its value, as JMeter wants them.
func flat(properties []string) []string {
	var out []string
	for i := 0; i < len(properties); i += 2 {
		out = append(out, properties[i]+properties[i+1])
	}
	return out
}

// imported imports the plan, says of every unsafe request that it may be sent, and
// runs the suite.
func imported(ctx context.Context, work string, properties []string, blue, green *recorder) error {
	binary := filepath.Join(work, "bgverify")
	if err := command(ctx, ".", "go", "build", "-C", "..", "-o", binary, "./cmd/bgverify"); err != nil {
		return err
	}
	if err := command(ctx, work, binary, append([]string{"import", "jmeter", "plan.jmx", "-o", "suite"}, properties...)...); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(work, "suite", "*.yaml"))
	if err != nil {
		return err
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if keep := os.Getenv("IMPORTWIRE_KEEP"); keep != "" {
			os.WriteFile(filepath.Join(keep, filepath.Base(f)), data, 0o644) //nolint:errcheck // for a look
		}
		if err := os.WriteFile(f, []byte(strings.ReplaceAll(string(data), "side_effects: unreviewed", "side_effects: none")), 0o644); err != nil {
			return err
		}
	}
	run := exec.CommandContext(ctx, binary, "run", "suite", "--blue", blue.url(), "--green", green.url(), "--no-load", "--out", "runs")
	run.Dir = work
	run.Env = append(os.Environ(), "PASSWORD=secret", "TOKEN=abc.def", "AUTHORIZATION=x")
	out, err := run.CombinedOutput()
	if run.ProcessState == nil || run.ProcessState.ExitCode() == 2 || run.ProcessState.ExitCode() == 3 {
		return fmt.Errorf("bgverify run: %w\n%s", err, out)
	}
	return nil
}

func command(ctx context.Context, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return nil
}

// A row counts the requests of one kind of element.
type row struct{ sent, equal int }

// count adds the requests to one path, each of which may be equal to one of got. It takes those
// out of got, and returns a text for each request that differs: it and what was left to choose from.
func (r *row) count(want, got []sent) (differing []string) {
	for _, w := range want {
		r.sent++
		if i := slices.IndexFunc(got, func(s sent) bool { return s.text == w.text }); i >= 0 {
			r.equal++
			got = slices.Delete(got, i, i+1)
			continue
		}
		text := "JMeter:\n" + w.text + "\n"
		for _, s := range got {
			text += "suite:\n" + s.text + "\n"
		}
		differing = append(differing, text)
	}
	return differing
}

// report prints a table of kinds, and with -v every request that differs.
func report(groups []threads, want, got map[string][]sent, verbose bool) {
	rows := map[string]*row{}
	total := row{}
	for _, g := range groups {
		r := rows[g.kind]
		if r == nil {
			r = &row{}
			rows[g.kind] = r
		}
		for _, path := range sortedPaths(want) {
			if !strings.HasPrefix(path, "/"+g.id+"/") {
				continue
			}
			differing := r.count(want[path], slices.Clone(got[path]))
			if !verbose {
				continue
			}
			for _, text := range differing {
				fmt.Printf("--- %s (%s)\n%s", path, g.kind, text)
			}
		}
	}
	kinds := make([]string, 0, len(rows))
	for k := range rows {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	fmt.Println("| element | sent by JMeter | equal |\n|---|---|---|")
	for _, k := range kinds {
		fmt.Printf("| %s | %d | %d |\n", k, rows[k].sent, rows[k].equal)
		total.sent += rows[k].sent
		total.equal += rows[k].equal
	}
	fmt.Printf("| **all** | %d | %d (%.1f %%) |\n", total.sent, total.equal, 100*float64(total.equal)/float64(max(1, total.sent)))
}

func sortedPaths(m map[string][]sent) []string {
	var out []string
	for p := range m {
		out = append(out, p)
	}
	sort.Strings(out)
	return out
}
