package diff

import (
	"slices"
	"strings"
)

// A verb says which parameters a Do takes and where it may stand.
type verb struct {
	fields   []string
	as       []string // values of as; none: free text
	asNeeded bool
	why      bool
	header   bool
	noBody   bool
}

var verbs = map[Do]verb{
	DoIgnore:    {why: true, header: true},
	DoDrop:      {why: true, header: true},
	DoAllow:     {fields: []string{"kind", "max"}, why: true, header: true},
	DoMatch:     {fields: []string{"by", "as"}, as: []string{"list", "set", "multiset", "auto"}},
	DoTolerance: {fields: []string{"abs", "rel"}, header: true},
	DoTime:      {fields: []string{"within", "notation"}, header: true},
	DoFormat:    {fields: []string{"is", "pattern", "notation"}, header: true},
	DoRewrite:   {fields: []string{"blue", "green", "as", "pattern"}, header: true},
	DoMap:       {fields: []string{"as"}, header: true},
	DoNumber:    {fields: []string{"as"}, as: readingWords, asNeeded: true},
	DoString:    {fields: []string{"as"}, header: true},
	DoNull:      {fields: []string{"as"}, as: []string{"absent"}, asNeeded: true},
	DoEmpty:     {fields: []string{"as"}, as: []string{"absent"}, asNeeded: true},
	DoEmbedded:  {fields: []string{"as"}, as: []string{"json", "base64-json"}, asNeeded: true},
	DoLeak:      {fields: []string{"allow"}, why: true, header: true},
	DoOnly:      {fields: []string{"headers"}, header: true, noBody: true},
}

func verbList() string {
	var names []string
	for d := range verbs {
		names = append(names, string(d))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// NeedsWhy reports whether a rule of this verb has to say why it is right.
func (d Do) NeedsWhy() bool { return verbs[d].why }
