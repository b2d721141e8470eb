package command

import (
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// What get prints is believed only where it is one object with both weights.
func TestRead(t *testing.T) {
	for name, row := range map[string]struct {
		get string
		ok  bool
	}{
		"weights":       {`echo '{"blue": 99, "green": 1}'`, true},
		"with a ttl":    {`echo '{"blue": 99, "green": 1, "ttl": 5}'`, true},
		"two answers":   {`echo '{"blue": 99, "green": 1} {"blue": 0, "green": 100}'`, false},
		"green twice":   {`echo '{"blue": 90, "green": 10, "green": 0}'`, false},
		"in two cases":  {`echo '{"blue": 90, "green": 10, "Green": 0}'`, false},
		"a third":       {`echo '{"blue": 50, "green": 1, "canary": 49}'`, false},
		"words after":   {`echo '{"blue": 99, "green": 1} WARNING: stale'`, false},
		"green missing": {`echo '{"blue": 99}'`, false},
		"null":          {`echo '{"blue": 99, "green": null}'`, false},
		"negative":      {`echo '{"blue": 99, "green": -1}'`, false},
		"a share":       {`echo '{"blue": 99.5, "green": 0.5}'`, false},
		"long ttl":      {`echo '{"blue": 99, "green": 1, "ttl": 1e300}'`, false},
		"nothing":       {`true`, false},
		"fails late":    {`echo '{"blue": 99, "green": 1}'; exit 1`, false},
		"killed":        {`echo '{"blue": 99, "green": 1}'; kill -9 $$`, false},
		"hangs":         {`echo '{"blue": 99, "green": 1}'; sleep 60`, false},
		"huge":          {`head -c 1000000 /dev/zero | tr '\\0' ' '; echo '{"blue": 99, "green": 1}'`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit := 30 * time.Second
			if name == "hangs" {
				limit = 300 * time.Millisecond
			}
			d := New(shiftfile.Exec{Get: row.get, Set: "true", Max: 100, Timeout: limit}, t.TempDir())
			got, _, err := d.Read(t.Context())
			if (err == nil) != row.ok {
				t.Errorf("get %s: read %s, %v; want success %v", row.get, got, err, row.ok)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
		})
	}
}
