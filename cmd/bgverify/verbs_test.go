package main

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// recorded FILE FACTOR [ERRORS] writes 70 s of vegeta results in JSON at 100
// requests/s against 127.0.0.1, or 127.0.0.2 unless FILE begins with blue: lognormal latencies around 20 ms times FACTOR that share their noise
// with every other file, and a share of ERRORS with status 500.
func recordedResults(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: recorded file factor [errors]")
	}
	factor, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	share := 0.0
	if len(args) == 3 {
		share, err = strconv.ParseFloat(args[2], 64)
		ts.Check(err)
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	w := bufio.NewWriter(f)
	common := rand.New(rand.NewPCG(1, 1))
	own := rand.New(rand.NewPCG(2, math.Float64bits(factor)^uint64(len(args[0]))))
	start := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	noise, host := 1.0, 2
	if strings.HasPrefix(args[0], "blue") {
		host = 1
	}
	for i := range 7000 {
		if i%100 == 0 {
			noise = math.Exp(0.05 * common.NormFloat64())
		}
		code := 200
		if own.Float64() < share {
			code = 500
		}
		latency := 20e6 * factor * noise * math.Exp(0.2*own.NormFloat64())
		fmt.Fprintf(w, `{"attack":"","seq":%d,"code":%d,"timestamp":%q,"latency":%d,"bytes_out":0,"bytes_in":2,"error":"","body":null,"method":"GET","url":"http://127.0.0.%d/","headers":null}`+"\n",
			i, code, start.Add(time.Duration(i)*10*time.Millisecond).Format(time.RFC3339Nano), int64(latency), host)
	}
	ts.Check(w.Flush())
	ts.Check(f.Close())
}
