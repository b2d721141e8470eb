package scenarios

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// certificate makes a self-signed certificate and its key, good until a day.
func certificate(t *testing.T, until time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "box"}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// A file that is no certificate, or a key of another, is found before anything is sent.
func TestCertificates(t *testing.T) {
	cert, key := certificate(t, today.AddDate(0, 1, 0))
	old, oldKey := certificate(t, today.AddDate(0, -1, 0))
	files := fstest.MapFS{}
	for name, data := range map[string][]byte{"c.pem": cert, "k.pem": key, "old.pem": old, "oldkey.pem": oldKey, "text.pem": []byte("hello\n")} {
		files[name] = &fstest.MapFile{Data: data}
	}
	for _, tt := range []struct{ name, tls, want string }{
		{"right", "{ca: c.pem, cert: c.pem, key: k.pem}", ""},
		{"no certificate", "{ca: text.pem}", "x.yaml:3:36: error: no certificate in this file"},
		{"a key as authority", "{ca: k.pem}", "x.yaml:3:36: error: no certificate in this file"},
		{"another's key", "{cert: c.pem, key: oldkey.pem}", "x.yaml:3:50: error: the client certificate: private key does not match public key"},
		{"not a certificate", "{cert: text.pem, key: k.pem}", "x.yaml:3:38: error: the client certificate: failed to find any PEM data in certificate input"},
		{"not a key", "{cert: c.pem, key: text.pem}", "x.yaml:3:50: error: the client certificate: failed to find any PEM data in key input"},
		{"expired", "{cert: old.pem, key: oldkey.pem}", "x.yaml:3:38: warning: the client certificate expired on 2026-10-23"},
		{"half", "{cert: c.pem}", "x.yaml:3:31: error: tls has one of cert and key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files["x.yaml"] = &fstest.MapFile{Data: []byte("suite: s\nsides:\n  blue: {url: https://b, tls: " + tt.tls + "}\n  green: {url: https://g}\ncases: [{case: c, get: /}]\n")}
			_, problems := Load(files, []string{"x.yaml"}, LoadOptions{Now: today, Getenv: noEnv})
			var got strings.Builder
			for _, p := range problems {
				got.WriteString(p.String())
			}
			if d := gocmp.Diff(tt.want, got.String()); d != "" {
				t.Errorf("tls %s (-want +got):\n%s", tt.tls, d)
			}
		})
	}
}
