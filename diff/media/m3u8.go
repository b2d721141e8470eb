package media

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// A hls is an HLS playlist (RFC 8216): a master playlist has variants and
// renditions, a media playlist has segments.
type hls struct {
	Tags     map[string]any   `json:"tags,omitempty"` // of the whole playlist
	Variants []map[string]any `json:"variants,omitempty"`
	Media    []map[string]any `json:"media,omitempty"` // EXT-X-MEDIA
	Segments []segment        `json:"segments,omitempty"`
	Other    []string         `json:"other,omitempty"` // tags that belong to nothing
}

type segment struct {
	URI      string         `json:"uri"`
	Duration any            `json:"duration,omitempty"`
	Title    string         `json:"title,omitempty"`
	Tags     map[string]any `json:"tags,omitempty"`
}

// playlistTags hold for the whole playlist; all others belong to what follows.
var playlistTags = map[string]bool{
	"EXT-X-VERSION": true, "EXT-X-TARGETDURATION": true, "EXT-X-MEDIA-SEQUENCE": true, "EXT-X-DISCONTINUITY-SEQUENCE": true,
	"EXT-X-ENDLIST": true, "EXT-X-PLAYLIST-TYPE": true, "EXT-X-I-FRAMES-ONLY": true, "EXT-X-INDEPENDENT-SEGMENTS": true,
	"EXT-X-START": true, "EXT-X-DEFINE": true, "EXT-X-SERVER-CONTROL": true, "EXT-X-PART-INF": true, "EXT-X-ALLOW-CACHE": true,
}

// playlist reads an HLS playlist:
//
//	{"tags":{"EXT-X-MEDIA-SEQUENCE":7,…},
//	 "variants":[{"uri":"…","BANDWIDTH":800000,"CODECS":"…",…}], "media":[{"TYPE":"AUDIO",…}],
//	 "segments":[{"uri":"…","duration":9.009,"title":"…","tags":{"EXT-X-KEY":[{…}],…}}]}
//
// Attribute lists become objects; numbers stay numbers, so that tolerances apply.
func playlist(text []byte) ([]byte, error) {
	p := &playlistReader{out: hls{Tags: map[string]any{}}}
	at := 0
	for i, line := range strings.Split(string(text), "\n") {
		start := at
		at += len(line) + 1
		line = strings.TrimSpace(line)
		switch {
		case i == 0 && line != "#EXTM3U":
			return nil, &Error{0, "a playlist begins with #EXTM3U"}
		case i == 0 || line == "":
		case strings.HasPrefix(line, "#EXT"):
			if msg := p.tag(line[1:]); msg != "" {
				return nil, &Error{start, msg}
			}
		case strings.HasPrefix(line, "#"): // a comment
		default:
			p.uri(line)
		}
	}
	p.out.Other = slices.Sorted(maps.Keys(p.next.Tags))
	if p.variant != nil || p.inf {
		return nil, &Error{len(text), "the playlist ends where a URI should stand"}
	}
	return mustMarshal(p.out), nil
}

type playlistReader struct {
	out     hls
	next    segment
	inf     bool
	variant map[string]any
}

func (p *playlistReader) tag(line string) (problem string) {
	name, value, has := strings.Cut(line, ":")
	switch {
	case name == "EXTINF":
		d, title, _ := strings.Cut(value, ",")
		p.next.Duration, p.next.Title, p.inf = scalar(d), title, true
		if _, ok := p.next.Duration.(json.Number); !ok {
			return "EXTINF without a duration"
		}
	case name == "EXT-X-STREAM-INF":
		p.variant = attributes(value)
	case name == "EXT-X-I-FRAME-STREAM-INF":
		a := attributes(value)
		a["iframe"] = true
		p.out.Variants = append(p.out.Variants, a)
	case name == "EXT-X-MEDIA":
		p.out.Media = append(p.out.Media, attributes(value))
	case playlistTags[name]:
		p.out.Tags[name] = tagValue(value, has)
	default:
		if p.next.Tags == nil {
			p.next.Tags = map[string]any{}
		}
		list, _ := p.next.Tags[name].([]any)
		p.next.Tags[name] = append(list, tagValue(value, has))
	}
	return ""
}

func (p *playlistReader) uri(line string) {
	if p.variant != nil {
		p.variant["uri"] = line
		p.out.Variants = append(p.out.Variants, p.variant)
		p.variant = nil
		return
	}
	p.next.URI = line
	p.out.Segments = append(p.out.Segments, p.next)
	p.next, p.inf = segment{}, false
}

func tagValue(value string, has bool) any {
	if !has {
		return true
	}
	name, _, list := strings.Cut(value, "=")
	if list && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" {
		return attributes(value)
	}
	return scalar(value)
}

// attributes reads an attribute list: NAME=value, NAME="quoted, value".
func attributes(s string) map[string]any {
	out := map[string]any{}
	for s != "" {
		name, rest, _ := strings.Cut(s, "=")
		name = strings.TrimSpace(name)
		if strings.HasPrefix(rest, `"`) {
			value, after, _ := strings.Cut(rest[1:], `"`)
			out[name] = value
			s = strings.TrimPrefix(strings.TrimSpace(after), ",")
			continue
		}
		value, after, _ := strings.Cut(rest, ",")
		out[name] = scalar(strings.TrimSpace(value))
		s = after
	}
	return out
}

// scalar is a number where the text is one by the JSON grammar, else the text.
func scalar(s string) any {
	s = strings.TrimSpace(s)
	if s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s)) {
		return json.Number(s)
	}
	return s
}
