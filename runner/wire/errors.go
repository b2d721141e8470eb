package wire

import (
	"fmt"
	"time"
)

// A classed error of this package knows what it is classified as.
type classed interface {
	error
	classified() *Err
}

// A class for each of them. What the system or net/http says is classified by classify itself.
func (e *timeoutError) classified() *Err { return &Err{Class: ClassTimeout, Detail: e.Error()} }
func (e *limitError) classified() *Err   { return &Err{Class: ClassLimit, Detail: e.detail} }
func (e *decodeError) classified() *Err  { return &Err{Class: ClassDecode, Detail: tidy(e)} }
func (e *connectError) classified() *Err { return &Err{Class: ClassConnect, Detail: e.detail} }

// A timeoutError says which of the times of Limits was up.
type timeoutError struct {
	name  string // connect, tls, first byte, idle, total
	after time.Duration
	doing string // total: what was going on
}

// Error names the limit, how long it is, and what was under way when it passed.
func (e *timeoutError) Error() string {
	text := fmt.Sprintf("%s: %v passed", e.name, e.after)
	if e.doing != "" {
		text += " " + e.doing
	}
	return text
}

// A limitError says which bound of Limits was passed.
type limitError struct{ detail string }

// Error is what exceeded which limit.
func (e *limitError) Error() string { return e.detail }

// A connectError is a connection that a proxy did not make.
type connectError struct{ detail string }

// Error is what the proxy answered.
func (e *connectError) Error() string { return e.detail }

// A tlsError is a failed handshake.
type tlsError struct{ err error }

// Error is the text of the handshake's error.
func (e *tlsError) Error() string { return e.err.Error() }

// Unwrap gives Classify the error of crypto/tls or crypto/x509.
func (e *tlsError) Unwrap() error { return e.err }

// A decodeError is a broken Content-Encoding.
type decodeError struct {
	coding string
	err    error
}

// Error names the coding and what is wrong with it.
func (e *decodeError) Error() string { return e.coding + ": " + e.err.Error() }
