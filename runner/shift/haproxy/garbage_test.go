package haproxy

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// answering is a driver of a socket that answers each command with what answer gives.
func answering(t *testing.T, answer func(command string) string) *Driver {
	t.Helper()
	name := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			command, _ := bufio.NewReader(c).ReadString('\n')
			_, _ = io.WriteString(c, answer(strings.TrimSpace(command)))
			_ = c.Close()
		}
	}()
	d, err := New(shiftfile.HAProxy{Socket: "unix://" + name, Backend: "app", Blue: "blue", Green: "green"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	columns  = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_fqdn srv_port\n"
	blueRow  = "3 app 1 blue 10.0.1.10 2 0 100 100 - 80\n"
	greenRow = "3 app 2 green 10.0.2.10 2 0 0 0 - 80\n"
)

// An answer that does not say the weights of both servers is an error, whatever it is: never weights.
func TestGarbage(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":                  "",
		"blank lines":              "\n\n",
		"words":                    "Permission denied\n",
		"no such backend":          "Can't find backend.\n",
		"HTTP":                     "HTTP/1.0 400 Bad request\r\nContent-Type: text/html\r\n\r\n<html><body># 400</body></html>",
		"binary":                   "\x00\xff# \x00\n\x00",
		"no servers":               columns,
		"one server":               columns + blueRow,
		"another server":           columns + blueRow + "3 app 2 red 10.0.2.10 2 0 0 0 - 80\n",
		"cut off in a row":         columns + blueRow + "3 app 2 green 10.0.2.10 2 0",
		"cut off in the header":    columns[:60],
		"weight is a word":         columns + blueRow + "3 app 2 green 10.0.2.10 2 0 many 0 - 80\n",
		"weight below 0":           columns + blueRow + "3 app 2 green 10.0.2.10 2 0 -1 0 - 80\n",
		"weight of 20 digits":      columns + blueRow + "3 app 2 green 10.0.2.10 2 0 99999999999999999999 0 - 80\n",
		"another backend":          strings.ReplaceAll(columns+blueRow+greenRow, " app ", " web "),
		"a server twice":           columns + blueRow + greenRow + "3 app 3 green 10.0.2.10 2 0 50 0 - 80\n",
		"more than may be read":    strings.Repeat("x", 3<<20),
		"no column of the weights": strings.Replace(columns, "srv_uweight ", "", 1) + blueRow + greenRow,
	} {
		d := answering(t, func(string) string { return answer })
		if w, _, err := d.Read(t.Context()); err == nil {
			t.Errorf("%s: read as %v", name, w)
		}
		if err := d.Check(t.Context()); err == nil {
			t.Errorf("%s: checked without an error", name)
		}
		if err := d.Write(t.Context(), machine.Weights{Blue: 100}, machine.Weights{Blue: 95, Green: 5}, true); err == nil {
			t.Errorf("%s: written without an error", name)
		}
	}
	whole := func(command string) string {
		if strings.HasPrefix(command, "set") {
			return "Done.\n"
		}
		return columns + blueRow + greenRow
	}
	d := answering(t, whole)
	if w, setting, err := d.Read(t.Context()); err != nil || w != (machine.Weights{Blue: 100}) || setting["address of server green"] != "10.0.2.10:80" {
		t.Errorf("a whole answer: %v, %v, %v", w, setting, err)
	}
	if err := d.Write(t.Context(), machine.Weights{Blue: 100}, machine.Weights{Blue: 95, Green: 5}, true); err == nil {
		t.Error("a change that is answered by words counts as done")
	}
}
