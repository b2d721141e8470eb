package kube

import (
	"fmt"
	"io"
	"net/http"
)

// limited bounds the size of an answer: client-go reads each one into memory whole.
type limited struct{ next http.RoundTripper }

// RoundTrip is that of the next transport, with a body that ends in an error past
// the bound.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswer}
	return resp, nil
}

// A boundedBody is a body of at most left further bytes.
type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read reads within the bound.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	}
	return n, err
}
