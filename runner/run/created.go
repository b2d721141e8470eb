package run

// Created counts what steps with side_effects: compensated left on the sides.
type Created struct {
	Made      PerSide    `json:"made"`
	TakenBack PerSide    `json:"taken_back"`
	Left      []Leftover `json:"left,omitempty"` // at most MaxLeft of them
}

// MaxLeft bounds the leftovers that a result lists.
const MaxLeft = 200

// A Leftover is something that a run created and could not take back.
type Leftover struct {
	Case string `json:"case"`
	Step string `json:"step"`
	Side string `json:"side"`
	// Unsure says that the request was not answered, or with a 5xx: it may have left nothing.
	Unsure bool   `json:"unsure,omitempty"`
	Why    string `json:"why"`
	// Undo is the request that would take it back, METHOD URL; empty where no step does.
	Undo string `json:"undo,omitempty"`
}

// Open is how many things were created and not taken back.
func (c *Created) Open() int {
	return c.Made.Blue + c.Made.Green - c.TakenBack.Blue - c.TakenBack.Green
}

// Add adds what another part of a run, or another run, created; nil is nothing.
func (c *Created) Add(d *Created) {
	if d == nil {
		return
	}
	c.Made.Add(d.Made)
	c.TakenBack.Add(d.TakenBack)
	c.Left = append(c.Left, d.Left[:min(len(d.Left), MaxLeft-len(c.Left))]...)
}

// RecoveredSuffix tells the walk that takes back from the case that it is about.
const RecoveredSuffix = " (taken back)"
