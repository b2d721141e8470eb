package source

import (
	"strings"
	"testing"

	"github.com/bgverify/bgverify/report/reporttest"
	"github.com/bgverify/bgverify/runner/run"
)

// TestDoItAgain: the commands under a report lead back to what was run, and name
// no address that is gone.
func TestDoItAgain(t *testing.T) {
	for _, tt := range []struct {
		name, why string
		change    func(*run.Header)
		want      []string
		not       string // in none of them
	}{
		{
			name: "run", why: "sides and seed are named where the flags do not",
			change: func(h *run.Header) { h.Flags = []string{"--no-load=true", "--run-id=x"} },
			want: []string{
				"bgverify run --no-load=true --seed 7 --blue http://10.0.1.7:8080 --green http://10.0.2.7:8080 scenarios/account.yaml",
				"bgverify rediff r1", "bgverify report r1 --format html -o report.html", "bgverify run scenarios/account.yaml --case account/a",
			},
			not: "--run-id",
		},
		{
			name: "demo", why: "the services of a demo end with it",
			change: func(h *run.Header) {
				h.Verb, h.Flags = "demo", []string{"--green-fault=slow=20%,price-as-string", "--out=my runs"}
			},
			want: []string{
				"bgverify demo --green-fault=slow=20%,price-as-string '--out=my runs' --seed 7",
				"bgverify rediff r1 '--out=my runs'", "bgverify report r1 '--out=my runs' --format html -o report.html",
				"bgverify demo --no-load --seed 7 --green-fault=slow=20%,price-as-string --case account/a",
			},
			not: "http://",
		},
		{
			name: "rediff", why: "nothing was sent: the parent is judged again",
			change: func(h *run.Header) { h.Verb, h.Parent, h.Flags = "rediff", "r0", []string{"--rules=r.yaml"} },
			want:   []string{"bgverify rediff --rules=r.yaml r0", "bgverify rediff r1"},
			not:    "bgverify run --rules",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ran := reporttest.Run(reporttest.Options{Seed: 7, Cases: 3})
			ran.Header.ID, ran.Header.Seed = "r1", 7
			tt.change(&ran.Header)
			src := New(ran)
			got := append(src.Commands(), src.RerunCase(0, "account/a"))
			for i, want := range tt.want {
				if !strings.HasPrefix(got[min(i, len(got)-1)], want) {
					t.Errorf("command %d is %q, want %q: %s", i, got[i], want, tt.why)
				}
			}
			if all := strings.Join(got, "\n"); strings.Contains(all, tt.not) {
				t.Errorf("the commands hold %q: %s\n%s", tt.not, tt.why, all)
			}
		})
	}
}
