package web

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// Secret takes a secret's plain text out: it is read from the environment. Equal
// secrets of one name are one variable.
func (im *Import) Secret(r *Request, name, text, where string) string {
	if text == "" || HasMark(text) {
		return text
	}
	key := naming.SecretEnvName(name)
	for _, s := range im.secrets {
		if s.name == key && s.text == text {
			return Marked("env." + s.env)
		}
	}
	env := im.Envs.Take(key)
	im.secrets = append(im.secrets, webSecret{key, text, env})
	if len(text) < naming.MinSecret {
		im.short = append(im.short, env)
	} else if !slices.Contains(im.Suite.Secrets, env) {
		im.Suite.Secrets = append(im.Suite.Secrets, env)
	}
	im.Report.Note(r.ID, "%s is in plain text in the source; it is read from the environment variable %s", where, env)
	return Marked("env." + env)
}

// keep is a value as it may be written: what an earlier answer gave becomes a
// capture, a secret a variable.
func (im *Import) keep(r *Request, name, text, where string) string {
	if text = r.lifted(text); HasMark(text) {
		return text
	}
	if naming.SecretName(name) && text != "" || naming.SecretText(text) {
		if flat := strings.ToLower(name); flat == "key" && len(text) < 12 {
			return text
		}
		return im.Secret(r, name, text, where)
	}
	return text
}
