package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// A part of a multipart body: its bytes are compared as length and digest.
type part struct {
	Headers map[string][]string `json:"headers"`
	Length  int                 `json:"length"`
	SHA256  string              `json:"sha256"`
	LineEnd string              `json:"line-ends,omitempty"` // where it is not CRLF
}

// parts is the tree of a multipart body. What is before the first boundary and after the last one is
// for readers that do not know multipart (RFC 2046 section 5.1.1); it is compared all the same.
type parts struct {
	Preamble string `json:"preamble,omitempty"` // digests: both are to be ignored, and still compared
	Parts    []part `json:"parts"`
	Epilogue string `json:"epilogue,omitempty"`
}

// partsTree reads a multipart body (RFC 2046 section 5.1): {"parts":[{"headers":
// {"content-type":["text/plain"]},"length":2,"sha256":"…"}]}. The boundary is
// not part of the tree. Without a declared one the first line is it.
func partsTree(body []byte, boundaryText string, w *writing) ([]byte, error) {
	if boundaryText == "" {
		first, _, _ := bytes.Cut(body, []byte("\n"))
		name, ok := strings.CutPrefix(strings.TrimRight(string(first), " \t\r"), "--")
		if !ok || name == "" {
			return nil, &Error{0, "multipart without a boundary"}
		}
		boundaryText = name
	}
	w.add(boundary, 0, boundaryText)
	lines := delimiters(body, []byte("--"+boundaryText))
	if len(lines) == 0 || !lines[len(lines)-1].last {
		return nil, &Error{len(body), "multipart without its closing boundary"}
	}
	out := parts{Parts: []part{}}
	if at := lines[0].from; at > 0 {
		out.Preamble = digest(body[:at])
	}
	for i, l := range lines {
		w.add(boundary, i, l.padding)
		if l.last {
			break
		}
		next := lines[i+1]
		// The line end before a boundary belongs to the boundary (RFC 2046 section 5.1.1).
		content, lineEnd := cutLineEnd(body[l.to:next.from])
		if !l.crlf {
			lineEnd += "boundary LF "
		}
		p, err := readPart(content, l.to, w)
		if err != nil {
			return nil, err
		}
		p.LineEnd = strings.TrimSpace(lineEnd + p.LineEnd)
		out.Parts = append(out.Parts, p)
	}
	if rest := body[lines[len(lines)-1].to:]; len(rest) > 0 {
		out.Epilogue = digest(rest)
	}
	return mustMarshal(out), nil
}

// A delimiter is a line that begins a part, or ends the last one.
type delimiter struct {
	from, to int    // of the line, with its end
	padding  string // white space after the boundary
	crlf     bool
	last     bool
}

// delimiters finds the lines of a boundary, up to the closing one.
func delimiters(body, dashed []byte) []delimiter {
	var out []delimiter
	from := 0
	for line := range bytes.Lines(body) {
		l := delimiter{from: from, to: from + len(line)}
		from = l.to
		rest, ok := bytes.CutPrefix(line, dashed)
		if !ok {
			continue
		}
		rest, l.last = bytes.CutPrefix(rest, []byte("--"))
		l.crlf = bytes.HasSuffix(rest, []byte("\r\n"))
		l.padding = strings.TrimSuffix(strings.TrimSuffix(string(rest), "\n"), "\r")
		if strings.Trim(l.padding, " \t") != "" {
			continue
		}
		if l.last && !l.crlf { // what follows is the epilogue, not an end of line
			l.to -= len(rest) - len(l.padding)
		}
		out = append(out, l)
		if l.last {
			break
		}
	}
	return out
}

// cutLineEnd takes the line end off that belongs to the boundary after it;
// another one than CRLF is named.
func cutLineEnd(content []byte) ([]byte, string) {
	if c, ok := bytes.CutSuffix(content, []byte("\r\n")); ok {
		return c, ""
	}
	if c, ok := bytes.CutSuffix(content, []byte("\n")); ok {
		return c, "content LF "
	}
	return content, "content none "
}

// readPart reads one part, whose bytes begin at an offset of the body: header lines, an empty line and
// the content. Lines that end with LF alone are read too, and named in LineEnd, as strict readers
// refuse them.
func readPart(b []byte, at int, w *writing) (part, error) {
	p := part{Headers: map[string][]string{}}
	var names []string
	for {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok && len(line) > 0 {
			return p, &Error{at, "a part without an empty line after its headers"}
		}
		text, crlf := strings.CutSuffix(string(line), "\r")
		if !crlf && !strings.Contains(p.LineEnd, "header LF ") {
			p.LineEnd += "header LF "
		}
		b = rest
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return p, &Error{at, "a part with a header that has no colon"}
		}
		names = append(names, name)
		name = strings.ToLower(strings.TrimSpace(name))
		w.add(partHeaders, 0, value[:len(value)-len(strings.TrimLeft(value, " \t"))]+"x"+value[len(strings.TrimRight(value, " \t")):])
		p.Headers[name] = append(p.Headers[name], strings.Trim(value, " \t"))
	}
	w.add(partHeaders, 1, strings.Join(names, ":"))
	p.Length, p.SHA256 = len(b), digest(b)
	return p, nil
}

// digest stands for bytes that no rule can look into. SHA-256, so that two contents of one digest are
// the same.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
