// Package transport compares how the two sides of a service are reached: TLS versions and
// certificates, HTTP versions, connections, compression, clocks, header names, methods. The
// exchanges and handshakes of both sides come in, typed findings go out. It sends nothing.
package transport

import (
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
)

// Codings are what a probe asks answers to be compressed with, one at a time.
var Codings = []string{"gzip", "deflate", "br"}

// Facts are what one side has shown of a service.
type Facts struct {
	Host string // that it was asked as
	// Gets are over HTTP/1.1, or as the side's http insists, on one connection if the
	// server keeps it: as the step is, then with each of Codings. They end with
	// the first that failed.
	Gets          []*wire.Exchange
	Head, Options *wire.Exchange // nil: not sent
	// Known is the same GET by a client that has the content (If-None-Match with the ETag of the
	// first answer), Unknown by one that has other content. nil: not sent, for want of an ETag.
	Known, Unknown *wire.Exchange
	Declared       bool    // the HTTP version is: nothing is known of others
	Tunnel         bool    // through a proxy: the spelling of headers is lost
	Hellos         *Hellos // nil: no TLS, or through a proxy
}

// Hellos are what TLS handshakes have shown.
type Hellos struct {
	Versions map[uint16]bool // accepted, by tls.VersionTLS10 to 13
	HTTP2    bool
	Shown    *wire.Handshake // nil: none succeeded
}

// Fine reports whether the side answered with 2xx.
func (f *Facts) Fine() bool { return f.Gets[0].Err == nil && f.Gets[0].Status/100 == 2 }

// A check compares one thing of both sides.
type check struct {
	blue, green *Facts
	now         time.Time
	out         []run.TransportFinding
}

// find adds a finding of its full weight.
func (c *check) find(v run.Verdict, fact run.TransportFact, blue, green string) {
	c.out = append(c.out, run.TransportFinding{Fact: fact, Verdict: v, Weight: v, Blue: blue, Green: green})
}

// Compare compares what the sides of a service have shown:
//
//  1. What a client of blue can do and one of green cannot fails: an older TLS
//     version, HTTP/1.1, keep-alive, compression; and a clock that is a minute off.
//  2. What a client may notice and live with is reported.
//  3. A certificate of green that ends within 3 days is inconclusive, whatever
//     blue's is: the day of the shift is not known.
//  4. Answers of unlike statuses are not compared: the cases report them.
func Compare(blue, green *Facts, now time.Time) []run.TransportFinding {
	c := &check{blue: blue, green: green, now: now}
	if blue.Hellos != nil && green.Hellos != nil {
		c.versions()
		c.certificates()
	}
	if !blue.Declared && !green.Declared {
		c.http1()
	}
	c.keepAlive()
	c.compression()
	c.forms()
	c.clock()
	c.headerNames()
	c.methods()
	c.conditions()
	return c.out
}

// versions compares the TLS versions and HTTP/2. An older version that only blue accepts cuts off old
// boxes and fails; TLS 1.3 and HTTP/2 are reported, for a client without them falls back.
func (c *check) versions() {
	b, g := c.blue.Hellos, c.green.Hellos
	if b.Shown == nil || g.Shown == nil {
		return
	}
	var lost []string
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12} {
		if b.Versions[v] && !g.Versions[v] {
			lost = append(lost, tls.VersionName(v))
		}
	}
	if len(lost) > 0 {
		c.find(run.Fail, run.FactOldTLS, "accepts "+strings.Join(lost, ", "), "refuses it")
	}
	if b.Versions[tls.VersionTLS13] != g.Versions[tls.VersionTLS13] {
		c.find(run.Pass, run.FactTLS13, accepts(b.Versions[tls.VersionTLS13]), accepts(g.Versions[tls.VersionTLS13]))
	}
	if b.HTTP2 != g.HTTP2 && !c.blue.Declared && !c.green.Declared {
		c.find(run.Pass, run.FactHTTP2, accepts(b.HTTP2), accepts(g.HTTP2))
	}
}

// accepts is a side's part of the sentence about something that it takes or refuses.
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

// certificates compares what TLS handshakes showed: how long the chain is valid, in days; names that
// clients of blue rely on, where both sides are asked as one host; and who issued it. Rule 3
// holds for the days.
func (c *check) certificates() {
	b, g := c.blue.Hellos.Shown, c.green.Hellos.Shown
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
	if c.blue.Host == c.green.Host {
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

// daysText is a number of days rounded down: 2.9 days are not 3.
func daysText(days float64) string { return text.Count(int(math.Floor(days)), "day") }

// certificateNames are the DNS names and addresses that a certificate is for, sorted.
func certificateNames(c *x509.Certificate) []string {
	out := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	slices.Sort(out)
	return out
}

// http1: a server may have given up HTTP/1.1.
func (c *check) http1() {
	b, g := c.blue.Gets[0], c.green.Gets[0]
	if b.Err == nil && g.Err != nil && c.green.Hellos != nil && c.green.Hellos.HTTP2 {
		c.find(run.Fail, run.FactHTTP1, "answers it", fmt.Sprintf("%s: %s", g.Err.Class, g.Err.Detail))
	}
}

// kept says what became of a connection after each answer.
type kept struct{ announced, silent, reset, of int }

// connections reads it from consecutive requests.
func (f *Facts) connections() kept {
	k := kept{of: len(f.Gets) - 1}
	for i, x := range f.Gets[1:] {
		switch before := f.Gets[i]; {
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

// String is what becomes of a connection, by the gravest that was seen.
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

// keepAlive compares what becomes of connections. One answer that closes is no habit: green must
// close after each, or reset twice, where blue kept all.
func (c *check) keepAlive() {
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
func (c *check) alike(i int) bool {
	if len(c.blue.Gets) <= i || len(c.green.Gets) <= i {
		return false
	}
	b, g := c.blue.Gets[i], c.green.Gets[i]
	return b.Err == nil && b.Status == g.Status && b.Status != 0
}

// compression finds the codings that blue answers with when asked, and green does not, or in a form
// that cannot be read.
func (c *check) compression() {
	var lost []string
	green := "with none"
	for i, coding := range Codings {
		if !c.alike(i + 1) {
			continue
		}
		b, g := c.blue.Gets[i+1], c.green.Gets[i+1]
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

// forms finds an answer that green writes in a form which other clients may not read and blue does
// not. The exchanges of cases find it too; this adds the codings that only a probe asks for.
func (c *check) forms() {
	var forms []string
	for i, b := range c.blue.Gets {
		if c.alike(i) {
			forms = verdict.AddForms(forms, b.Form, c.green.Gets[i].Form)
		}
	}
	if v, text := verdict.FormsVerdict(forms); v != 0 {
		c.find(v, run.FactAnswerForm, "sends none of this", text)
	}
}

// conditions finds a green that calls content which a client does not have the present one: the
// client keeps the old content for good. Sending all of it again costs time alone, and is reported.
func (c *check) conditions() {
	is304 := func(x *wire.Exchange) bool { return x != nil && x.Err == nil && x.Status == 304 }
	switch {
	case is304(c.green.Unknown) && c.blue.Unknown != nil && c.blue.Unknown.Err == nil && c.blue.Unknown.Status/100 == 2:
		c.find(run.Fail, run.FactConditional, "sends new content to a client that has an older one", "answers 304")
	case is304(c.blue.Known) && c.green.Known != nil && !is304(c.green.Known):
		c.find(run.Pass, run.FactConditional, "answers 304 to a client that has the content", answerText(c.green.Known))
	}
}

// clock compares the sides' clocks by the answers that agree best: a cache may
// answer with an old Date, with or without an Age.
func (c *check) clock() {
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
func (f *Facts) offsets() []time.Duration {
	var out []time.Duration
	for _, x := range append(slices.Clone(f.Gets), f.Head, f.Options) {
		if x == nil {
			continue
		}
		offset, ok := judge.DateOffset(x)
		if !ok {
			continue
		}
		age, aged := wire.Header(x.Headers, "Age")
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

// headerNames finds headers that green spells in another letter case. HTTP/1.1 says that case has no
// meaning, yet old clients compare names byte by byte. HTTP/2 has lower case alone, and a proxy
// spells names its own way.
func (c *check) headerNames() {
	b, g := c.blue.Gets[0], c.green.Gets[0]
	if !c.alike(0) || g.Err != nil || c.blue.Tunnel || c.green.Tunnel || !strings.HasPrefix(b.Proto, "HTTP/1.") ||
		!strings.HasPrefix(g.Proto, "HTTP/1.") {
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
		c.find(run.Pass, run.FactHeaderNames, "writes "+text.Cut(strings.Join(blue, ", "), run.MaxGot),
			text.Cut(strings.Join(green, ", "), run.MaxGot))
	}
}

// methods compares how HEAD and OPTIONS are answered.
func (c *check) methods() {
	if !c.alike(0) || c.green.Gets[0].Err != nil {
		return
	}
	for _, m := range []struct {
		fact        run.TransportFact
		blue, green *wire.Exchange
	}{{run.FactHead, c.blue.Head, c.green.Head}, {run.FactOptions, c.blue.Options, c.green.Options}} {
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
	if allow, ok := wire.Header(x.Headers, "Allow"); ok && x.Method == "OPTIONS" {
		list := strings.FieldsFunc(strings.ToUpper(allow), func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(list)
		sentence += " with Allow: " + text.Cut(strings.Join(list, ", "), run.MaxGot)
	}
	return sentence
}
