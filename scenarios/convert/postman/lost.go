package postman

import (
	"fmt"
	"slices"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
)

// unplaced lists the values that scripts take out of answers and nothing uses.
func (im *pmImport) unplaced() {
	seen := map[string]bool{}
	for _, d := range im.drafts {
		for _, def := range d.defs {
			if def.Helper {
				continue
			}
			key := fmt.Sprintf("%s %d %s", def.Name, def.Line, def.Text)
			owner := d
			for _, f := range im.folders {
				if slices.ContainsFunc(f.defs, def.Same) {
					owner = f
				}
			}
			if id := owner.path() + key; seen[id] {
				continue
			} else if seen[id] = true; im.defUsed(d, def, owner) {
				im.report.Mapped(model.Captures, 1)
				continue
			}
			im.loseDef(owner, def)
		}
	}
}

// loseDef lists a value that nothing uses, with the statements that only led to it.
func (im *pmImport) loseDef(owner *pmDraft, def script.Definition) {
	for _, l := range def.Drop(im.report) {
		im.lose(owner, l)
	}
	im.lose(owner, model.Lost{
		Kind: model.ScriptLines, Place: def.Place(), Text: def.Text,
		Why: "no later request uses {{" + im.varName(def.Name) + "}}",
	})
}

// sortLost puts the losses in the order of the folders and requests they belong to.
func (im *pmImport) sortLost() {
	order := map[string]int{}
	for i := range im.c.root.all() {
		if _, known := order[i.path()]; !known {
			order[i.path()] = len(order)
		}
	}
	slices.SortStableFunc(im.report.Lost, func(a, b model.Lost) int { return order[a.Request] - order[b.Request] })
}

// defUsed reports whether a definition, or the same one inherited by another
// request, gives a value that is used.
func (im *pmImport) defUsed(d *pmDraft, def script.Definition, owner *pmDraft) bool {
	for _, x := range im.drafts {
		if x != d && (owner.item.request != nil || !slices.ContainsFunc(x.defs, func(o script.Definition) bool { return o.Text == def.Text })) {
			continue
		}
		if im.usedLater(x.index, def.Name, im.drafts) || !def.After &&
			slices.ContainsFunc(x.uses, func(u pmUse) bool { return u.name == def.Name }) {
			return true
		}
	}
	return false
}
