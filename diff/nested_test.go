package diff

import "testing"

// The elements around an embedded document are in another tree than the document: the key that
// names them is looked for there, whatever the document holds.
func TestEmbeddedDocumentInNamedElements(t *testing.T) {
	rules := mustCompile(t, Options{}, Rule{At: "$..doc", Do: DoEmbedded, As: "json"})
	blue := `{"list":[{"id":"a","doc":"[]"},{"id":"b","doc":"1"},{"id":"c","doc":"{\"x\":1}"}]}`
	green := `{"list":[{"id":"a","doc":"{}"},{"id":"b","doc":"\"1\""},{"id":"c","doc":"{\"x\":2}"}]}`
	r := Compare([]byte(blue), []byte(green), rules)
	want := []string{"$.list[?@.id=='a'].doc", "$.list[?@.id=='b'].doc", "$.list[?@.id=='c'].doc.x"}
	if len(r.Differences) != len(want) {
		t.Fatalf("%d differences: %v", len(r.Differences), r.Differences)
	}
	for i := range want {
		if got := r.Differences[i].Path; got != want[i] {
			t.Errorf("difference %d is at %s, want %s", i, got, want[i])
		}
	}
}
