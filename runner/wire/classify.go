package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
)

// Error makes an Err usable where Go wants an error: the load generator's
// results hold it. There are only a handful of texts.
func (e *Err) Error() string { return string(e.Class) + ": " + e.Detail }

// Classify says why a round trip failed. It is for callers of RoundTripper,
// whose errors may be wrapped; nil for nil.
func Classify(err error) *Err {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*Err](err); ok {
		return known
	}
	if errors.Is(err, context.Canceled) {
		return &Err{Class: ClassCanceled, Detail: "the run was stopped"}
	}
	return classify(err, false)
}

// classify puts an error into the closed set. Rules, first match wins:
//
//  1. errors of this package know their class;
//  2. what our own machine lacks (descriptors, ports, memory) is our fault,
//     wherever it shows;
//  3. names, then TLS, then the operating system's word, then net/http's.
//
// inBody: the headers had come.
func classify(err error, inBody bool) *Err {
	if known := ours(err); known != nil {
		return known
	}
	if detail := exhausted(err); detail != "" {
		return &Err{Class: ClassDescriptors, Detail: detail}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return &Err{Class: ClassDNS, Detail: dnsDetail(dns)}
	}
	if is[tls.RecordHeaderError](err) {
		return &Err{Class: ClassTLS, Detail: "the server answers without TLS: its URL begins with http://, not https://"}
	}
	if isTLS(err) {
		return &Err{Class: ClassTLS, Detail: strings.TrimPrefix(tidy(err), "tls: ")}
	}
	if class := systemClass(err); class != "" {
		return &Err{Class: class, Detail: tidy(err)}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		if strings.Contains(err.Error(), "TLS handshake") {
			return &Err{Class: ClassTimeout, Detail: "tls: " + tidy(err)}
		}
		return &Err{Class: ClassTimeout, Detail: "idle: " + tidy(err)}
	}
	return httpClass(err, inBody)
}

// ours is rule 1.
func ours(err error) *Err {
	if known, ok := errors.AsType[classed](err); ok {
		return known.classified()
	}
	switch {
	case errors.Is(err, errGuarded):
		return &Err{Class: ClassRequest, Detail: tidy(err)}
	case errors.Is(err, errBudget):
		return &Err{Class: ClassReset, Detail: errBudget.Error()}
	case errors.Is(err, errRefused):
		return &Err{Class: ClassReset, Detail: "the connection was closed before the request"}
	}
	return nil
}

// exhausted is rule 2: what this machine has run out of.
func exhausted(err error) string {
	for _, e := range []struct {
		errno  syscall.Errno
		detail string
	}{
		{syscall.EMFILE, "too many open files"},
		{syscall.ENFILE, "too many open files in the system"},
		{syscall.EADDRNOTAVAIL, "no local address or port left"},
		{syscall.ENOBUFS, "no buffer space"},
		{syscall.ENOMEM, "out of memory"},
	} {
		if errors.Is(err, e.errno) {
			return e.detail
		}
	}
	// The resolver and the reader of root certificates keep only the text.
	if strings.Contains(err.Error(), "too many open files") {
		return "too many open files"
	}
	return ""
}

// dnsDetail says what failed and for which name, without the address of the resolver, which
// differs between machines.
func dnsDetail(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "no such host " + err.Name
	case err.IsTimeout:
		return "no answer about " + err.Name
	default:
		return tidyText(err.Err) + " " + err.Name
	}
}

// isTLS reports whether an error comes from a handshake or from checking a certificate. The types
// of crypto/x509 are values and not pointers, so each is asked for by itself.
func isTLS(err error) bool {
	return is[*tlsError](err) || is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) ||
		is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) || is[x509.CertificateInvalidError](err) ||
		// An alert after the handshake (TLS 1.3: the client's certificate is refused) has no
		// exported type.
		strings.Contains(err.Error(), "tls: ")
}

// is reports whether an error, or one that it wraps, is of a type.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// systemClass is what the operating system's error number says.
func systemClass(err error) Class {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return ClassRefused
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks")) {
		return ClassConnect
	}
	for _, errno := range []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED} {
		if errors.Is(err, errno) {
			return ClassReset
		}
	}
	return ""
}

// httpClass is what is left: the words of net/http, whose errors have no types.
func httpClass(err error, inBody bool) *Err {
	text := err.Error()
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	class := ClassProtocol
	switch {
	case has("response headers exceeded", "header list larger", "header list too large"):
		return &Err{Class: ClassLimit, Detail: "response headers"}
	case has(errInformational.detail): // wrapped in a stream error
		return &Err{Class: ClassLimit, Detail: errInformational.detail}
	case has(`malformed HTTP response "\x00\x00`): // a frame of SETTINGS
		return &Err{Class: ClassProtocol, Detail: "the server speaks HTTP/2 without TLS; http: h2c of the side asks for that"}
	case has(`malformed HTTP response "\x15\x03`): // an alert of TLS
		return &Err{Class: ClassProtocol, Detail: "the server speaks TLS: its URL begins with https://, not http://"}
	case has("socks connect"):
		class = ClassConnect
	case inBody && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)):
		return &Err{Class: ClassTruncated, Detail: "the body ended early"}
	case has("GOAWAY"):
		return &Err{Class: ClassReset, Detail: "the server closed the connection (GOAWAY); the request is not sent again"}
	case has("stream error:", "http2: Transport: cannot retry"):
		if has("received from peer", "cannot retry") {
			class = ClassReset
		}
	case has("connection error: "):
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe),
		has("server closed idle connection", "client connection lost", "client conn not usable", "client conn could not be established",
			"client connection force closed", "unexpected EOF"):
		return &Err{Class: ClassReset, Detail: "the connection was closed"}
	}
	return &Err{Class: class, Detail: tidy(err)}
}

var (
	// streamID and addresses are parts of error texts that differ from request to request: without
	// them, failures of one kind have one text.
	streamID  = regexp.MustCompile(`stream ID \d+; `)
	addresses = regexp.MustCompile(`\[?[0-9a-fA-F:.]+\]?:\d+`)
)

// maxDetail bounds a detail: part of it may be the server's own words.
const maxDetail = 200

// tidy is an error's text without what makes it unique.
func tidy(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		err = op.Err
	}
	return tidyText(err.Error())
}

// tidyText is an error text without the prefixes of net/http and without what differs between
// requests, cut to maxDetail bytes.
func tidyText(text string) string {
	for _, prefix := range []string{"net/http: ", "HTTP/1.x transport connection broken: ", "http: ", "http2: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	text = streamID.ReplaceAllString(text, "")
	text = addresses.ReplaceAllString(text, "address")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
