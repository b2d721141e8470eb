package jmeter

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// timeFunction is ${__time(format,variable)}: milliseconds without a format.
func timeFunction(s *scope, r *ref) (string, string) {
	format, ok := s.constantArg(r, 0)
	if !ok {
		return "", "its format is not known before the run"
	}
	filter, why := timeFormat(format)
	if why != "" {
		return "", why
	}
	return s.store(r, 1, web.Marked("$now"+filter)), ""
}

// timeShiftFunction is ${__timeShift(format,date,shift,locale,variable)}.
func timeShiftFunction(s *scope, r *ref) (string, string) {
	format, ok := s.constantArg(r, 0)
	date, okDate := s.constantArg(r, 1)
	shift, okShift := s.constantArg(r, 2)
	if !ok || !okDate || !okShift || date != "" {
		return "", "its date or shift is not known before the run"
	}
	filter, why := timeFormat(format)
	if why != "" {
		return "", why
	}
	add := ""
	if shift != "" {
		d, ok := isoDuration(shift)
		if !ok {
			return "", "its shift is not a duration"
		}
		add = " | add: " + d
	}
	return s.store(r, 4, web.Marked("$now"+add+filter)), ""
}

// isoDuration writes P1D, PT2H, -P3DT4M as durations of the language.
func isoDuration(text string) (string, bool) {
	sign := ""
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, text = "-", rest
	}
	rest, ok := strings.CutPrefix(strings.ToUpper(text), "P")
	if !ok {
		return "", false
	}
	seconds, number, inTime := int64(0), "", false
	for _, c := range rest {
		switch {
		case c == 'T':
			inTime = true
		case c == '-' && number == "" || c >= '0' && c <= '9':
			number += string(c)
		default:
			n, err := strconv.ParseInt(number, 10, 32)
			unit := map[string]int64{"Dfalse": 86400, "Wfalse": 7 * 86400, "Htrue": 3600, "Mtrue": 60, "Strue": 1}[fmt.Sprintf("%c%t", c, inTime)]
			if err != nil || unit == 0 {
				return "", false
			}
			seconds, number = seconds+n*unit, ""
		}
	}
	if number != "" {
		return "", false
	}
	return fmt.Sprintf("%s%ds", sign, seconds), true
}

// timeLetters are the letters of Java's date patterns as directives. The time is
// that of the run in UTC, so that a zone is a literal.
var timeLetters = map[string]string{
	"yyyy": "%Y", "YYYY": "%Y", "uuuu": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "hh": "%H", "mm": "%M", "ss": "%S", "SSS": "%L", "MMM": "%b", "EEE": "%a",
	"X": "Z", "XX": "Z", "XXX": "Z", "Z": "+0000", "z": "UTC",
}

// timeFormat is the filter for a format of __time, with the reason why there is none.
func timeFormat(format string) (string, string) {
	// Names that JMeter has for formats.
	switch format {
	case "":
		return " | format: unix_ms", ""
	case "/1000":
		return " | format: unix", ""
	case "YMD":
		format = "yyyyMMdd"
	case "HMS":
		format = "HHmmss"
	case "YMDHMS":
		format = "yyyyMMdd-HHmmss"
	}
	var b strings.Builder
	for i := 0; i < len(format); {
		c := format[i]
		switch {
		// Text in quotes is literal; two quotes are one.
		case c == '\'':
			end := strings.IndexByte(format[i+1:], '\'')
			if end < 0 {
				return "", "its format has an open quote"
			}
			literal := format[i+1 : i+1+end]
			if end == 0 {
				literal = "'"
			}
			b.WriteString(strings.ReplaceAll(literal, "%", "%%"))
			i += end + 2
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			end := i
			for end < len(format) && format[end] == c {
				end++
			}
			directive, known := timeLetters[format[i:end]]
			if !known {
				return "", "the format has no directive for " + format[i:end]
			}
			b.WriteString(directive)
			i = end
		case c == '%':
			b.WriteString("%%")
			i++
		default:
			b.WriteByte(c)
			i++
		}
	}
	out := b.String()
	// A format without a directive would be the same text for every time, and some characters
	// would end the filter.
	if !strings.Contains(out, "%") || strings.ContainsAny(out, "|{}\n\"") {
		return "", "its format cannot be written"
	}
	if strings.Contains(out, "'") {
		return " | format: \"" + out + "\"", ""
	}
	return " | format: '" + out + "'", ""
}
