package transport

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// certified is a side with a certificate and the TLS versions it accepts.
func certified(now time.Time, days float64, issuer string, http2 bool, versions ...uint16) *Facts {
	h := &Hellos{Versions: map[uint16]bool{}, HTTP2: http2, Shown: &wire.Handshake{Certificates: []*x509.Certificate{{
		NotAfter: now.Add(time.Duration(days * 24 * float64(time.Hour))), Issuer: pkix.Name{CommonName: issuer},
		DNSNames: []string{"api.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}}}}
	for _, v := range versions {
		h.Versions[v] = true
	}
	return &Facts{Host: "api.example", Hellos: h, Gets: []*wire.Exchange{{Status: 200}}}
}

// What handshakes show, at both sides of each bound.
func TestTransportOfTLS(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	const old, new13 = tls.VersionTLS12, tls.VersionTLS13
	both := certified(now, 300, "CA", true, old, new13)
	for _, c := range []struct {
		name        string
		blue, green *Facts
		fact        run.TransportFact
		verdict     run.Verdict
	}{
		{"alike", both, both, "", 0},
		{"1.2 refused", both, certified(now, 300, "CA", true, new13), run.FactOldTLS, run.Fail},
		{"1.1 refused", certified(now, 300, "CA", true, tls.VersionTLS11, old, new13), both, run.FactOldTLS, run.Fail},
		{"1.2 accepted where blue refuses", certified(now, 300, "CA", true, new13), both, "", 0},
		{"1.3 lost", both, certified(now, 300, "CA", true, old), run.FactTLS13, run.Pass},
		{"HTTP/2 lost", both, certified(now, 300, "CA", false, old, new13), run.FactHTTP2, run.Pass},
		{"green ends in 2.9 days", both, certified(now, 2.9, "CA", true, old, new13), run.FactCertificateExpiry, run.Inconclusive},
		{"green ends in 3.1 days", both, certified(now, 3.1, "CA", true, old, new13), run.FactCertificateExpiry, run.Pass},
		{"green ends in 14.1 days", both, certified(now, 14.1, "CA", true, old, new13), "", 0},
		{"both end in a day", certified(now, 1, "CA", true, old, new13), certified(now, 1, "CA", true, old, new13), run.FactCertificateExpiry, run.Inconclusive},
		{"blue alone ends in a day", certified(now, 1, "CA", true, old, new13), both, run.FactCertificateExpiry, run.Pass},
		{"another issuer", both, certified(now, 300, "CA 2", true, old, new13), run.FactCertificateIssuer, run.Pass},
	} {
		got := Compare(c.blue, c.green, now)
		switch {
		case c.fact == "" && len(got) > 0:
			t.Errorf("%s: found %v", c.name, got)
		case c.fact != "" && (len(got) != 1 || got[0].Fact != c.fact || got[0].Verdict != c.verdict):
			t.Errorf("%s: found %+v, want %s with %s", c.name, got, c.fact, c.verdict)
		}
	}
	other := certified(now, 300, "CA", true, old, new13)
	other.Hellos.Shown.Certificates[0].DNSNames = []string{"www.example"}
	if got := Compare(both, other, now); len(got) != 1 || got[0].Fact != run.FactCertificateNames {
		t.Errorf("another name: found %+v", got)
	}
	other.Host = "green.example"
	if got := Compare(both, other, now); len(got) != 0 {
		t.Errorf("another name of a side that is asked as another host: found %+v", got)
	}
	broken := certified(now, 300, "CA", true, old, new13)
	broken.Gets[0].Err = &wire.Err{Class: wire.ClassReset, Detail: "x"}
	if got := Compare(both, broken, now); !slices.ContainsFunc(got, func(f run.TransportFinding) bool { return f.Fact == run.FactHTTP1 && f.Verdict == run.Fail }) {
		t.Errorf("HTTP/1.1 given up: found %+v", got)
	}
}
