package route53

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

func weighted(id string, weight int64) record {
	return record{Name: "api.example.com.", Type: "A", SetIdentifier: id, Weight: new(weight), TTL: new(int64(30)), HealthCheckID: "hc-" + id, Values: []string{"192.0.2.1"}}
}

func newDriver(t *testing.T) *Driver {
	t.Helper()
	d, err := New(shiftfile.Route53{Zone: "Z1", Record: "api.example.com", Type: "A", Blue: "set-blue", Green: "set-green"})
	if err != nil {
		t.Fatal(err)
	}
	d.poll = time.Millisecond
	return d
}

// A write is one batch with both records, of which only Weight differs; it is in effect at
// INSYNC, and the TTL of the records comes on top.
func TestWalkOneStep(t *testing.T) {
	f := newFake(t, weighted("set-blue", 255), weighted("set-green", 0), record{Name: "b.example.com.", Type: "A", TTL: new(int64(5)), Values: []string{"192.0.2.9"}})
	f.pending = 3
	d := newDriver(t)
	if err := d.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	begun := machine.Weights{Blue: 255, Green: 0}
	if have, _, err := d.Read(t.Context()); err != nil || have != begun {
		t.Fatalf("%v, %v", have, err)
	}
	to := machine.Weights{Blue: 99, Green: 1}
	if err := d.Write(t.Context(), begun, to, true); err != nil {
		t.Fatal(err)
	}
	if ttl, err := d.Await(t.Context()); err != nil || ttl != 30*time.Second || f.pending != 0 {
		t.Errorf("in effect after %s with %d pending, %v", ttl, f.pending, err)
	}
	if have, _, err := d.Read(t.Context()); err != nil || have != to {
		t.Errorf("%v, %v", have, err)
	}
	if err := d.Write(t.Context(), to, begun, false); err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"DELETE set-blue", "DELETE set-green", "CREATE set-blue", "CREATE set-green"}, {"UPSERT set-blue", "UPSERT set-green"}}
	if len(f.batches) != 2 || !slices.Equal(f.batches[0], want[0]) || !slices.Equal(f.batches[1], want[1]) {
		t.Errorf("batches %v, want %v", f.batches, want)
	}
	for _, r := range f.records {
		if r.SetIdentifier != "" && (r.HealthCheckID != "hc-"+r.SetIdentifier || *r.TTL != 30) {
			t.Errorf("a write changed more than the weight: %+v", r)
		}
	}
	if by := d.ByHand(begun); !strings.Contains(by[0], `"Weight":255`) || !strings.Contains(by[0], "hc-set-blue") || strings.Contains(by[0], "null") {
		t.Errorf("by hand: %s", by)
	}
}

// A compare-and-set whose records somebody else changed is refused whole.
func TestCompareAndSet(t *testing.T) {
	f := newFake(t, weighted("set-blue", 255), weighted("set-green", 0))
	d := newDriver(t)
	begun, to := machine.Weights{Blue: 255}, machine.Weights{Blue: 99, Green: 1}
	// The change comes between the read and the batch.
	f.fail = func(call string) (int, string) {
		if call == "change" {
			f.records[0].TTL = new(int64(7))
		}
		return 0, ""
	}
	err := d.Write(t.Context(), begun, to, true)
	if err == nil || !errors.Is(err, shift.ErrRefused) || len(f.batches) != 0 {
		t.Errorf("%v after batches %v", err, f.batches)
	}
	f.fail = func(string) (int, string) { return 0, "" }
	if err := d.Write(t.Context(), machine.Weights{Blue: 1, Green: 1}, to, true); !errors.Is(err, shift.ErrRefused) || len(f.batches) != 0 {
		t.Errorf("from other weights: %v", err)
	}
}

// Throttling and a request before this one are tried again by the SDK; what the API refuses is not.
func TestFaults(t *testing.T) {
	for _, row := range []struct {
		name, code      string
		status, times   int
		refused, passed bool
	}{
		{"throttled", "Throttling", http.StatusBadRequest, 2, false, true},
		{"earlier request", "PriorRequestNotComplete", http.StatusBadRequest, 2, false, true},
		{"server error", "InternalError", http.StatusInternalServerError, 1, false, true},
		{"no right", "AccessDenied", http.StatusForbidden, 1000, true, false},
		{"mixed set", "InvalidChangeBatch", http.StatusBadRequest, 1000, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFake(t, weighted("set-blue", 255), weighted("set-green", 0))
			d := newDriver(t)
			left := row.times
			f.fail = func(call string) (int, string) {
				if call == "change" && left > 0 {
					left--
					return row.status, row.code
				}
				return 0, ""
			}
			err := d.Write(t.Context(), machine.Weights{Blue: 255}, machine.Weights{Blue: 99, Green: 1}, true)
			if (err == nil) != row.passed || errors.Is(err, shift.ErrRefused) != row.refused {
				t.Errorf("%v", err)
			}
		})
	}
}

// What a walk would break, or not move, is refused before anything is written.
func TestCheckRefuses(t *testing.T) {
	other := func(name, kind string, values ...string) record {
		return record{Name: name, Type: kind, TTL: new(int64(30)), Values: values}
	}
	for name, row := range map[string]struct {
		more record
		want string
	}{
		"external-dns":          {other("api.example.com.", "TXT", `"heritage=external-dns,external-dns/owner=blue"`), "owned by external-dns"},
		"external-dns, by type": {other("a-api.example.com.", "TXT", `"heritage=external-dns,external-dns/owner=blue"`), "owned by external-dns"},
		"a third record":        {weighted("set-third", 10), "third weighted record"},
		"AAAA":                  {other("api.example.com.", "AAAA", "2001:db8::1"), "type AAAA, which is not walked"},
		"HTTPS":                 {other("api.example.com.", "HTTPS", "1 . alpn=h2"), "type HTTPS, which is not walked"},
		"latency":               {record{Name: "api.example.com.", Type: "A", SetIdentifier: "eu", TTL: new(int64(30)), Values: []string{"192.0.2.3"}}, "another routing policy"},
	} {
		newFake(t, weighted("set-blue", 255), weighted("set-green", 0), row.more)
		if err := newDriver(t).Check(t.Context()); err == nil || !strings.Contains(err.Error(), row.want) || !isMistake(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newFake(t, record{Name: "api.example.com.", Type: "A", TTL: new(int64(30)), Values: []string{"192.0.2.3"}})
	if err := newDriver(t).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "simple record") {
		t.Errorf("simple record: %v", err)
	}
	newFake(t, weighted("set-blue", 255))
	if err := newDriver(t).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "no weighted record") {
		t.Errorf("green missing: %v", err)
	}
	newFake(t, weighted("set-blue", 255), weighted("set-green", 0), weighted("parked", 0), other("api.example.com.", "TXT", `"v=spf1 -all"`))
	if err := newDriver(t).Check(t.Context()); err != nil {
		t.Errorf("a third record of weight 0 and another TXT: %v", err)
	}
}

func isMistake(err error) bool {
	var m *hint.Error
	return errors.As(err, &m)
}
