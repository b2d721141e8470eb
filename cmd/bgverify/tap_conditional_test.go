package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A versioned service answers with 304 where a client has its version.
type versioned struct {
	tag, modified, body string
	// odd replaces the answer to a request with a condition: its status. 0: it is answered as it should be.
	odd int
}

func (v versioned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{"Etag": v.tag, "Last-Modified": v.modified} {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	has, since := r.Header.Get("If-None-Match"), r.Header.Get("If-Modified-Since")
	switch {
	case v.odd != 0 && has+since != "":
		w.WriteHeader(v.odd)
	case has != "" && has == v.tag, has == "" && since != "" && since == v.modified:
		w.WriteHeader(http.StatusNotModified)
	default:
		fmt.Fprint(w, v.body)
	}
}

// Requests with conditions are judged by the content that a 304 stands for: sides that name
// their versions otherwise are equal, and a side that keeps a client on what is outdated is not.
func TestTapOfConditions(t *testing.T) {
	t.Parallel()
	const date = "Sat, 28 Nov 2026 06:00:00 GMT"
	now := versioned{tag: `"v2"`, body: `{"list":[1,2,3]}`}
	old := versioned{tag: `"v1"`, body: `{"list":[1,2]}`}
	with := func(v versioned, tag string, odd int) versioned {
		v.tag, v.odd = tag, odd
		return v
	}
	dated := versioned{modified: date, body: `{"a":1}`}
	rows := []struct {
		name        string
		blue, green versioned
		has         string // condition of the client
		of          [2]string
	}{
		// What blue, then green makes of it as the side that answers: pass, fail, or nothing.
		{"unchanged", now, now, `"v2"`, [2]string{"pass", "pass"}},
		{"another-tag-of-green", now, with(now, `"7"`, 0), `"v2"`, [2]string{"pass", "pass"}},
		{"by-date", dated, dated, date, [2]string{"pass", "pass"}},
		{"one-tag-for-two-contents", now, with(old, now.tag, 0), `"v2"`, [2]string{"fail", "fail"}},
		{"another-content", now, old, `"v2"`, [2]string{"fail", "fail"}},
		{"green-says-304-to-all", now, with(now, `"7"`, 304), `"v2"`, [2]string{"fail", "fail"}},
		{"green-fails", now, with(now, now.tag, 500), `"v2"`, [2]string{"fail", "fail"}},
		{"blue-says-304-to-all", with(now, now.tag, 304), now, `"v1"`, [2]string{"", ""}},
		{"an-old-version", now, now, `"v1"`, [2]string{"pass", "pass"}},
		{"green-is-outdated", now, old, `"v1"`, [2]string{"fail", "fail"}},
		{"green-keeps-an-old-version", now, with(now, now.tag, 304), `"v1"`, [2]string{"fail", "fail"}},
		{"new-tag-of-blue-for-the-same", with(now, `"v3"`, 0), now, `"v2"`, [2]string{"pass", "pass"}},
	}
	for i, answer := range []string{"blue", "green"} {
		t.Run(answer, func(t *testing.T) {
			var sides [2]http.ServeMux
			for _, row := range rows {
				sides[0].Handle("/"+row.name, row.blue)
				sides[1].Handle("/"+row.name, row.green)
			}
			blue, green := httptest.NewServer(&sides[0]), httptest.NewServer(&sides[1])
			defer blue.Close()
			defer green.Close()
			b, proxy := startTap(t, blue.URL, green.URL, "--answer", answer, "--format", "json")
			for _, row := range rows {
				askWith(t, proxy+"/"+row.name, row.has)
			}
			b.stop()
			got := tapVerdicts(t, b)
			for _, row := range rows {
				if got[row.name] != row.of[i] {
					t.Errorf("%s: %q, want %q", row.name, got[row.name], row.of[i])
				}
			}
			if t.Failed() {
				t.Log(b.out.String())
			}
		})
	}
}

// tapVerdicts are the verdicts of the pairs of a tap by the last part of their path.
func tapVerdicts(t *testing.T, b *background) map[string]string {
	t.Helper()
	m := regexp.MustCompile(`run=(\S+)`).FindStringSubmatch(b.out.String())
	if m == nil {
		t.Fatalf("no run folder in\n%s\n%s", b.out.String(), b.err.String())
	}
	data, err := os.ReadFile(filepath.Join(m[1], "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Suites []struct {
			Cases []struct{ Name, Verdict string }
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			out[c.Name[strings.LastIndexByte(c.Name, '/')+1:]] = c.Verdict
		}
	}
	return out
}

// askWith asks for what is newer than a tag or a date.
func askWith(t *testing.T, address, has string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	name := "If-None-Match"
	if strings.HasSuffix(has, "GMT") {
		name = "If-Modified-Since"
	}
	req.Header.Set(name, has)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}
