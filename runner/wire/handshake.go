package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
)

// A Hello is what a TLS handshake offers, besides the name and the client
// certificate of the transport.
type Hello struct {
	Min, Max  uint16   // TLS versions; see crypto/tls
	Protocols []string // ALPN
}

// A Handshake is what the server made of a Hello.
type Handshake struct {
	Version      uint16
	Protocol     string              // ALPN; empty: none was agreed on
	Certificates []*x509.Certificate // as sent, the server's own first
}

// Handshake opens its own connection to the transport's base URL, agrees on
// TLS, and closes it. Nothing is sent over it. Certificates are not verified, and
// every cipher suite is offered: the question is what the server accepts. The base
// URL must be https and not behind a proxy.
func (t *Transport) Handshake(ctx context.Context, hello Hello) (*Handshake, *Err) {
	if t.base == nil || t.base.Scheme != "https" || t.proxy != nil {
		return nil, refuse("no TLS handshake with this service")
	}
	p := t.newPool()
	defer p.close()
	raw, err := p.connect(ctx, "tcp", net.JoinHostPort(t.base.Hostname(), portOf(t.base)))
	if err != nil {
		return nil, classify(err, false)
	}
	defer func() { _ = raw.Close() }() // nothing was sent
	conf := t.tls.Clone()
	conf.MinVersion, conf.MaxVersion, conf.NextProtos = hello.Min, hello.Max, hello.Protocols
	conf.InsecureSkipVerify = true //nolint:gosec // the requests of the run verify; this asks what is offered
	if conf.ServerName == "" {
		conf.ServerName = t.base.Hostname()
	}
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, suite := range list {
			conf.CipherSuites = append(conf.CipherSuites, suite.ID)
		}
	}
	secure, err := p.agree(ctx, raw, conf)
	if err != nil {
		return nil, classify(err, false)
	}
	state := secure.ConnectionState()
	return &Handshake{Version: state.Version, Protocol: state.NegotiatedProtocol, Certificates: state.PeerCertificates}, nil
}
