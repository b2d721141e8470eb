package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// The records of HTTP Archive 1.2 that are written.
type (
	harPage struct {
		Started string   `json:"startedDateTime"`
		ID      string   `json:"id"`
		Title   string   `json:"title"`
		Timings struct{} `json:"pageTimings"`
	}
	harEntry struct {
		Page     string      `json:"pageref"`
		Started  string      `json:"startedDateTime"`
		Time     float64     `json:"time"` // milliseconds
		Request  harRequest  `json:"request"`
		Response harResponse `json:"response"`
		Cache    struct{}    `json:"cache"`
		Timings  harTimings  `json:"timings"`
	}
	harTimings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
	harField struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harRequest struct {
		Method      string     `json:"method"`
		URL         string     `json:"url"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []harField `json:"cookies"`
		Headers     []harField `json:"headers"`
		Query       []harField `json:"queryString"`
		Post        *harPost   `json:"postData,omitempty"`
		HeadersSize int64      `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
	}
	harPost struct {
		MIME    string `json:"mimeType"`
		Text    string `json:"text"`
		Comment string `json:"comment,omitempty"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []harField `json:"cookies"`
		Headers     []harField `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int64      `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
	}
	harContent struct {
		Size    int64  `json:"size"`
		MIME    string `json:"mimeType"`
		Text    string `json:"text,omitempty"`
		Comment string `json:"comment,omitempty"`
	}
)

// A file is what is asked of *os.File.
type file interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// A harFile is a HAR that is complete after each entry: the entries come first in
// it, and what follows them is written anew behind each.
type harFile struct {
	f     file
	tool  string
	at    int64  // where the next entry begins
	end   []byte // what is there now
	some  bool
	pages []harPage
}

// begin writes a complete recording without entries.
func (h *harFile) begin() error {
	n, err := h.f.WriteAt([]byte(`{"log":{"version":"1.2","entries":[`), 0)
	if err != nil {
		return fmt.Errorf("begin the recording: %w", err)
	}
	h.at = int64(n)
	return h.write(nil)
}

// addPage begins a part of the recording. It is written with the next entry: a part without
// entries would say nothing.
func (h *harFile) addPage(p harPage) { h.pages = append(h.pages, p) }

// addEntry writes an entry. After an error the file is as it was before, as far as the disk allows.
func (h *harFile) addEntry(e *harEntry) error {
	e.Timings.Wait = e.Time
	var b bytes.Buffer
	if h.some {
		b.WriteByte(',')
	}
	b.WriteByte('\n')
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	h.some = true
	return h.write(bytes.TrimRight(b.Bytes(), "\n"))
}

// write adds an entry and the end of the document in one write. The end grows
// with the pages alone, so that the file never becomes shorter.
func (h *harFile) write(entry []byte) error {
	end, err := json.Marshal(map[string]any{"creator": map[string]string{"name": "bgverify", "version": h.tool}, "pages": append([]harPage{}, h.pages...)})
	if err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	end = fmt.Appendf(nil, "\n],%s}\n", end[1:])
	if _, err := h.f.WriteAt(append(bytes.Clone(entry), end...), h.at); err != nil {
		// What was written of it is taken back, so that the file is complete without this entry:
		// on a full disk there is room for the end that it had.
		_ = h.f.Truncate(h.at)
		_, _ = h.f.WriteAt(h.end, h.at)
		return fmt.Errorf("write the recording: %w", err)
	}
	h.at, h.end = h.at+int64(len(entry)), end
	return nil
}

// close ends the file once all of it is on the disk.
func (h *harFile) close() error {
	if err := h.f.Sync(); err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	return h.f.Close()
}
