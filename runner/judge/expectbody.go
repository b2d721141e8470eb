package judge

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// path tests the values at a path.
//
//  1. A path that can name many places: every value must pass; count counts the
//     values, and unique compares them with each other.
//  2. A path that names one place: count counts its elements, members or characters, and
//     unique compares its elements. A value without any fails them, whatever the number.
//  3. A path that finds nothing fails, but for exists: false, count: 0 of rule 1,
//     and a body that is expected to be empty.
//  4. each tests the elements of an array, and of rule 1 also values that are not
//     arrays. It asks for an element, unless a count next to it accepts 0; of rule 1
//     each place on the way must lead on to a value: of $.list[*].id every element
//     has an id.
//  5. A filter compares with type. Where one with a variable finds nothing, and would with the
//     same value of another type ("5" in place of 5), all tests fail, also exists: false.
//
// A body of no bytes is not JSON, yet at $ it can be asked for: the tests of emptiness apply to
// it. Any other body that cannot be read fails all tests of the path with the reader's error.
func (k *checker) path(p subject, a *Answer) {
	if len(a.Answer) == 0 && p.name == "$" {
		k.emptyBody(p)
		return
	}
	body, err := a.body()
	if err != nil {
		k.failAll(p, unreadable(a)+err.Error(), run.Unreadable)
		return
	}
	data := p.where.find(body)
	// A name in a plain text is not absent, it makes no sense: exists: false would otherwise
	// pass for an error page.
	if kind := a.read().Kind; len(data) == 0 && !hasNames(kind) { // also for exists: false: a text is not searched for names
		k.failAll(p, notJSON+"it is "+kind.String(), run.Unreadable)
		return
	}
	other := ""
	if len(data) == 0 {
		other = p.otherType(body)
	}
	if other != "" {
		k.failAll(p, "nothing, but "+other+" finds a value: give the variable that type, with {{name | number}} or {{name | text}}", 0)
		return
	}
	for i := range p.tests {
		if p.tests[i].needsValue(data, a.Hidden) {
			k.addHidden(p.name+" "+p.tests[i].String(), p.tests[i].At)
			continue
		}
		ok, got := p.run(&p.tests[i], body, data)
		k.add(ok, p.name+" "+p.tests[i].String(), got, p.tests[i].At)
	}
}

// otherType is the path with values of another type in its filters that finds something; empty:
// none does.
func (p *subject) otherType(body diff.Value) string {
	for _, other := range p.others {
		if where, err := placesFor(other); err == nil && len(where.find(body)) > 0 {
			return other
		}
	}
	return ""
}

// hasNames reports whether trees of a kind have members that a path can name. Text and bytes
// are an array of lines or nothing at all. Their elements have no names.
func hasNames(kind media.Kind) bool {
	return kind != media.Text && kind != media.HTML && kind != media.Binary
}

// unreadable begins what is shown of a body that has no tree. The name of the kind is left out
// for JSON and where the kind is unknown.
func unreadable(a *Answer) string {
	if kind := a.read().Kind; kind != media.JSON && kind != 0 {
		return notRead + kind.String() + ": "
	}
	return notJSON
}

// bodyText tests the body as text. An empty one is none: it meets empty: true, exists: false
// and a count of 0 alone. The text counts as loose, so that a body 42 equals the number 42.
func (k *checker) bodyText(tests []Test, a *Answer) {
	if len(tests) == 0 {
		return
	}
	body := string(a.text())
	d := datum{kind: diff.StringType, text: body, loose: true}
	got := text.Quote(text.Cut(body, run.MaxGot))
	if body == "" {
		got = "an empty body"
	}
	// The order: presence, emptiness, then what needs the value and may be hidden.
	for i := range tests {
		t := &tests[i]
		ok := false
		switch {
		case t.Op == scenarios.OpExists:
			ok = (body != "") == t.want()
		case t.Op == scenarios.OpEmpty:
			ok = (body == "") == t.want()
		case a.Hidden.In(body):
			k.addHidden("text "+t.String(), t.At)
			continue
		case body != "" || t.Op == scenarios.OpCount:
			ok = t.holds(d)
		}
		k.add(ok, "text "+t.String(), got, t.At)
	}
}

// emptyBody tests a body of no bytes at $: only tests that ask for nothing hold. There is no
// JSON value to apply other tests to.
func (k *checker) emptyBody(p subject) {
	for i := range p.tests {
		t := &p.tests[i]
		ok := t.Op == scenarios.OpEmpty && t.want() || t.Op == scenarios.OpExists && !t.want()
		k.add(ok, p.name+" "+t.String(), "an empty body", t.At)
	}
}

// failAll fails every test at a path for one reason. They are separate entries, because each
// has its place in the file.
func (k *checker) failAll(p subject, got string, failure run.Failure) {
	for i := range p.tests {
		k.found = append(k.found, run.Expectation{
			Side: k.side, What: p.name + " " + p.tests[i].String(), Got: text.Cut(got, run.MaxGot), At: p.tests[i].At, Failure: failure,
		})
	}
}

// run applies one test to the values at a path and shows what was there: the first value that
// fails, or all of them where there are few. single is set for a path of rule 2. Tests of
// presence and of number look at all values together; the rest must hold of each, and the first
// that fails is shown.
func (p *subject) run(t *Test, body diff.Value, data []datum) (ok bool, got string) {
	single := p.where.one != nil
	switch {
	case t.Op == scenarios.OpEach: // Rule 4
		return p.each(t, body, data)
	case t.Op == scenarios.OpExists:
		return (len(data) > 0) == t.want(), many(data)
	case t.Op == scenarios.OpCount && !single: // Rule 1
		return t.counts(len(data)), many(data)
	case len(data) == 0: // Rule 3
		return false, "nothing there"
	case t.Op == scenarios.OpCount:
		n, ok := size(data[0])
		if !ok {
			return false, shown(data[0], single)
		}
		return t.counts(n), strconv.Itoa(n)
	case t.Op == scenarios.OpUnique && !single:
		return hasRepeats(data) != t.want(), many(data)
	}
	for _, d := range data {
		if !t.holds(d) {
			return false, shown(d, single)
		}
	}
	return true, many(data)
}

// each applies rule 4. Its second result shows the place that fails: the gap on the way, the
// value that is not an array, or the element.
func (p *subject) each(t *Test, body diff.Value, data []datum) (ok bool, got string) {
	single := p.where.one != nil
	if !single {
		if gap := p.where.gap(body); gap != "" {
			return false, gap + ": nothing there"
		}
	}
	if len(data) == 0 {
		return t.None && !single, "nothing there"
	}
	// With a path of several places a gap was ruled out above, so that no values means that the
	// list itself is empty.
	tested := 0
	for _, d := range data {
		if single && d.kind != diff.ArrayType {
			return false, "not an array: " + text.Cut(d.json, run.MaxGot)
		}
		found := []datum{d} // at a path of several the values themselves are tested, lists included
		if single {
			found = elements(d)
		}
		if len(found) == 0 && !t.None {
			return false, shown(d, single)
		}
		if bad := t.each(found); bad != nil {
			return false, bad.path + ": " + text.Cut(bad.json, run.MaxGot)
		}
		tested += len(found)
	}
	return true, text.Count(tested, "element")
}

// shown is a value as a failed test shows it, with its path where the test is of several
// places. Values are cut to run.MaxGot, so that a report does not hold bodies.
func shown(d datum, single bool) string {
	if single {
		return text.Cut(d.json, run.MaxGot)
	}
	return d.path + ": " + text.Cut(d.json, run.MaxGot)
}

// many is what a test that holds shows of the values: one value itself, of several the number.
func many(data []datum) string {
	switch len(data) {
	case 0:
		return "nothing there"
	case 1:
		return text.Cut(data[0].json, run.MaxGot)
	default:
		return strconv.Itoa(len(data)) + " values"
	}
}

// schema tests the body against the JSON Schema of the file. All that breaks it is one
// expectation, cut to a length that a report can show.
func (c *Checks) schema(k *checker, a *Answer) {
	what := "schema " + FileName(c.expect.Schema)
	body, err := a.body()
	if err != nil {
		k.found = append(k.found, run.Expectation{
			Side: k.side, What: what, Got: text.Cut(unreadable(a)+err.Error(), run.MaxGot),
			At: PosText(c.expect.Pos), Failure: run.Unreadable,
		})
		return
	}
	// Whether the schema needs a hidden value is found by trying; see schemaNeedsValue.
	if schemaNeedsValue(c.expect, body.Source(), a.Hidden) {
		k.addHidden(what, PosText(c.expect.Pos))
		return
	}
	problems := c.expect.CheckSchema(body.Source())
	if len(problems) == 0 {
		k.add(true, what, "valid", PosText(c.expect.Pos))
		return
	}
	// The cut is four times as long as for one value: problems are sentences.
	k.add(false, what, "a body that does not match: "+text.Cut(strings.TrimPrefix(strings.Join(problems, "; "), ": "), 4*run.MaxGot),
		PosText(c.expect.Pos))
}

// snapshot compares the stored body, as blue, with the answer under the step's rules. Status,
// headers and type are those of the answer, so they never differ: a snapshot is about the body.
// The time is taken away, because the stored body has none that a rule could compare with.
func (c *Checks) snapshot(k *checker, a *Answer, rules *diff.Rules) {
	if a.Hidden.In(string(a.Answer)) {
		// A snapshot with something hidden in it cannot be compared at all.
		k.addHidden("snapshot "+FileName(c.expect.Snapshot), PosText(c.expect.Pos))
		return
	}
	got := a.Message()
	stored := *got
	stored.Body, stored.At = c.expect.SnapshotData, time.Time{}
	r := diff.CompareMessages(&stored, got, rules, nil)
	sentence := "equal"
	if !r.Equal() {
		d := &r.Differences[0]
		sentence = fmt.Sprintf("%s; first: %s %s", text.Count(r.Total, "difference"), d.Path, d.Kind)
		if d.Blue.JSON != "" || d.Green.JSON != "" {
			sentence += fmt.Sprintf(", stored %s, got %s", orNothing(d.Blue.JSON), orNothing(d.Green.JSON))
		}
	}
	k.add(r.Equal(), "snapshot "+FileName(c.expect.Snapshot), sentence, PosText(c.expect.Pos))
}

// orNothing is a value for a sentence, where an empty one would leave a gap.
func orNothing(json string) string {
	if json == "" {
		return "nothing"
	}
	return text.Cut(json, run.MaxGot/2)
}

// playlist tests an HLS playlist (RFC 8216). A body without the first line is not a playlist,
// and its other tests would only repeat that.
func (c *Checks) playlist(k *checker, a *Answer) {
	list := readPlaylist(a.text())
	if !list.valid {
		k.add(false, "an HLS playlist", "a body that does not begin with #EXTM3U", PosText(c.expect.HLS.Pos))
		return
	}
	for _, part := range c.hls {
		d := list.part(part.name)
		for i := range part.tests {
			t := &part.tests[i]
			k.add(t.holds(d), "hls "+part.name+" "+t.String(), text.Cut(d.text, run.MaxGot), t.At)
		}
	}
}

// A playlist is what of an HLS playlist is tested. The numbers count variants and addresses of segments; a media playlist has segments, a master playlist has variants.
type playlist struct {
	valid              bool
	variants, segments int
	codecs             []string // of every variant, in order
	target             string   // EXT-X-TARGETDURATION; 0 without one
}

// part is what an expectation names of a playlist.
func (p *playlist) part(name string) datum {
	switch name {
	case "variants":
		return numberDatum(strconv.Itoa(p.variants))
	case "segments":
		return numberDatum(strconv.Itoa(p.segments))
	case "codecs":
		return textDatum(strings.Join(p.codecs, ","))
	}
	return numberDatum(p.target)
}

// readPlaylist reads as much of a playlist as expectations name, line by line. What is not a
// tag of interest is passed over: the comparison looks at the whole. A playlist without a
// target duration has 0 there, which no valid one has.
func readPlaylist(body []byte) playlist {
	out := playlist{target: "0"}
	first, announced := true, 0
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		if first {
			out.valid = strings.TrimPrefix(line, "\ufeff") == "#EXTM3U"
			first = false
		}
		switch tag, rest, _ := strings.Cut(line, ":"); {
		case tag == "#EXT-X-STREAM-INF":
			out.variants++
			// The comma tells the attribute from SUPPLEMENTAL-CODECS.
			if _, after, ok := strings.Cut(","+rest, `,CODECS="`); ok {
				value, _, _ := strings.Cut(after, `"`)
				out.codecs = append(out.codecs, value)
			}
		case tag == "#EXTINF":
			announced = 1
		case tag == "#EXT-X-TARGETDURATION":
			out.target = strings.TrimSpace(rest)
		// A tag without the address that it announces is not a segment.
		case strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#"):
			out.segments, announced = out.segments+announced, 0
		}
	}
	return out
}
