package text

import "testing"

func TestRepeatedMember(t *testing.T) {
	for document, want := range map[string]string{
		`{"a": 1, "b": 2}`:                       "",
		`{"a": 1, "a": 1}`:                       "a",
		`{"green": 10, "Green": 0}`:              "Green",
		`{"task": 1, "ta\u017fk": 2}`:            "ta\u017fk",
		`{"a": {"b": 1}, "b": 2}`:                "",
		`{"a": {"b": 1, "b": 2}}`:                "b",
		`[{"a": 1}, {"a": 2}]`:                   "",
		`{"a": ["a", "a", {"a": 1}], "b": "a"}`:  "",
		`{"a": [{"x": 1, "y": [], "x": 2}]}`:     "x",
		`{"a": {}, "b": [], "c": null, "A": {}}`: "A",
		`"a"`:                                    "",
		`{"a": 1, "a"`:                           "a",
		`not JSON`:                               "",
		``:                                       "",
	} {
		if got := RepeatedMember([]byte(document)); got != want {
			t.Errorf("%s: %q, want %q", document, got, want)
		}
	}
}
