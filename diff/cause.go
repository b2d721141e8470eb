package diff

// A Cause is differences of many pairs that one edit explains.
type Cause struct {
	ID       int      `json:"id"`
	Kind     Kind     `json:"kind"`
	Where    Where    `json:"where"`
	Path     string   `json:"path"` // indices and key values generalised to [*]
	Edit     string   `json:"edit"` // number -> string; x1000; "blue" -> "green"
	Severity Severity `json:"severity"`
	Count    int      `json:"count"` // differences
	Cases    int      `json:"cases"`
	Examples []string `json:"examples"` // the first three case ids
	Rule     string   `json:"rule"`     // YAML of a rule that would silence it; empty where none can
}
