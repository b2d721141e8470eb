package scenarios

import (
	"strings"
	"testing"
	"testing/fstest"
)

// Which step takes back what, in words: undo > order, read > ….
func TestLinkCompensation(t *testing.T) {
	const order = "{step: order, post: /orders, side_effects: compensated, capture: {order: $.id}}"
	const again = "{step: again, post: /orders, side_effects: compensated}"
	for _, row := range []struct{ name, why, steps, cleanup, want string }{
		{"cleanup by capture", "its request uses the capture", order, "{step: undo, delete: '/orders/{{order}}', side_effects: compensated}", "undo > order"},
		{"cleanup for everything", "it uses no capture", order + ", " + again, "{step: clear, post: /clear, side_effects: compensated}", "clear > order again"},
		{"cleanup names it", "compensates decides alone", order + ", " + again, "{step: undo, delete: '/orders/{{order}}', side_effects: compensated, compensates: [again]}", "undo > again"},
		{"later DELETE by capture", "no cleanup is needed", order + ", {step: undo, delete: '/orders/{{order}}', side_effects: compensated}", "", "undo > order"},
		{"later DELETE by URL", "the same resource", "{step: set, put: /device, side_effects: compensated}, {step: reset, delete: /device, side_effects: compensated}", "", "reset > set"},
		{"later POST", "a POST may do anything: only its name counts", order + ", {step: pay, post: '/orders/{{order}}/pay', side_effects: none}", "", ""},
		{"later POST by name", "", order + ", {step: cancel, post: '/orders/{{order}}/cancel', side_effects: compensated, compensates: order}", "", "cancel > order"},
		{"DELETE first", "it takes back nothing before it", "{step: forget, delete: /device, side_effects: idempotent}, {step: set, put: /device, side_effects: compensated}", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := "suite: s\ncases:\n  - case: c\n    steps: [" + row.steps + "]\n"
			if row.cleanup != "" {
				text += "    cleanup: [" + row.cleanup + "]\n"
			}
			suites, problems := Load(fstest.MapFS{"s.yaml": {Data: []byte(text)}}, []string{"s.yaml"}, LoadOptions{})
			if problems.HasErrors() {
				t.Fatalf("%v", problems)
			}
			var got []string
			c := suites[0].Cases[0]
			for _, s := range append(c.Steps, c.Cleanup...) {
				var names []string
				for _, of := range s.Compensates {
					names = append(names, of.Name)
				}
				if len(names) > 0 {
					got = append(got, s.Name+" > "+strings.Join(names, " "))
				}
			}
			if text := strings.Join(got, "; "); text != row.want {
				t.Errorf("got %q, want %q (%s)", text, row.want, row.why)
			}
		})
	}
}
