package runner_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A counter is a sink that keeps nothing of a run but the number of its cases.
type counter struct{ cases int }

func (c *counter) Secret(string, string) {}

func (c *counter) Emit(e run.Event) error {
	if e.Case != nil {
		c.cases++
	}
	return nil
}

func (c *counter) LoadFile(string) (run.RecordWriter, error) { return nil, nil }

// A suite of one case against two servers that do not answer alike.
func ExampleExecute() {
	serve := func(body string) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		}))
	}
	blue, green := serve(`{"title":"news","price":1000}`), serve(`{"title":"news","price":"1000"}`)
	defer blue.Close()
	defer green.Close()

	files := fstest.MapFS{"shop.yaml": {Data: []byte("suite: shop\ncases:\n  - {case: price, get: /titles/1}\n")}}
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{
		BlueURL: blue.URL, GreenURL: green.URL, Now: time.Now(),
	})
	if problems.HasErrors() {
		fmt.Println(problems)
		return
	}
	plan := &runner.Plan{Suites: suites, Options: runner.Options{Seed: 1}, World: runner.World{Now: time.Now, Files: files}}
	sink := &counter{}
	end, err := runner.Execute(context.Background(), plan, sink, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sink.cases, "case:", end.Verdict)
	fmt.Println(end.Reasons[0])
	// Output:
	// 1 case: fail
	// 1 of 1 cases differ: $.price number -> string, same text
}
