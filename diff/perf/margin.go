package perf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The default margins: how much worse is still "no worse" where a file writes none.
const (
	DefaultP50    = 0.05
	DefaultP95    = 0.10
	DefaultP99    = 0.20
	DefaultErrors = 0.005
)

// A MarginError is a margin that cannot be read. Offset counts bytes from the
// start of the text.
type MarginError struct {
	Offset int
	Msg    string
	Hint   string
}

// Error has the offset in the text of the margin; the caller adds the place in the file.
func (e *MarginError) Error() string {
	return fmt.Sprintf("margin: %s at offset %d (%s)", e.Msg, e.Offset, e.Hint)
}

// marginHint is the hint of every MarginError.
const marginHint = `write 5%, 0.5ms or "5% or 0.5ms"`

// ParseMargin reads how much worse is still "no worse": a percentage above zero
// ("5%"), a duration above zero ("0.5ms"), or both joined by "or", in which case
// the larger of the two counts. A bare number is an error: it has no unit.
// Errors are of type *MarginError.
func ParseMargin(s string) (Margin, error) {
	var m Margin
	offset := 0
	for i, part := range strings.SplitN(s, " or ", 3) {
		at := offset + len(part) - len(strings.TrimLeft(part, " \t"))
		offset += len(part) + len(" or ")
		word := strings.TrimSpace(part)
		if i == 2 {
			return Margin{}, &MarginError{at, "more than two parts", marginHint}
		}
		into, value, msg := &m.Abs, 0.0, ""
		if number, ok := strings.CutSuffix(word, "%"); ok {
			into = &m.Rel
			value, msg = parsePercent(strings.TrimSpace(number))
		} else {
			value, msg = parseSeconds(word)
		}
		if msg == "" && *into != 0 {
			msg = "the same unit twice"
		}
		if msg != "" {
			return Margin{}, &MarginError{at, msg, marginHint}
		}
		*into = value
	}
	return m, nil
}

// parsePercent reads the number before %, as a ratio. problem is empty where it is right.
func parsePercent(s string) (ratio float64, problem string) {
	p, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || math.IsNaN(p) || math.IsInf(p, 0):
		return 0, fmt.Sprintf("%q is not a percentage", s)
	case p <= 0:
		return 0, "a margin must be above 0 %"
	case p > 1000:
		return 0, "a margin above 1000 % judges nothing"
	}
	return p / 100, ""
}

// parseSeconds reads a duration in seconds. problem is empty where it is right.
func parseSeconds(s string) (seconds float64, problem string) {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return 0, fmt.Sprintf("%q has no unit", s)
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Sprintf("%q is neither a percentage nor a duration", s)
	case d <= 0:
		return 0, "a margin must be above 0 s"
	}
	return d.Seconds(), ""
}

// String writes the margin as ParseMargin reads it.
func (m Margin) String() string {
	rel := strconv.FormatFloat(m.Rel*100, 'g', 10, 64) + "%"
	abs := time.Duration(math.Round(m.Abs * 1e9)).String()
	switch {
	case m.Abs == 0:
		return rel
	case m.Rel == 0:
		return abs
	}
	return rel + " or " + abs
}

// effective is the margin as a ratio for a metric whose blue value is given in seconds.
func (m Margin) effective(blue float64) float64 {
	if m.Abs > 0 && blue > 0 {
		return math.Max(m.Rel, m.Abs/blue)
	}
	return m.Rel
}

// WithDefaults returns the margins with those filled in that the file does not write.
func (m Margins) WithDefaults() Margins {
	for _, f := range []struct {
		margin *Margin
		rel    float64
	}{{&m.P50, DefaultP50}, {&m.P95, DefaultP95}, {&m.P99, DefaultP99}} {
		if *f.margin == (Margin{}) {
			f.margin.Rel = f.rel
		}
	}
	if m.Errors == 0 {
		m.Errors = DefaultErrors
	}
	return m
}
