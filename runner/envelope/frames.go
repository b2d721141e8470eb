package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
)

// statuses are the names of gRPC's statuses, 0 first.
var statuses = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
	"DATA_LOSS", "UNAUTHENTICATED",
}

// GRPC looks for a grpc-status other than 0 in header fields and trailers.
func GRPC(fields []Field) (Finding, bool) {
	for _, f := range fields {
		if value := strings.TrimSpace(f.Value); strings.EqualFold(f.Name, "grpc-status") && strings.Trim(value, "0") != "" {
			return Finding{Class: Error, Value: "grpc-status " + named(value)}, true
		}
	}
	return Finding{}, false
}

// named is a status of gRPC by its name, where it is written as a number; any other text as it is.
func named(status string) string {
	if n, err := strconv.ParseUint(status, 10, 16); err == nil && n < uint64(len(statuses)) {
		return status + " (" + statuses[n] + ")"
	}
	return status
}

// framed looks into the frames of gRPC-Web and Connect for the one that ends the
// stream: a flag, four bytes of length, and trailers or JSON.
func framed(body []byte, declared string) (Finding, bool) {
	// Both formats have the same frames and mark the last one by another bit of the flag. gRPC-Web has
	// trailers in it, Connect a JSON object.
	connect := strings.HasPrefix(declared, "application/connect+")
	switch {
	case strings.HasPrefix(declared, "application/grpc-web-text"):
		body = decodedText(body)
	case connect, strings.HasPrefix(declared, "application/grpc"):
	default:
		return Finding{}, false
	}
	for len(body) >= 5 {
		flag, size := body[0], uint64(binary.BigEndian.Uint32(body[1:5]))
		// A body that was cut ends within a frame: what is there of it is read all the same.
		frame := body[5:]
		if size < uint64(len(frame)) {
			frame = frame[:size]
		}
		body = body[5+len(frame):]
		switch {
		case !connect && flag&0x80 != 0:
			if f, ok := GRPC(trailersOf(frame)); ok {
				return f, true
			}
		case connect && flag&0x02 != 0:
			tree, _ := diff.ReadStrict(frame) // absent where it is not valid, and then without members
			if v, ok := object(rootOf(tree), outside{}); ok {
				return Finding{Class: Error, Value: "the end of the stream says " + v.name + " " + string(v.v.JSON())}, true
			}
		}
	}
	return Finding{}, false
}

// trailersOf reads the frame that holds the trailers of gRPC-Web, one field a line.
func trailersOf(frame []byte) []Field {
	var fields []Field
	for line := range strings.Lines(string(frame)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields = append(fields, Field{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	return fields
}

// decodedText undoes base64, of which grpc-web-text may send several pieces.
func decodedText(body []byte) []byte {
	var out []byte
	for text := string(body); text != ""; {
		// Each piece was encoded by itself and may end with =, so that the whole is not one text of
		// base64.
		end := len(text)
		if at := strings.IndexByte(text, '='); at >= 0 {
			for end = at; end < len(text) && text[end] == '='; end++ {
			}
		}
		data, err := base64.StdEncoding.DecodeString(text[:end])
		if err != nil {
			return out
		}
		out, text = append(out, data...), text[end:]
	}
	return out
}

// maxParts bounds how many parts of a multipart body are judged.
const maxParts = 1000

// parts judges each part of a multipart body; a part that is an HTTP message
// (batch requests) also by its status.
func parts(b *Body) (Finding, bool) {
	_, params, err := mime.ParseMediaType(b.Type)
	if err != nil || params["boundary"] == "" {
		return Finding{}, false
	}
	// Parts are read raw: a transfer encoding that is wrong must not hide what a part says.
	in := multipart.NewReader(bytes.NewReader(b.Raw), params["boundary"])
	for range maxParts {
		part, err := in.NextRawPart()
		if err != nil {
			break
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(part); err != nil {
			break
		}
		if f, ok := onePart(part.Header, body.Bytes()); ok && f.Class == Error {
			f.Path, f.Value = "", "a part: "+strings.TrimSpace(f.Path+" "+f.Value)
			return f, true
		}
	}
	return Finding{}, false
}

// onePart looks into one part of a multipart answer: a part that is an HTTP answer counts by its
// status line, any other by its body.
func onePart(header textproto.MIMEHeader, body []byte) (Finding, bool) {
	typ := header.Get("Content-Type")
	if strings.HasPrefix(strings.ToLower(typ), "application/http") {
		line, _, _ := strings.Cut(string(body[:min(len(body), 256)]), "\n")
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[0], "HTTP/") && isStatus(fields[1], "45") {
			return Finding{Class: Error, Value: strings.TrimSpace(line)}, true
		}
		// The headers of the inner answer are passed over, and its type is guessed from the body.
		_, rest, ok := bytes.Cut(body, []byte("\r\n\r\n"))
		if !ok {
			return Finding{}, false
		}
		body, typ = rest, ""
	}
	doc, err := media.Read(body, typ)
	inner := &Body{Kind: doc.Kind, Type: typ, Raw: body, Text: doc.Text}
	if err == nil && !strings.HasPrefix(strings.ToLower(typ), "multipart/") {
		inner.Tree, _ = diff.ReadStrict(doc.JSON) // absent where it is not valid
	}
	return Find(inner)
}
