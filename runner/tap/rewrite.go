package tap

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

const (
	maxHost = 300     // bytes of a host with its port; a longer one is not an address
	chunk   = 8 << 10 // read at once
	maxBase = 512     // bytes of a base path that are looked at after a host
)

// A rewriter replaces the beginnings of absolute addresses in a text while it
// passes. Addresses are found as they are written in JSON, too, with escaped
// slashes. It holds back only the beginning of an address whose end has not
// arrived, at most maxHost + maxBase bytes: a line of a stream of events that ends
// otherwise passes at once.
type rewriter struct {
	from    io.ReadCloser
	replace func(scheme, host string, rest []byte) (string, int)
	in, out []byte
	err     error
}

// newRewriter reads from a text. replace gets scheme, host and what follows, and returns what
// takes their place (empty: they stay) and how many bytes of what follows go with them.
func newRewriter(from io.ReadCloser, replace func(scheme, host string, rest []byte) (string, int)) *rewriter {
	return &rewriter{from: from, replace: replace}
}

// Close ends the text.
func (r *rewriter) Close() error { return r.from.Close() }

// Read returns what is decided so far, and reads on only where nothing is: a text that arrives
// piece by piece leaves piece by piece. What came before an error passes as it is.
func (r *rewriter) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		buf := make([]byte, chunk)
		n, err := r.from.Read(buf)
		r.in, r.err = append(r.in, buf[:n]...), err
		r.work(errors.Is(err, io.EOF))
		if err != nil && !errors.Is(err, io.EOF) {
			r.out, r.in = append(r.out, r.in...), nil
		}
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// work moves what is decided from in to out; at the end everything is.
func (r *rewriter) work(end bool) {
	out := make([]byte, 0, len(r.in))
	in := r.in
	for {
		i := bytes.Index(in, []byte("http"))
		if i < 0 {
			break
		}
		a := parseAddress(in[i:])
		if !a.whole && !end {
			r.out, r.in = append(out, in[:i]...), bytes.Clone(in[i:])
			return
		}
		out = append(out, in[:i]...)
		in = in[i:]
		if a.host == "" {
			out, in = append(out, "http"...), in[len("http"):]
			continue
		}
		rest := in[a.length:]
		if a.escaped {
			rest = bytes.ReplaceAll(rest[:min(len(rest), 2*maxBase)], []byte(`\/`), []byte(`/`))
		}
		to, more := r.replace(a.scheme, a.host, rest)
		if to == "" {
			out, in = append(out, in[:a.length]...), in[a.length:]
			continue
		}
		skip := a.length + more
		if a.escaped {
			to = strings.ReplaceAll(to, "/", `\/`)
			skip += bytes.Count(rest[:more], []byte("/"))
		}
		out, in = append(out, to...), in[skip:]
	}
	keep := 0
	if !end {
		keep = partial(in)
	}
	r.out, r.in = append(out, in[:len(in)-keep]...), bytes.Clone(in[len(in)-keep:])
}

// partial is how many bytes at the end of a text may begin "http".
func partial(text []byte) int {
	for n := min(3, len(text)); n > 0; n-- {
		if strings.HasPrefix("http", string(text[len(text)-n:])) {
			return n
		}
	}
	return 0
}

// An address is the beginning of one as it is written in a text.
type address struct {
	scheme, host string // no host: it is not an address
	escaped      bool   // its slashes are
	length       int    // of scheme and host in the text
	whole        bool   // more text does not change what was found
}

// parseAddress reads an address at the beginning of a text that begins with "http".
func parseAddress(text []byte) address {
	a := address{scheme: "http"}
	at := len("http")
	if at < len(text) && text[at] == 's' {
		a.scheme, at = "https", at+1
	}
	slashes := "://"
	if at+1 < len(text) && text[at] == ':' && text[at+1] == '\\' {
		slashes, a.escaped = `:\/\/`, true
	}
	if n := min(len(slashes), len(text)-at); string(text[at:at+n]) != slashes[:n] {
		a.whole = true
		return a
	} else if n < len(slashes) {
		return a
	}
	at += len(slashes)
	end := at
	for end < len(text) && end-at <= maxHost && (isPathByte(text[end]) && text[end] != '%' || text[end] == ':' || text[end] == '[' || text[end] == ']') {
		end++
	}
	a.whole = end-at > maxHost || end < len(text) && (text[end] != '/' && text[end] != '\\' || complete(text[end:]))
	if end-at > maxHost || end < len(text) && text[end] == '@' {
		return a
	}
	host := strings.TrimRight(string(text[at:end]), ".:")
	a.host, a.length = host, at+len(host)
	return a
}

// complete reports whether the path at the beginning of a text has ended, or is
// longer than any base path.
func complete(path []byte) bool {
	for i, c := range path {
		if !isPathByte(c) && c != '/' && c != '\\' || i > 2*maxBase {
			return true
		}
	}
	return false
}
