package diff

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/diff/path"
)

// A Form names a harmless form in which two bodies differ: media.HarmlessForms
// says what it is.
type Form struct {
	Kind string `json:"kind"` // of the bodies: json, xml, …
	Name string `json:"name"`
}

// facts compares what the trees of two bodies do not hold (a byte order mark,
// how lines end). A fact has the path of a member of the root, $['#bom'], so
// that rules reach it.
func (e *engine) facts(blue, green *media.Doc) {
	for _, f := range media.CompareFacts(blue, green) {
		eff := e.rootMember(f.Name)
		path := string(path.AppendName([]byte{'$'}, []byte(f.Name)))
		e.foundText(textDifference{
			kind: Changed, where: InBody, path: path, typ: StringType, severity: OtherValue, by: cmp.Or(eff.drop, eff.ignore),
			blue: factText(f.Blue), green: factText(f.Green), shapeless: !f.Style,
		}, eff)
	}
	// Rules that match a fact count as visited, whether or not it differs.
	if e.auto == nil {
		return
	}
	for _, d := range []*media.Doc{blue, green} {
		for _, f := range d.Facts {
			if d == green && slices.ContainsFunc(blue.Facts, func(b media.Fact) bool { return b.Name == f.Name }) {
				continue
			}
			for _, r := range e.rootMember(f.Name).rules {
				e.visits[r]++
			}
		}
	}
}

// factText shows a fact; a side that does not have it says none.
func factText(value string) string {
	if value == "" {
		value = "none"
	}
	return quoteText(value)
}

// rootMember is the effect of the rules on a member of the root.
func (e *engine) rootMember(name string) *effect {
	if e.auto == nil {
		return &noEffect
	}
	return e.effects(e.auto.Member(e.auto.Root, hashBytes([]byte(name)), []byte(name)))
}

// forms notes in which harmless forms two bodies differ whose trees and facts
// are equal. Where rules hid more than changed values the forms are not looked
// for: the places of tokens would not be the same.
func (e *engine) forms(blue, green *media.Doc, src [2][]byte) {
	if bytes.Equal(src[0], src[1]) && !blue.HasMark() || e.out.hiddenTotal > len(e.out.hides) {
		return
	}
	for i := range e.out.hides {
		if d := &e.out.hides[i].d; d.Where == InBody && d.Kind != Changed {
			return
		}
	}
	for _, f := range media.Met(blue, green) {
		e.met = append(e.met, Form{Kind: blue.Kind.String(), Name: f.Name})
		e.notes = append(e.notes, "equal but for a harmless form: "+f.Name+": "+f.What)
	}
}
