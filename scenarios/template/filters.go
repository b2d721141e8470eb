package template

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// A filterSpec is one filter of the closed list. A new filter is a row of filterSpecs:
// parsing, checking, expanding and the documentation follow it.
type filterSpec struct {
	name string
	// arg says what the argument is, for the documentation; empty: none is taken.
	arg string
	// example is an argument that check accepts.
	example string
	doc     string
	// check says what is wrong with the argument, while files are read; empty: nothing. It is
	// nil where every argument is fine.
	check func(arg string) string
	// apply computes the filtered value. It is called with an argument that check has accepted.
	apply func(v Value, arg string, scope Scope) (Value, error)
}

// A Word is one filter or generator as the documentation lists it.
type Word struct {
	Name string
	// Arg says what the argument of a filter is; empty: it takes none.
	Arg string
	// Example is, of a filter, its argument, and of a generator the whole placeholder.
	Example string
	Doc     string
}

// Filters are all filters, in the order of the documentation.
// The order is that of filterSpecs.
func Filters() []Word {
	words := make([]Word, len(filterSpecs))
	for i, f := range filterSpecs {
		words[i] = Word{f.name, f.arg, f.example, f.doc}
	}
	return words
}

// findFilter is the filter of a name; nil for a word that is not one.
func findFilter(name string) *filterSpec {
	i := slices.IndexFunc(filterSpecs, func(f filterSpec) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return &filterSpecs[i]
}

// namesOf are the names of filters or generators, for hints.
func namesOf(words []Word) []string {
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = w.Name
	}
	return names
}

// onText makes a filter of a function on text.
// Most filters are: the value's type does not count, and the result is text.
func onText(f func(string) string) func(Value, string, Scope) (Value, error) {
	return func(v Value, _ string, _ Scope) (Value, error) { return TextValue(f(v.Text)), nil }
}

// filterSpecs are all filters, in the order of the documentation.
var filterSpecs = []filterSpec{
	{"default", "text", "seoul", "The argument when the variable is not there, empty or null.", nil, nil}, // see expandPart
	{"upper", "", "", "Upper case.", nil, onText(strings.ToUpper)},
	{"lower", "", "", "Lower case.", nil, onText(strings.ToLower)},
	{"trim", "", "", "Without space at both ends.", nil, onText(strings.TrimSpace)},
	{"base64", "", "", "Standard base64.", nil, onText(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })},
	{
		"urlencode", "", "", "Percent-encoded; only letters, digits and - _ . ~ stay.", nil,
		onText(func(s string) string { return PercentEncode(s, "") }),
	},
	{"json", "", "", "The value as JSON text.", nil, func(v Value, _ string, _ Scope) (Value, error) { return TextValue(v.JSON), nil }},
	{
		"sha256", "", "", "SHA-256 in lower-case hex.", nil,
		onText(func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }),
	},
	{
		"hmac", "variable", "env.STB_KEY", "HMAC-SHA-256 in lower-case hex; the argument names the variable that holds the key.",
		checkVarArg, hmacFilter,
	},
	{
		"format", "format", "unix_ms", "A time in another format: rfc3339, unix, unix_ms, http, date, or a pattern such as %Y%m%d%H%M%S.",
		checkTimeFormat, formatFilter,
	},
	{"add", "number or duration", "-1h", "A number plus a number, or a time plus a duration.", checkAdd, addFilter},
	{
		"number", "", "", "A number, also one that is written as text, as a number: `\"7\"` becomes `7`. Anything else breaks the step.",
		nil, numberFilter,
	},
	{"text", "", "", "The value as text: `7` becomes `\"7\"`.", nil, onText(func(s string) string { return s })},
	{
		"parse", "", "", "Text that is JSON (a number, true, false, null, a list, an object) as that value; any other text stays text.",
		nil, parseFilter,
	},
	{"first", "", "", "The first element of a list.", nil, firstFilter},
	{"join", "text", "','", "The elements of a list with the argument between them.", nil, joinFilter},
}

// TextValue is the value of a text, which is a JSON string.
func TextValue(s string) Value { return Value{Text: s, JSON: text.Quote(s)} }

// checkVarArg holds an argument to the name of a variable or of an environment variable.
func checkVarArg(arg string) string {
	name := strings.TrimPrefix(arg, "env.")
	if name == "" || BadNameAt(name) >= 0 {
		return fmt.Sprintf("%q is not the name of a variable", arg)
	}
	return ""
}

// hmacFilter signs the text with the key that the argument names. The key is looked up and
// never written in the placeholder, so that it stays out of the file and of reports.
func hmacFilter(v Value, arg string, scope Scope) (Value, error) {
	// A key that is missing is an error and not an empty key, which would sign too.
	key, ok, err := scope.Lookup(arg)
	if err != nil {
		return Value{}, fmt.Errorf("hmac: %w", err)
	}
	if !ok {
		return Value{}, fmt.Errorf("hmac: variable %q is not known", arg)
	}
	mac := hmac.New(sha256.New, []byte(key.Text))
	mac.Write([]byte(v.Text))
	return TextValue(hex.EncodeToString(mac.Sum(nil))), nil
}

// strftime maps the directives of time patterns to Go's layouts; %L is milliseconds.
var strftime = map[byte]string{
	'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'L': "000", 'y': "06", 'b': "Jan",
	'a': "Mon", 'Z': "MST", 'z': "-0700", '%': "%",
}

// namedTimes are the formats that have a name, with their layouts; those without a layout
// are computed.
var namedTimes = map[string]string{
	"rfc3339": time.RFC3339, "date": time.DateOnly, "http": "Mon, 02 Jan 2006 15:04:05 GMT", "unix": "",
	"unix_ms": "",
}

// checkTimeFormat accepts a named format or a pattern with known directives. A pattern
// without % would be the same text for every time.
func checkTimeFormat(arg string) string {
	if _, ok := namedTimes[arg]; ok {
		return ""
	}
	if !strings.Contains(arg, "%") {
		return fmt.Sprintf("unknown format %q", arg)
	}
	for i := 0; i < len(arg); i++ {
		if arg[i] != '%' {
			continue
		}
		i++
		if i == len(arg) || strftime[arg[i]] == "" {
			return fmt.Sprintf("unknown directive in %q", arg)
		}
	}
	return ""
}

// formatFilter writes a time of RFC 3339, as $now makes it, in another format, in UTC. The
// directives are expanded one by one: Go would read digits of the pattern's own text as
// parts of a layout.
func formatFilter(v Value, arg string, _ Scope) (Value, error) {
	t, err := time.Parse(time.RFC3339Nano, v.Text)
	if err != nil {
		return Value{}, fmt.Errorf("format: %q is not a time", problem.Cut(v.Text, 40))
	}
	t = t.UTC()
	switch arg {
	case "unix":
		s := fmt.Sprint(t.Unix())
		return Value{s, s}, nil
	case "unix_ms":
		s := fmt.Sprint(t.UnixMilli())
		return Value{s, s}, nil
	}
	// The rest is written by a layout of Go, or directive by directive.
	if layout, ok := namedTimes[arg]; ok {
		return TextValue(t.Format(layout)), nil
	}
	var b strings.Builder
	for i := 0; i < len(arg); i++ {
		switch {
		case arg[i] != '%':
			b.WriteByte(arg[i])
		case arg[i+1] == 'L':
			fmt.Fprintf(&b, "%03d", t.Nanosecond()/1e6)
			i++
		case arg[i+1] == '%':
			b.WriteByte('%')
			i++
		default:
			b.WriteString(t.Format(strftime[arg[i+1]]))
			i++
		}
	}
	return TextValue(b.String()), nil
}

// checkAdd accepts what addFilter adds.
func checkAdd(arg string) string {
	if _, err := ParseDuration(arg); err != nil && !IsNumber(arg) {
		return fmt.Sprintf("%q is neither a number nor a duration", arg)
	}
	return ""
}

// addFilter adds a number to a number, or a duration to a time of RFC 3339.
func addFilter(v Value, arg string, _ Scope) (Value, error) {
	if IsNumber(arg) {
		return addNumbers(v.Text, arg)
	}
	d, err := ParseDuration(arg)
	if err != nil {
		return Value{}, fmt.Errorf("add: %w", err)
	}
	t, err := time.Parse(time.RFC3339Nano, v.Text)
	if err != nil {
		return Value{}, fmt.Errorf("add: %q is not a time", problem.Cut(v.Text, 40))
	}
	return TextValue(t.Add(d).Format(time.RFC3339Nano)), nil
}

// maxDigits bounds the numbers that add takes, in characters: 1e999999999 is legal JSON.
const maxDigits = 40

// addNumbers adds two decimals exactly: 0.1 plus 0.2 is 0.3. The sum has as many decimals
// as the longer of the two. Exponents are refused, so that the sum is never longer than its
// operands.
func addNumbers(a, b string) (Value, error) {
	a = strings.TrimSpace(a)
	if !IsNumber(a) || len(a) > maxDigits || len(b) > maxDigits || strings.ContainsAny(a+b, "eE") {
		return Value{}, fmt.Errorf("add: %q and %q are not plain numbers", problem.Cut(a, maxDigits), problem.Cut(b, maxDigits))
	}
	// Rationals are exact; float64 would turn 0.1 into 0.1000000000000000055.
	x, xOK := new(big.Rat).SetString(a)
	y, yOK := new(big.Rat).SetString(b)
	if !xOK || !yOK {
		return Value{}, errors.New("add: not a number")
	}
	sum := x.Add(x, y).FloatString(max(decimals(a), decimals(b)))
	return Value{sum, sum}, nil
}

// decimals is the number of digits after the point.
func decimals(s string) int {
	if _, after, ok := strings.Cut(s, "."); ok {
		return len(after)
	}
	return 0
}

// elements reads a JSON list, each element as written: numbers keep their spelling.
func elements(v Value, what string) ([]Value, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(v.JSON), &raw); err != nil {
		return nil, fmt.Errorf("%s: %q is not a list", what, problem.Cut(v.JSON, 40))
	}
	out := make([]Value, len(raw))
	for i, r := range raw {
		out[i] = JSONValue(string(r))
	}
	return out, nil
}

// JSONValue is the value of a JSON text: a string's text is its content, any
// other value's text is the JSON itself.
func JSONValue(text string) Value {
	v := Value{Text: text, JSON: text}
	if strings.HasPrefix(text, `"`) {
		var s string
		if json.Unmarshal([]byte(text), &s) == nil {
			v.Text = s
		}
	}
	return v
}

// numberFilter reads a number by JSON's grammar, with space around it or not.
func numberFilter(v Value, _ string, _ Scope) (Value, error) {
	text := strings.TrimSpace(v.Text)
	if !IsNumber(text) {
		return Value{}, fmt.Errorf("number: %q is not a number", problem.Cut(v.Text, 40))
	}
	return Value{text, text}, nil
}

// parseFilter gives text the type that it would have in a JSON document. Text
// that is a JSON string in quotes stays as it is: its quotes are part of it.
func parseFilter(v Value, _ string, _ Scope) (Value, error) {
	text := strings.TrimSpace(v.Text)
	if strings.HasPrefix(v.JSON, `"`) && !strings.HasPrefix(text, `"`) && json.Valid([]byte(text)) {
		return JSONValue(text), nil
	}
	return v, nil
}

// firstFilter is the first element with its type; an empty list is an error.
func firstFilter(v Value, _ string, _ Scope) (Value, error) {
	list, err := elements(v, "first")
	if err != nil {
		return Value{}, err
	}
	if len(list) == 0 {
		return Value{}, errors.New("first: the list is empty")
	}
	return list[0], nil
}

// joinFilter joins the texts of the elements.
func joinFilter(v Value, arg string, _ Scope) (Value, error) {
	list, err := elements(v, "join")
	if err != nil {
		return Value{}, err
	}
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = x.Text
	}
	return TextValue(strings.Join(texts, arg)), nil
}
