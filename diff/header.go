package diff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/diff/path"
	"github.com/bgverify/bgverify/internal/text"
)

// VolatileHeaders are the headers whose value differs between any two answers
// of one service: clocks, request and trace ids, measured times. Their presence
// is compared, their value is not, unless a rule says how.
func VolatileHeaders() []string { return slices.Clone(volatileHeaders) }

// volatileHeaders differ between any two answers: they are compared by presence alone.
var volatileHeaders = []string{
	"age", "cf-ray", "date", "request-id", "server-timing", "traceparent", "tracestate",
	"x-amz-cf-id", "x-amz-request-id", "x-amzn-requestid", "x-amzn-trace-id", "x-b3-parentspanid", "x-b3-spanid", "x-b3-traceid",
	"x-cloud-trace-context", "x-correlation-id", "x-envoy-upstream-service-time", "x-request-id", "x-response-time", "x-runtime", "x-trace-id",
}

// FramingHeaders say how a body travels, not what it says; the body speaks for
// itself, and they are not compared.
func FramingHeaders() []string { return slices.Clone(framingHeaders) }

// framingHeaders belong to the connection and not to the answer: they are not compared.
var framingHeaders = []string{"connection", "content-length", "keep-alive", "transfer-encoding"}

// listHeaders are lists without order, and whether their members are names of headers,
// which have no letter case; methods have one (RFC 9110, section 9.1).
var listHeaders = map[string]bool{
	"access-control-allow-headers": true, "access-control-allow-methods": false, "access-control-expose-headers": true, "allow": false,
	"vary": true,
}

// A headerField is all values of one name, on both sides.
type headerField struct {
	name        string // lower case
	blue, green []string
}

// fields groups two header lists by name, sorted.
func fields(blue, green []Header) []headerField {
	var out []headerField
	index := make(map[string]int, len(blue))
	at := func(name string) *headerField {
		name = strings.ToLower(name)
		i, ok := index[name]
		if !ok {
			i = len(out)
			index[name] = i
			out = append(out, headerField{name: name})
		}
		return &out[i]
	}
	for _, h := range blue {
		f := at(h.Name)
		f.blue = append(f.blue, strings.Trim(h.Value, " \t"))
	}
	for _, h := range green {
		f := at(h.Name)
		f.green = append(f.green, strings.Trim(h.Value, " \t"))
	}
	slices.SortFunc(out, func(a, b headerField) int { return cmp.Compare(a.name, b.name) })
	return out
}

// headers compares all headers of two answers. bodiless answers are held
// against each other by the length that both of them say.
func (e *engine) headers(blue, green []Header, bodiless bool) {
	for _, f := range fields(blue, green) {
		length := bodiless && f.name == "content-length" && len(f.blue) > 0 && len(f.green) > 0
		if slices.Contains(framingHeaders, f.name) && !length {
			continue
		}
		if e.rules.only != nil {
			r, ok := e.rules.only[f.name]
			if !ok {
				continue
			}
			e.visits[r]++
		}
		e.header(&f)
	}
}

// headerEffect is what the rules on a header add up to; names are looked for
// most general first.
func (e *engine) headerEffect(names ...string) *effect {
	if len(e.rules.header) == 0 {
		return &noEffect
	}
	var rules []int
	for _, r := range e.rules.header {
		for _, n := range names {
			if path.GlobMatch(e.rules.prog.rules[r].Header, n) {
				rules = append(rules, r)
				e.visits[r]++
				break
			}
		}
	}
	if rules == nil {
		return &noEffect
	}
	eff := e.rules.prog.effectOf(rules)
	return &eff
}

// says reports whether a rule says how to compare the value.
func (e *effect) says() bool { return e.mapping != 0 || len(e.accepts) > 0 }

// header compares all values of one name, and looks for leaks in green's.
func (e *engine) header(f *headerField) {
	if f.name == "set-cookie" {
		e.cookies(f.blue, f.green)
		return
	}
	eff := e.headerEffect(f.name)
	if names, list := listHeaders[f.name]; list {
		f.blue, f.green = asSet(f.blue, names), asSet(f.green, names)
	}
	before := e.out.total + e.out.hiddenTotal
	e.fieldValues(f, eff)
	changed := e.out.total+e.out.hiddenTotal > before
	if eff.drop == 0 && eff.leak == 0 {
		e.leakInHeader(f.name, f.green, changed)
	}
}

// fieldValues compares the values of one header. What a header is by nature comes before its
// values: presence, clocks, expiry. Repeated headers are compared one by one where there are
// equally many, else as one difference.
func (e *engine) fieldValues(f *headerField, eff *effect) {
	kind, by := Changed, eff.drop
	switch {
	case len(f.blue) == 0:
		kind = Added
	case len(f.green) == 0:
		kind = Removed
	case slices.Contains(volatileHeaders, f.name) && !eff.says() && isEmpty(f.blue) == isEmpty(f.green):
		return
	case f.name == "expires" && !eff.says() && notation.SameExpiry(f.blue[0], f.green[0], e.at) && len(f.blue) == 1 && len(f.green) == 1:
		return
	case len(f.blue) == len(f.green):
		for i := range f.blue {
			e.headerValue(f.name, f.blue[i], f.green[i], eff, "")
		}
		return
	default:
		by = cmp.Or(eff.drop, eff.ignore)
	}
	e.foundText(Difference{Kind: kind, Where: InHeader, Path: f.name, Blue: joined(f.blue), Green: joined(f.green)}, by, eff)
}

// headerValue compares one value of a header under its rules; why says more of a difference
// that counts.
func (e *engine) headerValue(path, blue, green string, eff *effect, why string) {
	by, note := cmp.Or(eff.drop, eff.ignore), ""
	// A map rule comes first: also equal values may break what it has paired.
	if eff.mapping != 0 && by == 0 {
		was, ok := e.partners(eff, `"`+blue, `"`+green)
		if ok {
			by = eff.mapping
		}
		note = was
	}
	if (blue == green || path == "content-type" && media.SameContentType(blue, green)) && note == "" {
		return
	}
	if by == 0 && note == "" {
		var reason string
		by, reason = e.rules.prog.acceptsTexts(eff, blue, green, e.at)
		why = cmp.Or(why, reason)
	}
	// A value that is a number may be within a tolerance, unless numbers count by
	// type and this one changed its notation.
	otherNotation := e.rules.opts.Numbers == Typed && literal.Fractional(blue) != literal.Fractional(green)
	if by == 0 && note == "" && isNumber(blue) && isNumber(green) && !otherNotation {
		by = e.rules.prog.acceptsNumbers(eff, &valuePair{blue: blue, green: green})
	}
	if by == 0 {
		note = cmp.Or(note, why)
	}
	e.foundText(Difference{Kind: Changed, Where: InHeader, Path: path, Note: note, Blue: excerptOf(blue), Green: excerptOf(green)}, by, eff)
}

// isNumber reports whether a text is a JSON number and nothing else.
func isNumber(s string) bool {
	_, end, ok := literal.ScanNumber([]byte(s), 0)
	return ok && end == len(s)
}

// excerptOf is a text as a JSON string; bytes that are not UTF-8 are shown as U+FFFD (they were
// compared as bytes).
func excerptOf(s string) Excerpt {
	return Excerpt{Type: StringType, JSON: literal.PlainEscapes(text.Quote(strings.ToValidUTF8(s, "\uFFFD")))}
}

// joined shows the values of one name as one JSON string; nothing without any.
func joined(values []string) Excerpt {
	if len(values) == 0 {
		return Excerpt{}
	}
	return excerptOf(strings.Join(values, ", "))
}

// isEmpty reports whether all values of a header are empty, which says as little as a header
// that is absent.
func isEmpty(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return v != "" })
}

// asSet is a list header as one sorted list of its distinct members; fold: these have
// no letter case.
func asSet(values []string, fold bool) []string {
	if len(values) == 0 {
		return nil
	}
	var members []string
	for _, v := range values {
		for m := range strings.SplitSeq(v, ",") {
			if m = strings.Trim(m, " \t"); fold {
				m = strings.ToLower(m)
			}
			if m != "" {
				members = append(members, m)
			}
		}
	}
	slices.Sort(members)
	return []string{strings.Join(slices.Compact(members), ", ")}
}

// leakInHeader reports a header of green that names blue. Where the header
// differs already, the difference says so instead.
func (e *engine) leakInHeader(path string, values []string, differs bool) {
	for _, a := range e.rules.leaks {
		for _, v := range values {
			if !a.in([]byte(v)) {
				continue
			}
			if differs && e.leakLast(path, a) {
				return
			}
			d := Difference{Kind: Changed, Where: InHeader, Path: path, Green: excerptOf(v)}
			d.leaks(a)
			e.foundText(d, 0, &noEffect)
			return
		}
	}
}

// leakLast marks the last difference kept as a leak, if it is of that header. A
// note that is there already stays: it says why the value counts as different.
func (e *engine) leakLast(path string, a authority) bool {
	k := e.out.kept
	if len(k) == 0 {
		return false
	}
	p := &k[len(k)-1]
	if p.d.Where != InHeader || p.d.Path != path {
		return false
	}
	p.d.leaks(a)
	return true
}
