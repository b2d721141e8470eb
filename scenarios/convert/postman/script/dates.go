package script

import (
	"iter"
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
	getter, isGetter := strings.CutPrefix(method, "get")
	if part := strings.TrimPrefix(getter, "UTC"); isGetter && dateParts[part] != "" {
		return sym{kind: symDatePart, text: part, offset: v.offset}
	}
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
		if len(args) == 0 {
			return v.dateText("%Y-%m-%dT%H:%M:%S+00:00")
		}
		text, _ := first(args).constant()
		return v.dateText(momentPattern(text))
	case "getFullYear", "getUTCFullYear", "year":
		out := v.dateText("%Y")
		out.sure = sureNumber
		return only(len(args) == 0, out)
	}
	return sym{}
}

// dateParts are the numbers that a Date gives and takes, with how the language writes each
// with a leading zero.
var dateParts = map[string]string{"Date": "%d", "Hours": "%H", "Minutes": "%M", "Seconds": "%S", "Month": "%m"}

// canonicalTime is a text that toISOString may write.
var canonicalTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

// instant reads what must be equal to new Date(value).toISOString(): a text, or a variable, that
// is certainly written like that.
func (c *chainReader) instant(l link) bool {
	if !c.subject.iso || c.not || !l.call || !slices.Contains([]string{"equal", "equals", "eq", "eql", "eqls"}, l.name) {
		return c.madeByCode()
	}
	want := c.arg(l, 0)
	text, _ := want.constant()
	known := canonicalTime.MatchString(text)
	if names := c.r.host.NamesIn(want.text); want.isVariable() && len(names) == 1 {
		known = c.r.given[names[0]].pattern == isoPattern
	}
	if !known {
		return c.madeByCode()
	}
	return c.add(test(body(c.subject.path), "instant", want.operand()))
}

// first is the first argument of a call; without one it is nothing that is followed.
func first(args []sym) sym { return nth(args, 0) }

// second is the second argument of a call.
func second(args []sym) sym { return nth(args, 1) }

func nth(args []sym, i int) sym {
	if i < len(args) {
		return args[i]
	}
	return sym{}
}

// shifted is moment().add(3, 'days'), or subtract.
func shifted(v sym, method string, args []sym) sym {
	n, isWhole := first(args).whole()
	unit, isText := second(args).constant()
	if len(unit) > 1 && unit != "ms" {
		unit = strings.TrimSuffix(strings.ToLower(unit), "s")
	}
	if method == "subtract" {
		n = -n
	}
	return only(isWhole && isText && len(args) == 2, v.later(n, dateUnits[unit]))
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

// partText is a part of a date with a leading zero, as padStart(2, '0') writes it. Months of
// a Date are counted from 0.
func (s sym) partText() sym {
	zero := map[bool]int64{true: 1}[s.text == "Month"]
	return only(s.kind == symDatePart && s.low == zero, now(s.offset).dateText(dateParts[s.text]))
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

// momentPattern is a format of moment as a pattern of the language; empty where it holds a
// token that is not known, or a letter that may be one.
func momentPattern(format string) string {
	var b strings.Builder
	for format != "" {
		i := slices.IndexFunc(momentTokens, func(t [2]string) bool { return strings.HasPrefix(format, t[0]) })
		inside, rest, closed := strings.Cut(strings.TrimPrefix(format, "["), "]")
		switch {
		case format[0] == '[' && closed && !strings.Contains(inside, "%"):
			b.WriteString(inside)
			format = rest
		case i >= 0:
			b.WriteString(momentTokens[i][1])
			format = format[len(momentTokens[i][0]):]
		case strings.IndexByte("T -:/.,_", format[0]) >= 0:
			b.WriteByte(format[0])
			format = format[1:]
		default:
			return ""
		}
	}
	return b.String()
}

// patternWidths are how many characters each directive writes.
var patternWidths = map[byte]int{'Y': 4, 'm': 2, 'd': 2, 'H': 2, 'M': 2, 'S': 2, 'L': 3, 'y': 2, 'b': 3, 'a': 3}

// pieces are the parts of a pattern, a directive or a character each, with how many
// characters they write: 0 where that is not known.
func pieces(pattern string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for i := 0; i < len(pattern); i++ {
			piece, width := pattern[i:i+1], 1
			if pattern[i] == '%' && i+1 < len(pattern) {
				i++
				piece, width = pattern[i-1:i+1], patternWidths[pattern[i]]
			}
			if !yield(piece, width) {
				return
			}
		}
	}
}

// cutPattern is the part of a pattern that writes the characters from up to to.
func cutPattern(pattern string, from, to int) (string, bool) {
	var b strings.Builder
	at := 0
	for piece, width := range pieces(pattern) {
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
	for _, width := range pieces(pattern) {
		n += width
	}
	return n
}
