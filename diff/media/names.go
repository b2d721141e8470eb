package media

// Names lists the short names of media types for people to choose from.
const Names = "json, ndjson, xml, html, text, csv, form, m3u8, multipart, binary"

// typeNames are the short names and the endings of file names, with their media type.
var typeNames = map[string]string{
	"json": "application/json", "ndjson": "application/x-ndjson", "xml": "application/xml", "html": "text/html",
	"text": "text/plain; charset=utf-8", "txt": "text/plain; charset=utf-8", "form": "application/x-www-form-urlencoded",
	"csv": "text/csv", "multipart": "multipart/mixed",
	"m3u8": "application/vnd.apple.mpegurl", "m3u": "audio/x-mpegurl", "binary": "application/octet-stream", "bin": "application/octet-stream",
}

// TypeNamed is the media type of a short name (see Names), or of the ending of a file name
// without its dot; empty: unknown.
func TypeNamed(name string) string { return typeNames[name] }
