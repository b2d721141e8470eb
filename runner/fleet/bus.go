package fleet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/bgverify/bgverify/internal/hint"
)

// An Address says how a bus is reached.
type Address struct {
	URL string // nats://HOST:PORT or tls://HOST:PORT
	// Fingerprint is the SHA-256 of the server's certificate, hex; empty: the certificate is
	// checked against the system's roots.
	Fingerprint string
	Creds       string // file of NATS credentials; empty: the password of the join token
	Own         bool   // a server inside a coordinator, whose password comes from the token
}

// A Listening is where the server inside a coordinator listens.
type Listening struct {
	Address   string // host:port; empty: 127.0.0.1:4222
	Cert, Key string // files of a certificate; empty: one is made where the address is off loopback
}

// DefaultListen is where the server inside a coordinator listens.
const DefaultListen = "127.0.0.1:4222"

// An embedded server carries the messages of one run. It keeps results in memory.
type embedded struct {
	server *server.Server
	store  string
	Address
}

const (
	startWithin = 10 * time.Second
	resultBytes = 256 << 20 // of results that the coordinator has not taken yet
	maxPayload  = 1 << 20
)

// listen starts a server. Off loopback it speaks TLS only.
func listen(l Listening, token Token) (*embedded, error) {
	if l.Address == "" {
		l.Address = DefaultListen
	}
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return nil, hint.Errorf("--listen 10.0.0.7:4222", "--listen %s is not host:port", l.Address)
	}
	number, err := strconv.Atoi(port)
	if err != nil || number < 0 || number > 65535 {
		return nil, hint.Errorf("a number up to 65535; 0 picks a free port", "--listen %s: port %q", l.Address, port)
	}
	// The caller of --listen HOST:0 learns the port from the join line.
	if number == 0 {
		number = server.RANDOM_PORT
	}
	e := &embedded{}
	options := &server.Options{
		ServerName: "bgverify", Host: host, Port: number, NoSigs: true, NoLog: true, Authorization: token.password(),
		JetStream: true, JetStreamMaxMemory: resultBytes, JetStreamMaxStore: 1 << 20, MaxPayload: maxPayload,
		WriteDeadline: 5 * time.Second,
	}
	// The token never travels, but the password that is made of it does.
	if l.Cert != "" || !loopback(host) {
		if options.TLSConfig, e.Fingerprint, err = certificate(l, host); err != nil {
			return nil, err
		}
		options.TLS, options.TLSTimeout = true, 5
	}
	if e.store, err = os.MkdirTemp("", "bgverify-bus-"); err != nil {
		return nil, fmt.Errorf("make a folder for the bus: %w", err)
	}
	options.StoreDir = e.store
	// The server ends the process where the port is taken; so it is tried before.
	if number > 0 {
		probe, err := net.Listen("tcp", l.Address)
		if err != nil {
			_ = os.RemoveAll(e.store)
			return nil, hint.Errorf("another coordinator may be listening there; --listen 127.0.0.1:0 picks a free port", "listen for workers on %s: %w", l.Address, err)
		}
		_ = probe.Close()
	}
	if e.server, err = server.NewServer(options); err != nil {
		_ = os.RemoveAll(e.store)
		return nil, fmt.Errorf("start the bus: %w", err)
	}
	go e.server.Start()
	if !e.server.ReadyForConnections(startWithin) {
		e.close()
		return nil, fmt.Errorf("start the bus: it was not ready after %s", startWithin)
	}
	// The join line names the host as the user wrote it: a worker may know no other name. A server that
	// listens everywhere shows the address that it found.
	e.URL, e.Own = "nats://"+e.server.Addr().String(), true
	if host != "" && !unspecified(host) {
		_, actual, _ := net.SplitHostPort(e.server.Addr().String())
		e.URL = "nats://" + net.JoinHostPort(host, actual)
	}
	return e, nil
}

// dialURL is where this process reaches its own server.
func (e *embedded) dialURL() string { return e.server.ClientURL() }

// close ends the server and removes its folder. Messages that nobody has taken are lost with
// it, as the run is over.
func (e *embedded) close() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	_ = os.RemoveAll(e.store)
}

// loopback reports whether a host is this machine and nothing else. A name other than
// localhost may be anything.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// unspecified reports whether a host is 0.0.0.0 or ::, at which a server listens and no worker
// can dial it: the join line then shows the address that the server found.
func unspecified(host string) bool {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsUnspecified()
}

// certificate reads the certificate of the bus, or makes one for the life of the run.
func certificate(l Listening, host string) (*tls.Config, string, error) {
	if l.Cert != "" {
		pair, err := tls.LoadX509KeyPair(l.Cert, l.Key)
		if err != nil {
			return nil, "", hint.Errorf("--bus-tls-cert and --bus-tls-key name a certificate and its key in PEM", "read the certificate of the bus: %w", err)
		}
		return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, fingerprint(pair.Certificate[0]), nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make a key for the bus: %w", err)
	}
	now := time.Now()
	// Workers know it by its fingerprint alone; its dates only have to hold for the run.
	plain := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "bgverify"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		plain.IPAddresses = []net.IP{ip}
	} else if host != "" {
		plain.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, plain, plain, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("make a certificate for the bus: %w", err)
	}
	made := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return &tls.Config{Certificates: []tls.Certificate{made}, MinVersion: tls.VersionTLS12}, fingerprint(der), nil
}

// fingerprint is the SHA-256 of a certificate as the join line shows it: lower-case hex.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// check finds what is wrong with an address before anything is dialled.
func (a *Address) check() error {
	u, err := url.Parse(a.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls":
		return hint.Errorf("nats://HOST:4222", "%q is not the address of a bus", a.URL)
	case u.User != nil:
		return hint.Errorf("give the join token with --token-file", "the address of the bus holds a user or a password")
	}
	a.Fingerprint = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(a.Fingerprint, "sha256:"), ":", ""))
	if b, err := hex.DecodeString(a.Fingerprint); err != nil || len(b) != 0 && len(b) != sha256.Size {
		return hint.Errorf("the join line shows it: 64 hexadecimal digits", "the fingerprint is not a SHA-256")
	}
	return nil
}

// Loopback reports whether the bus is on this machine.
func (a *Address) Loopback() bool {
	u, err := url.Parse(a.URL)
	return err == nil && loopback(u.Hostname())
}

// errFingerprint: the bus has another certificate than the join line says.
var errFingerprint = errors.New("the bus has another certificate than --bus-fingerprint says")

// dial connects to the bus. Off loopback it must speak TLS.
func (a *Address) dial(ctx context.Context, token Token, name string) (*nats.Conn, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name(name), nats.Timeout(5 * time.Second), nats.MaxReconnects(-1), nats.ReconnectWait(beatEvery), nats.ReconnectJitter(0, 0),
		nats.ReconnectBufSize(-1), nats.PingInterval(2 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // what is lost shows as a missing beat or share
	}
	switch {
	case a.Creds != "":
		if _, err := os.Stat(a.Creds); err != nil {
			return nil, hint.Errorf("--bus-creds names a file of NATS credentials", "read the credentials of the bus: %w", err)
		}
		options = append(options, nats.UserCredentials(a.Creds))
	case a.Own:
		options = append(options, nats.Token(token.password()))
	}
	// A fingerprint is checked instead of the chain of certificates, and not in addition: the
	// certificate of an embedded server is signed by nobody.
	wrong := false
	switch {
	case a.Fingerprint != "":
		options = append(options, nats.Secure(&tls.Config{
			MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, //nolint:gosec // the fingerprint is checked instead
			VerifyConnection: func(state tls.ConnectionState) error {
				if fingerprint(state.PeerCertificates[0].Raw) != a.Fingerprint {
					wrong = true
					return errFingerprint
				}
				return nil
			},
		}))
	case strings.HasPrefix(a.URL, "tls:"):
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	nc, err := connect(ctx, a.URL, options)
	switch {
	case wrong:
		return nil, hint.Errorf("copy the join line of this run again; if it is the same, something between here and there is listening", "%w", errFingerprint)
	case errors.Is(err, nats.ErrAuthorization):
		return nil, hint.Errorf("the join token is that of another run, or --bus-creds is missing", "the bus at %s refused the token or the credentials", a.URL)
	case isCertificate(err):
		return nil, hint.Errorf("give the fingerprint of the join line with --bus-fingerprint", "the certificate of the bus at %s cannot be checked: %w", a.URL, err)
	case err != nil:
		return nil, fmt.Errorf("connect to the bus at %s: %w", a.URL, err)
	}
	// nats:// may or may not speak TLS; what was agreed on is known only now.
	if _, err := nc.TLSConnectionState(); err != nil && !a.Loopback() {
		nc.Close()
		return nil, hint.Errorf("a bus off loopback must speak TLS", "the bus at %s does not speak TLS", a.URL)
	}
	return nc, nil
}

// isCertificate reports whether a connection failed for its certificate, which waiting does not
// mend.
func isCertificate(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return unknown || host || invalid
}

// connect is nats.Connect that ends with ctx.
func connect(ctx context.Context, at string, options []nats.Option) (*nats.Conn, error) {
	type made struct {
		nc  *nats.Conn
		err error
	}
	done := make(chan made, 1)
	go func() {
		nc, err := nats.Connect(at, options...)
		done <- made{nc, err}
	}()
	select {
	case m := <-done:
		return m.nc, m.err
	// The connection that may still come is closed when it does.
	case <-ctx.Done():
		go func() {
			if m := <-done; m.nc != nil {
				m.nc.Close()
			}
		}()
		return nil, ctx.Err()
	}
}
