package scenarios

import (
	"fmt"
	"strings"
	"testing"
)

// Addresses are looked up in the order of requests.
func TestAddressesTakeTheLastFlag(t *testing.T) {
	suites, problems := Load(oneFile(`
suite: s
sides: {blue: {url: "http://127.0.0.1:{{port}}"}, green: {url: "http://127.0.0.2:{{port}}"}}
cases:
  - {case: a, get: "/a?p={{port}}"}
`), []string{"x.yaml"}, LoadOptions{Now: today, Vars: []Named{{Name: "port", Value: "24001"}, {Name: "port", Value: "24002"}}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, c := range []SideConfig{suites[0].Blue, suites[0].Green} {
		if want := "24002"; !strings.HasSuffix(fmt.Sprint(c.URL), want) {
			t.Errorf("the address is %v, want port %s", c.URL, want)
		}
	}
}

// What cannot be computed is reported before anything is sent.
func TestAddressThatCannotBeComputed(t *testing.T) {
	_, problems := Load(oneFile(`
suite: s
vars: {port: "80"}
sides: {blue: {url: "http://127.0.0.1:{{port}}", vars: {port: "{{'x' | add: 1}}"}}, green: {url: "http://127.0.0.2:{{port}}", vars: {port: "81"}}}
cases:
  - {case: a, get: /a}
`), []string{"x.yaml"}, LoadOptions{Now: today, Demand: true})
	if !strings.Contains(fmt.Sprint(problems), `add: "x"`) {
		t.Errorf("problems %v, want the filter's error", problems)
	}
}
