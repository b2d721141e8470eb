package serve

import (
	"bytes"
	"errors"
	"html"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/report/archive/history"
)

// closed is the content security policy of everything that is not a page of ours: nothing
// is loaded or run, whatever a body in the archive holds.
const closed = "default-src 'none'; frame-ancestors 'none'; sandbox"

// runFolder matches the first segment of a path to a run.
var runFolder = lazy.Regexp(`^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z-[A-Za-z0-9._-]+$`)

// getPage serves the history and the files of runs, for reading. The archive is opened as
// an os.Root, so that no path and no link leads out of it; names with a leading dot
// (keys, locks, orders) are not served at all.
func (s *Server) getPage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("path")
	switch {
	case name == "":
		name = history.IndexFile
	case strings.HasSuffix(name, "/"):
		refuse(w, http.StatusNotFound, errors.New("not found"))
		return
	}
	// Hidden files are the key of the marks, the records of orders and files that are not whole
	// yet. Of the others only the index and what is in run folders is served.
	segments := strings.Split(name, "/")
	hidden := false
	for _, segment := range segments {
		hidden = hidden || strings.HasPrefix(segment, ".")
	}
	if hidden || name != history.IndexFile && (len(segments) < 2 || !runFolder().MatchString(segments[0])) {
		refuse(w, http.StatusNotFound, errors.New("not found"))
		return
	}
	s.sendFile(w, r, name)
}

// sendFile sends a regular file of the archive.
func (s *Server) sendFile(w http.ResponseWriter, r *http.Request, name string) {
	f, err := s.pages.Open(name)
	if err != nil {
		notThere := errors.New("not found")
		if name == history.IndexFile {
			notThere = errors.New("no run of this archive is over yet")
		}
		refuse(w, http.StatusNotFound, notThere)
		return
	}
	defer f.Close() //nolint:errcheck // only read
	// os.Root opens nothing outside the archive, also through links.
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		refuse(w, http.StatusNotFound, errors.New("not found"))
		return
	}
	kind := contentType(name)
	// Archives hold answers of services: whatever is not a page of ours gets the policy that runs
	// nothing.
	if isPage(name) {
		policy, err := policyOf(f)
		if err != nil {
			refuse(w, http.StatusInternalServerError, err)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
	}
	w.Header().Set("Content-Type", kind)
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// isPage reports whether a file is a page that bgverify wrote: the history, or a report at
// the top of a run folder. Bodies of a service are never shown as pages.
func isPage(name string) bool {
	return path.Ext(name) == ".html" && strings.Count(name, "/") < 2
}

func contentType(name string) string {
	if isPage(name) {
		return "text/html; charset=utf-8"
	}
	switch top := strings.Count(name, "/") < 2; {
	case top && path.Ext(name) == ".css":
		return "text/css; charset=utf-8"
	case top && path.Ext(name) == ".js":
		return "text/javascript; charset=utf-8"
	case path.Ext(name) == ".json":
		return "application/json"
	case path.Ext(name) == ".xml", path.Ext(name) == ".md", path.Ext(name) == ".ndjson", path.Ext(name) == ".yaml", path.Ext(name) == ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// metaPolicy finds the policy that a page of ours declares.
var metaPolicy = lazy.Regexp(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`)

// headSize is how far into a page its policy is looked for, in bytes.
const headSize = 4 << 10

// policyOf is the policy of a page: its own, which allows its style and script by their
// digests, and beyond it nothing of this origin. A page without one runs nothing.
func policyOf(f io.ReadSeeker) (string, error) {
	head := make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	// The policy of a page names the digests of its script and style. It is sent as a header too,
	// with a sandbox, since a header cannot be removed by what is in the page.
	found := metaPolicy().FindSubmatch(head[:n])
	if found == nil || bytes.ContainsAny(found[1], "\r\n") {
		return closed, nil
	}
	return html.UnescapeString(string(found[1])) + "; frame-ancestors 'none'; sandbox allow-scripts allow-downloads allow-popups", nil
}
