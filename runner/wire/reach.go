package wire

import (
	"context"
	"net"
)

// Reach opens a connection to the transport's service, with the handshake of TLS, and closes it.
// Where a proxy is used, only the proxy is reached. Nothing is sent over the connection.
func (t *Transport) Reach(ctx context.Context) error {
	at := t.base
	if t.proxy != nil {
		at = t.proxy
	}
	if at == nil {
		return nil
	}
	p := t.newPool()
	defer p.close()
	dial := p.dial
	if at.Scheme == "https" && t.proxy == nil {
		dial = p.dialTLS
	}
	c, err := dial(ctx, "tcp", net.JoinHostPort(at.Hostname(), portOf(at)))
	if err != nil {
		return err
	}
	return c.Close()
}
