// Package record keeps what passed a tap as a recording in the HTTP Archive
// format, in which every secret has been replaced. In come exchanges and marks;
// out goes one HAR file that is complete after every exchange, so that a recorder
// that was killed loses nothing but what was under way.
//
// record.go takes exchanges from a bounded queue, har.go writes them, pseudonym.go
// replaces secrets, and control.go lets another process set marks. The package
// neither sends nor judges, and no secret leaves it: a value is replaced before
// it is written.
package record
