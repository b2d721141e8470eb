package wire

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// frames follows the answers on an HTTP/1 connection byte by byte and says
// where each one ends. Without it the bytes after an answer that is longer than
// its Content-Length become the answer of the next request on the connection
// (net/http takes them for it, or logs them to standard error).
//
// It is not a second parser of answers: what it does not understand it lets
// pass (opaque), and net/http decides.
//
// It also keeps the head of the answer as it came, because net/http changes
// the spelling and order of fields and adds some.
type frames struct {
	limit int64 // bytes of heads

	mu     sync.Mutex
	call   *call // under way; nil before the first
	mark   int64 // writes begun before the call's request
	phase  phase
	head   []byte
	left   int64  // of the body, or of a chunk
	line   []byte // of the chunked framing
	inHead int64  // bytes of heads of the call, informational ones included
}

// A phase is what a connection's next byte belongs to.
type phase uint8

const (
	done phase = iota
	inHead
	inBody
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
	opaque
)

// begin says that the connection now carries c's request.
func (f *frames) begin(c *call, begun int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call, f.mark, f.phase = c, begun, inHead
	f.head, f.line, f.inHead = f.head[:0], f.line[:0], 0
}

// feed takes bytes that were read and returns how many of them belong to the
// answer under way.
func (f *frames) feed(p []byte, begun int64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.phase == inHead && len(f.head) == 0 && f.inHead == 0 && begun == f.mark {
		return 0 // Rule 6: an answer before its question is none
	}
	n := 0
	for n < len(p) && f.phase != done {
		n += f.step(p[n:])
	}
	if n == len(p) || f.call == nil {
		return n
	}
	if rest := bytes.TrimLeft(p[n:], "\r\n"); len(rest) > 0 {
		f.call.setBeyond()
	}
	return n
}

// step consumes at least one byte in any phase but done.
func (f *frames) step(p []byte) int {
	switch f.phase {
	case inHead:
		return f.takeHead(p)
	case inBody, inChunk:
		n := int(min(f.left, int64(len(p))))
		if f.left -= int64(n); f.left == 0 {
			if f.phase == inBody {
				f.phase = done
			} else {
				f.phase = inChunkEnd
			}
		}
		return n
	case inChunkSize, inChunkEnd, inTrailer:
		return f.takeLine(p)
	default:
		return len(p)
	}
}

// takeHead consumes p up to the end of the head.
func (f *frames) takeHead(p []byte) int {
	old := len(f.head)
	f.head = append(f.head, p...)
	end := headEnd(f.head, max(0, old-3))
	if end < 0 {
		if f.inHead+int64(len(f.head)) > f.limit+1<<12 {
			f.phase, f.head = opaque, nil // net/http refuses it
		}
		return len(p)
	}
	f.inHead += int64(end)
	f.headDone(f.head[:end])
	f.head = f.head[:0]
	return end - old
}

// headEnd is the index after the empty line that ends a head, or -1.
func headEnd(head []byte, from int) int {
	for {
		i := bytes.IndexByte(head[from:], '\n')
		if i < 0 {
			return -1
		}
		from += i + 1
		if from < len(head) && head[from] == '\n' {
			return from + 1
		}
		if from+1 < len(head) && head[from] == '\r' && head[from+1] == '\n' {
			return from + 2
		}
	}
}

// headDone reads from a head how the body is framed.
func (f *frames) headDone(head []byte) {
	status, version, ok := statusLine(head)
	switch {
	case !ok || status == 101:
		f.phase = opaque
		return
	case status >= 100 && status < 200:
		f.call.addForm(fmt.Sprintf("a %d before it", status))
		return // another head follows
	}
	f.call.setHead(head)
	if f.call.method == "HEAD" || status == 204 || status == 304 {
		f.phase = done
		return
	}
	f.phase = opaque
	length, encoding, sane := framing(head)
	switch {
	case !sane:
	case encoding != "":
		if strings.EqualFold(encoding, "chunked") && version >= '1' {
			f.phase = inChunkSize
		}
	case length == 0:
		f.phase = done
	case length > 0:
		f.phase, f.left = inBody, length
	}
}

// statusLine reads "HTTP/1.x NNN".
func statusLine(head []byte) (status int, minor byte, ok bool) {
	if len(head) < 12 || string(head[:7]) != "HTTP/1." || head[8] != ' ' {
		return 0, 0, false
	}
	n, err := strconv.Atoi(string(head[9:12]))
	return n, head[7], err == nil && n >= 0
}

// framing finds the fields that frame the body: length is -1 without one, and
// sane is false when they contradict each other.
func framing(head []byte) (length int64, encoding string, sane bool) {
	length, sane = -1, true
	for line := range bytes.Lines(head) {
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			continue
		}
		switch {
		case len(name) == len("content-length") && strings.EqualFold(string(name), "content-length"):
			n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 63)
			if err != nil || length >= 0 && length != int64(n) {
				return -1, "", false
			}
			length = int64(n)
		case len(name) == len("transfer-encoding") && strings.EqualFold(string(name), "transfer-encoding"):
			if encoding != "" {
				return -1, "", false
			}
			encoding = string(bytes.TrimSpace(value))
		}
	}
	return length, encoding, sane
}

// oddForms are what RFC 9112 forbids a server to send in a head and net/http reads all the same.
func oddForms(head string) []string {
	var forms []string
	addIf := func(found bool, form string) {
		if found && !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	lengths, encodings := 0, 0
	for line := range strings.Lines(head) {
		name, _, _ := strings.Cut(line, ":")
		addIf(!strings.HasSuffix(line, "\r\n"), "lines that end in LF alone")
		addIf(line[0] == ' ' || line[0] == '\t', "a header field of several lines")
		addIf(len(name) < len(line) && strings.HasSuffix(name, " "), "a space after the name of a header field")
		switch {
		case strings.EqualFold(name, "Content-Length"):
			lengths++
		case strings.EqualFold(name, "Transfer-Encoding"):
			encodings++
		}
	}
	addIf(lengths > 1, "Content-Length twice")
	addIf(lengths > 0 && encodings > 0, "Content-Length next to Transfer-Encoding")
	return forms
}

// takeLine consumes p up to the end of a line of the chunked framing.
func (f *frames) takeLine(p []byte) int {
	n, ended := len(p), false
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		n, ended = i+1, true
	}
	f.line = append(f.line, p[:n]...)
	if !ended {
		if len(f.line) > 1<<14 {
			f.phase, f.line = opaque, nil
		}
		return n
	}
	line := bytes.TrimRight(f.line, "\r\n")
	f.line = f.line[:0]
	switch {
	case f.phase == inTrailer && len(line) == 0:
		f.phase = done
	case f.phase == inTrailer:
	case f.phase == inChunkEnd && len(line) == 0:
		f.phase = inChunkSize
	case f.phase == inChunkEnd:
		f.phase = opaque
	default:
		f.chunkSize(line)
	}
	return n
}

// chunkSize reads the line before a chunk. One that is not a hexadecimal number makes the rest of
// the connection opaque: net/http reports it.
func (f *frames) chunkSize(line []byte) {
	size, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 62)
	switch {
	case err != nil:
		f.phase = opaque
	case n == 0:
		f.phase = inTrailer
	default:
		f.phase, f.left = inChunk, int64(n)
	}
}

// headFields are the fields of a head as received.
func headFields(head string) []Field {
	_, rest, _ := strings.Cut(head, "\n")
	fields := make([]Field, 0, strings.Count(rest, "\n"))
	for line := range strings.Lines(rest) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if (line[0] == ' ' || line[0] == '\t') && len(fields) > 0 { // a folded value
			last := &fields[len(fields)-1]
			last.Value += " " + strings.Trim(line, " \t")
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, Field{strings.TrimRight(name, " \t"), strings.Trim(value, " \t")})
	}
	return fields
}
