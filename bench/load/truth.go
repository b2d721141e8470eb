package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The first second of a measurement is not looked at: every tool opens its
// connections then.
const settle = time.Second

// arrivals is the log of the truth server, large enough for any measurement.
type arrivals struct {
	began time.Time
	n     atomic.Int64
	at    []int64 // nanoseconds since began
}

func serveTruth() error {
	log := &arrivals{began: time.Now(), at: make([]int64, 4<<20)}
	listener, err := listen()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { log.arrived() })
	list := []byte(`{"channels":[` + strings.Repeat(`{"id":"CH001","name":"news channel","price":1650},`, 40) + `{"id":"CH999","name":"last","price":0}]}`)
	mux.HandleFunc("/list", func(w http.ResponseWriter, _ *http.Request) {
		log.arrived()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(list) // whoever does not read it is not measured
	})
	mux.HandleFunc("/_reset", func(http.ResponseWriter, *http.Request) { log.n.Store(0) })
	mux.HandleFunc("/_stats", func(w http.ResponseWriter, r *http.Request) {
		rate, err := strconv.ParseFloat(r.URL.Query().Get("rate"), 64)
		if err != nil || rate <= 0 {
			http.Error(w, "no rate", http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(log.stats(rate)) // the reader is on the same machine
	})
	return http.Serve(listener, mux)
}

func (a *arrivals) arrived() {
	if i := a.n.Add(1) - 1; int(i) < len(a.at) {
		a.at[i] = int64(time.Since(a.began))
	}
}

// stats measures the arrivals against an exact schedule of a rate. The schedule's
// start is unknown: it is the one that makes the promptest hundredth of the
// requests punctual.
func (a *arrivals) stats(rate float64) measurement {
	n := min(int(a.n.Load()), len(a.at))
	at := slices.Clone(a.at[:n])
	slices.Sort(at)
	m := measurement{Requests: n}
	if n < 10 {
		return m
	}
	late := make([]float64, 0, n)
	for i, t := range at {
		if time.Duration(t-at[0]) >= settle {
			late = append(late, float64(t)/1e9-float64(i)/rate)
		}
	}
	if len(late) < 10 {
		return m
	}
	m.Achieved = float64(n-1) / (float64(at[n-1]-at[0]) / 1e9)
	slices.Sort(late)
	start := late[len(late)/100]
	m.LatenessP50, m.LatenessP99 = late[len(late)/2]-start, late[len(late)*99/100]-start
	return m
}
