package scenarios

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
)

// certificates holds the PEM files of a tls to what they are for, so that a
// wrong one is a problem of the file and not of every request.
func (w *walker) certificates(o *obj, pem map[string][]byte) {
	if ca := pem["ca"]; ca != nil && !x509.NewCertPool().AppendCertsFromPEM(ca) {
		o.fail(o.at("ca"), "a PEM file begins with -----BEGIN CERTIFICATE-----", "no certificate in this file")
	}
	if pem["cert"] == nil || pem["key"] == nil {
		return
	}
	pair, err := tls.X509KeyPair(pem["cert"], pem["key"])
	if err != nil {
		at := "cert"
		if strings.Contains(err.Error(), "key") {
			at = "key"
		}
		o.fail(o.at(at), "", "the client certificate: %s", strings.TrimPrefix(err.Error(), "tls: "))
		return
	}
	if now := w.opts.Now; !now.IsZero() && now.After(pair.Leaf.NotAfter) {
		w.warnf(o.at("cert"), "a server that asks for it will refuse it", "the client certificate expired on %s",
			pair.Leaf.NotAfter.Format("2006-01-02"))
	}
}
