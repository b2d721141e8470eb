package runner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A transportCheck compares one thing of both sides.
type transportCheck struct {
	blue, green *transportFacts
	now         time.Time
	out         []run.TransportFinding
}

func (c *transportCheck) find(v run.Verdict, fact run.TransportFact, blue, green string) {
	c.out = append(c.out, run.TransportFinding{Fact: fact, Verdict: v, Weight: v, Blue: blue, Green: green})
}

// compareTransport compares what the sides of a service have shown:
//
//  1. What a client of blue can do and one of green cannot fails: an older TLS
//     version, HTTP/1.1, keep-alive, compression; and a clock that is a minute off.
//  2. What a client may notice and live with is reported.
//  3. A certificate of green that ends within 3 days is inconclusive, whatever
//     blue's is: nobody knows the day of the shift.
//  4. Answers of unlike statuses are not compared: the cases report them.
func compareTransport(blue, green *transportFacts, now time.Time) []run.TransportFinding {
	c := &transportCheck{blue: blue, green: green, now: now}
	if blue.hellos != nil && green.hellos != nil {
		c.versions()
		c.certificates()
	}
	if !blue.declared && !green.declared {
		c.http1()
	}
	c.keepAlive()
	c.compression()
	c.clock()
	c.headerNames()
	c.methods()
	return c.out
}

func (c *transportCheck) versions() {
	b, g := c.blue.hellos, c.green.hellos
	if b.shown == nil || g.shown == nil {
		return
	}
	var lost []string
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12} {
		if b.versions[v] && !g.versions[v] {
			lost = append(lost, tls.VersionName(v))
		}
	}
	if len(lost) > 0 {
		c.find(run.Fail, run.FactOldTLS, "accepts "+strings.Join(lost, ", "), "refuses it")
	}
	if b.versions[tls.VersionTLS13] != g.versions[tls.VersionTLS13] {
		c.find(run.Pass, run.FactTLS13, accepts(b.versions[tls.VersionTLS13]), accepts(g.versions[tls.VersionTLS13]))
	}
	if b.http2 != g.http2 && !c.blue.declared && !c.green.declared {
		c.find(run.Pass, run.FactHTTP2, accepts(b.http2), accepts(g.http2))
	}
}

func accepts(yes bool) string {
	if yes {
		return "accepts it"
	}
	return "refuses it"
}

// The days that a certificate must be valid for.
const (
	fewDays  = 14
	lastDays = 3
)

func (c *transportCheck) certificates() {
	b, g := c.blue.hellos.shown, c.green.hellos.shown
	if b == nil || g == nil || len(b.Certificates) == 0 || len(g.Certificates) == 0 {
		return
	}
	days := [2]float64{daysLeft(b, c.now), daysLeft(g, c.now)}
	if verdict := run.Pass; min(days[0], days[1]) < fewDays {
		if days[1] < lastDays { // Rule 3
			verdict = run.Inconclusive
		}
		c.find(verdict, run.FactCertificateExpiry, "has "+daysText(days[0])+" left", daysText(days[1]))
	}
	bc, gc := b.Certificates[0], g.Certificates[0]
	if c.blue.host == c.green.host {
		names := certificateNames(gc)
		missing := slices.DeleteFunc(certificateNames(bc), func(n string) bool { return slices.Contains(names, n) })
		if len(missing) > 0 {
			c.find(run.Pass, run.FactCertificateNames, "is for "+text.Cut(strings.Join(missing, ", "), run.MaxGot), "is not")
		}
	}
	if bi, gi := bc.Issuer.String(), gc.Issuer.String(); bi != gi {
		c.find(run.Pass, run.FactCertificateIssuer, "has "+text.Cut(bi, run.MaxGot), text.Cut(gi, run.MaxGot))
	}
}

// daysLeft is how long the whole chain is valid; a root that signed itself does
// not count where another certificate comes before it.
func daysLeft(h *wire.Handshake, now time.Time) float64 {
	ends := h.Certificates[0].NotAfter
	for _, cert := range h.Certificates[1:] {
		if cert.Issuer.String() != cert.Subject.String() && cert.NotAfter.Before(ends) {
			ends = cert.NotAfter
		}
	}
	return ends.Sub(now).Hours() / 24
}

func daysText(days float64) string { return text.Count(int(math.Floor(days)), "day") }

func certificateNames(c *x509.Certificate) []string {
	out := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	slices.Sort(out)
	return out
}

// http1: a server may have given up HTTP/1.1.
func (c *transportCheck) http1() {
	b, g := c.blue.gets[0], c.green.gets[0]
	if b.Err == nil && g.Err != nil && c.green.hellos != nil && c.green.hellos.http2 {
		c.find(run.Fail, run.FactHTTP1, "answers it", fmt.Sprintf("%s: %s", g.Err.Class, g.Err.Detail))
	}
}

// kept says what became of a connection after each answer.
type kept struct{ announced, silent, reset, of int }

// connections reads it from consecutive requests.
func (f *transportFacts) connections() kept {
	k := kept{of: len(f.gets) - 1}
	for i, x := range f.gets[1:] {
		switch before := f.gets[i]; {
		case judge.Closes(before):
			k.announced++
		case x.Resets > 0:
			k.reset++
		case !x.Reused:
			k.silent++
		}
	}
	return k
}

func (k kept) String() string {
	switch {
	case k.reset > 0:
		return "resets it"
	case k.announced > 0:
		return "closes it after each answer"
	case k.silent > 0:
		return "closes it after each answer without notice"
	}
	return "keeps a connection open"
}

func (c *transportCheck) keepAlive() {
	b, g := c.blue.connections(), c.green.connections()
	if !c.alike(0) || b.of < 2 || g.of < 2 || b.announced+b.silent+b.reset > 0 {
		return
	}
	switch {
	case g.reset >= 2:
		c.find(run.Fail, run.FactConnectionsReset, b.String(), g.String())
	case g.announced == g.of:
		c.find(run.Fail, run.FactKeepAlive, b.String(), g.String())
	case g.announced+g.silent == g.of:
		c.find(run.Pass, run.FactKeepAlive, b.String(), g.String())
	}
}

// alike is rule 4 for the answers at an index.
func (c *transportCheck) alike(i int) bool {
	if len(c.blue.gets) <= i || len(c.green.gets) <= i {
		return false
	}
	b, g := c.blue.gets[i], c.green.gets[i]
	return b.Err == nil && b.Status == g.Status && b.Status != 0
}

func (c *transportCheck) compression() {
	var lost []string
	green := "with none"
	for i, coding := range probeCodings {
		if !c.alike(i + 1) {
			continue
		}
		b, g := c.blue.gets[i+1], c.green.gets[i+1]
		has := func(x *wire.Exchange) bool { return judge.HasToken(x.Headers, "Content-Encoding", coding) }
		if !has(b) || has(g) && g.Err == nil {
			continue
		}
		if g.Err != nil {
			green = fmt.Sprintf("so that it cannot be read (%s)", g.Err.Detail)
		}
		lost = append(lost, coding)
	}
	if len(lost) > 0 {
		c.find(run.Fail, run.FactCompression, "answers with "+strings.Join(lost, ", ")+" when asked for it", "answers "+green)
	}
}

// clock compares the sides' clocks by the answers that agree best: a cache may
// answer with an old Date, with or without an Age.
func (c *transportCheck) clock() {
	blue, green := c.blue.offsets(), c.green.offsets()
	if len(blue) == 0 || len(green) == 0 {
		return
	}
	best := green[0] - blue[0]
	at := blue[0]
	for _, b := range blue {
		for _, g := range green {
			if (g - b).Abs() < best.Abs() {
				best, at = g-b, b
			}
		}
	}
	if v, text := verdict.ClockVerdict(best); v != 0 {
		c.find(v, run.FactClock, "shows "+c.now.Add(at).UTC().Format(time.TimeOnly)+" UTC", text)
	}
}

// offsets are how far the side's clock may be from ours, by each answer that says
// when it was made.
func (f *transportFacts) offsets() []time.Duration {
	var out []time.Duration
	for _, x := range append(slices.Clone(f.gets), f.head, f.options) {
		if x == nil {
			continue
		}
		offset, ok := judge.DateOffset(x)
		if !ok {
			continue
		}
		age, aged := judge.Header(x.Headers, "Age")
		if !aged && judge.CacheHit(x) {
			continue
		}
		out = append(out, offset)
		if n, err := strconv.Atoi(age); err == nil && n > 0 {
			out = append(out, offset+time.Duration(n)*time.Second)
		}
	}
	return out
}

func (c *transportCheck) headerNames() {
	b, g := c.blue.gets[0], c.green.gets[0]
	if !c.alike(0) || g.Err != nil || c.blue.tunnel || c.green.tunnel || !strings.HasPrefix(b.Proto, "HTTP/1.") || !strings.HasPrefix(g.Proto, "HTTP/1.") {
		return
	}
	var blue, green []string
	for _, f := range b.Headers {
		spelled := func(o wire.Field) bool { return o.Name == f.Name }
		folded := func(o wire.Field) bool { return strings.EqualFold(o.Name, f.Name) }
		if i := slices.IndexFunc(g.Headers, folded); i >= 0 && !slices.ContainsFunc(g.Headers, spelled) && !slices.Contains(blue, f.Name) {
			blue, green = append(blue, f.Name), append(green, g.Headers[i].Name)
		}
	}
	if len(blue) > 0 {
		c.find(run.Pass, run.FactHeaderNames, "writes "+text.Cut(strings.Join(blue, ", "), run.MaxGot), text.Cut(strings.Join(green, ", "), run.MaxGot))
	}
}

// methods compares how HEAD and OPTIONS are answered.
func (c *transportCheck) methods() {
	if !c.alike(0) || c.green.gets[0].Err != nil {
		return
	}
	for _, m := range []struct {
		fact        run.TransportFact
		blue, green *wire.Exchange
	}{{run.FactHead, c.blue.head, c.green.head}, {run.FactOptions, c.blue.options, c.green.options}} {
		if m.blue == nil || m.green == nil || m.blue.Err != nil && m.green.Err != nil {
			continue
		}
		if b, g := answerText(m.blue), answerText(m.green); b != g {
			c.find(run.Pass, m.fact, "answers "+b, g)
		}
	}
}

// answerText is the status of an answer, with the methods it allows.
func answerText(x *wire.Exchange) string {
	if x.Err != nil {
		return "with a failure: " + string(x.Err.Class)
	}
	sentence := strconv.Itoa(x.Status)
	if allow, ok := judge.Header(x.Headers, "Allow"); ok && x.Method == "OPTIONS" {
		list := strings.FieldsFunc(strings.ToUpper(allow), func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(list)
		sentence += " with Allow: " + text.Cut(strings.Join(list, ", "), run.MaxGot)
	}
	return sentence
}

// Time outside load. Single requests are no measure of load, but a green that
// needs seconds where blue needs milliseconds must not pass in silence.
const (
	slowFactor = 3
	slowByMS   = 200
	slowRounds = 3 // that the safe requests are asked again
	slowSteps  = 8 // that are asked again, at most
)

// slower reports whether green's median is far above blue's, in ms.
func slower(blue, green float64) bool {
	return green >= slowFactor*blue && green-blue >= slowByMS
}

// findSlow looks for a service of which green is much slower than blue in the
// median of the exchanges of cases, and still is when its safe requests are asked
// again. A run with a load verdict has better evidence and needs none of it.
func (e *execution) findSlow(ctx context.Context, loads []run.LoadResult) *run.TransportFinding {
	if slices.ContainsFunc(loads, func(l run.LoadResult) bool {
		return l.Verdict == run.Pass || l.Verdict == run.Fail || l.Verdict == run.Inconclusive
	}) {
		return nil
	}
	seen := e.totals.Services()
	for _, p := range seen {
		first := [2]float64{p.Times[scenarios.Blue].Median(), p.Times[scenarios.Green].Median()}
		if !slower(first[0], first[1]) {
			continue
		}
		var again [3]verdict.Histogram
		for _, probe := range e.probesOf(p, slowSteps) {
			for range slowRounds {
				probe.time(ctx, &again)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		blue, green := &again[scenarios.Blue], &again[scenarios.Green]
		if blue.Count > 0 && green.Count > 0 && !slower(blue.Median(), green.Median()) {
			continue
		}
		sentence := func(ms float64) string {
			return time.Duration(ms * float64(time.Millisecond)).Round(time.Millisecond).String()
		}
		asked := ""
		if n := min(blue.Count, green.Count); n > 0 {
			asked = fmt.Sprintf(", and %s when asked %s more", sentence(green.Median()), text.Count(n, "time"))
		}
		return &run.TransportFinding{
			Fact: run.FactTime, Service: p.Service, Suites: p.Suites, Verdict: run.Inconclusive, Weight: run.Inconclusive,
			Blue:  "takes " + sentence(first[0]) + " in the median",
			Green: sentence(first[1]) + asked + "; a load stage would measure it",
		}
	}
	return nil
}
