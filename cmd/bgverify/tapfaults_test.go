package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/fixtures"
)

// tapFaults say of each fault of the twin what a tap makes of it: the exit status, and why
// one that is not found cannot be. docs/boxes.md has the same table.
var tapFaults = []struct {
	fault  string
	status int
	why    string
}{
	{"price-as-string", 1, ""},
	{"slow", 0, "time is not judged: green is asked after the box has its answer"},
	{"errors=20%", 1, ""},
	{"drop", 1, ""},
	{"reorder", 1, ""},
	{"leak-blue-host", 0, "the links are in answers to writes, which are not asked twice"},
	{"stale-cache", 0, "it shows in a read after a write, and writes are not asked twice"},
	{"wrong-build", 3, ""},
	{"truncate", 1, ""},
	{"foreign-session", 0, "each side gets the token that it gave itself"},
	{"write-unreadable-by-blue", 0, "writes are not asked twice"},
	{"mixed-build", 1, ""},
	{"both-login-page", 4, ""},
	{"token-expires-midway=100ms", 1, ""},
	{"stall", 0, "time is not judged: green is asked after the box has its answer"},
	{"workers", 0, "boxes make no load on green beyond their own"},
	{"shared-bottleneck", 0, "a comparison cannot see what both sides share"},
}

// eveningGets are what a box reads in an evening.
var eveningGets = []string{
	"/auth/v1/profiles", "/home/v1/screen", "/home/v1/menu", "/home/v1/popular", "/epg/v1/channels", "/epg/v1/channels/CH007", "/epg/v1/now?channels=CH001,CH002",
	"/vod/v1/categories", "/vod/v1/titles?genre=drama&size=40", "/search/v1/titles?q=%EC%82%AC%EB%9E%91", "/search/v1/suggest?q=%EC%82%AC",
	"/detail/v1/titles/VOD-1005", "/detail/v1/titles/VOD-1005/related", "/detail/v1/titles/VOD-1005/poster.png", "/billing/v1/products",
	"/settings/v1/device", "/push/v1/messages", "/notice/v1/list.xml", "/notice/v1/terms.txt", "/history/v1/watched",
}

// spendEvening signs a box in, reads, writes and plays.
func spendEvening(t *testing.T, proxy string) {
	t.Helper()
	session := ask(t, "POST", proxy+"/auth/v1/session", "", `{"device":"STB-0000-0001","key":"stb-key-demo","nonce":"n1"}`)
	m := regexp.MustCompile(`"token":"([^"]+)"`).FindStringSubmatch(session)
	if m == nil { // a page in place of a session
		m = []string{"", "none-at-all"}
	}
	for _, path := range eveningGets {
		ask(t, "GET", proxy+path, m[1], "")
	}
	ask(t, "PUT", proxy+"/history/v1/bookmarks/VOD-1005", m[1], `{"position":120}`)
	ask(t, "GET", proxy+"/history/v1/bookmarks/VOD-1005", m[1], "")
	play := ask(t, "POST", proxy+"/play/v1/sessions", m[1], `{"content":"VOD-1005"}`)
	if p := regexp.MustCompile(`"playId":"([^"]+)"`).FindStringSubmatch(play); p != nil {
		for _, part := range []string{"", "/master.m3u8", "/v1080/index.m3u8", "/key"} {
			ask(t, "GET", proxy+"/play/v1/sessions/"+p[1]+part, m[1], "")
		}
	}
}

// Each named fault of green is found through a tap, or the table says why not. The ordinary
// form looks at the healthy twin alone; BGVERIFY_BOXES=1 at every fault.
func TestTapFaults(t *testing.T) {
	t.Parallel()
	rows := []string{"healthy"}
	if os.Getenv("BGVERIFY_BOXES") != "" {
		for _, f := range tapFaults {
			rows = append(rows, f.fault)
		}
	}
	for i, fault := range rows {
		want, named := 0, ""
		if i > 0 {
			want, named = tapFaults[i-1].status, fault
		}
		t.Run(fault, func(t *testing.T) {
			faults, err := fixtures.ParseFaults(named)
			if err != nil {
				t.Fatal(err)
			}
			twin, err := fixtures.Start(fixtures.Options{GreenFaults: faults})
			if err != nil {
				t.Fatal(err)
			}
			defer twin.Close()
			dir := t.TempDir()
			env := filepath.Join(dir, "env.yaml")
			if err := os.WriteFile(env, []byte("state: separate\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			b := begin("tap", "--listen", "127.0.0.1:0", "--blue", twin.BlueURL, "--green", twin.GreenURL, "--suite", "../../scenarios/stb", "--env", env,
				"--out", filepath.Join(dir, "runs"), "--format", "text")
			for !strings.Contains(b.out.String(), "answers at") && len(b.status) == 0 {
				time.Sleep(time.Millisecond)
			}
			if m := regexp.MustCompile(`at (https?://\S+);`).FindStringSubmatch(b.out.String()); m != nil {
				spendEvening(t, m[1])
			}
			if status := b.stop(); status != want {
				t.Errorf("%d, want %d\n%s%s", status, want, b.out.String(), b.err.String())
			} else {
				t.Log(b.out.String())
			}
		})
	}
}

// The table of docs/boxes.md is the one that TestTapFaults holds a tap to, and it has every
// fault of the twin.
func TestTapFaultsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/boxes.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	known := map[string]bool{}
	for _, f := range tapFaults {
		name, _, _ := strings.Cut(f.fault, "=")
		known[name] = true
		found := map[int]string{1: "found, exit 1", 3: "found, exit 3", 4: "found, exit 4", 0: "not found: " + f.why}[f.status]
		fmt.Fprintf(&table, "| `%s` | %s |\n", f.fault, found)
	}
	for _, doc := range fixtures.Faults() {
		if !known[doc.Name] {
			t.Errorf("the fault %s is missing in tapFaults", doc.Name)
		}
	}
	if !strings.Contains(string(page), table.String()) {
		t.Errorf("docs/boxes.md has another table; want\n%s", table.String())
	}
}
