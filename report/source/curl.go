package source

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/wire"
)

// maxCurlBody is the largest request body that a command line carries.
const maxCurlBody = 64 << 10

// secretMark is how the archive writes a secret: <secret:token#3f2a>. The name is the first
// group; the digits tell secrets of one name apart.
var secretMark = regexp.MustCompile(`<secret:([^#<>]+)#[0-9a-f]+>`)

// A curlOptions says what of a side a command has to know besides the request. Both come from
// the side and not from the exchange.
type curlOptions struct {
	insecure bool
	// pin sends the request to the address that answered it: where blue and green
	// share a host name, the name alone would reach only one of them.
	pin bool
}

// curl is a POSIX shell command that sends the same request bytes again. Its rules: what curl
// would add is switched off; framing headers are left to curl; a secret becomes
// "$BGVERIFY_VAR_NAME"; a body that a terminal would not carry unchanged goes through base64.
// The result is one line. It sends the request to the side's own URL, with the certificate
// unchecked where the run did not check it.
func curl(x *wire.Exchange, opts curlOptions) string {
	var b strings.Builder
	// A body that cannot be pasted goes to curl through a pipe, which comes before it.
	body, piped := x.Body, false
	// A body that is too long is left out with a comment, as the command would fail.
	tooLong := len(body) > maxCurlBody
	if len(body) > 0 && !tooLong && !plainBody(body) {
		piped = true
		fmt.Fprintf(&b, "printf %%s '%s' | base64 -d | ", base64.StdEncoding.EncodeToString(body))
	}
	// Brackets in the URL and dots in its path are sent as they are.
	b.WriteString("curl -sS -i --globoff --path-as-is")
	// The version is that of the answer: without the option curl may choose another one.
	switch {
	case strings.HasPrefix(x.Proto, "HTTP/2"):
		b.WriteString(" --http2")
	case strings.HasPrefix(x.Proto, "HTTP/1.1"):
		b.WriteString(" --http1.1")
	}
	if opts.insecure {
		b.WriteString(" --insecure")
	}
	if opts.pin {
		b.WriteString(pinned(x))
	}
	if x.Method == "HEAD" {
		b.WriteString(" --head")
		// With -X HEAD curl would wait for a body that never comes.
	} else {
		b.WriteString(" -X " + shellWord(x.Method))
	}
	b.WriteString(" " + shellWord(x.URL))
	writeCurlHeaders(&b, x)
	switch {
	// A comment of the shell ends the command, so it comes last.
	case tooLong:
		fmt.Fprintf(&b, " # its body of %d bytes is left out: see the run folder", len(body))
	case piped:
		b.WriteString(" --data-binary @-")
	case len(body) > 0:
		b.WriteString(" --data-raw " + shellWord(string(body)))
	}
	return b.String()
}

// writeCurlHeaders writes the headers of a request as options of curl, in the order in which
// they were sent. Those of framing and of the connection are left to curl, and so is a Host that
// is the URL's.
func writeCurlHeaders(b *strings.Builder, x *wire.Exchange) {
	sent := map[string]bool{}
	for _, f := range x.Sent {
		name := strings.ToLower(f.Name)
		sent[name] = true
		switch name {
		// curl makes these itself from the body and the version.
		case "content-length", "transfer-encoding", "connection":
			continue
		case "host":
			if u, err := url.Parse(x.URL); err == nil && u.Host == f.Value {
				continue
			}
		}
		if f.Value == "" { // curl's way to send a header without a value
			b.WriteString(" -H " + shellWord(f.Name+";"))
			continue
		}
		b.WriteString(" -H " + shellWord(f.Name+": "+f.Value))
	}
	// What curl adds by itself and the run did not send is switched off by a header without a
	// value.
	// With a body curl adds two more, and asks a server to confirm large ones.
	added := []string{"Accept", "User-Agent"}
	if len(x.Body) > 0 {
		added = append(added, "Content-Type", "Expect")
	}
	for _, name := range added {
		if !sent[strings.ToLower(name)] {
			b.WriteString(" -H " + shellWord(name+":"))
		}
	}
}

// pinned is the option that sends the request to the address that answered. It is empty where
// the URL has an address already, or where it is not known who answered.
func pinned(x *wire.Exchange) string {
	u, err := url.Parse(x.URL)
	if err != nil || !x.Remote.IsValid() {
		return ""
	}
	// A URL with an address reaches that address without help.
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return ""
	}
	// The option names host and port as the URL has them, and the address instead of them.
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return " --connect-to " + shellWord(fmt.Sprintf("%s:%s:%s", u.Hostname(), port, x.Remote))
}

// plainBody reports whether text survives a terminal's clipboard unchanged. Everything that a
// terminal would act on goes another way.
func plainBody(body []byte) bool {
	if !utf8.Valid(body) {
		return false
	}
	for _, r := range string(body) {
		if r != '\n' && words.Control(r) {
			return false
		}
	}
	return true
}

// plainWord needs no quotes in a shell. Such words are most of a command, and quotes around all
// of them would be hard to read.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:,+=@%-]+$`)

// shellWord quotes s as one word of a POSIX shell. Controls go through printf, so that nothing
// of the word acts on the terminal it is pasted into. Marks of secrets become variables in
// double quotes, next to the quoted text.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	var b strings.Builder
	// at is the end of the mark before, up to which the text is written.
	at := 0
	// Variables are in double quotes: what they hold stays one word, whatever is in it.
	for _, m := range secretMark.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(quoted(s[at:m[0]]))
		b.WriteString(`"$` + secretVariable(s[m[2]:m[3]]) + `"`)
		at = m[1]
	}
	b.WriteString(quoted(s[at:]))
	if b.Len() == 0 {
		return "''"
	}
	return b.String()
}

// quoted is one word in quotes. Single quotes keep everything but themselves; with controls in
// the text, printf writes them from octal escapes.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	// A line feed needs no escape: single quotes keep it, and terminals paste it as text.
	special := false
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != '\n' && words.Control(r) {
			special = true
		}
		i += size
	}
	if !special {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString(`"$(printf '`)
	for i := range len(s) {
		if c := s[i]; c == '\\' || c == '\'' || c == '%' || c < 0x20 || c >= 0x7f {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteString(`')"`)
	return b.String()
}

// secretVariable is the environment variable that a command reads a secret from. Characters
// that a variable's name cannot have become underscores, so that two names may meet.
func secretVariable(name string) string {
	var b strings.Builder
	b.WriteString("BGVERIFY_VAR_")
	for _, r := range strings.ToUpper(name) {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()
}

// Curls are the commands for both sides of a pair; empty where nothing was sent. Both sides are
// pinned if they share a host name.
func (s *Run) Curls(p *PairView) (blue, green string) {
	if p == nil {
		return "", ""
	}
	sides := s.End.Sides
	// The address is what tells the sides apart then.
	pin := hostOf(sides.Blue.URL) != "" && hostOf(sides.Blue.URL) == hostOf(sides.Green.URL)
	if p.Blue != nil {
		blue = curl(p.Blue, curlOptions{insecure: sides.Blue.Insecure, pin: pin})
	}
	if p.Green != nil {
		green = curl(p.Green, curlOptions{insecure: sides.Green.Insecure, pin: pin})
	}
	return blue, green
}

// hostOf is the host of a URL without its port; empty if it cannot be read.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
