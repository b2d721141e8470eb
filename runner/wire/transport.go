package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// A Transport carries the requests of one service of one side. It is safe for
// concurrent use.
type Transport struct {
	config Config
	http   *http.Transport
}

// New makes the transport of a service. It opens no connection.
func New(config Config) (*Transport, error) {
	if _, err := url.Parse(config.BaseURL); err != nil {
		return nil, fmt.Errorf("base url: %w", err)
	}
	return &Transport{config: config, http: &http.Transport{DisableCompression: true}}, nil
}

// Close closes every connection of the transport.
func (t *Transport) Close() { t.http.CloseIdleConnections() }

// RoundTripper is the transport as the load generator uses it.
func (t *Transport) RoundTripper() http.RoundTripper { return t.http }

// Do sends one request and reads its answer whole. It never returns nil.
func (t *Transport) Do(ctx context.Context, request *Request) *Exchange {
	x := &Exchange{Method: request.Method, URL: request.URL, Body: request.Body, Started: time.Now()}
	req, err := http.NewRequestWithContext(ctx, request.Method, request.URL, bytes.NewReader(request.Body))
	if err != nil {
		x.Err = &Err{Class: ClassRequest, Detail: err.Error()}
		return x
	}
	for _, f := range request.Headers {
		req.Header.Add(f.Name, f.Value)
	}
	req.GetBody = nil
	x.Attempts = 1
	resp, err := t.http.RoundTrip(req)
	if err != nil {
		x.Err = &Err{Class: ClassConnect, Detail: err.Error()}
		return x
	}
	defer resp.Body.Close()
	x.Timing.FirstByte = time.Since(x.Started)
	x.Status, x.Proto = resp.StatusCode, resp.Proto
	for name, values := range resp.Header {
		for _, v := range values {
			x.Headers = append(x.Headers, Field{name, v})
		}
	}
	slices.SortStableFunc(x.Headers, func(a, b Field) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	if x.Answer, err = io.ReadAll(resp.Body); err != nil {
		x.Err = &Err{Class: ClassTruncated, Detail: err.Error()}
	}
	x.WireBytes = int64(len(x.Answer))
	x.Timing.Total = time.Since(x.Started)
	return x
}
