package cause

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
)

// A Spread is one edit with every place that it was found at: causes that a reader takes in as
// one sentence, as when every price of an API became a string. It never has less than one
// cause, and every cause is in one spread. Spreads are for reading only: ids, counts and rules
// stay with the causes.
//
// Causes are one spread when kind, part and edit agree, and one of these holds:
//
//  1. their paths end in the same member;
//  2. they speak of elements that are elsewhere, whatever the lists are called;
//  3. their edit is a leak, which names the same address wherever it is.
type Spread struct {
	// Place is the one path, or $..name where several end in the same member;
	// empty where the places have no name in common.
	Place  string
	Causes []Cause // in the order given
}

// spreadKey tells spreads apart.
type spreadKey struct {
	// leaf is empty where all places match.
	kind       diff.Kind
	where      diff.Where
	edit, leaf string
}

// Spreads gathers causes into spreads, in the order of their first causes. The causes are
// copied; the list that was given is not changed.
func Spreads(causes []Cause) []Spread {
	var out []Spread
	at := map[spreadKey]int{}
	for i := range causes {
		c := &causes[i]
		k := spreadKey{c.Kind, c.Where, c.Edit, leafOf(c)}
		j, ok := at[k]
		if !ok {
			j = len(out)
			at[k] = j
			out = append(out, Spread{Place: c.Path})
			// A second place makes the spread one of several, which then is named by its common
			// end.
		} else if c.Path != out[j].Place {
			out[j].Place = ""
			if k.leaf != "" {
				out[j].Place = "$.." + k.leaf
			}
		}
		out[j].Causes = append(out[j].Causes, *c)
	}
	return out
}

// leafOf is what the places of a spread share at their ends: the last member with the indices
// behind it, or nothing where rules 2 and 3 ask for nothing. For the status and headers it is
// the whole path, so that two headers are never one spread.
func leafOf(c *Cause) string {
	switch {
	case c.Kind == diff.Moved, c.Kind == diff.Order: // Rule 2
		return ""
	case c.Leak != "": // Rule 3
		return ""
	case c.Where != diff.InBody:
		return c.Path
	}
	last := 0 // Rule 1
	for i := 0; i < len(c.Path); {
		end := path.SegmentEnd(c.Path, i)
		if c.Path[i:end] != "[*]" {
			last = i
		}
		i = end
	}
	return strings.TrimPrefix(c.Path[last:], ".")
}

// Kind, part and edit are equal for all of them, so that the first one can answer.
// Kind is what all causes of the spread are.
func (s *Spread) Kind() diff.Kind { return s.Causes[0].Kind }

// Count is the number of differences behind all causes of the spread.
func (s *Spread) Count() int {
	n := 0
	for i := range s.Causes {
		n += s.Causes[i].Count
	}
	return n
}

// String is the spread in one line: $..price number -> string at 6 places. The text of an edit
// is left out where it is empty, and the kind takes its place.
func (s Spread) String() string {
	c := &s.Causes[0]
	text := c.Edit
	if text == "" {
		text = c.Kind.String()
	}
	place := s.Place
	switch {
	case c.Where == diff.InStatus:
		place = "status"
	case c.Where == diff.InHeader:
		place = strings.TrimSpace("header " + place)
	case place == "" && c.Kind == diff.Moved:
		place = "elements"
	}
	text = strings.TrimSpace(place + " " + text)
	if n := len(s.Causes); n > 1 {
		return fmt.Sprintf("%s at %d places", text, n)
	}
	return text
}
