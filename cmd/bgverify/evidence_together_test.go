package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each side is fine by itself. What breaks when a box crosses over is found by
// the lanes that walk from side to side, or by sampling what green is.
func TestEvidenceTogetherBroken(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name        string
		green, blue string // faults of the twin
		args        []string
		status      int
		reason      string
	}{
		{"foreign-session", "foreign-session", "", []string{"--case", "stb-watch/bookmark", "--case", "stb-watch/first-picture"}, 1, `crossover B-G-B-G: green: expected status \d+, got 401`},
		{"write-unreadable-by-blue", "write-unreadable-by-blue", "", []string{"--case", "stb-watch/bookmark"}, 1, `crossover B-G-B-G: blue: expected status 2xx, got 500`},
		{"mixed-build=10%", "mixed-build=10%", "", []string{"--case", "stb-power-on/terms"}, 1, `green is not one thing`},
		{"stale-cache", "stale-cache", "", []string{"--case", "stb-personal/device-settings", "--case", "stb-watch/bookmark"}, 1, `green: expected \$\.settings\.volume is 35, got 20`},
		{"both-login-page", "both-login-page", "", []string{"--case", "stb-power-on/home-screen"}, 1, `(?s)blue: answers with an HTML page.*green: answers with an HTML page`},
		{"token-expires-midway", "token-expires-midway", "token-expires-midway", []string{"--case", "stb-power-on/session-lasts"}, 1, `blue: expected status \w+, got 401`},
		{"wrong-build", "wrong-build", "", []string{"--case", "stb-power-on/terms"}, 3, `identity /version \$\.commit: must be the same, but blue is ".*" and green is "0badc0d"`},
		{"leak-blue-host", "leak-blue-host", "", []string{"--case", "stb-watch/playlist-link"}, 1, `green names blue`},
	} {
		t.Run("together_broken/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			if err := os.CopyFS(filepath.Join(e.dir, "stb"), os.DirFS(filepath.Join("..", "..", "scenarios", "stb"))); err != nil {
				t.Fatal(err)
			}
			twin := services(t, row.green, row.blue)
			args := append([]string{"run", "stb", "--no-load", "--blue", twin.BlueURL, "--green", twin.GreenURL}, row.args...)
			e.bgverify(args...).ends(row.status, row.reason, "")
		})
	}
}

// Cookies and cache entries of one side that the other does not take.
func TestEvidenceCrossover(t *testing.T) {
	t.Parallel()
	suite := `
suite: one
cases:
  - case: box
    crossover: true
    steps:
      - {step: sign in, post: /session, side_effects: none, expect: {status: 200}}
      - {step: look, get: /screen}
      - {step: look again, get: /screen}
`
	// tokens of both sides look alike in shape; each side keeps its own.
	side := func(name string, foreign func(value string) bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/session" {
				http.SetCookie(w, &http.Cookie{Name: "sid", Value: name + "-session-1", Path: "/"})
				says(`{"code":0,"message":"welcome"}`)(w, r)
				return
			}
			c, err := r.Cookie("sid")
			if err != nil || foreign(c.Value) {
				answers(401, "application/json", `{"code":40101}`)(w, r)
				return
			}
			says(`{"code":0,"rows":[1,2,3]}`)(w, r)
		}
	}
	ignoring := strings.Replace(suite, "cases:", "rules: [{header: set-cookie, do: ignore, why: each side signs its own}]\ncases:", 1)
	takesAll := func(string) bool { return false }
	// What a side writes comes back as the box's own copy, in the side's schema.
	store := func(schema string, reads func(schema string) bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				http.SetCookie(w, &http.Cookie{Name: "mark", Value: schema, Path: "/"})
			} else if c, err := r.Cookie("mark"); err != nil || !reads(c.Value) {
				answers(500, "application/json", `{"code":50001,"message":"unknown schema"}`)(w, r)
				return
			}
			says(`{"position":61}`)(w, r)
		}
	}
	wrote := `
suite: one
rules: [{header: set-cookie, do: ignore, why: each side writes its own schema}]
cases:
  - case: box
    crossover: true
    steps:
      - {step: save, put: /mark, side_effects: idempotent, json: {position: 61}}
      - {step: load, get: /mark}
      - {step: save again, put: /mark, side_effects: idempotent, json: {position: 61}}
      - {step: load again, get: /mark}
`
	prove(t, "together_broken", []proof{
		{
			name: "green takes its own cookies only", suite: ignoring, status: 1, reason: `crossover B-G-B-G: green: expected status 2xx, got 401`,
			blue: side("b", takesAll), green: side("g", func(v string) bool { return !strings.HasPrefix(v, "g") }),
		},
		{
			name: "blue does not take green's cookies", suite: ignoring, status: 1, reason: `crossover G-B-G-B: blue: expected status 2xx, got 401`,
			blue: side("b", func(v string) bool { return !strings.HasPrefix(v, "b") }), green: side("g", takesAll),
		},
		{
			name: "written on green, unreadable on blue", suite: wrote, status: 1, reason: `crossover (B-G-B-G|G-B-G-B): blue: expected status 2xx, got 500`,
			blue: store("2", func(schema string) bool { return schema == "2" }), green: store("3", func(string) bool { return true }),
		},
	})
}

// One unreachable service of twelve does not take the verdict of the others along.
func TestEvidenceOneOfTwelve(t *testing.T) {
	t.Parallel()
	const n = 12
	suite := func(down string) string {
		var b strings.Builder
		b.WriteString("suite: twelve\nsides:\n")
		for _, side := range []string{"blue", "green"} {
			fmt.Fprintf(&b, "  %s:\n    services:\n", side)
			for i := 1; i <= n; i++ {
				at := fmt.Sprintf("/s%d", i)
				if i == 7 && strings.Contains(down, side) {
					at = "DOWN-" + side
				}
				fmt.Fprintf(&b, "      s%d: %s\n", i, at)
			}
		}
		b.WriteString("cases:\n")
		for i := 1; i <= n; i++ {
			fmt.Fprintf(&b, "  - {case: case-%d, service: s%d, get: /item}\n", i, i)
		}
		return b.String()
	}
	for _, row := range []struct {
		name, down string
		differs    bool
		status     int
		reason     string
	}{
		{"blue's is down, the others are equal", "blue", false, 3, `blue service s7 .*is unreachable: .*refused`},
		{"blue's is down, another differs", "blue", true, 1, `\$\.v changed.*twelve/case-3`},
		{"green's is down", "green", false, 1, `green service s7 .*is unreachable: .*refused`},
		{"both are down, another differs", "blue and green", true, 1, `service s7 .*is unreachable: .*refused`},
	} {
		t.Run("one_of_twelve/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			text := strings.ReplaceAll(suite(row.down), "DOWN-blue", closedPort(t))
			e.file("suite.yaml", strings.ReplaceAll(text, "DOWN-green", closedPort(t)))
			blue := serve(t, says(`{"v":1}`))
			green := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if row.differs && strings.HasPrefix(r.URL.Path, "/s3/") {
					says(`{"v":2}`)(w, r)
					return
				}
				says(`{"v":1}`)(w, r)
			})
			r := e.bgverify("run", "suite.yaml", "--blue", blue, "--green", green)
			r.ends(row.status, row.reason, "")
			r.ends(row.status, `service s7 .*is unreachable`, "")
			pass := n - 1
			if row.differs {
				pass--
			}
			if r.run.Counts.Pass != pass || r.run.Counts.Cases != n {
				t.Errorf("%d of %d cases pass, want %d of %d: %+v", r.run.Counts.Pass, r.run.Counts.Cases, pass, n, r.run.Counts)
			}
			if !strings.Contains(r.out.String(), "service s7") {
				t.Errorf("the report does not say which service could not be judged:\n%s", &r.out)
			}
		})
	}
}

// A suite that is weakened on purpose looks at less, and its coverage says so.
func TestEvidenceWeakenedSuite(t *testing.T) {
	t.Parallel()
	body := `{"code":0,"title":"바다","price":1650,"rows":[{"id":"a","at":1,"note":"x"},{"id":"b","at":2,"note":"y"}],"next":"c1","more":{"p":1,"q":"r"}}`
	h := routes(map[string]http.HandlerFunc{"/item": says(body), "/other": says(strings.Replace(body, "1650", "1700", 1))})
	suite := func(head string) string {
		return "suite: one\n" + head + "cases:\n  - {case: item, get: /item}\n  - {case: other, get: /other}\n"
	}
	ran := func(t *testing.T, head string) *ended {
		e := newEvidence(t)
		e.file("suite.yaml", suite(head))
		// A seed decides which few values of a body are mutated.
		return e.bgverify("run", "suite.yaml", "--blue", serve(t, h), "--green", serve(t, h), "--seed", "7")
	}
	share := func(r *ended) float64 {
		return float64(r.run.Coverage.Killed) / float64(max(r.run.Coverage.Mutants, 1))
	}
	weak := "rules:\n  - {at: '$.rows[*].*', do: ignore, why: lazy}\n  - {at: $.more, do: ignore, why: lazy}\n"

	t.Run("weakened/coverage drops", func(t *testing.T) {
		t.Parallel()
		full, less, shape := ran(t, ""), ran(t, weak), ran(t, "defaults: {mode: shape}\n")
		for _, r := range []*ended{full, less, shape} {
			if r.run.Coverage.Mutants == 0 || r.run.Verdict == "" || len(r.run.Suites) != 1 || r.run.Suites[0].Coverage != r.run.Coverage {
				t.Fatalf("no coverage in run.json: %+v\n%s%s", r.run, &r.out, &r.err)
			}
		}
		if share(full) != 1 {
			t.Errorf("the full suite finds %d of %d mutants, want all", full.run.Coverage.Killed, full.run.Coverage.Mutants)
		}
		if got := share(less); got > 0.6 || got == 0 {
			t.Errorf("with rules that ignore eight of twelve values the suite still finds %.2f of the mutants", got)
		}
		if got := share(shape); got != 0 {
			t.Errorf("in shape mode the suite finds %.2f of the changed values, want none", got)
		}
	})
	for _, row := range []struct{ name, head string }{
		{"broad ignores below the minimum", weak},
		{"shape mode below the minimum", "defaults: {mode: shape}\n"},
	} {
		t.Run("weakened/"+row.name, func(t *testing.T) {
			t.Parallel()
			ran(t, "coverage: {min: 80%}\n"+row.head).ends(4, `suite one: coverage \d+(\.\d+)? % is below its minimum of 80 %`, "")
		})
	}
	t.Run("weakened/the full suite reaches the minimum", func(t *testing.T) {
		t.Parallel()
		if r := ran(t, "coverage: {min: 80%}\n"); r.status != 0 {
			t.Errorf("exit status %d, want 0: %q", r.status, r.run.Reasons)
		}
	})
}
