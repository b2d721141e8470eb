package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"strings"
)

// authorized lets those through who show the token: as Authorization: Bearer, or as the
// name or the password of Basic, which is how a client sends the userinfo of a URL.
// Without a token only requests that address this machine as such are let through, so
// that no name of somebody else's can be made to point here.
func (s *Server) authorized(next http.Handler) http.Handler {
	// Digests have one length, so that comparing them takes the same time for every token that is
	// shown.
	want := sha256.Sum256([]byte(s.opts.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Without a token the server is on loopback. A page of the web that a browser of this
		// machine shows could still ask it under a name that resolves to 127.0.0.1: such a request
		// has another Host.
		if s.opts.Token == "" {
			if !isLoopback(r.Host) {
				refuse(w, http.StatusForbidden, errors.New("the Host header does not name this machine, and the server was started without a token"))
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		// All are compared, and digests of equal length, so that the time says nothing.
		matches := 0
		for _, got := range shown(r) {
			sum := sha256.Sum256([]byte(got))
			matches |= subtle.ConstantTimeCompare(sum[:], want[:])
		}
		if matches != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="bgverify", charset="UTF-8"`)
			refuse(w, http.StatusUnauthorized, errors.New("the token is missing or wrong"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// shown are the texts of a request that may be the token.
func shown(r *http.Request) []string {
	// Browsers can send Basic only; the token may be either part.
	if user, password, ok := r.BasicAuth(); ok {
		return []string{user, password}
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	return []string{strings.TrimSpace(token)}
}

// isLoopback reports whether a host, with or without a port, is this machine by name.
func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// minToken is the length of the shortest token, in bytes.
const minToken = 16

// CheckToken says what is wrong with a token; nil: nothing.
func CheckToken(token string) error {
	switch {
	case len(token) < minToken:
		return errors.New("the token is shorter than 16 characters")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the token holds blanks, or characters outside ASCII")
	}
	return nil
}

// Listen opens the address of a server. Without a token it must be on loopback.
func Listen(address, token string) (net.Listener, error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if token == "" && !at.IP.IsLoopback() {
		return nil, ErrOpen
	}
	return net.ListenTCP("tcp", at)
}

// ErrOpen is why an address off loopback is refused.
var ErrOpen = errors.New("everybody who reaches this address could start runs")
