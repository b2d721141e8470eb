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
	// Rule is the YAML of rules that hide the cause's differences and little else:
	// tried on the answers they were seen in. Empty where none is proposed.
	Rule string `json:"rule"`
	// Scope says where the rule belongs: "case ID" or "suite NAME"; empty where
	// the cause was seen in several suites, or nothing is known of them.
	Scope string `json:"scope,omitempty"`
	// NoRule says why no rule is proposed.
	NoRule string `json:"no_rule,omitempty"`
	// Leak is the name of blue that green's answers mention, where that is the edit.
	Leak string `json:"leak,omitempty"`
	// RenamedTo is the generalised path of a removed member's new name, where that
	// is the edit.
	RenamedTo string `json:"renamed_to,omitempty"`
}
