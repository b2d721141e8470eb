// Package openapi reads documents that describe an HTTP API: OpenAPI 3.0 and 3.1,
// and Swagger 2.0, in YAML or JSON. In comes a file system and the name of a file;
// out come its operations in one form whatever the version, and any of its schemas
// as JSON Schema of draft 2020-12.
//
// The rules:
//  1. Only regular files below the root of the file system are read. A reference to
//     another host is never followed; it is an Error at its place.
//  2. Aliases, references and files are bounded: a document that repeats itself
//     costs what it holds, not what it stands for. Nothing is expanded; a schema
//     that refers to itself is written with $defs.
//  3. The order of the document decides the order of everything.
//  4. A part that cannot be read costs that part: it is listed in Document.Faults.
//     Only a file that is not an API description at all is refused.
//
// The package knows nothing of suites or cases.
package openapi
