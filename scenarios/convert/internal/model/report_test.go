package model_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// failAfter takes n bytes and no more.
type failAfter struct{ n int }

func (w *failAfter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		return w.n, io.ErrShortWrite
	}
	w.n -= len(p)
	return len(p), nil
}

// A report that cannot be written whole says so.
func TestReportWriter(t *testing.T) {
	r := &model.Report{}
	r.Mapped(model.Requests, 2)
	r.Lose(model.Lost{Kind: model.Assertions, Request: "Users / Sign in", Place: "test script line 3", Text: "f(\x1b[31m)\n\u202e", Why: "code"})
	r.Lose(model.Lost{Kind: model.Auths, Text: "digest"})
	r.Note("", "a note")
	var all strings.Builder
	if err := r.Write(&all); err != nil {
		t.Fatal(err)
	}
	converttest.Golden(t, "testdata/report.golden", all.String())
	for n := range all.Len() {
		if err := r.Write(&failAfter{n}); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("with room for %d of %d bytes: %v", n, all.Len(), err)
		}
	}
}
