package postman

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// A pmUse is a variable that a request uses. header says that it is where
// sessions are kept: in auth, a header or a cookie.
type pmUse struct {
	name   string
	header bool
}

// dynamics are Postman's generated values that the language has, exactly or as
// near as matters for a request.
var dynamics = map[string]string{
	"guid": "$uuid", "randomUUID": "$uuid", "timestamp": "$now | format: unix", "isoTimestamp": "$now", "randomInt": "$int: 0..1000",
	"randomAlphaNumeric": "$text: 1", "randomBoolean": "$pick: true, false", "randomHexadecimal": "$hex: 1",
	"randomPassword": "$text: 15", "randomPrice": "$int: 0..1000", "randomUserName": "$text: 10",
	"randomWord": "$text: 8", "randomProtocol": "$pick: http, https",
}

// standIns are written for generated values that the language has no like of.
// They are listed as not converted.
var standIns = map[string]string{
	"randomEmail": "{{$text: 10}}@example.com", "randomExampleEmail": "{{$text: 10}}@example.com",
	"randomUrl": "https://{{$text: 10}}.example.com", "randomDomainName": "{{$text: 10}}.example.com",
	"randomIP": "192.0.2.{{$int: 1..254}}", "randomPhoneNumber": "555-{{$int: 100..999}}-{{$int: 1000..9999}}",
	"randomZipCode": "{{$int: 10000..99999}}", "randomBankAccount": "{{$int: 10000000..99999999}}",
	"randomDateFuture": "{{$now | add: 720h}}", "randomDatePast": "{{$now | add: -720h}}", "randomDateRecent": "{{$now | add: -12h}}",
	"randomLatitude": "{{$int: -90..90}}", "randomLongitude": "{{$int: -180..180}}",
}

// text translates Postman's placeholders in a text into ours. where names the
// text in the report.
func (im *pmImport) text(d *pmDraft, text, where string, header bool) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	return translated(text, naming.Escape, func(placeholder string) string {
		return im.placeholder(d, nameIn(placeholder), where, header)
	})
}

// translated is a text whose literal parts were written by one function and whose
// placeholders by another.
func translated(text string, literal, variable func(string) string) string {
	var b strings.Builder
	for before, placeholder := range pieces(text) {
		if placeholder == "" {
			b.WriteString(literal(before))
			break
		}
		b.WriteString(naming.GuardBrace(literal(before)) + variable(placeholder))
	}
	return b.String()
}

// placeholder translates what is between the braces.
func (im *pmImport) placeholder(d *pmDraft, name, where string, header bool) string {
	if name = strings.TrimSpace(name); name == "" {
		return "{{'{{'}}}}"
	}
	bare, dynamic := strings.CutPrefix(name, "$")
	if !dynamic || im.isVariable(name) {
		return im.variable(d, name, header)
	}
	if ours := dynamics[bare]; ours != "" {
		im.report.Mapped(model.Dynamics, 1)
		return "{{" + ours + "}}"
	}
	if !strings.HasPrefix(bare, "random") {
		return im.variable(d, name, header) // no generated value of Postman's: somebody else gives it
	}
	stand := cmp.Or(standIns[bare], "{{$text: 10}}")
	im.lose(d, model.Lost{
		Kind: model.Dynamics, Place: where, Text: "{{" + name + "}}",
		Why: "there is no such generator; " + stand + " is written instead",
	})
	return stand
}

// isVariable reports whether something gives a variable of this name, so that a
// name that begins with $ is not a generated value.
func (im *pmImport) isVariable(name string) bool {
	_, known := im.value(name)
	return known || im.setSomewhere[name]
}

// variable is the placeholder of a variable; the use is kept.
func (im *pmImport) variable(d *pmDraft, name string, header bool) string {
	d.use(name, header)
	return "{{" + im.varName(name) + "}}"
}

// use notes that a draft reads a variable. Without a draft a text is translated for something that
// is not sent, such as the value of a variable.
func (d *pmDraft) use(name string, header bool) {
	if d == nil {
		return
	}
	if u := (pmUse{name, header}); !slices.Contains(d.uses, u) {
		d.uses = append(d.uses, u)
	}
}

// varName is our name of a Postman variable, the same everywhere.
func (im *pmImport) varName(name string) string {
	if ours, ok := im.names[name]; ok {
		return ours
	}
	ours := im.namer.Take(naming.VarName(strings.TrimPrefix(name, "$")))
	im.names[name], im.theirs[ours] = ours, name
	if ours != name {
		im.report.Note("", "the variable %q is written %s: names hold letters, digits, - and _", name, ours)
	}
	return ours
}

// value finds the value that a variable has before the first request: that of
// the first environment, the collection or the globals.
func (im *pmImport) value(name string) (pmVar, bool) {
	if v := im.lookUp(name, im.firstEnv()); v != nil {
		return *v, true
	}
	return pmVar{}, false
}

// firstEnv are the variables of the first environment.
func (im *pmImport) firstEnv() []pmVar {
	if len(im.envs) == 0 {
		return nil
	}
	return im.envs[0].vars
}

// lookUp finds a variable in an environment, the collection or the globals; nil: in none.
func (im *pmImport) lookUp(name string, env []pmVar) *pmVar {
	return cmp.Or(findPMVar(env, name), findPMVar(im.c.vars, name), findPMVar(im.globals, name))
}

// inEnvironment reports whether an environment gives a variable a value.
func (im *pmImport) inEnvironment(name string) bool {
	return slices.ContainsFunc(im.envs, func(e pmEnv) bool { return findPMVar(e.vars, name) != nil })
}

// findPMVar finds the last enabled variable of a name.
func findPMVar(list []pmVar, name string) *pmVar {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].key == name && !list[i].disabled {
			return &list[i]
		}
	}
	return nil
}

// static resolves the placeholders of a text with the values of an environment;
// ok is false when one is not known.
func (im *pmImport) static(text string, env []pmVar, depth int) (out string, ok bool) {
	if depth > 10 {
		return "", false
	}
	var b strings.Builder
	for before, placeholder := range pieces(text) {
		b.WriteString(before)
		if placeholder == "" {
			break
		}
		v := im.lookUp(nameIn(placeholder), env)
		if v == nil || v.secret {
			return "", false
		}
		value, known := im.static(v.value, env, depth+1)
		if !known {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// keep is the value of a header, parameter or cookie as it may be written.
func (im *pmImport) keep(d *pmDraft, name, text, where string, header bool) string {
	if naming.SecretName(name) || naming.SecretText(text) {
		return im.secret(d, name, text, where)
	}
	return im.text(d, text, where, header)
}

// secret takes a secret's plain text out: the value is read from the environment.
// Text with placeholders only, and no text at all, are no secrets.
func (im *pmImport) secret(d *pmDraft, name, text, where string) string {
	scheme, more, spaced := strings.Cut(outside(text), " ")
	if strings.TrimSpace(more) == "" && (spaced || scheme == "") {
		return im.text(d, text, where, true) // nothing but placeholders, and perhaps a word such as Bearer
	}
	env := im.secretEnv(name, text)
	d.useEnv(env)
	im.report.Note(d.path(), "%s was written in plain text; it is read from the environment variable %s now", where, env)
	return "{{env." + env + "}}"
}

// secretEnv is the environment variable that holds a secret: the same for the
// same text, another for another.
func (im *pmImport) secretEnv(name, text string) string {
	key := naming.SecretEnvName(name)
	i := slices.IndexFunc(im.secrets, func(s pmSecret) bool { return s.name == key && s.text == text })
	if i < 0 {
		i, im.secrets = len(im.secrets), append(im.secrets, pmSecret{key, text, im.envNamer.Take(key)})
	}
	return im.secrets[i].env
}

type pmSecret struct{ name, text, env string }

// useEnv notes that a draft reads an environment variable.
func (d *pmDraft) useEnv(name string) {
	if d != nil {
		d.env = model.AppendOnce(d.env, name)
	}
}
