package convert

import (
	"slices"
	"strings"
)

// secret takes a secret's plain text out: it is read from the environment. Equal
// secrets of one name are one variable.
func (im *webImport) secret(r *webRequest, name, text, where string) string {
	if text == "" || hasMark(text) {
		return text
	}
	key := secretEnvName(name)
	for _, s := range im.secrets {
		if s.name == key && s.text == text {
			return marked("env." + s.env)
		}
	}
	env := im.envs.Take(key)
	im.secrets = append(im.secrets, webSecret{key, text, env})
	if len(text) >= 6 && !slices.Contains(im.suite.Secrets, env) { // the language hides no shorter ones
		im.suite.Secrets = append(im.suite.Secrets, env)
	}
	im.report.Note(r.id, "%s stands in plain text in the source; it is read from the environment variable %s", where, env)
	return marked("env." + env)
}

// secretText reports whether a value looks like a secret whatever its name: a
// signed token, or a key with a maker's mark.
func secretText(text string) bool {
	if len(text) < 20 || strings.ContainsAny(text, " \t\n{}\"") {
		return false
	}
	if strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") >= 2 {
		return true
	}
	return slices.ContainsFunc([]string{"sk_live_", "sk_test_", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "AKIA", "AIza", "glpat-"}, func(p string) bool { return strings.HasPrefix(text, p) })
}

// keep is a value as it may be written: what an earlier answer gave becomes a
// capture, a secret a variable.
func (im *webImport) keep(r *webRequest, name, text, where string) string {
	if text = r.lifted(text); hasMark(text) {
		return text
	}
	if secretName(name) && text != "" || secretText(text) {
		if flat := strings.ToLower(name); flat == "key" && len(text) < 12 {
			return text
		}
		return im.secret(r, name, text, where)
	}
	return text
}
