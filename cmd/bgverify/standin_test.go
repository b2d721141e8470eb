package main

import (
	"slices"
	"testing"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/report/archive"
)

func TestStandInHasTheFormatsOfTheSecret(t *testing.T) {
	formatsOf := func(s string) (list []string) {
		for _, f := range diff.Formats() {
			if ok, known := diff.MatchFormat(f, s); ok && known {
				list = append(list, f)
			}
		}
		return list
	}
	for _, secret := range []string{
		"eyJhbGciOiJIUzI1NiJ9.eyJkZXZpY2UiOiJzdGIifQ.c2lnbmF0dXJl", "9b2c6f4e-6f0a-4d6e-9a55-0d8a3f0f7c11",
		"d2ab4f6e8c0b1a39", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
	} {
		r := archive.Redaction{Mark: "<secret:token#158f3972>", Type: "string", Formats: formatsOf(secret), Length: len(secret)}
		value, ok := standIn(r)
		if !ok {
			t.Errorf("no stand-in for %q of formats %v", secret, r.Formats)
			continue
		}
		if got := formatsOf(value); !slices.Equal(got, r.Formats) {
			t.Errorf("%q has formats %v, want %v", value, got, r.Formats)
		}
		other := r
		other.Mark = "<secret:token#87df8fe8>"
		again, _ := standIn(r)
		if second, _ := standIn(other); second == value || again != value {
			t.Errorf("%q and %q: equal secrets and only they have one stand-in", value, second)
		}
	}
	pin := archive.Redaction{Mark: "<secret:pin#1>", Length: 6}
	if value, ok := standIn(pin); ok || value != pin.Mark {
		t.Errorf("%q stands for a secret in a body that is no JSON", value)
	}
	pin.Type = "string"
	if value, ok := standIn(pin); !ok || value != pin.Mark {
		t.Errorf("%q, %v: want the mark, which has no format either", value, ok)
	}
	pin.Formats = []string{"hex", "nothing that rules know"}
	if value, ok := standIn(pin); ok && value == pin.Mark {
		t.Errorf("%q stands for a secret of another format", value)
	}
	pin.Type = "number"
	if value, ok := standIn(pin); !ok || len(value) != 6 || diff.Validate([]byte(value)) != nil {
		t.Errorf("%q, %v: want a number of six digits", value, ok)
	}
}
