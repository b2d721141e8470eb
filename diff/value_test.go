package diff_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/internal/gen"
)

// A message that carries the Value of its body compares as one that does not, under any
// rules, and the Value can be used again afterwards.
func TestReadOnceComparesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bv, gv := drawPair(t)
		blue := &diff.Message{Status: 200, ContentType: "application/json", Body: []byte(bv.String())}
		green := &diff.Message{Status: 200, ContentType: "application/json", Body: []byte(gv.Respelled(t))}
		mode := rapid.SampledFrom([]diff.Mode{diff.Strict, diff.Subset, diff.Shape}).Draw(t, "mode")
		rules := compileOrSkip(t, drawRules(t), mode)
		want := diff.CompareMessages(blue, green, rules, nil)
		for _, m := range []*diff.Message{blue, green} {
			v, err := diff.Read(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			m.Read = v
		}
		for range 2 {
			if got := diff.CompareMessages(blue, green, rules, nil); !reflect.DeepEqual(got, want) {
				t.Fatalf("read before: %+v\nread by the comparison: %+v", got, want)
			}
		}
	})
}

// Everything that a Value says of its text is in the text.
func TestValuesAreTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := gen.JSON(t, "body")
		root, err := diff.Read(body)
		if err != nil {
			t.Fatal(err)
		}
		var check func(v diff.Value)
		check = func(v diff.Value) {
			text := body[v.Offset():v.End()]
			if !bytes.Equal(text, v.JSON()) || !json.Valid(text) {
				t.Fatalf("%q between the offsets, %q as the JSON", text, v.JSON())
			}
			if v.IsMember() {
				var name string
				if err := json.Unmarshal(v.NameJSON(), &name); err != nil || name != v.Name() || body[v.NameOffset()] != '"' {
					t.Fatalf("the name %q of %q: %v", v.Name(), v.NameJSON(), err)
				}
			}
			n := 0
			for c := range v.Children() {
				check(c)
				n++
			}
			if n != v.Len() {
				t.Fatalf("%d children and a length of %d", n, v.Len())
			}
		}
		check(root)
	})
}

func TestReadKeepsRepeatedNames(t *testing.T) {
	v, err := diff.Read([]byte(`{"a":1,"b":{"a":2,"a":3.0}}`))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for c := range v.Member("b").Children() {
		all = append(all, c.Name()+"="+string(c.JSON()))
	}
	if got := fmt.Sprint(all); got != "[a=2 a=3.0]" {
		t.Errorf("members %s", got)
	}
	if err := v.Repeated(); err == nil || err.Error() != `duplicate-key JSON at byte 18: the member "a" is listed twice` {
		t.Errorf("repeated: %v", err)
	}
	if _, err := diff.ReadStrict([]byte(`{"a":1,"a":1}`)); err == nil {
		t.Error("ReadStrict takes a name twice")
	}
	var none diff.Value
	if none.Exists() || none.Type() != diff.AbsentType || none.Member("a").Exists() || none.Element(0).Exists() || none.JSON() != nil || none.Repeated() != nil {
		t.Errorf("the zero Value is %+v", none)
	}
}

func ExampleRead() {
	v, err := diff.Read([]byte(`{"items": [{"price": 9.90}, {"price": 12.50}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	last := v.Member("items").Element(-1).Member("price")
	fmt.Printf("%s, a %s at byte %d\n", last.JSON(), last.Type(), last.Offset())

	prices, err := diff.ParsePath("$..price")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range v.Select(prices) {
		fmt.Println(n.Path, string(n.JSON))
	}
	// Output:
	// 12.50, a number at byte 38
	// $.items[0].price 9.90
	// $.items[1].price 12.50
}
