package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Values from outside reach the wire with the type that they are given with: text with
// --var name=value and BGVERIFY_VAR_, JSON with name:=value and BGVERIFY_JSON_.
func TestTypedVariables(t *testing.T) {
	dir := t.TempDir()
	suite := `suite: typed
needs: [n, list, region, price, token]
secrets: [token]
sides: {blue: {url: http://127.0.0.1:1}, green: {url: http://127.0.0.1:2}}
cases:
  - case: send
    post: "/v1/orders/{{n}}"
    json: {n: "{{n}}", list: "{{list}}", region: "{{region}}", price: "{{price}}", token: "{{token}}", text: "n is {{n}}"}
    side_effects: none
`
	if err := os.WriteFile(filepath.Join(dir, "s.yaml"), []byte(suite), 0o644); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var bodies []string
	take := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		if !strings.HasSuffix(r.URL.Path, "/") { // the check that a side answers
			bodies = append(bodies, r.URL.Path+" "+string(body))
		}
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok": true, "id": 17}`)
	}
	run := func(want int, env []string, flags ...string) string {
		t.Helper()
		args := append([]string{"run", "s.yaml", "--blue", serve(t, take), "--green", serve(t, take), "--no-progress"}, flags...)
		cmd, out := bgverifyIn(t, dir, args...)
		cmd.Env = append(cmd.Env, env...)
		if got := statusOf(t, cmd); got != want {
			t.Fatalf("%v: exit %d, want %d\n%s", flags, got, want, out)
		}
		return out.String()
	}
	out := run(0, []string{"BGVERIFY_VAR_REGION=7", "BGVERIFY_JSON_PRICE=1.50"}, "--var", "n:=5", "--var", "list:=[1, null]", "--var", `token:="s3cret-\u00e9-value"`)
	want := `/v1/orders/5 {"n":5,"list":[1, null],"region":"7","price":1.50,"token":"s3cret-\u00e9-value","text":"n is 5"}`
	if len(bodies) < 2 || bodies[0] != want || bodies[1] != want {
		t.Errorf("sent %q, want twice %q", bodies, want)
	}
	if strings.Contains(out, "s3cret") {
		t.Error("the output shows a secret")
	}
	everyFile(t, filepath.Join(dir, "runs"), func(name, text string) {
		if strings.Contains(text, "s3cret") {
			t.Errorf("%s holds a secret", name)
		}
	})
	// What cannot be read is refused before anything is sent, and its value is not shown.
	bodies = nil
	for _, x := range []struct {
		env   []string
		flags []string
		says  string
	}{
		{nil, []string{"--var", "n:=five"}, "the value after := is not JSON"},
		{nil, []string{"--var", "n:="}, "the value after := is not JSON"},
		{nil, []string{"--var", ":=5"}, "the value after := is not JSON"},
		{[]string{"BGVERIFY_JSON_N=five"}, nil, "BGVERIFY_JSON_N does not hold JSON"},
	} {
		if out := run(2, x.env, x.flags...); !strings.Contains(out, x.says) || strings.Contains(out, "five") && !strings.Contains(out, "BGVERIFY") {
			t.Errorf("%v %v: says %s", x.env, x.flags, out)
		}
	}
	if len(bodies) > 0 {
		t.Errorf("sent %q although nothing may be", bodies)
	}
}
