package har

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// groupByPage makes a case of each page, its requests in order. A request that
// gives a later page something (a token, an id, a cookie) becomes a step of the
// suite's setup, with all that it needs itself: cases are independent, and each of
// them gets what the setup captured.
func (h *harImport) groupByPage(requests []*web.Request) {
	rows, folded := h.foldRows(requests)
	// What a later page needs is shared, and so is what that needs: repeated until nothing changes.
	shared := make([]bool, len(requests))
	for changed := true; changed; {
		changed = false
		for _, n := range h.flow.needs {
			by, from := n[0], n[1]
			if !shared[from] && (shared[by] || h.pages[by].id != h.pages[from].id) {
				shared[from], changed = true, true
			}
		}
	}
	names := naming.NewNamer(" ")
	var order []harPage
	members := map[string][]*web.Request{}
	for i, r := range requests {
		if folded[i] {
			continue
		}
		if shared[i] && len(r.Skip) == 0 {
			r.Step.Name, r.Step.Comment = names.Take(naming.Plain(r.Describe())), r.Comment
			h.Suite.Setup = append(h.Suite.Setup, r.Step)
			h.Report.Note(r.ID, "is a step of the setup: later parts need what it answers")
			continue
		}
		page := h.pages[i]
		if members[page.id] == nil {
			order = append(order, page)
		}
		members[page.id] = append(members[page.id], r)
	}
	ids := naming.NewNamer("-")
	for _, page := range order {
		c := h.caseOfSteps(members[page.id])
		title := naming.Plain(page.title)
		c.ID, c.Name = ids.Take(cmp.Or(naming.Name(strings.ToLower(page.title)), c.ID)), cmp.Or(title, c.Name)
		h.Suite.Cases = append(h.Suite.Cases, c)
	}
	for _, c := range rows {
		c.ID = ids.Take(c.ID)
		h.Suite.Cases = append(h.Suite.Cases, c)
	}
	if len(h.Suite.Cases) == 0 { // everything is needed by something else
		h.Suite.Cases = []*model.Case{{ID: "recorded", Name: fmt.Sprintf("%d steps as they were recorded", len(h.Suite.Setup)), Steps: h.Suite.Setup}}
		h.Suite.Setup = nil
	}
}
