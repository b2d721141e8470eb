// Package diff decides whether two answers are the same and says exactly
// where they are not. It is pure: no files, no network, no clock.
//
// The way of the data:
//
//	bytes -> parse (strict, one pass, subtree hashes) -> compare under Rules
//	      -> Result: differences, what the rules hid, what was looked at
//	      -> Causes: differences of many pairs merged by what made them
//
// Blue always comes first: blue is the trusted side, green the one under
// judgement.
package diff

import (
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// Kind is what happened between blue and green at one place.
type Kind uint8

// The kinds of difference. Zero is invalid.
const (
	Added        Kind = iota + 1 // only green has it
	Removed                      // only blue has it
	Changed                      // both have it with the same type and another value
	TypeChanged                  // both have it with another JSON type (or null on one side)
	Moved                        // the same array element is elsewhere in its array
	Order                        // an array holds the same elements in another order
	Length                       // a note: an array's length differs; never counted
	DuplicateKey                 // an object names a member twice
	Invalid                      // a body is not what it says it is; with a byte offset
	Limit                        // a bound was passed: could not be compared, never "equal"
)

// Severity orders differences by what they may break. The worst decides.
type Severity uint8

// The severities, from harmless to worst. Zero is invalid.
const (
	Identical Severity = iota + 1
	Ignored
	Additive
	OrderOnly
	OtherValue
	Nullability
	Type
	RemovedMember
	StatusClass // a status, or something that could not be compared at all
)

// Where names the part of a response that a difference is in.
type Where uint8

// The parts of a response, in the order they are reported: what a client sees
// first comes before what it may never look at. Zero is invalid.
const (
	InStatus Where = iota + 1
	InBody
	InHeader
)

// Mode sets which differences count. Zero means Strict.
type Mode uint8

// The modes.
const (
	Strict Mode = iota // every difference counts
	Subset             // green may add members
	Shape              // only presence and types count
)

// A NumberReading says when two JSON numbers are equal. A rule `number` names
// one in `as` for its places, Options.Numbers holds for all other numbers.
type NumberReading uint8

// The readings of numbers.
const (
	Decimal NumberReading = iota // the same exact value: 1, 1.0 and 1e0 are equal
	Typed                        // the same value, and both with a fraction or an exponent, or both without: 1 and 1.0 differ
	Lexeme                       // the same bytes: 1.0 and 1.00 differ too
	Float64                      // the same nearest float64
)

// readingWords are the words of files, by reading.
var readingWords = text.Words[NumberReading]{Decimal: "decimal", Typed: "type", Lexeme: "lexeme", Float64: "float64"}

// String is the word that files use: decimal, type, lexeme or float64.
func (r NumberReading) String() string { return readingWords.Of(r) }

// ValueType is a JSON type as a difference shows it.
type ValueType uint8

// The value types. Zero means absent.
const (
	AbsentType ValueType = iota
	NullType
	BoolType
	NumberType
	StringType
	ArrayType
	ObjectType
)

// An Excerpt is one side's value at a difference: its JSON text cut to a
// bound. The zero Excerpt means the side has nothing there.
type Excerpt struct {
	// Type is that of the value; AbsentType: the side has nothing.
	Type ValueType
	// JSON is the value's text; it is not valid JSON when Cut.
	JSON string
	// Size is the length of the whole value in bytes.
	Size int
	// Cut: JSON holds only the beginning.
	Cut bool
}

// A Difference is one disagreement between blue and green.
type Difference struct {
	// Kind is what happened to the value.
	Kind Kind
	// Severity is what the difference may break.
	Severity Severity
	// Where is the part of the answer: status, header or body.
	Where Where
	// Path is a normalized RFC 9535 path for a body ($.channels[?@.id=='ch-7'].title
	// for a keyed array), the lower-case name for a header, "" for the status.
	Path string
	// BluePointer and GreenPointer are JSON Pointers (RFC 6901); indices may
	// differ per side. Empty where the side has nothing there.
	BluePointer, GreenPointer string
	// Blue and Green show the values.
	Blue, Green Excerpt
	// Offset is a byte offset into the side's body for Invalid and Limit.
	Offset int
	// Note says more where the kind does not say it all.
	Note string
	// Leak is the name of blue that green's value mentions; empty where it
	// mentions none.
	Leak string
	// Fault is what is wrong with a body of kind Invalid, Limit or DuplicateKey,
	// without the side and the place that Note gives with it.
	Fault string
	// Rule is the Origin of the rule that hid the difference; empty where none did.
	Rule string
}

// Indices are the places of an element that moved in blue's array and in green's,
// counted from 0; false for any other difference.
func (d *Difference) Indices() (blue, green int, ok bool) {
	if d.Kind != Moved {
		return 0, 0, false
	}
	blue, errBlue := strconv.Atoi(d.BluePointer[strings.LastIndexByte(d.BluePointer, '/')+1:])
	green, errGreen := strconv.Atoi(d.GreenPointer[strings.LastIndexByte(d.GreenPointer, '/')+1:])
	return blue, green, errBlue == nil && errGreen == nil
}

// Leaves accounts for the scalar leaves of blue's body (empty arrays and
// objects count as leaves): Seen = Compared + Ignored + Dropped + Absent.
type Leaves struct {
	// Seen are the leaves of blue's body.
	Seen int
	// Compared were compared by value; a tolerance or format rule compares too.
	Compared int
	// Ignored were compared in presence and type alone, or under a rule that lets any value
	// pass.
	Ignored int
	// Dropped were not looked at.
	Dropped int
	// Absent are below a place that green does not have, or has with another type.
	Absent int
}

// A RuleCount says what one rule did, in the order the rules were given.
type RuleCount struct {
	// Origin is the rule's, as Rule.Origin.
	Origin string
	// Visits are the places that it matched, on either side.
	Visits int
	// Hits are the differences that it hid.
	Hits int
}

// A Result is what Compare found.
type Result struct {
	// Differences count against green, in report order, at most Options.MaxDiffs.
	Differences []Difference
	// Total is exact, also when Differences was cut.
	Total int
	// Hidden are the differences that rules removed, kept and counted.
	Hidden []Difference
	// HiddenTotal is exact, also when Hidden was cut.
	HiddenTotal int
	// Severity is the worst among Differences; Ignored when there are only
	// hidden ones; Identical when there is nothing at all.
	Severity Severity
	// Leaves says what became of every leaf of blue's body.
	Leaves Leaves
	// Rules counts what each rule did, in the order of the list.
	Rules []RuleCount
	// Notes are true and worth knowing, and never decide: array lengths, the
	// key guessed for an array with a rule to paste, an approximate alignment.
	Notes []string
	// Forms are the harmless forms in which bodies without a difference are not the
	// same bytes; Notes says each in words.
	Forms []Form
}

// Equal reports whether nothing counts against green.
func (r *Result) Equal() bool { return r.Total == 0 }

// A Header is one header field as received; names keep their spelling.
type Header struct{ Name, Value string }

// A Message is one answer as the comparison sees it.
type Message struct {
	// Status is the HTTP status.
	Status int
	// Headers are as received, repeated names kept.
	Headers []Header
	// Body is decoded from its Content-Encoding.
	Body []byte
	// ContentType is as declared; empty: the answer has none.
	ContentType string
	// Read is the Value of Body, or of the JSON that package media makes of it, where
	// somebody has read that already. Where no rule has a path it is not read again.
	Read Value
	// At is when the answer had come; the zero time where that is not known. Of what
	// expires (cookies, the Expires header, tokens) it says whether it is still valid.
	At time.Time
	// Bodiless: HTTP sends no body with this answer (HEAD), and Content-Length is
	// all that is said of it.
	Bodiless bool
}

// Options bound and steer a comparison. The zero value means the defaults of
// every field.
type Options struct {
	// Mode is how strict a comparison is where no rule says anything.
	Mode Mode
	// Numbers says when numbers are equal where no rule `number` does: Decimal or
	// Typed. Under Typed numbers in cookies that hold JSON count by notation too,
	// and those of tokens by value.
	Numbers NumberReading
	// BlueAuthorities and GreenAuthorities are host or host:port names of the
	// two sides' services; the leak rule looks for blue's in green's answers.
	BlueAuthorities, GreenAuthorities []string
	// Now decides which rules with an Until date have expired. Required when a
	// rule has one.
	Now time.Time
	// DuplicateKeys: "error" (default), "last", "first".
	DuplicateKeys string
	// MaxBody is in bytes; 0: 64 MiB.
	MaxBody int
	// MaxDepth is how deep values may be nested; 0: 512.
	MaxDepth int
	// MaxNodes is how many values a body may have; 0: 8 << 20.
	MaxNodes int
	// MaxKeys is how many members an object may have; 0: 1 << 20.
	MaxKeys int
	// MaxDiffs is how many differences of a pair are kept; 0: 10,000. All are counted.
	MaxDiffs int
	// MaxExcerpt is how many bytes of a value are shown; 0: 256.
	MaxExcerpt int
}
