package envelope_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/runner/envelope"
)

// BenchmarkFind judges a list of channels of 2 KB, the usual answer, and one of 2 MB.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{20, 20_000} {
		var rows []string
		for i := range n {
			rows = append(rows, fmt.Sprintf(`{"id":"CH%05d","name":"channel %d","status":"ON","genres":["drama","news"],"price":%d}`, i, i, i))
		}
		body := []byte(`{"resultCode":"0000","resultMsg":"OK","channels":[` + strings.Join(rows, ",") + `]}`)
		tree, err := diff.ReadStrict(body)
		if err != nil {
			b.Fatal(err)
		}
		in := &envelope.Body{Kind: media.JSON, Type: "application/json", Raw: body, Text: body, Tree: tree}
		b.Run(fmt.Sprintf("%d rows", n), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if f, ok := envelope.Find(in); ok {
					b.Fatal(f)
				}
			}
		})
	}
}
