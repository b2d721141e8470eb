package scenarios

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// checkSides holds both sides to the same services: a step of a service that one side lacks
// could not be compared.
func (b *builder) checkSides(w *walker, o *keys.Mapping) {
	for _, side := range []Side{Blue, Green} {
		other := Blue + Green - side
		for _, s := range b.suite.Side(side).Services {
			if findService(b.suite.Side(other).Services, s.Name) == nil {
				b.failAt(s.Pos, s.Name, "both sides have the same services", "service %q is missing from side %s", s.Name, other)
			}
		}
	}
}

// checkTransports holds versions, proxies and pins of a side and its services to what can be
// sent together. What is wrong here would otherwise fail every request of the run.
func (b *builder) checkTransports() {
	for _, c := range []*SideConfig{&b.suite.Blue, &b.suite.Green} {
		fail := func(p Pos, hint, format string, args ...any) { b.failAt(cmp.Or(p, c.Pos), "", hint, format, args...) }
		// The side itself is checked as a service without name.
		base := Service{URL: c.URL, Pos: c.Pos}
		for _, s := range append([]Service{base}, c.Services...) {
			// A service that is a path is reached where its side is.
			address, version := s.URL, cmp.Or(s.HTTP, c.HTTP)
			if strings.HasPrefix(address, "/") {
				address = c.URL
			}
			scheme, _, known := strings.Cut(address, "://")
			switch {
			case version == "2" && known && scheme != "https":
				fail(s.Pos, `without TLS it is http: h2c`, `http: "2" needs an https URL, not %s`, address)
			case version == "h2c" && known && scheme != "http":
				fail(s.Pos, `with TLS it is http: "2"`, "http: h2c needs an http URL, not %s", address)
			case version == "h2c" && c.Proxy != "":
				fail(s.Pos, "", "h2c cannot go through a proxy")
			case c.Proxy != "" && cmp.Or(s.Resolve, c.Resolve) != "":
				fail(s.Pos, "", "proxy and resolve exclude each other: the proxy decides the address")
			}
		}
	}
}

// checkAddresses demands the urls that will be called, and that the two sides differ: a run
// that compares blue with blue passes whatever green is.
func (b *builder) checkAddresses() {
	blue, green := &b.suite.Blue, &b.suite.Green
	if b.opts.Demand {
		// A suite whose services all have their own URLs needs no url of the side.
		needed := slices.ContainsFunc(b.steps, func(s *Step) bool { return b.needsBase(s.Service) }) ||
			slices.ContainsFunc(b.suite.Identity, func(i Identity) bool { return b.needsBase(i.Service) })
		for _, side := range []Side{Blue, Green} {
			c := b.suite.Side(side)
			if needed && c.URL == "" && !c.urlFailed {
				hint := fmt.Sprintf("write sides: {%s: {url: …}}, name an env file, or give --%s URL", side, side)
				b.failAt(b.suite.Pos, "", hint, "side %s has no url", side)
			}
		}
	}
	// calibrate measures the noise of one side, and compares it with itself on purpose.
	if b.opts.SameSides {
		return
	}
	// The same URL is fine where resolve or host lead to another place.
	if blue.URL != "" && sameAddress(blue.URL, green.URL) && blue.Resolve == green.Resolve && blue.Host == green.Host {
		b.failAt(cmp.Or(green.Pos, b.suite.Pos), "", "comparing a side with itself proves nothing", "blue and green are the same address: %s", green.URL)
		return
	}
	// Services are compared where both have their own URL; one that is joined to the
	// side's url differs as the side does.
	for _, s := range blue.Services {
		g := findService(green.Services, s.Name)
		if g == nil || s.Shared || g.Shared || s.URL == "" || strings.HasPrefix(s.URL, "/") {
			continue
		}
		// A service's own resolve and host win over the side's.
		same := cmp.Or(s.Resolve, blue.Resolve) == cmp.Or(g.Resolve, green.Resolve) && cmp.Or(s.Host, blue.Host) == cmp.Or(g.Host,
			green.Host)
		if sameAddress(s.URL, g.URL) && same {
			b.failAt(g.Pos, g.Name, "add shared: true if that is meant", "service %q is the same address on both sides: %s", s.Name, g.URL)
		}
	}
}

// needsBase reports whether a service is reached through the side's own url.
func (b *builder) needsBase(service string) bool {
	if service == "" {
		return true
	}
	return slices.ContainsFunc(slices.Concat(b.suite.Blue.Services, b.suite.Green.Services), func(s Service) bool {
		return s.Name == service && strings.HasPrefix(s.URL, "/")
	})
}

// sameAddress reports whether two URLs lead to one place in any spelling: case of scheme and
// host, default ports, loopback names and a final slash do not count.
func sameAddress(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && originOf(a) == originOf(b) && strings.TrimRight(x.Path, "/") == strings.TrimRight(y.Path, "/")
}

// URLFault says why text cannot be the url of a side; empty: it can.
// URLFault is for the command, whose flags name sides too.
func URLFault(s string) string { return badBaseURL(s) }

// badBaseURL says what is wrong with a side's URL; empty when nothing is.
func badBaseURL(s string) string {
	u, err := url.Parse(s)
	switch {
	// Before the error: url.Parse refuses 127.0.0.1:8080 with words that say little.
	case lacksScheme(s), err == nil && u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("%q must begin with http:// or https://", problem.Cut(s, 80))
	case err != nil:
		return fmt.Sprintf("%q is not a URL", problem.Cut(s, 80))
	case u.User != nil:
		return "a URL may not hold a user or password; use auth: {basic: …}"
	case u.Hostname() == "":
		return fmt.Sprintf("%q has no host", problem.Cut(s, 80))
	case u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "#"):
		return fmt.Sprintf("%q may not have a query or a fragment", problem.Cut(s, 80))
	}
	return badHost(u.Host)
}

// lacksScheme reports whether a URL is written as host, host:port or host/path.
// url.Parse reads the host of localhost:8080 as a scheme and refuses 127.0.0.1:8080.
func lacksScheme(s string) bool {
	if strings.Contains(s, "://") || strings.HasPrefix(s, "/") {
		return false
	}
	host, _, _ := strings.Cut(s, "/")
	return host != "" && badHost(host) == ""
}

// mistypedScheme matches what people write for http:// and https:// when a character is missing,
// doubled or another one, with the rest of the address.
var mistypedScheme = regexp.MustCompile(`^(?i)(h?t{1,3}ps?|https?s|http)[:;]?/{1,3}(.*)$`)

// urlHint says how a URL is meant that badBaseURL refuses; empty where that is not known.
func urlHint(s string) string {
	m := mistypedScheme.FindStringSubmatch(s)
	switch {
	case strings.ContainsAny(s, "$%{"):
		return "a variable was not replaced: is it set, and does the text reach the shell in double quotes?"
	case m != nil && m[2] == "":
		return "write " + strings.ToLower(m[1]) + "://HOST:PORT"
	case m != nil && !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") && badHost(strings.SplitN(m[2], "/", 2)[0]) == "":
		scheme := "http"
		if strings.HasSuffix(strings.ToLower(m[1]), "s") {
			scheme = "https"
		}
		return "did you mean " + scheme + "://" + problem.Cut(m[2], 80) + "?"
	case lacksScheme(s):
		return fmt.Sprintf("write http://%s, or https://%s if it speaks TLS", problem.Cut(s, 80), problem.Cut(s, 80))
	case strings.HasSuffix(badBaseURL(s), "has no valid port"):
		return "a port is a number from 1 to 65535"
	}
	return ""
}

// badServiceURL says what is wrong with the URL of a service: a path, or a base URL.
func badServiceURL(s string) string {
	if strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") {
		if strings.ContainsAny(s, " ?#\t\r\n\\") {
			return fmt.Sprintf("%q is not a path", problem.Cut(s, 80))
		}
		return ""
	}
	return badBaseURL(s)
}

// badHost says what is wrong with host or host:port; empty when nothing is. Names are ASCII:
// an international name is written as DNS has it.
func badHost(s string) string {
	// The port is what follows the last colon outside of brackets.
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		host, port = s[:i], s[i+1:]
		if p, err := netip.ParseAddrPort("127.0.0.1:" + port); err != nil || p.Port() == 0 {
			return fmt.Sprintf("%q has no valid port", problem.Cut(s, 80))
		}
	}
	// IPv6 is written in brackets.
	if ip, ok := strings.CutPrefix(host, "["); ok {
		if _, err := netip.ParseAddr(strings.TrimSuffix(ip, "]")); err != nil {
			return fmt.Sprintf("%q is not an address", problem.Cut(s, 80))
		}
		return ""
	}
	for _, r := range host {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r) {
			continue
		}
		return fmt.Sprintf("%q is not a host", problem.Cut(s, 80))
	}
	if host == "" {
		return "the host is empty"
	}
	return ""
}

// badAddress says why text is not an IP address, with or without a port.
func badAddress(s string) string {
	_, err := netip.ParseAddr(s)
	if _, errPort := netip.ParseAddrPort(s); err != nil && errPort != nil {
		return fmt.Sprintf("%q is not an IP address or IP:port", problem.Cut(s, 80))
	}
	return ""
}

// badProxy says why text is not the URL of a proxy.
func badProxy(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "socks5"}, u.Scheme) {
		return fmt.Sprintf("%q is not the URL of a proxy: http://host:port or socks5://host:port", problem.Cut(s, 80))
	}
	return ""
}

// checkOrigin holds an absolute URL to the services of the sides, as far as their addresses
// are known: a request to any other host would be the same on both sides, and compare nothing.
func (b *builder) checkOrigin(fail func(hint, format string, args ...any), text string) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Host == "" {
		fail("", "%q is not a URL", problem.Cut(text, 60))
		return
	}
	if u.User != nil {
		fail("use auth: {basic: …}", "a URL may not hold a user or password")
		return
	}
	origin := originOf(text)
	for _, side := range []Side{Blue, Green} {
		c := b.suite.Side(side)
		// A side whose addresses wait for variables cannot be held to anything yet.
		urls, complete := c.addresses()
		if !complete || slices.ContainsFunc(urls, func(s string) bool { return originOf(s) == origin }) {
			continue
		}
		fail("write a path and name the service, or add the origin to the side's services", "%s://%s is none of side %s's services",
			u.Scheme, u.Host, side)
		return
	}
}

// addresses are the absolute URLs of a side; complete says whether all are known.
func (c *SideConfig) addresses() (urls []string, complete bool) {
	complete = c.URL != ""
	urls = append(urls, c.URL)
	for _, s := range c.Services {
		switch {
		case s.URL == "":
			complete = false
		case !strings.HasPrefix(s.URL, "/"):
			urls = append(urls, s.URL)
		}
	}
	return urls, complete
}

// originOf is scheme, host and port in one spelling.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	// A final dot means the same host to DNS.
	host, port := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	// All names of loopback are one host.
	if host == "127.0.0.1" || host == "::1" {
		host = "localhost"
	}
	return strings.ToLower(u.Scheme) + "://" + host + ":" + port
}

// findService is the service of a name; nil when the list has none.
func findService(list []Service, name string) *Service {
	if i := slices.IndexFunc(list, func(s Service) bool { return s.Name == name }); i >= 0 {
		return &list[i]
	}
	return nil
}
