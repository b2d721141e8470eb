package scenarios

import (
	"os"
	"testing"

	"github.com/bgverify/bgverify/scenarios/template"
)

// BenchmarkLoad reads the shipped suites: what a run waits for before its first
// request.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, problems := Load(os.DirFS("."), []string{"stb"}, LoadOptions{Now: today, Getenv: noEnv}); problems.HasErrors() {
			b.Fatal(problems)
		}
	}
}

// BenchmarkRender is a step of the shipped kind: a path, a query, headers, a body.
func BenchmarkRender(b *testing.B) {
	s := step(b, `{case: c, post: "/v1/orders/{{a}}", side_effects: none, query: {q: "{{a}}"}, headers: {X-A: "{{a}}", Accept: application/json}, json: {item: "{{a}}", price: 1650}}`)
	scope := mapScope{"a": template.TextValue("VOD-1001")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Render(scope); err != nil {
			b.Fatal(err)
		}
	}
}
