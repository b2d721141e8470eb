package diff

import (
	"bytes"
	"fmt"
	"testing"
)

// benchBody is an EPG of n programmes.
func benchBody(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"items":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"PG%04d","title":"뉴스 드라마 %d","start":%d,"duration":%d,"rating":%d.%d,"free":true,"poster":"https://cdn.example/p/PG%04d.jpg","genres":["영화","live"],"updatedAt":"2026-11-23T%02d:00:00Z"}`,
			i, i*7%1000, 1_790_000_000+i*1800, 600*(1+i%12), i%10, i%7, i, i%24)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func BenchmarkParse(b *testing.B) {
	body := benchBody(800)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseUnderRules(b *testing.B) {
	body := benchBody(800)
	rules := mustCompile(b, Options{}, benchRules()...)
	w := rules.begin(nil)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		w.read(&w.b, source{text: body})
	}
}

func benchRules() []Rule {
	return []Rule{
		{At: "$..serverTime", Do: DoIgnore, Why: "w"},
		{At: "$..requestId", Do: DoFormat, Is: "uuid"},
		{At: "$..debug", Do: DoDrop, Why: "w"},
		{At: "$..balance", Do: DoTolerance, Abs: new(float64(1))},
		{At: "$..expiresAt", Do: DoTime, Within: 5e9},
		{At: "$..traceId", Do: DoIgnore, Why: "w"},
		{At: "$..viewers", Do: DoTolerance, Rel: new(float64(1))},
		{At: "$..updatedAt", Do: DoTime, Within: 1e9},
	}
}

func BenchmarkCompareOneLeaf(b *testing.B) {
	blue := benchBody(9)
	green := bytes.Replace(blue, []byte(`"duration":600`), []byte(`"duration":601`), 1)
	b.SetBytes(int64(2 * len(blue)))
	b.ReportAllocs()
	for b.Loop() {
		if r := Compare(blue, green, nil); r.Total != 1 {
			b.Fatal(r.Total)
		}
	}
}
