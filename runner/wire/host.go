package wire

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"
)

// asciiHost checks the host of a URL and writes it in ASCII.
func asciiHost(u *url.URL) error {
	host, err := cleanHost(u.Host)
	if err != nil {
		return err
	}
	u.Host = host
	return nil
}

// cleanHost checks a host with or without a port and writes it in ASCII. Go
// sends a request with an invalid host with an empty one instead, without a word.
func cleanHost(hostport string) (string, error) {
	host, port, bracketed := hostport, "", strings.HasPrefix(hostport, "[")
	if end := strings.IndexByte(host, ']'); bracketed && end > 0 {
		host, port = host[:end+1], host[end+1:]
	} else if i := strings.IndexByte(host, ':'); i >= 0 {
		host, port = host[:i], host[i:]
	}
	if port == ":" {
		port = ""
	}
	if port != "" && (port[0] != ':' || !validPort(port[1:])) {
		return "", badHost(hostport)
	}
	if bracketed {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil || !addr.Is6() {
			return "", badHost(hostport)
		}
		return host + port, nil
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil && isASCII(host) {
		ascii, err = host, nil // a name such as my_service, which DNS allows and IDNA does not
	}
	if err != nil || ascii == "" || strings.ContainsAny(ascii, hostStops) || !httpguts.ValidHostHeader(ascii) {
		return "", badHost(hostport)
	}
	return ascii + port, nil
}

// badHost is the error for what is not a host, or host and port.
func badHost(hostport string) error { return fmt.Errorf("invalid host %q", hostport) }

// hostStops are the bytes that no host name holds.
const hostStops = "/?#@\\[]:,;=&$'()*+!\"<>^`{|}%~ \t"

// validPort reports whether a text is a port from 1 to 65535, in digits.
func validPort(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n > 0 && n < 1<<16
}

// isASCII reports whether a text is visible ASCII alone: no space, no control character.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// hostOnly is a host without its port and brackets.
func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}
