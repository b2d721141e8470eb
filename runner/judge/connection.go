package judge

import (
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// sideConnection reads an exchange; nil: nothing to say. It keeps what later shows how green
// treats connections; see package verdict. Each fact is about one exchange and means little
// alone.
func sideConnection(x *wire.Exchange) *run.SideConnection {
	s := run.SideConnection{New: x.Attempts > 0 && !x.Reused, Resets: x.Resets}
	// An exchange that failed says nothing about framing or events.
	if x.Err == nil {
		s.Closed = Closes(x)
		s.Framing, s.Form = emptyFraming(x), x.Form
		if n := events(x); n > 1 {
			s.Events, s.EventsMS = n, run.Milliseconds(x.Streamed)
		}
	}
	// GET and HEAD may come from a cache, whose Date is that of the answer when it was made.
	if offset, ok := DateOffset(x); ok && x.Method != "GET" && x.Method != "HEAD" {
		s.ClockS = offset.Seconds()
	}
	// Most exchanges have nothing to report. A nil pointer keeps them short in the log.
	if s == (run.SideConnection{}) {
		return nil
	}
	return &s
}

// Closes reports whether an answer announces that its connection ends, which its request did
// not ask for. HTTP/1.0 closes unless the answer says keep-alive, HTTP/1.1 stays open unless it
// says close. HTTP/2 and later have no such header. An answer without a length ends with its
// connection.
func Closes(x *wire.Exchange) bool {
	if HasToken(x.Sent, "Connection", "close") {
		return false
	}
	switch {
	case x.Proto == "HTTP/1.0":
		return !HasToken(x.Headers, "Connection", "keep-alive")
	case strings.HasPrefix(x.Proto, "HTTP/1."):
		return HasToken(x.Headers, "Connection", "close") || x.Unframed
	}
	return false
}

// HasToken reports whether a header's list holds a word. Such lists are separated by commas, in
// one field or in several (RFC 9110, 5.6.1). Words are compared without letter case.
func HasToken(fields []wire.Field, name, token string) bool {
	for _, f := range fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		for part := range strings.SplitSeq(f.Value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// emptyFraming is the header by which an answer that has no body announces one. Only HTTP/1
// frames by header. Chunks take precedence over a length (RFC 9112, 6.3), so they are looked
// for first.
func emptyFraming(x *wire.Exchange) string {
	if x.Status != 204 && x.Status != 304 || !strings.HasPrefix(x.Proto, "HTTP/1.") {
		return ""
	}
	if v, ok := wire.Header(x.Headers, "Transfer-Encoding"); ok {
		return "Transfer-Encoding: " + text.Cut(v, 40)
	}
	if v, ok := wire.Header(x.Headers, "Content-Length"); ok {
		return "Content-Length: " + text.Cut(v, 40)
	}
	return ""
}

// events counts the events of a stream, up to two: 0 for another answer. Two are enough to ask
// whether a stream arrives in pieces. The first 64 KiB are searched.
func events(x *wire.Exchange) int {
	kind, _ := wire.Header(x.Headers, "Content-Type")
	kind, _, _ = strings.Cut(strings.ToLower(kind), ";")
	text := func() string { return strings.TrimSpace(string(x.Answer[:min(len(x.Answer), 64<<10)])) }
	switch strings.TrimSpace(kind) {
	// An empty line ends an event; lines end with any of three marks (the event stream format
	// of the HTML standard), which are made one here.
	case "text/event-stream":
		text := strings.ReplaceAll(strings.ReplaceAll(text(), "\r\n", "\n"), "\r", "\n")
		return min(strings.Count(text, "\n\n")+1, 2)
	case "application/x-ndjson", "application/ndjson", "application/stream+json", "application/jsonl":
		return min(strings.Count(text(), "\n")+1, 2)
	}
	return 0
}

// DateOffset is how far the Date of an answer is ahead of when it came. It is positive for a
// clock ahead of ours. The moment is that of the first byte. false means that the answer has no
// date that can be read.
func DateOffset(x *wire.Exchange) (time.Duration, bool) {
	text, ok := wire.Header(x.Headers, "Date")
	date, err := parseDate(text)
	if !ok || err != nil || x.Status == 0 {
		return 0, false
	}
	return date.Sub(x.Started.Add(x.Timing.FirstByte)) + time.Second/2, true // a Date has whole seconds
}

// parseDate reads a date of HTTP in any of the three notations that a recipient
// must accept (RFC 9110, 5.6.7).
func parseDate(text string) (at time.Time, err error) {
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
		if at, err = time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return at, err
}

// CacheHit reports whether an answer without an Age is said to be from a cache. Header names
// differ between caches, so any with cache in its name counts.
func CacheHit(x *wire.Exchange) bool {
	return slices.ContainsFunc(x.Headers, func(f wire.Field) bool {
		return strings.Contains(strings.ToLower(f.Name), "cache") && strings.Contains(strings.ToLower(f.Value), "hit")
	})
}
