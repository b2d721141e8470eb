package record

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// A fullDisk is a file that has room for some bytes.
type fullDisk struct {
	data []byte
	room int
}

func (d *fullDisk) WriteAt(p []byte, at int64) (int, error) {
	n := min(len(p), max(0, d.room-int(at)))
	if need := int(at) + n; need > len(d.data) {
		d.data = append(d.data, make([]byte, need-len(d.data))...)
	}
	copy(d.data[at:], p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func (d *fullDisk) Truncate(size int64) error {
	d.data = d.data[:min(int(size), len(d.data))]
	return nil
}
func (d *fullDisk) Sync() error  { return nil }
func (d *fullDisk) Close() error { return nil }

// Wherever the disk is full, what was written before is a complete recording.
func TestRecordingOnAFullDisk(t *testing.T) {
	whole := &fullDisk{room: 1 << 20}
	write := func(d *fullDisk) (entries int) {
		h := &harFile{f: d, tool: "test"}
		err := h.begin()
		h.addPage(harPage{ID: "part-1", Title: "one"})
		for i := 0; i < 4 && err == nil; i++ {
			e := &harEntry{Page: "part-1"}
			e.Response.Content.Text = strings.Repeat("x", 300*(i%3))
			if err = h.addEntry(e); err == nil {
				entries++
			}
		}
		return entries
	}
	if write(whole) != 4 {
		t.Fatal("four entries cannot be written")
	}
	begun := len(`{"log":{"version":"1.2","entries":[` + "\n" + `],"creator":{"name":"bgverify","version":"test"},"pages":[]}}` + "\n")
	for room := begun; room < len(whole.data); room++ {
		d := &fullDisk{room: room}
		entries := write(d)
		var har struct {
			Log struct{ Entries []harEntry }
		}
		if err := json.Unmarshal(d.data, &har); err != nil || len(har.Log.Entries) != entries {
			t.Fatalf("with room for %d bytes: %d entries, want %d: %v\n%s", room, len(har.Log.Entries), entries, err, d.data)
		}
	}
}

func secretNames(name, value string) bool {
	return strings.Contains(strings.ToLower(name), "token") || name == "password" || strings.HasPrefix(value, "eyJ")
}

// No secret is left, equal ones are equal, and the rest is as it was.
func TestPseudonyms(t *testing.T) {
	p := newPseudonyms([]byte("0123456789abcdef"), secretNames)
	answer, kept := p.body("application/json", []byte(`{"b":1.50,"accessToken":"s3cr3t-value","a":[{"token":12345}],"tokens":["inner-secret"]}`))
	if !kept {
		t.Fatal("JSON is not kept")
	}
	name := p.of("s3cr3t-value")
	if want := `{"b":1.50,"accessToken":"` + name + `","a":[{"token":`; !strings.HasPrefix(string(answer), want) || strings.Contains(string(answer), "12345") || strings.Contains(string(answer), "inner-secret") {
		t.Errorf("got %s\nwant it to begin with %s", answer, want)
	}
	for _, c := range []struct{ what, got, want string }{
		{"bearer", p.header("Authorization", "Bearer s3cr3t-value"), "Bearer " + name},
		{"a later path", p.text("/play/s3cr3t-value/x"), "/play/" + name + "/x"},
		{"a query", p.query("q=1&token=s3cr3t-value"), "q=1&token=" + name},
		{"a cookie", p.header("Cookie", "sid=s3cr3t-value; b=other-one"), "sid=" + name + "; b=" + p.of("other-one")},
		{"a cookie that is set", p.header("Set-Cookie", "sid=s3cr3t-value; Path=/"), "sid=" + name + "; Path=/"},
		{"a playlist", p.text("#EXT\nseg.ts?token=s3cr3t-value\n"), "#EXT\nseg.ts?token=" + name + "\n"},
		{"XML", p.xml(`<a><u:password>s3cr3t-value</u:password></a>`), "<a><u:password>" + name + "</u:password></a>"},
		{"a pseudonym", p.of(name), name},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, c.got, c.want)
		}
	}
	if other := newPseudonyms([]byte("another key 1234"), secretNames).of("s3cr3t-value"); other == name {
		t.Error("two recordings have the same pseudonym")
	}
	if _, kept := p.body("video/mp2t", []byte{0, 1, 0xff}); kept {
		t.Error("a body that is not text is kept")
	}
}
