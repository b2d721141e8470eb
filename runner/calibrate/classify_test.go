package calibrate

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
)

// observe compares JSON bodies in pairs, round by round, as a calibration does.
func observe(pairs [][2]string) *observations {
	o := newObservations()
	for round, p := range pairs {
		result := diff.Compare([]byte(p[0]), []byte(p[1]), nil)
		o.add(round, &run.CaseResult{ID: "s/c", Steps: []run.StepResult{{Name: "get", Compared: true, Differences: result.Differences}}})
	}
	return o
}

// series makes n pairs of bodies from what one side shows at request i.
func series(n int, body func(i int) string) [][2]string {
	pairs := make([][2]string, n)
	for i := range pairs {
		pairs[i] = [2]string{body(2 * i), body(2*i + 1)}
	}
	return pairs
}

func TestClassify(t *testing.T) {
	clocked := func(layout string) [][2]string {
		return series(4, func(i int) string {
			return fmt.Sprintf(`{"t":%q}`, time.Date(2026, 11, 28, 20, 0, 0, i*7_000_000, time.UTC).Add(time.Duration(i)*time.Second).Format(layout))
		})
	}
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name  string
		pairs [][2]string
		class string
		rule  string // "": none is proposed
	}{
		{"uuid", series(4, func(i int) string { return fmt.Sprintf(`{"id":"9b2c6f4e-6f0a-4d6e-9a55-0d8a3f0f7c%02x"}`, i) }), "uuid", `is: uuid`},
		{"a clock allows four times what was seen", series(4, func(i int) string {
			return fmt.Sprintf(`{"t":%q}`, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339))
		}), "clock", `do: time, within: 5s`},
		{"epoch milliseconds", series(4, func(i int) string { return fmt.Sprintf(`{"t":%d}`, 1795000000000+i*10) }), "clock", `do: time, within: 2s`},
		{"counter", series(4, func(i int) string { return fmt.Sprintf(`{"n":%d}`, 41+i) }), "counter", `do: tolerance, abs: 10`},
		{"a number that does not count", series(4, func(i int) string { return fmt.Sprintf(`{"n":%d}`, 7919*(i+1)%101) }), "number", `do: ignore`},
		{"measured", series(4, func(i int) string { return fmt.Sprintf(`{"n":100.%d}`, i) }), "number", `do: tolerance, rel: `},
		{"order", [][2]string{{`{"a":[1,2,3,4,5]}`, `{"a":[5,4,3,2,1]}`}, {`{"a":[1,2,3,4,5]}`, `{"a":[3,4,5,1,2]}`}}, "order", `at: "$.a", do: match, as: set`},
		{"enum", series(8, func(i int) string { return fmt.Sprintf(`{"pod":%q}`, []string{"a.1", "b"}[i%2]) }), "enum", `pattern: "^(a\\.1|b)$"`},
		{"of one shape", series(4, func(i int) string { return fmt.Sprintf(`{"k":"O-%06X"}`, 0xABCDEF*(i+1)%0xFFFFFF) }), "shape", `pattern: "^O-[0-9A-F]{6}$"`},
		{"a time without a zone", clocked("2006-01-02 15:04:05.000"), "clock", `do: time, within: 5s`},
		{"a time as mail writes it", clocked(time.RFC1123Z), "clock", `do: time, within: 5s`},
		{"a time in one run of digits", clocked("20060102150405"), "clock", `do: time, within: 5s`},
		{"epoch seconds with a fraction", series(4, func(i int) string { return fmt.Sprintf(`{"t":1795000000.%03d}`, i*10) }), "clock", `do: time, within: 2s`},
		{"epoch microseconds", series(4, func(i int) string { return fmt.Sprintf(`{"t":"%d"}`, 1795000000000000+i*1000) }), "clock", `do: time, within: 2s`},
		{"a time far away", series(4, func(i int) string {
			return fmt.Sprintf(`{"t":%q}`, at.Add(time.Duration(i)*5*time.Hour).Format(time.RFC3339))
		}), "clock", `do: time, within: 20h0m1s`},
		{"jwt", series(4, func(i int) string {
			return fmt.Sprintf(`{"t":"eyJhbGciOiJIUzI1NiJ9.eyJuIjox%02dfQ.c2lnbmF0%02d"}`, i+10, i+20)
		}), "jwt", `is: jwt`},
		{"digits that count", series(4, func(i int) string { return fmt.Sprintf(`{"k":"req-%d"}`, 95+i) }), "shape", `pattern: "^req-[0-9]+$"`},
		{"the date in a name", series(4, func(i int) string { return fmt.Sprintf(`{"k":"log-2026-11-28-%04x"}`, 0xabcd+i*1021) }), "shape", `pattern: "^log-[0-9]+-[0-9]+-[0-9]+-[0-9a-f]{4}$"`},
		{"the name of a month", series(4, func(i int) string { return fmt.Sprintf(`{"k":"28 Nov 2026 no %d"}`, 8+i) }), "shape", `pattern: "^[0-9]+ [A-Za-z]+ [0-9]+ no [0-9]+$"`},
		{"half of a day in Korean", series(4, func(i int) string { return fmt.Sprintf(`{"k":"오후 3:05:%02d"}`, 8+i) }), "shape", `pattern: "^[가-힣]+ [0-9]+:[0-9]+:[0-9]+$"`},
		{"dates are no enum", series(8, func(i int) string { return fmt.Sprintf(`{"k":"2026-11-28/%s"}`, []string{"a", "b"}[i%2]) }), "shape", `pattern: "^[0-9]+-[0-9]+-[0-9]+/`},
		{"of several alphabets", series(4, func(i int) string {
			return fmt.Sprintf(`{"k":%q}`, "t."+base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%x<>?%x", i*7919, i*104729+1<<20)))
		}), "shape", `[0-9A-Za-z`},
		{"text without a shape", series(4, func(i int) string { return fmt.Sprintf(`{"k":%q}`, strings.Repeat("가 ", i*3+1)) }), "text", `do: ignore`},
		{"a boolean", series(4, func(i int) string { return fmt.Sprintf(`{"k":%t}`, i%2 == 0) }), "enum", `do: ignore`},
		{"a type that changes has no rule", series(4, func(i int) string { return []string{`{"k":1}`, `{"k":"1"}`}[i%2] }), "type", ""},
		{"a member that comes and goes has no rule", series(4, func(i int) string { return []string{`{"k":1,"l":2}`, `{"l":2}`}[i%2] }), "presence", ""},
		{"elements that come and go have no rule", series(4, func(i int) string { return []string{`[1,2,3]`, `[1,2]`}[i%2] }), "length", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			list := observe(test.pairs).propose()
			if len(list) != 1 {
				t.Fatalf("%d proposals, want 1: %+v", len(list), list)
			}
			p := list[0]
			if p.class != test.class {
				t.Errorf("class %s, want %s (%s)", p.class, test.class, p.group.evidence(strings.Clone))
			}
			if test.rule == "" {
				if p.rule != nil || p.why == "" {
					t.Errorf("rule %v, why %q; want none with a reason", p.rule, p.why)
				}
				return
			}
			if p.rule == nil {
				t.Fatalf("no rule: %s", p.why)
			}
			if yaml := diff.RuleYAML(*p.rule); !strings.Contains(yaml, test.rule) {
				t.Errorf("rule %s, want one with %s", yaml, test.rule)
			}
			// What was seen is settled; another type at the place never is.
			rules, bad := diff.Compile([]diff.Rule{*p.rule}, diff.Options{})
			if len(bad) > 0 {
				t.Fatal(bad[0].Msg)
			}
			for _, pair := range test.pairs {
				if r := diff.Compare([]byte(pair[0]), []byte(pair[1]), rules); !r.Equal() {
					t.Errorf("still different under %s: %v", diff.RuleYAML(*p.rule), r.Differences)
				}
			}
			if r := diff.Compare([]byte(test.pairs[0][0]), []byte(`{"other":null}`), rules); r.Equal() {
				t.Error("a missing member is hidden")
			}
		})
	}
}

// Names that tell the sides apart go into one pattern, which takes nothing between them.
func TestShapesOfBothSides(t *testing.T) {
	for _, test := range []struct{ name, blue, green, want string }{
		{"pods of two clusters", "stb-api-blue-%05x", "stb-api-green-%05x", `^stb-api-(blue|green)-[0-9a-f]{5}$`},
		{"one shape", "req-%06x", "req-%06x", `^req-[0-9a-f]{6}$`},
		{"rests of two lengths", "pod-a-%04x", "pod-b-%08x", `^(pod-a-[0-9a-f]{4}|pod-b-[0-9a-f]{8})$`},
		{"nothing in common", "x.%05x", "y.%05x", `^(x|y)\.[0-9a-f]{5}$`},
	} {
		t.Run(test.name, func(t *testing.T) {
			pairs := func(format string) [][2]string {
				return series(4, func(i int) string { return fmt.Sprintf(`{"pod":%q}`, fmt.Sprintf(format, 0xa1b2c+i*7919)) })
			}
			if strings.Contains(test.blue, "%04x") {
				pairs = func(format string) [][2]string {
					return series(4, func(i int) string { return fmt.Sprintf(`{"pod":%q}`, fmt.Sprintf(format, 0xab1c+i*37)) })
				}
			}
			blue := observe(pairs(test.blue))
			if findings := blue.with(observe(pairs(test.green))); len(findings) > 0 {
				t.Errorf("findings: %+v", findings)
			}
			list := blue.propose()
			if len(list) != 1 || list[0].rule == nil || list[0].rule.Pattern != test.want {
				t.Errorf("got %+v, want the pattern %s", list, test.want)
			}
		})
	}
	stable := observe([][2]string{{`{"a":1}`, `{"a":1}`}})
	if findings := stable.with(observe([][2]string{{`{"a":1}`, `{"a":2}`}})); len(findings) != 1 || findings[0].place() != "$.a" {
		t.Errorf("findings %+v, want $.a", findings)
	}
}

// Proposed rules hold another day, and after any count.
func TestRulesHoldLater(t *testing.T) {
	for _, row := range []struct{ name, now, later string }{
		{"digits", `{"k":"req-%d"}`, `{"k":"req-1234567%d"}`},
		{"a date", `{"k":"2026-11-28_%d"}`, `{"k":"2031-1-3_%d"}`},
		{"a date in one run", `{"k":"20261128T10Z-%d"}`, `{"k":"20310103T23Z-%d"}`},
		{"a day and a month", `{"k":"Sat 28 Nov, %d"}`, `{"k":"Monday 3 January, %d"}`},
		{"a count", `{"k":%d}`, `{"k":12345%d}`},
	} {
		list := observe(series(6, func(i int) string { return fmt.Sprintf(row.now, i+7) })).propose()
		if len(list) != 1 || list[0].rule == nil {
			t.Fatalf("%s: %+v", row.name, list)
		}
		rules, bad := diff.Compile([]diff.Rule{*list[0].rule}, diff.Options{})
		if len(bad) > 0 {
			t.Fatal(bad[0].Msg)
		}
		a, b := fmt.Sprintf(row.later, 3), fmt.Sprintf(row.later, 4)
		if r := diff.Compare([]byte(a), []byte(b), rules); !r.Equal() {
			t.Errorf("%s: %s and %s differ under %s", row.name, a, b, diff.RuleYAML(*list[0].rule))
		}
	}
}
