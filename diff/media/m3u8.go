package media

import (
	"encoding/json"
	"strings"
)

// A segment is what a media playlist says of one URI, or of none yet (the tail).
type segment struct {
	URI        string         `json:"uri,omitempty"`
	Duration   any            `json:"duration,omitempty"`
	Title      string         `json:"title,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"` // M3U Plus: tvg-id and the like
	Tags       map[string]any `json:"tags,omitempty"`
	Order      string         `json:"order,omitempty"` // of its lines, where it is not tags of one name, then EXTINF
	Raw        string         `json:"#raw,omitempty"`  // the EXTINF line, where the fields above do not give it back
}

// An hls is the tree of a playlist; a master playlist has variants and
// renditions, a media playlist has segments.
type hls struct {
	Tags     map[string]any   `json:"tags,omitempty"` // of the whole playlist
	Variants []map[string]any `json:"variants,omitempty"`
	Media    []map[string]any `json:"media,omitempty"` // EXT-X-MEDIA
	Segments []segment        `json:"segments,omitempty"`
	Tail     *segment         `json:"tail,omitempty"`
	Order    string           `json:"order,omitempty"`
	Head     string           `json:"head,omitempty"` // the order of the tags at the head, where it counts
}

// playlistTags hold for the whole playlist; all others belong to what follows.
var playlistTags = map[string]bool{
	"EXT-X-VERSION": true, "EXT-X-TARGETDURATION": true, "EXT-X-MEDIA-SEQUENCE": true, "EXT-X-DISCONTINUITY-SEQUENCE": true,
	"EXT-X-ENDLIST": true, "EXT-X-PLAYLIST-TYPE": true, "EXT-X-I-FRAMES-ONLY": true, "EXT-X-INDEPENDENT-SEGMENTS": true,
	"EXT-X-START": true, "EXT-X-DEFINE": true, "EXT-X-SERVER-CONTROL": true, "EXT-X-PART-INF": true, "EXT-X-ALLOW-CACHE": true,
	"EXT-X-SESSION-KEY": true, "EXT-X-SESSION-DATA": true, "EXT-X-CONTENT-STEERING": true,
}

// repeatedTags may be there more than once: their value is always an array.
var repeatedTags = map[string]bool{"EXT-X-DEFINE": true, "EXT-X-SESSION-KEY": true, "EXT-X-SESSION-DATA": true}

// The groups of lines, in the order in which a playlist usually has them.
const (
	headLines = iota
	mediaLines
	variantLines
	iframeLines
	segmentLines
	tailLines // playlist tags that come after the first line of another group
)

// playlist reads an HLS playlist (RFC 8216 and its second edition) or an M3U
// channel list:
//
//		{"tags":{"EXT-X-MEDIA-SEQUENCE":7,"EXT-X-SESSION-KEY":[{…}],…},
//		 "variants":[{"uri":"…","BANDWIDTH":800000,"CODECS":"…",…}], "media":[{"TYPE":"AUDIO",…}],
//		 "segments":[{"uri":"…","duration":9.009,"title":"…","attributes":{"tvg-id":"…"},"tags":{"EXT-X-KEY":[{…}],…}}],
//		 "tail":{"tags":{"EXT-X-PART":[{…}],…}}, "order":"tags variants media"}
//
//	 1. A tag that no URI follows is part of the tail, so that no line is lost.
//	 2. Attribute lists become objects; numbers stay numbers, so that tolerances apply.
//	    A value whose quotes are not the usual ones of its attribute is an object:
//	    {"unquoted":"avc1"} or {"quoted":"AUDIO"}.
//	 3. What these objects do not give back byte for byte is next to them as "#raw".
//	 4. "order" of a segment and of the whole playlist says how the lines follow each
//	    other, where that is not the usual order. It leaves out the order of the tags at the
//	    head, unless one of them defines variables that others may use.
//	 5. Lines that begin with # are comments, except #EXT… and directives such as #KODIPROP:….
func playlist(text []byte, w *writing) ([]byte, error) {
	p := &playlistReader{out: hls{Tags: map[string]any{}}, w: w}
	at := 0
	for i, line := range strings.Split(string(text), "\n") {
		start := at
		at += len(line) + 1
		if trimmed, cut := strings.CutSuffix(line, "\r"); cut {
			line = trimmed
			w.add(lineEnds, i, "\r")
		}
		switch {
		case i == 0:
			if !p.head(line) {
				return nil, &Error{0, "a playlist begins with #EXTM3U"}
			}
		case strings.TrimSpace(line) == "":
			if at <= len(text) || line != "" {
				w.add(blankLines, i, line)
			}
		case strings.HasPrefix(line, "#EXT"), isDirective(line):
			if msg := p.tag(line[1:]); msg != "" {
				return nil, &Error{start, msg}
			}
		case line[0] == '#':
			w.add(comments, i, line)
		default:
			p.uri(line)
		}
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		w.add(lastLine, 0, "open")
	}
	if p.variant != nil || p.inf {
		return nil, &Error{len(text), "the playlist ends where a URI should be"}
	}
	return mustMarshal(p.tree()), nil
}

// isDirective reports whether a comment is one of the lines that players obey:
// #NAME:value.
func isDirective(line string) bool {
	name, _, ok := strings.Cut(line, ":")
	return ok && len(name) > 1 && name[0] == '#' && strings.Trim(name[1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// A playlistReader puts the lines of a playlist together. Tags wait in next until the URI that they
// belong to comes; variant is a stream whose URI has not come yet.
type playlistReader struct {
	out     hls
	order   []string // one entry a line: the names of the groups
	ranks   []int
	heads   []string // the tags at the head, as written
	next    segment
	lines   []string // the names of next's lines
	inf     bool
	variant map[string]any
	w       *writing
}

// head reads the first line.
func (p *playlistReader) head(line string) bool {
	rest, ok := strings.CutPrefix(line, "#EXTM3U")
	if !ok || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return false
	}
	if rest != "" {
		p.out.Tags["EXTM3U"] = spacedAttributes(rest, p.w)
	}
	return true
}

// line notes which group the line belongs to.
func (p *playlistReader) line(rank int, name string) {
	p.order = append(p.order, name)
	p.ranks = append(p.ranks, rank)
}

// tag reads one line that begins with #EXT or is a directive, without its #. problem says why it is
// not one of a playlist.
func (p *playlistReader) tag(line string) (problem string) {
	name, value, has := strings.Cut(line, ":")
	switch {
	case name == "EXTINF":
		return p.extinf(value)
	case name == "EXT-X-STREAM-INF":
		p.line(variantLines, "variants")
		// A stream without a URI is kept: the line must not be lost.
		if p.variant != nil {
			p.out.Variants = append(p.out.Variants, p.variant)
		}
		p.variant = attributes(value, p.w)
	case name == "EXT-X-I-FRAME-STREAM-INF":
		p.line(iframeLines, "iframes")
		a := attributes(value, p.w)
		put(a, "iframe", true)
		p.out.Variants = append(p.out.Variants, a)
	case name == "EXT-X-MEDIA":
		p.line(mediaLines, "media")
		p.out.Media = append(p.out.Media, attributes(value, p.w))
	case playlistTags[name]:
		p.playlistTag(name, tagValue(value, has, p.w))
	default:
		p.segmentTag(name, tagValue(value, has, p.w))
	}
	return ""
}

// playlistTag keeps a tag of the whole playlist. One that is repeated against
// the specification becomes an array.
func (p *playlistReader) playlistTag(name string, value any) {
	if len(p.ranks) == 0 || p.ranks[len(p.ranks)-1] == headLines {
		p.line(headLines, "tags")
		p.heads = append(p.heads, name)
	} else {
		p.line(tailLines, name)
	}
	if repeatedTags[name] && p.out.Tags[name] == nil {
		value = []any{value}
	}
	put(p.out.Tags, name, value)
}

// segmentTag keeps a tag of the segment that comes next. Its value is always an array: most of these
// tags may be there more than once.
func (p *playlistReader) segmentTag(name string, value any) {
	p.line(segmentLines, "segments")
	p.lines = append(p.lines, name)
	if p.next.Tags == nil {
		p.next.Tags = map[string]any{}
	}
	list, _ := p.next.Tags[name].([]any)
	p.next.Tags[name] = append(list, value)
}

// extinf reads "9.009,title" and "-1 tvg-id="kbs1",title". A second one for
// the same URI is kept as a tag.
func (p *playlistReader) extinf(value string) (problem string) {
	if p.inf {
		p.segmentTag("EXTINF", value)
		return ""
	}
	end := strings.IndexAny(value, " \t,")
	if end < 0 {
		end = len(value)
	}
	duration, rest := value[:end], value[end:]
	n, ok := decimal(duration)
	if !ok {
		return "EXTINF without a duration"
	}
	p.w.addNumber(duration)
	p.line(segmentLines, "segments")
	p.lines = append(p.lines, "EXTINF")
	p.next.Duration, p.inf = n, true
	// A title may hold commas, and attributes before it may have some in quotes.
	comma := unquotedComma(rest)
	if comma < 0 {
		p.next.Raw = rest
		if rest == "" {
			p.next.Raw = "no comma"
		}
		return ""
	}
	p.next.Title = rest[comma+1:]
	if comma > 0 {
		p.next.Attributes = spacedAttributes(rest[:comma], p.w)
	}
	return ""
}

// unquotedComma finds the comma before the title.
func unquotedComma(s string) int {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return i
		}
	}
	return strings.IndexByte(s, ',') // quotes that do not close
}

// uri ends what the tags before it have begun: a stream of a master playlist, or else a segment. What
// a media playlist would say of a segment stays with the stream.
func (p *playlistReader) uri(line string) {
	if p.variant != nil {
		p.line(variantLines, "variants")
		put(p.variant, "uri", line)
		if p.next.Tags != nil {
			put(p.variant, "tags", p.next.Tags)
			p.next, p.lines, p.inf = segment{}, nil, false
		}
		p.out.Variants = append(p.out.Variants, p.variant)
		p.variant = nil
		return
	}
	p.line(segmentLines, "segments")
	p.next.URI = line
	p.next.Order = lineOrder(p.lines)
	p.out.Segments = append(p.out.Segments, p.next)
	p.next, p.lines, p.inf = segment{}, nil, false
}

// lineOrder is the order of a segment's lines, empty for the usual one.
func lineOrder(names []string) string {
	distinct := 0
	for i, n := range names {
		if n != "EXTINF" && (i == 0 || names[i-1] != n) {
			distinct++
		}
		if n == "EXTINF" && i < len(names)-1 {
			distinct += 2
		}
	}
	if distinct < 2 {
		return ""
	}
	return runs(names)
}

// tree puts the groups together; rule 4 says what the orders hold.
func (p *playlistReader) tree() *hls {
	if p.next.Tags != nil {
		p.next.Order = lineOrder(p.lines)
		p.out.Tail = &p.next
	}
	// The usual order is head, media, variants, segments, and #EXT-X-ENDLIST at the end. Only another one
	// is part of the tree.
	usual := true
	for i, rank := range p.ranks {
		usual = usual && (i == 0 || p.ranks[i-1] <= rank) && (rank != tailLines || p.order[i] == "EXT-X-ENDLIST")
	}
	if !usual {
		p.out.Order = runs(p.order)
	}
	heads := strings.Join(p.heads, " ")
	if p.out.Tags["EXT-X-DEFINE"] != nil {
		p.out.Head = heads
	} else {
		p.w.add(tagOrder, 0, heads)
	}
	return &p.out
}

// tagValue is the value of a tag: true for one without, a number, a text, or
// the object of an attribute list.
func tagValue(value string, has bool, w *writing) any {
	if !has {
		return true
	}
	name, _, list := strings.Cut(value, "=")
	if list && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" {
		return attributes(value, w)
	}
	return number(value, w)
}

// number is a number where the text is one by the JSON grammar, else the text.
func number(s string, w *writing) any {
	if isNumber(s) {
		w.addNumber(s)
		return json.Number(s)
	}
	return s
}

// isNumber reports whether a text is a number by the JSON grammar.
func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s)) && strings.TrimSpace(s) == s
}

// decimal reads the decimals of playlists, which may lack digits on one side of
// the point and may begin with zeros.
func decimal(s string) (json.Number, bool) {
	unsigned, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(unsigned, ".")
	if whole+fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return json.Number(s), isNumber(s)
	}
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if point && fraction != "" {
		whole += "." + fraction
	}
	if negative {
		whole = "-" + whole
	}
	return json.Number(whole), true
}
