package template

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Draw is what a generator may use: nothing else decides its value. With the same Draw a
// run can be repeated to the byte.
type Draw struct {
	// Source gives the random numbers; the caller derives it from the run's seed, the case, the
	// step and the placeholder.
	Source rand.Source
	// Now is the time that $now and $ulid write.
	Now time.Time
	// Row is the number of the data row, from 1; 0 without data.
	Row int
}

// A generatorSpec is one generator of the closed list. A new generator is a row of
// generatorSpecs.
type generatorSpec struct {
	name    string
	example string
	doc     string
	// check says what is wrong with the arguments, while files are read; empty: nothing.
	check func(args []string) string
	// draw makes the value of arguments that check has accepted.
	draw func(args []string, r *rand.Rand, d Draw) Value
}

// Generate makes the value of a generator, named without its $. It is pure:
// the same draw gives the same value.
// The error is that of a name or of arguments that parsing would have refused.
func Generate(name string, args []string, d Draw) (Value, error) {
	// Parsing has checked both; a caller of the package may not have parsed.
	spec := findGenerator(name)
	if spec == nil {
		return Value{}, fmt.Errorf("unknown generator $%s", name)
	}
	if msg := spec.check(args); msg != "" {
		return Value{}, fmt.Errorf("generator $%s: %s", name, msg)
	}
	return spec.draw(args, rand.New(d.Source), d), nil
}

// Generators are all generators, in the order of the documentation.
func Generators() []Word {
	words := make([]Word, len(generatorSpecs))
	for i, g := range generatorSpecs {
		words[i] = Word{Name: g.name, Example: g.example, Doc: g.doc}
	}
	return words
}

// findGenerator is the generator of a name, without its $; nil for a word that is not one.
func findGenerator(name string) *generatorSpec {
	i := slices.IndexFunc(generatorSpecs, func(g generatorSpec) bool { return g.name == name })
	if i < 0 {
		return nil
	}
	return &generatorSpecs[i]
}

// foreignGenerators are the words of Postman and k6, with ours.
// The keys are in lower case, as the word is looked up.
var foreignGenerators = map[string]string{
	"guid": "write {{$uuid}}", "randomuuid": "write {{$uuid}}", "timestamp": "write {{$now | format: unix}}",
	"isotimestamp": "write {{$now}}",
	"randomint":    "write {{$int: 0..1000}}", "randomalphanumeric": "write {{$text: 1}}", "iteration": "write {{$row}}",
	"newuuid": "write {{$uuid}}", "newdate": "write {{$now}}", "random": "write {{$int: 1..100}}",
}

// generatorSpecs are all generators, in the order of the documentation.
var generatorSpecs = []generatorSpec{
	{"uuid", "$uuid", "A random UUID (version 4).", noArgs, drawUUID},
	{"ulid", "$ulid", "A ULID: the time of the run, then random.", noArgs, drawULID},
	{"now", "$now", "The time, RFC 3339 in UTC, to the second.", noArgs, func(_ []string, _ *rand.Rand, d Draw) Value {
		return TextValue(d.Now.UTC().Format(time.RFC3339))
	}},
	{"int", "$int: 1..100", "A whole number between two bounds, both included.", checkInt, drawInt},
	{"hex", "$hex: 12", "That many lower-case hex digits.", checkLength, func(args []string, r *rand.Rand, _ Draw) Value {
		return TextValue(letters(args, r, "0123456789abcdef"))
	}},
	{"text", "$text: 8", "That many lower-case letters and digits.", checkLength, func(args []string, r *rand.Rand, _ Draw) Value {
		return TextValue(letters(args, r, "abcdefghijklmnopqrstuvwxyz0123456789"))
	}},
	{"pick", "$pick: SD, HD, UHD", "One of the arguments.", func(args []string) string {
		if len(args) < 2 {
			return "needs at least two words to pick from"
		}
		return ""
	}, func(args []string, r *rand.Rand, _ Draw) Value { return TextValue(args[r.IntN(len(args))]) }},
	{"row", "$row", "The number of the data row, from 1; 0 without data.", noArgs, func(_ []string, _ *rand.Rand, d Draw) Value {
		s := strconv.Itoa(d.Row)
		return Value{s, s}
	}},
}

// noArgs is the check of a generator without arguments.
func noArgs(args []string) string {
	if len(args) > 0 {
		return "takes no argument"
	}
	return ""
}

// drawUUID makes a UUID of version 4 and variant 10 (RFC 9562).
func drawUUID(_ []string, r *rand.Rand, _ Draw) Value {
	b := randomBytes(r, 16)
	// Version 4, then the variant of RFC 9562.
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b)
	return TextValue(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}

// randomBytes are n random bytes; it takes one number a byte, so that the values of a seed
// do not depend on the size of a word.
func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// crockford are the digits of base32 without I, L, O and U, as a ULID has them.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// drawULID writes 48 bits of the time in milliseconds, then 80 random bits, each five bits
// as one digit.
func drawULID(_ []string, r *rand.Rand, d Draw) Value {
	var out [26]byte
	// Ten digits of five bits from the end hold the 48 bits of the time.
	ms := uint64(d.Now.UnixMilli())
	for i := 9; i >= 0; i-- {
		out[i] = crockford[ms&31]
		ms >>= 5
	}
	for i := 10; i < len(out); i++ {
		out[i] = crockford[r.IntN(32)]
	}
	return TextValue(string(out[:]))
}

// bounds reads low..high. The distance is below 2^53, so that every value is exact in
// JavaScript too.
func bounds(args []string) (low, high int64, ok bool) {
	if len(args) != 1 {
		return 0, 0, false
	}
	// Space around the bounds is allowed.
	a, b, found := strings.Cut(args[0], "..")
	low, errLow := strconv.ParseInt(strings.TrimSpace(a), 10, 64)
	high, errHigh := strconv.ParseInt(strings.TrimSpace(b), 10, 64)
	return low, high, found && errLow == nil && errHigh == nil && low <= high && uint64(high-low) < 1<<53
}

// checkInt holds the argument of $int to two bounds.
func checkInt(args []string) string {
	if _, _, ok := bounds(args); !ok {
		return "needs two whole numbers, the smaller first"
	}
	return ""
}

// drawInt makes a number between two bounds, each equally likely. It is a JSON number.
func drawInt(args []string, r *rand.Rand, _ Draw) Value {
	low, high, _ := bounds(args)
	s := strconv.FormatInt(low+r.Int64N(high-low+1), 10)
	return Value{s, s}
}

// maxLength bounds what $hex and $text draw.
// Longer bodies are written as files.
const maxLength = 4096

// checkLength holds the argument of $hex and $text to a length.
func checkLength(args []string) string {
	if len(args) == 1 {
		if n, err := strconv.Atoi(args[0]); err == nil && n >= 1 && n <= maxLength {
			return ""
		}
	}
	return fmt.Sprintf("needs a length between 1 and %d", maxLength)
}

// letters makes as many random letters of an alphabet as the argument says.
func letters(args []string, r *rand.Rand, alphabet string) string {
	n, _ := strconv.Atoi(args[0])
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}
