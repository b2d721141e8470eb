package wire

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/http"
	"time"
)

// Passing is the transport's way to its service for a proxy: it dials, resolves and checks
// certificates as the transport does, but bodies pass as they arrive. Nothing limits how
// long an answer takes or how many connections there are, since a client waits at the
// other end and decides that. The caller closes idle connections when it is done.
func (t *Transport) Passing() *http.Transport {
	p := t.newPool()
	h := p.http
	// Without the reader of frames: it knows no upgraded connections.
	h.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := p.connect(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	h.DialTLSContext = nil // the handshake is net/http's, under TLSHandshakeTimeout
	h.MaxConnsPerHost, h.MaxIdleConns, h.MaxIdleConnsPerHost = 0, 0, 512
	h.IdleConnTimeout = 90 * time.Second
	return h
}

// Fingerprint is the SHA-256 of the leaf certificate of a TLS connection, hex; empty
// without TLS.
func Fingerprint(state *tls.ConnectionState) string {
	if state == nil || len(state.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(state.PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:])
}
