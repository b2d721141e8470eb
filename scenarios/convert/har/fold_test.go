package har

import (
	"fmt"
	"strings"
	"testing"
)

// Reads of a page that differ in numbers or in values of the query are rows of one case; what is
// needed, written, too few or differs otherwise is not.
func TestRows(t *testing.T) {
	get := func(path string) string {
		return harCall("GET", "https://a.example"+path, "", 200, "application/json", `{"n":1}`)
	}
	var many []string
	for i := range 60 {
		many = append(many, get(fmt.Sprintf("/seg/%d.ts", i)))
	}
	play := harCall("POST", "https://a.example/play", "", 200, "application/json", `{"playId":"pl4y-0001-abcd"}`)
	for _, tt := range []struct {
		name    string
		entries []string
		want    string
		rows    string // of the first file
		note    string
	}{
		{"numbers of a path", []string{get("/seg/1.ts"), get("/seg/2.ts"), get("/seg/10.ts")}, "get-seg-1-ts\n  GET /seg/{{part}}\n", "part\n1.ts\n2.ts\n10.ts\n", "3 requests of one route"},
		{"values of a query", []string{get("/s?q=a&n=1"), get("/s?q=%ED%95%9C&n=1"), get("/s?q=b%20c&n=1")}, "get-s\n  GET /s ?q={{q}} ?n=1\n", "q\na\n한\nb c\n", "they differ in q."},
		{"two places", []string{get("/c/1?p=1"), get("/c/2?p=2"), get("/c/3?p=3")}, "get-c-id\n  GET /c/{{part}} ?p={{p}}\n", "part,p\n1,1\n2,2\n3,3\n", ""},
		{"exact repeats", []string{get("/seg/1"), get("/seg/2"), get("/seg/1"), get("/seg/3"), get("/seg/1")}, "get-seg-id\n  GET /seg/{{part}}\n", "part\n1\n2\n3\n", "exact repeats of a row (2)"},
		{"too few", []string{get("/seg/1"), get("/seg/2")}, "page\n  GET /seg/1\n  GET /seg/2\n", "", ""},
		{"one address", []string{get("/v"), get("/v"), get("/v"), get("/v")}, "page\n  GET /v\n", "", "was sent 4 times"},
		{"what is written is read in order", []string{get("/b/1"), harCall("PUT", "https://a.example/b/2", "", 200, "", ""), get("/b/2"), get("/b/3")}, "page\n  GET /b/1\n  PUT /b/2\n  GET /b/2\n  GET /b/3\n", "", ""},
		{
			"a session of the page",
			[]string{play, get("/play/pl4y-0001-abcd/1.ts"), get("/play/pl4y-0001-abcd/2.ts"), get("/play/pl4y-0001-abcd/3.ts")},
			"get-play-pl4y-0001-abcd-1-ts\n  GET /play/{{playId}}/{{part}}\n", "part\n1.ts\n2.ts\n3.ts\n", "later parts need what it answers",
		},
		{"an id that another answer gave", []string{
			harCall("GET", "https://a.example/list", "", 200, "application/json", `[{"id":12345},{"id":23456},{"id":34567}]`), get("/d/12345"), get("/d/23456"), get("/d/34567"),
		}, "page\n  GET /list captures\n  GET /d/{{id}}\n  GET /d/{{id_2}}\n  GET /d/{{id_3}}\n", "", ""},
		{"more than are kept", many, "get-seg-0-ts\n  GET /seg/{{part}}\n", "", "rows after the first 50 of a route (10)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entries := strings.Join(tt.entries, ",")
			entries = strings.ReplaceAll(entries, `{"request":`, `{"pageref":"p","request":`)
			text := `{"log":{"version":"1.2","creator":{"name":"t","version":"1"},"pages":[{"id":"p","title":"Page","startedDateTime":"2026-11-29T08:00:00Z","pageTimings":{}}],"entries":[` + entries + `]}}`
			r := importHAR(t, text, Options{ByPage: true})
			var b strings.Builder
			for _, c := range r.Tree.Suites[0].Cases {
				fmt.Fprintf(&b, "%s\n", c.ID)
				for _, s := range c.Steps {
					fmt.Fprintf(&b, "  %s %s", s.Method, s.URL)
					for _, q := range s.Query {
						fmt.Fprintf(&b, " ?%s=%s", q.Name, q.Text)
					}
					if len(s.Captures) > 0 {
						b.WriteString(" captures")
					}
					b.WriteString("\n")
				}
			}
			if got := b.String(); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
			rows := ""
			if assets := r.Tree.Assets; len(assets) > 0 && tt.rows != "" {
				rows = string(assets[0].Data)
			}
			if rows != tt.rows {
				t.Errorf("rows %q, want %q", rows, tt.rows)
			}
			if notes := fmt.Sprint(r.Report.Notes); !strings.Contains(notes, tt.note) {
				t.Errorf("no %q in %s", tt.note, notes)
			}
		})
	}
}
