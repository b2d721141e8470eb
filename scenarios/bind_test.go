package scenarios

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// bound are the structs that the keys of each table are read into.
var bound = map[string][]any{
	"suite": {&Suite{}}, "case": {&Case{}, &Step{}}, "step": {&Step{}}, "defaults": {&stepDefaults{}}, "request": {&Request{}},
	"multipart part": {&Part{}}, "graphql": {&Body{}}, "auth": {&Auth{}}, "basic": {&Auth{}}, "digest": {&Auth{}}, "api_key": {&Auth{}},
	"oauth2": {&Auth{}}, "hmac": {&HMACAuth{}}, "aws": {&AWSAuth{}}, "capture": {&Capture{}}, "poll": {&Poll{}}, "retry": {&Retry{}},
	"quarantine": {&Quarantine{}}, "rule": {&diff.Rule{}}, "side": {&SideConfig{}}, "service": {&Service{}}, "tls": {&TLS{}},
	"identity": {&Identity{}}, "transport allow": {&TransportAllow{}}, "session": {&Session{}}, "coverage": {&Suite{}}, "flaky": {&Suite{}},
	"load": {&LoadStage{}}, "load step": {&LoadStep{}}, "users": {&perf.Users{}}, "margins": {&perf.Margins{}}, "env file": {&Env{}}, "limits": {&Limits{}}, "config": {&Config{}},
	"cluster": {&stage.ClusterAccess{}}, "ready": {&stage.ClusterReady{}}, "ready applications": {&stage.ReadyApplications{}}, "ready expect": {&stage.ReadyApplications{}},
	"ready workloads": {&stage.ReadyWorkloads{}}, "alike": {&stage.ClusterAlike{}}, "alike rule": {&stage.ObjectRule{}, &diff.Rule{}}, "cluster services": {&stage.ClusterServices{}},
	"prometheus": {&stage.Prometheus{}}, "prometheus server": {&stage.PrometheusServer{}}, "prometheus query": {&stage.PrometheusQuery{}}, "notify": {&stage.Notify{}}, "require": {&RequiredShares{}},
	"shift file": {&shiftfile.File{}}, "hold": {&shiftfile.Hold{}}, "shift gate": {&shiftfile.Gate{}}, "shift probe": {&shiftfile.Probe{}},
	"shift run": {&shiftfile.Run{}}, "confirm": {&shiftfile.Confirm{}}, "exec driver": {&shiftfile.Exec{}}, "haproxy driver": {&shiftfile.HAProxy{}},
	"route53 driver": {&shiftfile.Route53{}}, "route driver": {&shiftfile.Route{}},
}

// readOne reads a mapping of one key by a table into a struct.
func readOne(t *testing.T, tb *keys.Table, k *keys.Key, text string, into any) Problems {
	t.Helper()
	l := newLoader(fstest.MapFS{"x.yaml": {Data: []byte(k.Name + ": " + text + "\n")}}, LoadOptions{})
	src := l.open("x.yaml")
	if src == nil {
		t.Fatal(l.done())
	}
	o := newWalker(l, src).ObjectOf(src.Root, tb, "")
	o.BindKeys([]keys.Key{*k}, into)
	return l.done()
}

// Every key that names a field reads its own example into it, and refuses a mapping
// or a list of lists.
func TestEveryKeyBinds(t *testing.T) {
	for name, tb := range keys.Tables {
		for i := range tb.Keys {
			k := &tb.Keys[i]
			if k.Field == "" {
				continue
			}
			var into any
			for _, x := range bound[name] {
				if reflect.ValueOf(x).Elem().FieldByName(k.Field).IsValid() {
					into = reflect.New(reflect.TypeOf(x).Elem()).Interface()
				}
			}
			if into == nil {
				t.Errorf("%s.%s: no struct has the field %s", name, k.Name, k.Field)
				continue
			}
			for _, p := range readOne(t, tb, k, k.Example, into) {
				if !strings.Contains(p.Summary, "without") && !strings.Contains(p.Summary, "cannot read") { // other keys and files are not there
					t.Errorf("%s.%s: %s: %s", name, k.Name, k.Example, p)
				}
			}
			if reflect.ValueOf(into).Elem().FieldByName(k.Field).IsZero() && k.Example != "none" && k.Name != "trace" && k.Example != "false" && k.Name != "compare" {
				t.Errorf("%s.%s: %s leaves %s zero", name, k.Name, k.Example, k.Field)
			}
			if problems := readOne(t, tb, k, "[[1]]", into); !problems.HasErrors() {
				t.Errorf("%s.%s: a list of lists is accepted", name, k.Name)
			}
		}
	}
}

// Every key of a test has an Op (all is a list of others), and every Op is a key of the matchers.
func TestEveryMatcherHasAnOp(t *testing.T) {
	for _, tb := range []*keys.Table{keys.Tables["matchers"], keys.Tables["count"], keys.Tables["not"], keys.Tables["latency"]} {
		for _, k := range tb.Keys {
			if op := opOf(k.Name); k.Name != "all" && op == 0 || op != 0 && op.String() != k.Name {
				t.Errorf("%s.%s has the op %v", tb.Name, k.Name, op)
			}
		}
	}
	for op := OpEq; op <= OpNot; op++ {
		if keys.Tables["matchers"].Key(op.String()) == nil {
			t.Errorf("%v is no key of the matchers", op)
		}
	}
}
