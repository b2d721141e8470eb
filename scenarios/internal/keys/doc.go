// Package keys is the key tables of the scenario language and the strict reader
// that follows them.
//
// One [Table] for each mapping of the language has a row for each key: its name,
// the [Shape] of its value, its documentation and the struct field it is read into.
// Everything that concerns a single key comes from its row: reading, the JSON
// Schema, docs/format.md and writing. A key that is added is one new row.
//
// In comes a tree of package source. [Reader.Object] opens one mapping by its
// table and returns a [Mapping]; [Mapping.Bind] reads its keys into a struct, and
// the typed accessors read what is more than one value of one field. Whatever does
// not fit goes to a [Sink] as a problem with its place: unknown, duplicate, null and
// missing keys, values of another shape or out of bounds, YAML tags and merge keys.
//
// Out goes, the other way round, a [Draft]: values by the names of keys, written in the
// order of the table and quoted by the shape of each key. Whoever writes scenario files
// (import does) writes them through drafts, so that no key can be written which is not read.
//
// The package opens no file and knows no type of package scenarios: it sees structs
// by reflection and asks the sink to read the field types that it does not know.
// What keys mean together (defaults, parts, both sides) is decided in scenarios.
package keys
