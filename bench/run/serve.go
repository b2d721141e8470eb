package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// serve is both services: two listeners, whose URLs it prints. It ends when its
// standard input does.
func serve() error {
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Printf("http://%s\n", l.Addr())
		go func() { _ = http.Serve(l, http.HandlerFunc(answer)) }() // it ends with the process
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

var served atomic.Uint64

// answer is about 2 KB: twenty items of the path's own, a time and a request id.
func answer(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/v1/items/")
	b := make([]byte, 0, 2300)
	b = append(b, `{"code":0,"id":"`...)
	b = append(b, id...)
	b = append(b, `","items":[`...)
	for i := range 20 {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":"VOD-`...)
		b = append(b, id...)
		b = append(b, '-')
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `","title":"드라마 `...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `","price":`...)
		b = strconv.AppendInt(b, int64(1000+i*37), 10)
		b = append(b, `,"rating":"15","tags":["new","hd"]}`...)
	}
	b = append(b, `],"serverTime":"`...)
	b = time.Now().UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","requestId":"`...)
	b = fmt.Appendf(b, "%016x", served.Add(1)*0x9e3779b97f4a7c15)
	b = append(b, `"}`...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // a client that is gone does not matter
}
