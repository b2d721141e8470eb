package kubetest

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// patch applies a JSON Patch or a merge patch to an object; false: it has answered with
// an error. A test that does not hold is 422, as of a real server.
func (s *Server) patch(w http.ResponseWriter, r *http.Request, o *object) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		Status(w, http.StatusBadRequest, "BadRequest", err.Error())
		return false
	}
	s.patches = append(s.patches, string(body))
	var doc any
	if err := json.Unmarshal(o.json, &doc); err != nil {
		Status(w, http.StatusInternalServerError, "InternalError", err.Error())
		return false
	}
	if strings.Contains(r.Header.Get("Content-Type"), "merge-patch") {
		var change any
		if err := json.Unmarshal(body, &change); err != nil {
			Status(w, http.StatusBadRequest, "BadRequest", err.Error())
			return false
		}
		doc = merge(doc, change)
	} else {
		var ops []struct {
			Op, Path string
			Value    any
		}
		if err := json.Unmarshal(body, &ops); err != nil {
			Status(w, http.StatusBadRequest, "BadRequest", err.Error())
			return false
		}
		for _, op := range ops {
			at, ok := at(doc, op.Path)
			switch {
			case !ok, op.Op == "test" && !reflect.DeepEqual(at.get(), op.Value):
				Status(w, http.StatusUnprocessableEntity, "Invalid",
					"the server rejected our request due to an error in our request: "+op.Op+" "+op.Path)
				return false
			case op.Op == "replace" || op.Op == "add":
				at.set(op.Value)
			}
		}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		Status(w, http.StatusInternalServerError, "InternalError", err.Error())
		return false
	}
	o.json = text
	return true
}

// A slot is a place of a document.
type slot struct {
	object map[string]any
	array  []any
	key    string
	index  int
}

func (s slot) get() any {
	if s.object != nil {
		return s.object[s.key]
	}
	return s.array[s.index]
}

func (s slot) set(v any) {
	if s.object != nil {
		s.object[s.key] = v
		return
	}
	s.array[s.index] = v
}

// at finds the place of a JSON Pointer.
func at(doc any, pointer string) (slot, bool) {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, part := range parts {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		var here slot
		switch v := doc.(type) {
		case map[string]any:
			here = slot{object: v, key: part}
		case []any:
			index, err := strconv.Atoi(part)
			if err != nil || index >= len(v) {
				return slot{}, false
			}
			here = slot{array: v, index: index}
		default:
			return slot{}, false
		}
		if i == len(parts)-1 {
			return here, true
		}
		doc = here.get()
	}
	return slot{}, false
}

// merge is RFC 7396.
func merge(doc, change any) any {
	c, ok := change.(map[string]any)
	if !ok {
		return change
	}
	d, ok := doc.(map[string]any)
	if !ok {
		d = map[string]any{}
	}
	for k, v := range c {
		if v == nil {
			delete(d, k)
			continue
		}
		d[k] = merge(d[k], v)
	}
	return d
}
