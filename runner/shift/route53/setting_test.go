package route53

import (
	"maps"
	"testing"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// Everything but the two weights that decides what clients are answered is in the setting.
func TestSetting(t *testing.T) {
	read := func(t *testing.T, records ...record) machine.Setting {
		newFake(t, records...)
		w, s, err := newDriver(t).Read(t.Context())
		if err != nil || w.Empty() {
			t.Fatalf("%v, %v", w, err)
		}
		return s
	}
	was := read(t, weighted("set-blue", 255), weighted("set-green", 0))
	if len(was) == 0 || !maps.Equal(was, read(t, weighted("set-blue", 3), weighted("set-green", 7))) {
		t.Errorf("the setting depends on the weights: %v", was)
	}
	changed := func(change func(r *record)) record {
		r := weighted("set-green", 0)
		change(&r)
		return r
	}
	for name, records := range map[string][]record{
		"a third record":             {weighted("set-third", 10), weighted("set-green", 0)},
		"a third record of weight 0": {weighted("set-third", 0), weighted("set-green", 0)},
		"another type":               {{Name: "api.example.com.", Type: "AAAA", TTL: new(int64(30)), Values: []string{"2001:db8::1"}}, weighted("set-green", 0)},
		"latency":                    {{Name: "api.example.com.", Type: "A", SetIdentifier: "eu", TTL: new(int64(30)), Values: []string{"192.0.2.3"}}, weighted("set-green", 0)},
		"the TTL":                    {changed(func(r *record) { r.TTL = new(int64(3600)) })},
		"the address":                {changed(func(r *record) { r.Values = []string{"192.0.2.9"} })},
		"a second address":           {changed(func(r *record) { r.Values = append(r.Values, "192.0.2.9") })},
		"a health check":             {changed(func(r *record) { r.HealthCheckID = "hc-new" })},
		"no health check":            {changed(func(r *record) { r.HealthCheckID = "" })},
	} {
		if maps.Equal(was, read(t, append(records, weighted("set-blue", 255))...)) {
			t.Errorf("%s is not in the setting", name)
		}
	}
	more := record{Name: "api.example.com.", Type: "TXT", TTL: new(int64(30)), Values: []string{`"v=spf1 -all"`}}
	if !maps.Equal(was, read(t, weighted("set-blue", 255), weighted("set-green", 0), more)) {
		t.Error("a TXT record changes the setting")
	}
}
