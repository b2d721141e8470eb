package diff

import (
	"strings"
	"testing"
)

// truth is what the comparison means, one row per question a user may ask.
// want lists the differences as kind and path.
var truth = []struct {
	name, blue, green, want, why string
}{
	{"same", `{"a":1}`, `{"a":1}`, "", "the same bytes"},
	{"layout", "{\"a\": 1,\n \"b\":[ ]}", `{"b":[],"a":1}`, "", "white space and member order carry no meaning"},
	{"2^53", `9007199254740992`, `9007199254740993`, "changed $", "they are two numbers, though one float64"},
	{"1 and 1.0", `[1,1.0]`, `[1.0,1e0]`, "", "one decimal value, written three ways"},
	{"long fraction", `1.000000000000000005`, `1`, "changed $", "every digit counts"},
	{"1e400", `1e400`, `1e401`, "changed $", "beyond float64 numbers still differ"},
	{"1e400 written out", `1e400`, `10e399`, "", "one value beyond float64"},
	{"huge exponents", `1e999999999999999999999`, `1e999999999999999999998`, "changed $", "exponents are of any size"},
	{"tiny", `1e-400`, `0`, "changed $", "nothing is rounded to zero"},
	{"minus zero", `0`, `-0`, "", "zero has no sign as a decimal; number: lexeme tells them apart"},
	{"zero with exponent", `0e7`, `0.00`, "", "zero however it is written"},
	{"2^63", `9223372036854775808`, `9223372036854775809`, "changed $", "integers of any size"},
	{"sign", `5`, `-5`, "changed $", "a sign is part of the value"},
	{"lone surrogate", `"\ud800"`, `"\ud801"`, "invalid $, invalid $", "no character; folding both to U+FFFD would hide the difference"},
	{"lone surrogate alike", `"\ud800"`, `"\ud800"`, "invalid $, invalid $", "both sides sending the same broken JSON is not equality"},
	{"bad UTF-8", "\"\xff\"", "\"\xfe\"", "invalid $, invalid $", "bytes that are no text are not compared as text"},
	{"overlong UTF-8", "\"\xc0\xaf\"", `"/"`, "invalid $", "an overlong form is not UTF-8"},
	{"escapes", `"\u00e9\/"`, `"é/"`, "", "an escape is a way of writing"},
	{"surrogate pair", `"\ud83d\ude00"`, `"😀"`, "", "one character, written two ways"},
	{"nfc", "\"\u00e9\"", "\"e\u0301\"", "changed $", "characters are compared, not looks; string: nfc folds them"},
	{"duplicate keys", `{"a":1,"a":2}`, `{"a":2}`, "duplicate-key $.a", "which of the two a client takes is open"},
	{"duplicate keys alike", `{"a":1,"a":1}`, `{"a":1,"a":1}`, "duplicate-key $.a, duplicate-key $.a", "nor is it when both sides do it"},
	{"duplicate keys escaped", `{"a":1,"\u0061":2}`, `{"a":2}`, "duplicate-key $.a", "names are compared by their characters"},
	{"null and absent", `{"a":null}`, `{}`, "removed $.a", "a client that asks for the member sees it"},
	{"null and value", `{"a":null}`, `{"a":1}`, "type $.a", "null is a type of its own"},
	{"empty things", `{"a":[],"b":{},"c":null,"d":"","e":0,"f":false}`, `{"a":{},"b":null,"c":"","d":0,"e":false,"f":[]}`, "type $.a, type $.b, type $.c, type $.d, type $.e, type $.f", "nothing is like nothing else"},
	{"string and number", `"1"`, `1`, "type $", "a typed client breaks"},
	{"true and string", `true`, `"true"`, "type $", "a typed client breaks"},
	{"bytes after", `{} x`, `{}`, "invalid $", "what comes behind the value is not looked at by clients that stop there, and breaks the others"},
	{"second value", `{}{}`, `{}`, "invalid $", "one body, one value"},
	{"nan", `NaN`, `NaN`, "invalid $, invalid $", "not JSON"},
	{"infinity", `[-Infinity]`, `[1]`, "invalid $", "not JSON"},
	{"bom", "\xef\xbb\xbf{}", `{}`, "invalid $", "RFC 8259 forbids to send one, and parsers trip over it"},
	{"truncated", `{"a":[1,2`, `{"a":[1,2]}`, "invalid $", "a cut body is not compared with what is left of it"},
	{"empty body", ``, `{}`, "invalid $", "no value is not a value"},
	{"control character", "\"a\tb\"", `"a\tb"`, "invalid $", "a raw tab is not allowed in a string"},
	{"leading zero", `[01]`, `[1]`, "invalid $", "not JSON"},
	{"front insertion", `[1,2,3]`, `[0,1,2,3]`, "added $[0]", "one element came, none changed"},
	{"front removal", `[0,1,2,3]`, `[1,2,3]`, "removed $[0]", "one element went"},
	{"rotation", `[1,2,3,4,5]`, `[5,1,2,3,4]`, "moved $[4]", "one element moved"},
	{"swapped ends", `[1,2,3,4,5]`, `[5,2,3,4,1]`, "moved $[0], moved $[4]", "two elements moved"},
	{"reversed", `[1,2,3,4,5,6]`, `[6,5,4,3,2,1]`, "order $", "the array is the same in another order: one finding, not five"},
	{"duplicate elements", `[1,1,2]`, `[1,2]`, "removed $[1]", "how often an element stands there counts"},
	{"changed in the middle", `[1,2,3]`, `[1,9,3]`, "changed $[1]", "in place"},
	{"member renamed", `{"title":"x"}`, `{"name":"x"}`, "removed $.title, added $.name", "both are reported; causes know it as a renaming"},
	{"deep", `{"a":{"b":[{"c":1}]}}`, `{"a":{"b":[{"c":2}]}}`, "changed $.a.b[0].c", "the innermost place is named"},
	{"odd names", `{"a b":{"it's":1,"":2}}`, `{"a b":{"it's":2,"":3}}`, `changed $['a b']['it\'s'], changed $['a b']['']`, "paths can be pasted back"},
	{"keyed", `[{"id":"a","v":1},{"id":"b","v":2}]`, `[{"id":"b","v":3},{"id":"a","v":1}]`, "moved $[?@.id=='a'], changed $[?@.id=='b'].v", "elements with an id keep their identity"},
	{"type of a subtree", `{"a":{"b":1}}`, `{"a":[1]}`, "type $.a", "reported once, at the place"},
}

func TestTruth(t *testing.T) {
	seen := map[string]bool{}
	for _, tt := range truth {
		if seen[tt.name] || tt.why == "" {
			t.Fatalf("row %q: names are unique and reasons given", tt.name)
		}
		seen[tt.name] = true
		t.Run(tt.name, func(t *testing.T) {
			res := Compare([]byte(tt.blue), []byte(tt.green), nil)
			if got := brief(res.Differences); got != tt.want {
				t.Errorf("Compare(%s, %s) = %s, want %s: %s", tt.blue, tt.green, got, tt.want, tt.why)
			}
			checkResult(t, res, tt.blue, tt.green)
		})
	}
}

func brief(ds []Difference) string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Kind.String()+" "+d.Path)
	}
	return strings.Join(out, ", ")
}

// checkResult checks what holds for every result.
func checkResult(t interface {
	Errorf(format string, args ...any)
	Helper()
}, r Result, blue, green string,
) {
	t.Helper()
	l := r.Leaves
	if l.Seen != l.Compared+l.Ignored+l.Dropped+l.Absent {
		t.Errorf("leaves do not add up: %+v\nblue  %s\ngreen %s", l, blue, green)
	}
	if len(r.Differences) > r.Total || len(r.Hidden) > r.HiddenTotal {
		t.Errorf("kept %d of %d differences, %d of %d hidden", len(r.Differences), r.Total, len(r.Hidden), r.HiddenTotal)
	}
	worst := Identical
	if r.HiddenTotal > 0 {
		worst = Ignored
	}
	for i := range r.Differences {
		worst = max(worst, r.Differences[i].Severity)
	}
	if r.Severity != worst {
		t.Errorf("severity %v, want %v\nblue  %s\ngreen %s", r.Severity, worst, blue, green)
	}
	for _, d := range r.Differences {
		if _, err := ParsePath(d.Path); d.Where == InBody && err != nil {
			t.Errorf("path %s cannot be pasted back: %v", d.Path, err)
		}
	}
}
