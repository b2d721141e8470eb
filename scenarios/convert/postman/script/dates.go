package script

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// A date of a script is the time of the run plus an offset: sym.offset of a symNow. Its
// texts are templates of $now with a pattern, in UTC as import writes all times. Months
// and years, whose lengths differ, are not followed.

// isoPattern is what toISOString writes.
const isoPattern = "%Y-%m-%dT%H:%M:%S.%LZ"

// now is the time of the run plus an offset.
func now(offset time.Duration) sym { return sym{kind: symNow, offset: offset} }

// placeholder is a date as a placeholder with a format.
func (s sym) placeholder(format string) string {
	out := "{{$now"
	if s.offset != 0 {
		out += " | add: " + durationText(s.offset)
	}
	if strings.Contains(format, "%") {
		format = "'" + format + "'"
	}
	return out + " | format: " + format + "}}"
}

// durationText is a duration in its largest whole unit: 48h, 90m.
func durationText(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// dateText is a date written by a pattern; the pattern stays known, so that a script
// may cut it.
func (s sym) dateText(pattern string) sym {
	if strings.ContainsAny(pattern, `'{}`) || pattern == "" || len(pattern) > 100 {
		return sym{}
	}
	if !strings.Contains(pattern, "%") {
		return constantText(pattern)
	}
	out := surelyText(s.placeholder(pattern))
	out.pattern, out.offset = pattern, s.offset
	return out
}

// dateUnits are the units whose length is always the same.
var dateUnits = map[string]time.Duration{
	"millisecond": time.Millisecond, "ms": time.Millisecond, "second": time.Second, "s": time.Second, "minute": time.Minute,
	"m":    time.Minute,
	"hour": time.Hour, "h": time.Hour, "day": 24 * time.Hour, "d": 24 * time.Hour, "week": 7 * 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

// maxOffset bounds a date's distance from the run.
const maxOffset = 100 * 365 * 24 * time.Hour

// later is a date plus n units, or nothing that is followed.
func (s sym) later(n int64, unit time.Duration) sym {
	if unit == 0 || n > int64(maxOffset/unit) || n < -int64(maxOffset/unit) {
		return sym{}
	}
	s.offset += time.Duration(n) * unit
	return s
}

// dateMethod is a method of a Date, or of what moment and dayjs give.
func dateMethod(v sym, method string, args []sym) sym {
	switch method {
	case "getTime", "valueOf":
		out := surelyNumber(v.placeholder("unix_ms"))
		out.millis, out.offset = true, v.offset
		return out
	case "unix":
		return surelyNumber(v.placeholder("unix"))
	case "toISOString", "toJSON":
		return v.dateText(isoPattern)
	case "utc", "clone", "local":
		return v
	case "add", "subtract":
		return shifted(v, method, args)
	case "format":
		switch text, ok := first(args).constant(); {
		case len(args) == 0:
			return v.dateText("%Y-%m-%dT%H:%M:%S+00:00")
		case ok:
			return v.dateText(momentPattern(text))
		}
	case "getFullYear", "getUTCFullYear", "year":
		if len(args) == 0 {
			out := v.dateText("%Y")
			out.sure = sureNumber
			return out
		}
	case "getDate", "getUTCDate", "getHours", "getUTCHours", "getMinutes", "getUTCMinutes", "getSeconds", "getUTCSeconds",
		"getMonth", "getUTCMonth":
		return sym{kind: symDatePart, text: strings.Replace(strings.TrimPrefix(method, "get"), "UTC", "", 1), offset: v.offset}
	}
	return sym{}
}

// canonicalTime is a text that toISOString may write.
var canonicalTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// instant reads what must be equal to new Date(value).toISOString(): a text, or a variable, that
// is certainly written like that.
func (c *chainReader) instant(l link) bool {
	if c.why = "the value is made by code"; !c.subject.iso || c.not || !l.call || !slices.Contains([]string{"equal", "equals", "eq", "eql", "eqls"}, l.name) {
		return false
	}
	want := c.arg(l, 0)
	if names := c.r.host.NamesIn(want.text); want.isVariable() && len(names) == 1 {
		if c.r.given[names[0]].pattern != isoPattern {
			return false
		}
	} else if text, ok := want.constant(); !ok || !canonicalTime.MatchString(text) {
		return false
	}
	c.why = ""
	c.add(test(body(c.subject.path), "instant", want.operand()))
	return true
}

func first(args []sym) sym {
	if len(args) == 0 {
		return sym{}
	}
	return args[0]
}

// shifted is moment().add(3, 'days'), or subtract.
func shifted(v sym, method string, args []sym) sym {
	if len(args) != 2 {
		return sym{}
	}
	n, isWhole := args[0].whole()
	unit, isText := args[1].constant()
	if len(unit) > 1 && unit != "ms" {
		unit = strings.TrimSuffix(strings.ToLower(unit), "s")
	}
	if !isWhole || !isText {
		return sym{}
	}
	if method == "subtract" {
		n = -n
	}
	return v.later(n, dateUnits[unit])
}

// whole is a literal whole number.
func (s sym) whole() (int64, bool) {
	if s.kind != symNode || s.node.Kind != model.LiteralNode {
		return 0, false
	}
	n, err := strconv.ParseInt(s.node.Text, 10, 64)
	return n, err == nil && n > -1<<40 && n < 1<<40
}

// dateSetters are the methods that change a Date by what the getter of the same name
// gave, with their units.
var dateSetters = map[string]time.Duration{
	"Date": 24 * time.Hour, "Hours": time.Hour, "Minutes": time.Minute, "Seconds": time.Second,
}

// setDate is d after d.setDate(d.getDate() + n) and its like; ok is false for others.
func setDate(v sym, method string, args []sym) (out sym, ok bool) {
	name, isSetter := strings.CutPrefix(method, "set")
	name = strings.Replace(name, "UTC", "", 1)
	arg := first(args)
	switch {
	case v.kind != symNow || !isSetter:
		return sym{}, false
	case name == "Time" && len(args) == 1 && arg.millis:
		return now(arg.offset), true
	case len(args) == 1 && arg.kind == symDatePart && arg.text == name && arg.offset == v.offset:
		return v.later(arg.low, dateSetters[name]), true
	}
	return sym{}, true
}

// partText is a part of a date with a leading zero, as padStart(2, '0') writes it.
func (s sym) partText() sym {
	directives := map[string]string{"Date": "%d", "Hours": "%H", "Minutes": "%M", "Seconds": "%S", "Month": "%m"}
	if s.kind != symDatePart || s.text == "Month" && s.low != 1 || s.text != "Month" && s.low != 0 {
		return sym{}
	}
	return now(s.offset).dateText(directives[s.text])
}

// momentTokens are the directives of moment and dayjs, the longest first.
var momentTokens = [][2]string{
	{"YYYY", "%Y"},
	{"MMM", "%b"},
	{"SSS", "%L"},
	{"ddd", "%a"},
	{"YY", "%y"},
	{"MM", "%m"},
	{"DD", "%d"},
	{"HH", "%H"},
	{"mm", "%M"},
	{"ss", "%S"},
	{"ZZ", "+0000"},
	{"Z", "+00:00"},
}

// momentPattern is a format of moment as a pattern of the language, or "".
func momentPattern(format string) string {
	if format == "x" || format == "X" {
		return ""
	}
	var b strings.Builder
	for format != "" {
		if inside, ok := strings.CutPrefix(format, "["); ok {
			text, rest, closed := strings.Cut(inside, "]")
			if !closed || strings.Contains(text, "%") {
				return ""
			}
			b.WriteString(text)
			format = rest
			continue
		}
		i := slices.IndexFunc(momentTokens, func(t [2]string) bool { return strings.HasPrefix(format, t[0]) })
		switch c := format[0]; {
		case i >= 0:
			b.WriteString(momentTokens[i][1])
			format = format[len(momentTokens[i][0]):]
		case c == 'T' || strings.IndexByte(" -:/.,_", c) >= 0:
			b.WriteByte(c)
			format = format[1:]
		default: // a token that is not known, or a letter that may be one
			return ""
		}
	}
	return b.String()
}

// patternWidths are how many characters each directive writes.
var patternWidths = map[byte]int{'Y': 4, 'm': 2, 'd': 2, 'H': 2, 'M': 2, 'S': 2, 'L': 3, 'y': 2, 'b': 3, 'a': 3}

// cutPattern is the part of a pattern that writes the characters from up to to.
func cutPattern(pattern string, from, to int) (string, bool) {
	var b strings.Builder
	at := 0
	for i := 0; i < len(pattern); i++ {
		width, piece := 1, pattern[i:i+1]
		if pattern[i] == '%' && i+1 < len(pattern) {
			width, piece = patternWidths[pattern[i+1]], pattern[i:i+2]
			i++
		}
		switch {
		case width == 0:
			return "", false
		case at >= from && at+width <= to:
			b.WriteString(piece)
		case at+width > from && at < to: // it cuts through a number
			return "", false
		}
		at += width
	}
	return b.String(), b.Len() > 0
}

// patternLength is how many characters a pattern writes.
func patternLength(pattern string) int {
	n := 0
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '%' && i+1 < len(pattern) {
			i++
			n += patternWidths[pattern[i]]
			continue
		}
		n++
	}
	return n
}
