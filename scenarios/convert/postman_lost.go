package convert

import (
	"fmt"
	"slices"
)

// unplaced lists the values that scripts take out of answers and nothing uses.
func (im *pmImport) unplaced() {
	seen := map[string]bool{}
	for _, d := range im.drafts {
		for _, def := range d.defs {
			key := fmt.Sprintf("%s %d %s", def.name, def.line, def.text)
			owner := d
			for _, f := range im.folders {
				if slices.ContainsFunc(f.defs, func(o pmDef) bool { return o.text == def.text && o.line == def.line && o.name == def.name }) {
					owner = f
				}
			}
			if id := owner.path() + key; seen[id] {
				continue
			} else if seen[id] = true; im.defUsed(d, def, owner) {
				im.report.Mapped(Captures, 1)
				continue
			}
			im.loseDef(owner, def)
		}
	}
}

// loseDef lists a value that nothing uses, with the statements that only led to it.
func (im *pmImport) loseDef(owner *pmDraft, def pmDef) {
	for _, f := range def.follows {
		if f.used--; f.used == 0 && f.text != "" {
			im.report.Unmap(ScriptLines, 1)
			for _, l := range scriptLines(f.text, f.line, def.after, ScriptLines, "") {
				im.lose(owner, l.Lost)
			}
		}
	}
	im.lose(owner, Lost{Kind: Captures, Place: scriptPlace(def.after, def.line), Text: def.text, Why: "no later request uses {{" + im.varName(def.name) + "}}"})
}

// sortLost puts the losses in the order of the folders and requests they belong to.
func (im *pmImport) sortLost() {
	order := map[string]int{}
	var walk func(i *pmItem)
	walk = func(i *pmItem) {
		if _, known := order[i.path()]; !known {
			order[i.path()] = len(order)
		}
		for _, sub := range i.items {
			walk(sub)
		}
	}
	walk(im.c.root)
	slices.SortStableFunc(im.report.Lost, func(a, b Lost) int { return order[a.Request] - order[b.Request] })
}

// defUsed reports whether a definition, or the same one inherited by another
// request, gives a value that is used.
func (im *pmImport) defUsed(d *pmDraft, def pmDef, owner *pmDraft) bool {
	for _, x := range im.drafts {
		if x != d && (owner.item.request != nil || !slices.ContainsFunc(x.defs, func(o pmDef) bool { return o.text == def.text })) {
			continue
		}
		if im.usedLater(x.index, def.name, im.drafts) || !def.after && slices.ContainsFunc(x.uses, func(u pmUse) bool { return u.name == def.name }) {
			return true
		}
	}
	return false
}

func scriptPlace(after bool, line int) string {
	if after {
		return fmt.Sprintf("test script line %d", line)
	}
	return fmt.Sprintf("pre-request script line %d", line)
}
