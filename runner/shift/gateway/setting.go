package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
)

// side is the side of a backend; empty: it is a third one. A name with a subset is the narrower one.
func (d *Driver) side(b *backend) string {
	name := cmp.Or(b.Destination.Host, b.Name)
	switch narrow := name + ":" + b.Destination.Subset; {
	case narrow == d.config.Blue:
		return "blue"
	case narrow == d.config.Green:
		return "green"
	case name == d.config.Blue:
		return "blue"
	case name == d.config.Green:
		return "green"
	}
	return ""
}

// describe adds what a rule says but for the weights of both sides.
func (d *Driver) describe(r *route, i int, rule map[string]json.RawMessage) {
	for name, value := range rule {
		if name != d.kind.backends {
			r.setting[fmt.Sprintf("%s of rule %d", name, i)] = compact(value)
		}
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(rule[d.kind.backends], &list) != nil {
		return // reported where the entries are read
	}
	for j, entry := range list {
		var b backend
		whole, err := json.Marshal(entry)
		if err != nil || json.Unmarshal(whole, &b) != nil {
			return
		}
		if d.side(&b) != "" {
			delete(entry, "weight")
			whole, _ = json.Marshal(entry) //nolint:errcheck // it was read from JSON
		}
		r.setting[fmt.Sprintf("backend %d of rule %d", j, i)] = string(whole)
	}
}

// compact is a value in one spelling.
func compact(value json.RawMessage) string {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return string(value)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return string(value)
	}
	return string(text)
}
