package postman

import (
	"cmp"
	"io/fs"
	"path"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// payload finds a file that a request sends, next to the collection, and returns
// its name below the target folder. A file that is not there skips the case:
// without it the request would be another.
func (im *pmImport) payload(d *pmDraft, name, where string) string {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "" || base == "." || base == "/" {
		im.lose(d, model.Lost{Kind: model.Files, Place: where, Why: "no file is chosen"})
		d.skip("a file is not chosen in the collection")
		return ""
	}
	if im.in.Files != nil {
		for _, candidate := range []string{path.Clean(strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "./")), base} {
			if !fs.ValidPath(candidate) {
				continue
			}
			if data, err := source.ReadFile(im.in.Files, candidate); err == nil && len(data) <= maxPayload {
				im.report.Mapped(model.Files, 1)
				return im.asset("files/"+fileName(base), data)
			}
		}
	}
	im.lose(d, model.Lost{Kind: model.Files, Place: where, Text: name, Why: "the file is not next to the collection"})
	d.skip("the file " + naming.OneLine(base, 60) + " was not next to the collection")
	return ""
}

// maxPayload is what the language takes as one file.
const maxPayload = 64 << 20

// fileName makes the name of a file that every system and the language take.
func fileName(base string) string {
	ext := path.Ext(base)
	if naming.Name(strings.TrimPrefix(ext, ".")) != strings.ToLower(strings.TrimPrefix(ext, ".")) {
		ext = ""
	}
	return cmp.Or(naming.Name(strings.TrimSuffix(base, ext)), "file") + strings.ToLower(ext)
}

// asset adds a file once; the same bytes under the same name are one file.
func (im *pmImport) asset(name string, data []byte) string {
	for _, a := range im.assets {
		if a.source == name && string(a.file.Data) == string(data) {
			return a.file.Name
		}
	}
	ext := path.Ext(name)
	file := im.files.Take(strings.TrimSuffix(name, ext)) + ext
	im.assets = append(im.assets, pmAsset{name, model.File{Name: file, Data: data}})
	return file
}

type pmAsset struct {
	source string
	file   model.File
}
