package scenarios_test

import (
	"fmt"
	"os"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios"
)

// Load reads files and folders of a file system and returns the suites, or all
// problems of all files.
func ExampleLoad() {
	files := fstest.MapFS{"home.yaml": {Data: []byte(`suite: home
cases:
  - case: channels
    get: /v1/channels
    query: {region: seoul}
    expect: {body: {"$.channels": {count: {gte: 100}}}}
`)}}
	suites, problems := scenarios.Load(files, []string{"home.yaml"}, scenarios.LoadOptions{})
	if problems.HasErrors() {
		_ = problems.Write(os.Stderr)
		return
	}
	step := suites[0].Cases[0].Steps[0]
	fmt.Println(suites[0].Cases[0].ID, step.Request.Method, step.Request.URL.Text, step.Timeout)
	// Output: home/channels GET /v1/channels 30s
}

// A mistake is a problem with its place, the line with a caret, and a hint.
func ExampleLoad_problem() {
	files := fstest.MapFS{"home.yaml": {Data: []byte(`suite: home
cases:
  - {case: channels, get: /v1/channels, querry: {region: seoul}}
`)}}
	_, problems := scenarios.Load(files, []string{"home.yaml"}, scenarios.LoadOptions{})
	_ = problems.Write(os.Stdout)
	// Output:
	// home.yaml:3:41: error: unknown key "querry" in case "channels"
	//     - {case: channels, get: /v1/channels, querry: {region: seoul}}
	//                                           ^^^^^^
	//   hint: did you mean "query"?
}
