package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bgverify/bgverify/runner/run"
)

// FuzzRedact holds the redactor to its laws:
//   - no form of a secret is left between the marks, wherever it stands;
//   - a text written in pieces of any size becomes what it becomes whole;
//   - JSON stays JSON, and no string or name in it decodes to one that holds the
//     secret, however the server escaped it.
func FuzzRedact(f *testing.F) {
	for i, value := range canaries {
		f.Add(value, "before ", " after", uint8(i))
		f.Add(value, `{"a":"`, `"}`, uint8(i+1))
		f.Add(value, `["`+value, `",1,"\u0041`+value+`"]`, uint8(7))
	}
	f.Add("abc==/+", `{"a":"abc\u003d\u003d/+","b":"\u0061bc=\u003D\/`, `\u002B"}`, uint8(3))
	f.Add("abcabc", "abcab", "cabc", uint8(1))
	f.Fuzz(func(t *testing.T, secret, before, after string, piece uint8) {
		if len(secret) < window || strings.TrimSpace(secret) == "" || !utf8.ValidString(secret) || len(secret)+len(before)+len(after) > 1<<14 {
			return
		}
		r := NewRedactor(testKey)
		r.Add("token", secret)
		for kind := range formKinds {
			form := derive(kind, secret)
			if len(form) < window {
				continue
			}
			text := before + form + after
			whole := r.String(text)
			if at := leftIn(r, whole, secret); at != "" {
				t.Fatalf("%q as %q in %q leaves %q: %q", secret, form, text, at, whole)
			}
			var out bytes.Buffer
			s := r.Writer(&out)
			for rest := text; rest != ""; {
				n := min(len(rest), int(piece)%17+1)
				if len(secret) > 512 { // a long secret is held whole: byte by byte is quadratic
					n = min(len(rest), 4096)
				}
				if _, err := s.Write([]byte(rest[:n])); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			if out.String() != whole {
				t.Fatalf("%q in pieces of %d: %q, whole: %q", text, piece%17+1, out.String(), whole)
			}
			redactedJSON(t, r, text, secret)
		}
		redactedJSON(t, r, before+after, secret)
	})
}

// leftIn returns a form of secret that stands in text outside the marks.
func leftIn(r *Redactor, text, secret string) string {
	at := 0
	for _, m := range append(r.marksIn(text), match{start: len(text), end: len(text)}) {
		for kind := range formKinds {
			if form := derive(kind, secret); len(form) >= window && strings.Contains(text[at:m.start], form) {
				return form
			}
		}
		at = m.end
	}
	return ""
}

// redactedJSON checks a text that is JSON as a body and as a line of JSON.
func redactedJSON(t *testing.T, r *Redactor, text, secret string) {
	t.Helper()
	if !json.Valid([]byte(text)) {
		return
	}
	body, _ := (&hider{r: r}).body([]byte(text), false)
	for _, out := range [][]byte{r.JSON([]byte(text)), body} {
		if !json.Valid(out) {
			t.Fatalf("%s became %s", text, out)
		}
		dec := json.NewDecoder(bytes.NewReader(out))
		for {
			token, err := dec.Token()
			if err != nil {
				break // the end: it is valid
			}
			if s, ok := token.(string); ok && leftIn(r, s, secret) != "" {
				t.Fatalf("secret %q: %s became %s, where %q still holds it", secret, text, out, s)
			}
		}
	}
}

// A textFS has one text for every file.
type textFS struct {
	FS
	text []byte
}

func (f textFS) OpenFile(string, int, fs.FileMode) (File, error) {
	return textFile{Reader: bytes.NewReader(f.text)}, nil
}

type textFile struct {
	File
	*bytes.Reader
}

func (f textFile) Read(p []byte) (int, error)              { return f.Reader.Read(p) }
func (f textFile) ReadAt(p []byte, off int64) (int, error) { return f.Reader.ReadAt(p, off) }
func (textFile) Close() error                              { return nil }

// FuzzLog holds the reader of logs to its laws: no panic; of a damaged log what
// stands before the damage is handed over, and nothing behind it; a log without
// a whole end is never more than incomplete. The events are the fuzzer's, their
// checksums right: what a checksum finds is not what is sought.
func FuzzLog(f *testing.F) {
	const begin = `"kind":"begin" {"schema":1,"suites":[{"name":"s","cases":1}],"planned":{"cases":1}}` + "\n"
	const one = `"kind":"case","suite":0,"index":0 {"index":0,"id":"s/a","verdict":"pass","steps":[{"name":"get","verdict":"pass"}]}` + "\n"
	const end = `"kind":"end" {"verdict":"pass","suites":[{"verdict":"pass"}]}` + "\n"
	f.Add([]byte(begin+one+end), uint16(0), byte(0))
	f.Add([]byte(begin+one), uint16(0), byte(0))
	f.Add([]byte(begin+one+end), uint16(100), byte(1))
	f.Add([]byte(begin+one+end), uint16(3), byte(0))
	f.Add([]byte(end+begin+one+one), uint16(0), byte(0))
	f.Add([]byte(`"kind":"load","index":-1 {"verdict":9}`+"\n"+begin+`"kind":"intent" {}`+"\n"), uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, events []byte, at uint16, damage byte) {
		if len(events) > 1<<12 {
			return
		}
		text := logOf(events)
		if i := int(at); damage == 0 && i <= len(text) {
			text = text[:len(text)-i] // torn
		} else if i < len(text) {
			text[i] ^= damage
		}
		scanned(t, text)
		r := reader{textFS{text: text}, ""}
		x, _, _, err := r.index()
		if err != nil {
			return
		}
		ran, err := r.run(x, nil)
		if err != nil {
			return
		}
		if x.end.size == 0 && ran.End.Verdict != run.Incomplete {
			t.Fatalf("a log without an end says %s:\n%s", ran.End.Verdict, text)
		}
		for _, err := range ran.Cases {
			if err != nil {
				return
			}
		}
	})
}

// logOf writes a log whose lines are events: a head, a space, data.
func logOf(events []byte) []byte {
	var out memoryFile
	w := newLogWriter(&out, EventsFile)
	for event := range bytes.Lines(events) {
		head, data, _ := bytes.Cut(bytes.TrimSuffix(event, []byte("\n")), []byte(" "))
		if _, _, err := w.append(string(head), data); err != nil {
			panic(err)
		}
	}
	return out.text
}

type memoryFile struct {
	File
	text []byte
}

func (f *memoryFile) Write(p []byte) (int, error) {
	f.text = append(f.text, p...)
	return len(p), nil
}

// scanned checks what a scan hands over.
func scanned(t *testing.T, text []byte) {
	t.Helper()
	var lines []byte
	end, n, torn, err := scanLog(bytes.NewReader(text), EventsFile, func(_ *line, offset, size int64) error {
		if offset != int64(len(lines)) {
			t.Fatalf("a line stands at %d, not at %d", offset, len(lines))
		}
		lines = append(lines, text[offset:offset+size]...)
		return nil
	})
	if int64(len(lines)) != end || n != int64(bytes.Count(lines, []byte("\n"))) || !bytes.HasPrefix(text, lines) {
		t.Fatalf("%d bytes in %d lines were handed over, and %d in %d reported", len(lines), bytes.Count(lines, []byte("\n")), end, n)
	}
	var corrupt *CorruptError
	if err != nil && !errors.As(err, &corrupt) || err == nil && torn == (end == int64(len(text))) {
		t.Fatalf("torn %v at %d of %d: %v", torn, end, len(text), err)
	}
}
