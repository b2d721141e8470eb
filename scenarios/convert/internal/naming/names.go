// Package naming makes the words that imports write: names of the scenario
// language out of any text, literal text in which no placeholder begins, and
// text that is safe in a comment or on a terminal. It also holds the one rule of
// what is a secret by its name or by its value. All functions are pure.
package naming

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds the names that are made up; the language allows 100.
const maxName = 60

// Name makes a name of the language (suite, case, tag, service, file) out of
// text: letters and digits in lower case, everything else one dash.
func Name(text string) string {
	var b strings.Builder
	dash := false
	for _, r := range text {
		switch {
		case r == utf8.RuneError:
			dash = true
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(unicode.ToLower(r))
		case unicode.Is(unicode.M, r) && b.Len() > 0 && !dash:
			b.WriteRune(r)
		default:
			dash = true
		}
		if b.Len() >= maxName {
			break
		}
	}
	return b.String()
}

// VarName makes the name of a variable out of text: what the language does not
// allow becomes _.
func VarName(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r != utf8.RuneError && (unicode.IsLetter(r) || r == '_'):
			b.WriteRune(r)
		case b.Len() == 0 && unicode.IsDigit(r):
			b.WriteRune('_')
			b.WriteRune(r)
		case b.Len() > 0 && (unicode.IsDigit(r) || r == '-' || unicode.Is(unicode.M, r)):
			b.WriteRune(r)
		case b.Len() > 0:
			b.WriteByte('_')
		}
		if b.Len() >= maxName {
			break
		}
	}
	switch name := strings.TrimRight(b.String(), "_-"); name {
	case "env":
		return "env_"
	case "":
		return "_"
	default:
		return name
	}
}

// A Namer gives names that were not given before: a second "list" is "list-2".
// Names that differ in case only are the same, for file systems' sake.
type Namer struct {
	taken map[string]bool
	last  map[string]int // the number that a name had last: those before are taken
	sep   string
}

// NewNamer is a Namer that puts sep before its numbers.
func NewNamer(sep string) *Namer { return &Namer{map[string]bool{}, map[string]int{}, sep} }

// Take returns the name, or the name with the first free number.
func (n *Namer) Take(name string) string {
	out, key := name, strings.ToLower(name)
	for n.taken[strings.ToLower(out)] {
		n.last[key] = max(n.last[key], 1) + 1
		out = name + n.sep + strconv.Itoa(n.last[key])
	}
	n.taken[strings.ToLower(out)] = true
	return out
}

// Plain is text for keys that take no placeholders: braces are written once.
func Plain(text string) string {
	for strings.Contains(text, "{{") {
		text = strings.ReplaceAll(text, "{{", "{")
	}
	for strings.Contains(text, "}}") {
		text = strings.ReplaceAll(text, "}}", "}")
	}
	return text
}

// EnvName is the environment variable that holds a secret: AUTH_TOKEN.
func EnvName(text string) string {
	name := strings.ToUpper(strings.ReplaceAll(VarName(text), "-", "_"))
	if name == "ENV_" || strings.Trim(name, "_") == "" {
		return "SECRET"
	}
	return name
}

// CommonEnv are variables that environments hold anyway: a secret is not read
// from one by accident.
var CommonEnv = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "LANG", "TERM", "HOSTNAME", "EDITOR", "MAIL",
	"TZ", "CI", "TMPDIR", "DISPLAY", "UID", "HOST",
}

// SecretEnvName is the environment variable that holds the secret of a name.
func SecretEnvName(name string) string {
	key := EnvName(name)
	if slices.Contains(CommonEnv, key) {
		return "SECRET_" + key
	}
	return key
}

// secretParts are parts of names whose values are secrets; secretWhole are whole
// names, whose letters also are in harmless ones (monkey, author, pinned).
var (
	secretParts = []string{
		"password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "authorization",
		"credential", "signature", "csrf", "xsrf", "jwt", "sessionid",
	}
	secretWhole = []string{"pwd", "pin", "otp", "auth", "sid", "sig", "session", "key"}
)

// separators takes out of a name what says nothing. It is made once: an import asks about
// every header, parameter and field.
var separators = strings.NewReplacer("-", "", "_", "", ".", "", " ", "")

// SecretName reports whether a name says that its value is a secret: the one rule
// of all formats, for variables, headers, parameters, fields and captures.
//
//  1. Case and the separators - _ . and space say nothing: apiKey, API_KEY,
//     "Api Key" and x-api-key are one name.
//  2. A name with a part of secretParts in it counts, and one of secretWhole.
//  3. There are no exceptions, not even for token_type or password_url. One
//     variable too many in the environment is seen at once and costs a line; a
//     secret in a file that is committed is found by others, and stays in the
//     history. An address may hold a key in its path or query, whatever its name
//     promises.
func SecretName(name string) bool {
	flat := separators.Replace(strings.ToLower(name))
	return slices.Contains(secretWhole, flat) || slices.ContainsFunc(secretParts, func(p string) bool { return strings.Contains(flat, p) })
}

// SecretText reports whether a value looks like a secret whatever its name: a
// signed token, or a key with a maker's mark.
func SecretText(text string) bool {
	if len(text) < 20 || strings.ContainsAny(text, " \t\n{}\"") {
		return false
	}
	if strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") >= 2 {
		return true
	}
	return slices.ContainsFunc([]string{
		"sk_live_", "sk_test_", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "AKIA", "AIza",
		"glpat-",
	}, func(p string) bool { return strings.HasPrefix(text, p) })
}
