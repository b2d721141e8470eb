package recorded

import (
	"cmp"
	"hash/fnv"
	"io"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

var sideNames = [...]string{"blue", "green"}

// A compact is one recorded result in 16 bytes: its send time in Unix nanoseconds,
// and latency in nanoseconds (51 bits), status (10) and failure (3).
type compact struct {
	at   int64
	bits uint64
}

const maxLatency = 1<<51 - 1 // 26 days

// pack cuts a result to 16 bytes. A latency below zero becomes 0, which add counts as
// impossible, and a status above 1023 becomes 1023, which none is.
func pack(r *vegeta.Result, failure perf.Failure) compact {
	latency := min(max(r.Latency, 0), maxLatency)
	return compact{r.Timestamp.UnixNano(), uint64(latency)<<13 | uint64(min(r.Code, 1023))<<3 | uint64(failure)}
}

// record is a result as the judgement of a load stage takes it. Side and scheduled time are the
// caller's.
func (c compact) record() perf.Record {
	return perf.Record{Latency: time.Duration(c.bits >> 13), Status: uint16(c.bits >> 3 & 1023), Failure: perf.Failure(c.bits & 7)}
}

// A recording is what is kept of one result file.
type recording struct {
	results []compact // by send time
	sum     uint64    // of the results whatever their order, encoding and address
	hosts   map[string]int
	routes  map[string]*recordedRoute
	all     recordedRoute
	asked   map[uint64]*askedValue
	empty   int // 200s without a body
	odd     int // results with an impossible latency
	took0   int // answers that succeeded in 0 ms, as JMeter counts
	parsed  map[string]address
}

// A recordedRoute counts the requests of one method and path, and the sizes of
// those that succeeded.
type recordedRoute struct {
	n        int
	sizes    sizes
	statuses statuses
}

// An askedValue counts the requests of one address as it was asked for, ids and
// values included, or of a few that have one hash.
type askedValue struct {
	n     int
	route string // of the first of them
}

// Routes and addresses beyond these are counted together, so that paths made at
// random cannot fill the memory.
const (
	maxRecordedRoutes = 2048
	maxAddresses      = 4096
	maxAskedValues    = 1 << 14
	otherRoutes       = "other routes"
	allRoutes         = "all routes"
)

// record reads a result file.
func record(in io.Reader, opts Options) (*recording, error) {
	rec := &recording{
		hosts: map[string]int{}, routes: map[string]*recordedRoute{}, parsed: map[string]address{},
		asked: map[uint64]*askedValue{},
	}
	err := readResults(in, func(res *vegeta.Result) { rec.add(res, opts.Expect, opts.AnySize) })
	slices.SortFunc(rec.results, func(a, b compact) int {
		if c := cmp.Compare(a.at, b.at); c != 0 {
			return c
		}
		return cmp.Compare(a.bits, b.bits)
	})
	rec.countTooSlow()
	return rec, err
}

// add takes in a result: whether it failed (rule 2 of Judge), its size and status by route, and
// what it asked for. The result itself is not kept.
func (rec *recording) add(res *vegeta.Result, expected []attack.Status, anySize bool) {
	failure := perf.Succeeded
	lost := res.Code == 0 || brokenOff(res)
	switch {
	case lost && timedOut(res.Error):
		failure = perf.TimedOut
	case lost:
		failure = perf.Transport
	case !attack.Accepts(expected, int(res.Code)):
		failure = perf.BadStatus
	case !anySize && res.BytesIn == 0 && needsBody(res):
		failure = perf.BadStatus
		rec.empty++
	}
	if res.Latency <= 0 {
		rec.odd++
	}
	if res.Latency == jtlNoTime && failure == perf.Succeeded && (res.BytesIn > 0 || anySize) {
		rec.took0++
	}
	c := pack(res, failure)
	rec.results = append(rec.results, c)
	rec.sum += perf.Mix(perf.Mix(uint64(c.at), c.bits), res.BytesIn)
	at := rec.address(res.URL)
	rec.hosts[at.host]++
	name := cmp.Or(res.Method, "GET") + " " + at.path
	route := rec.routes[name]
	if route == nil {
		if len(rec.routes) >= maxRecordedRoutes {
			name = otherRoutes
		}
		if route = rec.routes[name]; route == nil {
			route = &recordedRoute{}
			rec.routes[name] = route
		}
	}
	route.n++
	rec.ask(at.value, name)
	code := int(res.Code)
	if lost { // whatever its head said, there was no whole answer
		code = 0
	}
	for _, to := range [...]*recordedRoute{route, &rec.all} {
		to.statuses.add(code, failure)
		if failure == perf.Succeeded {
			to.sizes.add(res.BytesIn)
		}
	}
}

// brokenOff says whether an answer came with an error text. The status line of a
// failure, which vegeta keeps as a text, is not one.
func brokenOff(res *vegeta.Result) bool {
	line, isLine := strings.CutPrefix(res.Error, strconv.Itoa(int(res.Code)))
	return res.Error != "" && (!isLine || (line != "" && line[0] != ' '))
}

// ask counts a request of an address. Addresses share maxAskedValues hashes, which
// are the same on both sides.
func (rec *recording) ask(hash uint64, route string) {
	hash %= maxAskedValues
	v := rec.asked[hash]
	if v == nil {
		v = &askedValue{route: route}
		rec.asked[hash] = v
	}
	v.n++
}

// longestAfter is how long after the last request an answer may still come:
// vegeta's default -timeout.
const longestAfter = 30 * time.Second

// countTooSlow counts the latencies that are longer than the whole attack could
// have waited.
func (rec *recording) countTooSlow() {
	if len(rec.results) == 0 {
		return
	}
	longest := time.Duration(rec.last()-rec.first()) + longestAfter
	for _, c := range rec.results {
		if c.record().Latency > longest {
			rec.odd++
		}
	}
}

// needsBody says whether an answer without a body cannot be what was asked for.
// Other statuses that succeed (201, 202, 204, 304) may have none.
func needsBody(res *vegeta.Result) bool {
	return res.Code == 200 && !strings.EqualFold(res.Method, "HEAD") && !strings.EqualFold(res.Method, "OPTIONS")
}

// first and last are the send times of the first and last result, in Unix nanoseconds; there
// must be a result.
func (rec *recording) first() int64 { return rec.results[0].at }
func (rec *recording) last() int64  { return rec.results[len(rec.results)-1].at }

// during is the number of results sent from one time to another.
func (rec *recording) during(from, to int64) int {
	place := func(t int64) int {
		i, _ := slices.BinarySearchFunc(rec.results, t, func(c compact, t int64) int { return cmp.Compare(c.at, t) })
		return i
	}
	return place(to+1) - place(from)
}

// merge calls f for the results of both sides by send time, blue first.
func merge(sides [2]*recording, f func(side int, c compact)) {
	blue, green := sides[0].results, sides[1].results
	for len(blue)+len(green) > 0 {
		if len(green) == 0 || (len(blue) > 0 && blue[0].at <= green[0].at) {
			f(0, blue[0])
			blue = blue[1:]
		} else {
			f(1, green[0])
			green = green[1:]
		}
	}
}

// An address is what the URL of a result says.
type address struct {
	host  string // with its port; empty: the URL names none
	path  string // with its query, numbers and ids replaced
	value uint64 // hash of path and query as they are
}

// address is addressOf with a memory for the addresses that were met first: a load asks for
// few, and parsing each again would take most of the time.
func (rec *recording) address(text string) address {
	if at, ok := rec.parsed[text]; ok {
		return at
	}
	at := addressOf(text)
	if len(rec.parsed) < maxAddresses {
		rec.parsed[strings.Clone(text)] = at
	}
	return at
}

// addressOf takes a URL apart. Parameters of a query count in any order, since clients that
// build them from a map send them so.
func addressOf(text string) address {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return address{path: "?"}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = template(part)
	}
	whole := path
	path = strings.Join(parts, "/")
	if u.RawQuery != "" {
		query := strings.Split(u.RawQuery, "&")
		slices.Sort(query)
		whole += "?" + strings.Join(query, "&")
		for i, part := range query {
			if name, value, ok := strings.Cut(part, "="); ok {
				query[i] = name + "=" + template(value)
			}
		}
		slices.Sort(query)
		path += "?" + strings.Join(query, "&")
	}
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, whole) // never fails
	return address{host: hostName(u.Hostname()) + ":" + port, path: path, value: hash.Sum64()}
}

// hostName is the one spelling of a host: lower case, no dot at the end, and one
// name of this machine.
func hostName(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	if host == "localhost" || host == "::1" {
		return "127.0.0.1"
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

var version = regexp.MustCompile(`^v\d{1,2}(\.\d+)*$`)

// template replaces a part of a path that holds a digit by {}: an id, not a name.
// The version of an API (v2) is a name.
func template(part string) string {
	if strings.ContainsAny(part, "0123456789") && !version.MatchString(strings.ToLower(part)) {
		return "{}"
	}
	return part
}
