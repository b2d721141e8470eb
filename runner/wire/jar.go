package wire

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// A Jar keeps the cookies of one lane as a browser would (RFC 6265): Domain,
// Path, Secure, Expires and Max-Age decide where a cookie goes and when it
// ends; __Host- and __Secure- names are held to what they promise. HttpOnly and
// SameSite play no part: a lane has no scripts and no foreign sites.
//
// It holds at most 50 cookies for a host and 4 KiB for a cookie; a larger one
// is not taken, and beyond 50 the oldest goes. It is used by one goroutine at a
// time.
type Jar struct {
	cookies []cookie // in order of creation
	refused []cookie // not taken, kept to say so; see Withheld
	aliases map[string]string
	now     func() time.Time
}

const (
	// maxCookies is how many cookies a lane keeps, and maxCookieBytes how long one may be. A
	// hostile server could fill the memory otherwise; browsers have similar limits (RFC 6265,
	// section 6.1).
	maxCookies     = 50
	maxCookieBytes = 4 << 10
)

// A cookie is one that a side has set, with where it is sent. As JSON it is carried to another
// machine.
type cookie struct {
	Name, Value string
	Domain      string // lower case, no leading dot
	HostOnly    bool   // goes to Domain alone, not to what is below it
	Path        string
	Secure      bool
	Expires     time.Time // zero: with the lane
	Owner       string    // host that set it; bounds count by it
	why         string    // of a refused one: why it was not taken
}

// NewJar makes an empty jar.
func NewJar() *Jar { return &Jar{now: time.Now} }

// Clone copies the jar; the two are then independent.
func (j *Jar) Clone() *Jar {
	return &Jar{cookies: slices.Clone(j.cookies), refused: slices.Clone(j.refused), aliases: maps.Clone(j.aliases), now: j.now}
}

// Alias makes cookies of host and as one: a crossover lane carries a session
// born on blue's host to green's, as the cut-over will, when both answer to the
// same name. Both are host names without a port.
func (j *Jar) Alias(host, as string) {
	if host, as = lowerHost(host), lowerHost(as); host == as {
		return
	}
	if j.aliases == nil {
		j.aliases = map[string]string{}
	}
	j.aliases[host] = as
}

// Set takes the cookies that an exchange with rawURL set. Cookies that a
// browser would not take are left out without a word: a foreign or too wide
// Domain, Secure over http, a broken __Host- promise, too many bytes.
func (j *Jar) Set(rawURL string, x *Exchange) {
	if x == nil {
		return
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return
	}
	for _, f := range x.Headers {
		if strings.EqualFold(f.Name, "Set-Cookie") {
			j.take(u, f.Value)
		}
	}
}

// take stores the cookie of one Set-Cookie header of an answer from u. What a browser would refuse
// is left out: too long, malformed, or for a host that the answer cannot speak for.
func (j *Jar) take(u *url.URL, line string) {
	if len(line) > 2*maxCookieBytes {
		return
	}
	parsed, err := http.ParseSetCookie(line)
	if err != nil || len(parsed.Name)+len(parsed.Value) > maxCookieBytes {
		return
	}
	c := cookie{Name: parsed.Name, Value: parsed.Value, Path: parsed.Path, Secure: parsed.Secure}
	if parsed.Quoted {
		c.Value = `"` + c.Value + `"`
	}
	if c.Path == "" || c.Path[0] != '/' {
		c.Path = defaultPath(u.Path)
	}
	host := lowerHost(u.Hostname())
	now := j.now()
	if !c.setDomain(host, parsed.Domain, j.canonical(host)) {
		c.why = "its Domain " + parsed.Domain + " is not that of the host " + host
		j.refuse(c)
		return
	}
	switch {
	case c.Secure && u.Scheme != "https":
		c.why = overHTTP
	case strings.HasPrefix(c.Name, "__Secure-") && !c.Secure,
		strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || parsed.Domain != "" || c.Path != "/"):
		c.why = "its attributes break what its name promises"
	}
	if c.why != "" {
		j.refuse(c)
		return
	}
	switch { // Max-Age wins over Expires
	case parsed.MaxAge < 0:
		c.Expires = now
	case parsed.MaxAge > 0:
		c.Expires = now.Add(time.Duration(min(parsed.MaxAge, 400*24*3600)) * time.Second)
	case !parsed.Expires.IsZero():
		c.Expires = parsed.Expires
	}
	j.store(c, now)
}

// overHTTP is why a Secure cookie is not sent.
const overHTTP = "it is a Secure cookie, and the address is http"

// refuse remembers a cookie that was not taken, the last of each name and host.
func (j *Jar) refuse(c cookie) {
	j.refused = slices.DeleteFunc(j.refused, func(o cookie) bool { return o.Name == c.Name && o.Owner == c.Owner })
	if j.refused = append(j.refused, c); len(j.refused) > maxCookies {
		j.refused = j.refused[1:]
	}
}

// A Withheld is a cookie that a request lacks, and why: "it is a Secure cookie, and
// the address is http".
type Withheld struct{ Name, Why string }

// Withheld lists the cookies that were set by the host of rawURL and that a request
// there lacks. Cookies that ended or belong to other paths are not listed, nor are
// names that the request sends all the same.
func (j *Jar) Withheld(rawURL string) []Withheld {
	u, err := url.Parse(rawURL)
	if err != nil || len(j.cookies)+len(j.refused) == 0 {
		return nil
	}
	var out []Withheld
	host, now, sent := j.canonical(lowerHost(u.Hostname())), j.now(), j.matching(rawURL)
	for _, c := range slices.Concat(j.refused, j.cookies) {
		why := c.why
		if why == "" && c.Secure && u.Scheme != "https" && (c.Domain == host || !c.HostOnly && domainMatch(host, c.Domain)) {
			why = overHTTP
		}
		if why == "" || c.Owner != host || c.Value == "" || c.expired(now) || !pathMatch(u.Path, c.Path) ||
			slices.ContainsFunc(sent, func(o cookie) bool { return o.Name == c.Name }) {
			continue
		}
		out = append(out, Withheld{c.Name, why})
	}
	return out
}

// setDomain decides who gets the cookie that host sets; false: it is refused.
// canonical is the host that host stands for.
func (c *cookie) setDomain(host, attribute, canonical string) bool {
	domain := lowerHost(strings.TrimPrefix(attribute, "."))
	c.Owner = canonical
	if domain == "" || domain == host && (isIP(host) || isPublicSuffix(host)) {
		c.Domain, c.HostOnly = canonical, true
		return true
	}
	if isIP(host) || isPublicSuffix(domain) || !domainMatch(host, domain) {
		return false
	}
	// The same number of labels is dropped from the canonical name.
	c.Domain = canonical
	if host == canonical {
		c.Domain = domain
		return true
	}
	for range strings.Count(host, ".") - strings.Count(domain, ".") {
		if _, rest, found := strings.Cut(c.Domain, "."); found && !isPublicSuffix(rest) {
			c.Domain = rest
		}
	}
	return true
}

// store replaces the cookie of the same name, domain and path, or adds it.
func (j *Jar) store(c cookie, now time.Time) {
	j.cookies = slices.DeleteFunc(j.cookies, func(o cookie) bool { return o.expired(now) })
	same := slices.IndexFunc(j.cookies, func(o cookie) bool {
		return o.Name == c.Name && o.Domain == c.Domain && o.Path == c.Path && o.HostOnly == c.HostOnly
	})
	switch {
	case c.expired(now):
		if same >= 0 {
			j.cookies = slices.Delete(j.cookies, same, same+1)
		}
	case same >= 0:
		j.cookies[same] = c // keeps its place: order of creation
	default:
		j.cookies = append(j.cookies, c)
		j.evict(c.Owner)
	}
}

// evict drops the oldest cookies of a host beyond the bound.
func (j *Jar) evict(owner string) {
	n := 0
	for _, c := range j.cookies {
		if c.Owner == owner {
			n++
		}
	}
	j.cookies = slices.DeleteFunc(j.cookies, func(c cookie) bool {
		if c.Owner != owner || n <= maxCookies {
			return false
		}
		n--
		return true
	})
}

// expired reports whether the cookie's time is over; one without an expiry lasts as long as the
// lane.
func (c *cookie) expired(now time.Time) bool { return !c.Expires.IsZero() && !c.Expires.After(now) }

// Header is the Cookie header for a request to rawURL: longer paths first, then
// older cookies; empty without cookies.
func (j *Jar) Header(rawURL string) string {
	var parts []string
	for _, c := range j.matching(rawURL) {
		parts = append(parts, c.Name+"="+c.Value)
	}
	return strings.Join(parts, "; ")
}

// Get is the value of the cookie that a request to rawURL would send under a
// name; of several, the one sent first.
func (j *Jar) Get(rawURL, name string) (string, bool) {
	for _, c := range j.matching(rawURL) {
		if c.Name == name {
			return strings.Trim(c.Value, `"`), true
		}
	}
	return "", false
}

// matching are the cookies for a URL, in the order of RFC 6265, section 5.4: longer paths first,
// then older ones.
func (j *Jar) matching(rawURL string) []cookie {
	u, err := url.Parse(rawURL)
	if err != nil || len(j.cookies) == 0 {
		return nil
	}
	host, now := j.canonical(lowerHost(u.Hostname())), j.now()
	var found []cookie
	for _, c := range j.cookies {
		if c.expired(now) || c.Secure && u.Scheme != "https" || !pathMatch(u.Path, c.Path) {
			continue
		}
		if c.Domain == host || !c.HostOnly && domainMatch(host, c.Domain) {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(a, b cookie) int { return len(b.Path) - len(a.Path) })
	return found
}

// canonical is the name under which cookies of a host are kept: hosts that the files call one
// service share their cookies.
func (j *Jar) canonical(host string) string {
	if as, found := j.aliases[host]; found {
		return as
	}
	return host
}

// lowerHost is a host without its final dot, in lower case: two spellings of one name.
func lowerHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// isIP reports whether a host is an address; cookies of an address go to it alone.
func isIP(host string) bool { return net.ParseIP(host) != nil }

// isPublicSuffix reports whether anybody may register below a domain. A name
// of one label is one, known or not.
func isPublicSuffix(domain string) bool {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	return suffix == domain
}

// domainMatch: RFC 6265 section 5.1.3.
func domainMatch(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain) && !isIP(host)
}

// defaultPath: RFC 6265 section 5.1.4.
func defaultPath(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 || path[0] != '/' {
		return "/"
	}
	return path[:i]
}

// pathMatch: RFC 6265 section 5.1.4.
func pathMatch(path, cookiePath string) bool {
	if path == "" {
		path = "/"
	}
	if !strings.HasPrefix(path, cookiePath) {
		return false
	}
	return len(path) == len(cookiePath) || cookiePath[len(cookiePath)-1] == '/' || path[len(cookiePath)] == '/'
}

// MarshalJSON writes the cookies, for a worker that goes on with a lane.
func (j *Jar) MarshalJSON() ([]byte, error) { return json.Marshal(append([]cookie{}, j.cookies...)) }

// UnmarshalJSON makes a jar of what MarshalJSON wrote.
func (j *Jar) UnmarshalJSON(b []byte) error {
	*j = *NewJar()
	return json.Unmarshal(b, &j.cookies)
}
