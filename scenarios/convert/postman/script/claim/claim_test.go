package claim

import (
	"reflect"
	"testing"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// The opposite of an opposite is the claim itself, and a claim without one is left as it is.
func TestNegated(t *testing.T) {
	five := model.Literal("5")
	rows := []struct {
		name string
		test model.Matcher
		ok   bool
	}{
		{"eq", model.Matcher{Op: "eq", Value: five}, true},
		{"lt", model.Matcher{Op: "lt", Value: five}, true},
		{"exists", model.Matcher{Op: "exists", Value: model.Bool(true)}, true},
		{"in", model.Matcher{Op: "in", List: []*model.Node{five}}, true},
		{"counts as true", Truthy(), true},
		{"type", model.Matcher{Op: "type", Value: model.String("string")}, false},
	}
	for _, row := range rows {
		c := Claim{Subject{Kind: Body, Path: "$.a"}, row.test}
		once, ok := c.Negated()
		if ok != row.ok {
			t.Errorf("%s: has an opposite: %v, want %v", row.name, ok, row.ok)
		}
		if twice, _ := once.Negated(); !reflect.DeepEqual(twice, c) {
			t.Errorf("%s: the opposite of its opposite is %+v", row.name, twice)
		}
	}
}

// Claims that contradict each other, or are about nothing that is known, change nothing.
func TestAddRefuses(t *testing.T) {
	status := func(code string) Claim {
		return Claim{Subject{Kind: Status}, model.Matcher{Op: "eq", Value: model.Literal(code)}}
	}
	g := Grow(&model.Expect{})
	if why := g.Add(status("201")); why != "" {
		t.Fatal(why)
	}
	for _, c := range []Claim{status("404"), {Subject{}, status("201").Matcher}, {Subject{Kind: Body, Path: "$.a", Or: true}, status("5").Matcher}} {
		if why := g.Add(c); why == "" {
			t.Errorf("%+v was added", c)
		}
	}
	if want := (model.Expect{Status: []string{"201"}}); !reflect.DeepEqual(g.Expect, want) {
		t.Errorf("got %+v, want %+v", g.Expect, want)
	}
}
