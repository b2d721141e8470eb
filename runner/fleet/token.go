package fleet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/bgverify/bgverify/internal/hint"
)

// A Token is the secret that lets a worker join a run. Keys, the password of the bus
// and the names of subjects are derived from it; it is never sent.
type Token struct{ text string }

// leastToken is the shortest token that may be read from a file, in bytes.
const leastToken = 16

// NewToken makes a random token.
func NewToken() Token {
	b := make([]byte, 24)
	rand.Read(b) //nolint:errcheck // documented never to fail
	return Token{base64.RawURLEncoding.EncodeToString(b)}
}

// ParseToken takes the text of a token; white space around it does not count.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	switch {
	case len(text) < leastToken:
		return Token{}, hint.Errorf("openssl rand -hex 24 makes one", "the join token is too short: %d of at least %d bytes", len(text), leastToken)
	case strings.ContainsAny(text, " \t\r\n"):
		return Token{}, hint.Errorf("the file holds the token and nothing else", "the join token contains white space")
	}
	return Token{text}, nil
}

// ReadToken reads a token from a file.
func ReadToken(name string) (Token, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return Token{}, hint.Errorf("the file of the join token", "read the join token: %w", err)
	}
	t, err := ParseToken(string(b))
	if err != nil {
		return Token{}, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// String is the token as a join line shows it.
func (t Token) String() string { return t.text }

// derive makes 32 bytes for one purpose.
func (t Token) derive(purpose string, salt ...[]byte) []byte {
	var all []byte
	for _, s := range salt {
		all = append(all, s...)
	}
	// HKDF, so that what is made for one purpose says nothing of the token or of other keys.
	key, err := hkdf.Key(sha256.New, []byte(t.text), all, "bgverify fleet "+purpose, 32)
	if err != nil { // only for a length that the hash cannot give
		panic(err)
	}
	return key
}

// password is what the embedded server asks for.
func (t Token) password() string { return hex.EncodeToString(t.derive("bus")) }

// prefix begins the subjects of the runs of this token.
func (t Token) prefix() string { return "bgverify." + t.room() }

// room names a token's runs on a shared bus.
func (t Token) room() string { return hex.EncodeToString(t.derive("room")[:8]) }

// A seal encrypts messages and proves that their sender knows the token.
type seal struct{ aead cipher.AEAD }

// errSeal: the message was not made with this token, or was changed.
var errSeal = errors.New("the message was sealed with another token")

// newSeal makes a seal of 32 bytes: AES-256 in GCM with a random nonce for each message, of
// which a session has far fewer than would repeat one.
func newSeal(key []byte) seal {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return seal{aead}
}

// greeting seals the first message of a worker and its answer.
func (t Token) greeting() seal { return newSeal(t.derive("hello")) }

// session seals what follows, for one worker in one run: nonces of both ends make a key that
// no earlier run had, so that recorded messages cannot be used again.
func (t Token) session(worker, coordinator []byte) seal {
	return newSeal(t.derive("session", worker, coordinator))
}

// close seals a message for a subject.
func (s seal) close(subject string, text []byte) []byte {
	return s.aead.Seal(nil, nil, text, []byte(subject))
}

// open is the message that was sealed for a subject.
func (s seal) open(subject string, box []byte) ([]byte, error) {
	text, err := s.aead.Open(nil, nil, box, []byte(subject))
	if err != nil {
		return nil, errSeal
	}
	return text, nil
}

// nonce is what one end adds to the key of a session.
func nonce() []byte {
	b := make([]byte, 16)
	rand.Read(b) //nolint:errcheck // documented never to fail
	return b
}
