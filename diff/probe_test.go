package diff_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/internal/gen"
)

// TestProbeCounts: a probe counts what CompareMessages counts, for every variant
// in turn, whatever the rules, the mode, the headers and the types.
func TestProbeCounts(t *testing.T) {
	types := []string{"application/json", "application/json; charset=utf-8", "application/json; charset=euc-kr", "text/plain", ""}
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]diff.Mode{0, diff.Subset, diff.Shape}).Draw(t, "mode")
		rules := compileOrSkip(t, drawRules(t), mode)
		blue, green := drawPair(t)
		message := func(body, label string) *diff.Message {
			return &diff.Message{
				Status: rapid.SampledFrom([]int{200, 200, 200, 404}).Draw(t, label+" status"), Body: []byte(body),
				ContentType: rapid.SampledFrom(types).Draw(t, label+" type"),
				Headers:     []diff.Header{{Name: "X-A", Value: rapid.SampledFrom([]string{"1", "2"}).Draw(t, label+" header")}},
			}
		}
		like, against := message(blue.String(), "like"), message(rapid.SampledFrom([]string{green.String(), "", "{", `{"a":1,"a":2}`}).Draw(t, "green"), "against")
		probe := diff.NewProbe(like, against, rules)
		defer probe.Close()
		bodies := []string{blue.String(), green.Respelled(t), "7", "null", "{", `{"a":1,"a":2}`, gen.Draw(t, "other", 3).String()}
		for _, body := range rapid.Permutation(bodies).Draw(t, "bodies") {
			variant := *like
			variant.Body = []byte(body)
			want := diff.CompareMessages(&variant, against, rules, nil)
			if got := probe.Total(variant.Body); got != want.Total {
				t.Fatalf("%s against %s (%s, %s): the probe counts %d, CompareMessages %d", body, against.Body, like.ContentType, against.ContentType, got, want.Total)
			}
		}
	})
}
