package scenarios

import (
	"maps"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/suggest"
)

// warnUnused warns of captures that nothing uses. What same: true captures is there to be
// compared, and what a parts file captures is there for other suites.
func (b *builder) warnUnused() {
	if b.problems.HasErrors() {
		return // what could not be read may use them
	}
	// The order does not count: problems are sorted.
	for name, c := range b.names.all {
		// What a parts file captures is there for every suite that uses it.
		if c.pos.File == b.suite.Pos.File && !c.used && !slices.Contains(b.suite.Secrets, name) && !b.sameCapture(c.pos) {
			b.warnAt(c.pos, name, "remove it, or add same: true if it is there to be compared", "capture %q is never used", name)
		}
	}
}

// sameCapture reports whether the capture at a place has same: true.
func (b *builder) sameCapture(pos Pos) bool {
	isIt := func(c Capture) bool { return c.Pos == pos && c.Same }
	return slices.ContainsFunc(b.steps, func(s *Step) bool { return slices.ContainsFunc(s.Captures, isIt) })
}

// checkRules compiles rules after those they are added to, and warns of what
// they repeat.
// Shadowing is looked for among rules in force together, so it is asked once a list.
func (b *builder) checkRules(base, own []diff.Rule) {
	all := slices.Concat(base, own)
	if len(own) == 0 {
		return
	}
	if len(all) > maxRules {
		if r := b.loader.rules[own[0].Origin]; r != nil {
			r.Fail(r.Node, "", "more than %d rules for one step", maxRules)
		}
		return
	}
	b.compileRules(all)
	// Only new rules are compared, with all before them: each pair is looked at once.
	for i, r := range own {
		source := b.loader.rules[r.Origin]
		if source == nil {
			continue
		}
		for _, earlier := range all[:len(base)+i] {
			switch {
			case earlier.Origin == r.Origin:
			case diff.SameRule(&earlier, &r):
				source.Reader.Warnf(source.Node, "remove one of them", "the same rule is already written in %s", earlier.Origin)
			case shadows(earlier, r):
				source.Reader.Warnf(source.Node, "remove it, or the rule that hides it", "this rule is shadowed by the one in %s", earlier.Origin)
			}
		}
	}
}

// shadows reports whether nothing is left for rule b after a: a drops the very place, or an
// ancestor of it by name. Wildcards are not followed: a warning that is wrong costs more
// than one that is missing.
func shadows(a, b diff.Rule) bool {
	// Only paths are compared, and only rules that remove differences hide others.
	if a.At == "" || b.At == "" || a.Do != diff.DoDrop || b.Do == diff.DoDrop && a.At == b.At {
		return false
	}
	return a.At == b.At || strings.HasPrefix(b.At, a.At+".") || strings.HasPrefix(b.At, a.At+"[")
}

// secretNames are parts of names whose values look like secrets when written out.
var secretNames = []string{"password", "passwd", "secret", "token", "apikey", "api_key", "api-key", "authorization", "private_key"}

// warnPlain warns of a value in plain text that its name calls a secret. Values of fewer
// than 6 bytes are placeholders of examples.
func (l *loader) warnPlain(name string, t *Template) {
	if t == nil || !t.Static() || t.JSON != "" || len(t.Text) < 6 {
		return
	}
	// The name is all there is to go by; a value says nothing.
	lower := strings.ToLower(name)
	// A placeholder without quotes, which is an error on its line, is read as text.
	failed := slices.ContainsFunc(l.problems, func(p Problem) bool {
		return p.Kind == Error && p.Pos.File == t.Pos.File &&
			p.Pos.Line == t.Pos.Line
	})
	if !failed && slices.ContainsFunc(secretNames, func(s string) bool { return strings.Contains(lower, s) }) {
		l.warnAt(t.Pos, "", "read it from the environment: list NAME in env: and write {{env.NAME}}", "%q is written in plain text", name)
	}
}

// warnCredentials warns of what headers and an authentication write in plain text.
// Names of headers are looked at like those of variables.
func (l *loader) warnCredentials(headers []Field, a *Auth) {
	for _, h := range headers {
		l.warnPlain(h.Name, h.Value)
	}
	if a == nil {
		return
	}
	l.warnPlain("password", a.Password)
	l.warnPlain("token", a.Token)
	l.warnPlain("client_secret", a.ClientSecret)
	l.warnPlain("secret value", a.Value)
	if a.HMAC != nil {
		l.warnPlain("secret", a.HMAC.Secret)
	}
	if a.AWS != nil {
		l.warnPlain("secret_key", a.AWS.SecretKey)
		l.warnPlain("session_token", a.AWS.SessionToken)
	}
}

// warnSides warns of the secrets that sides write in plain text.
func (l *loader) warnSides(blue, green *SideConfig) {
	for _, side := range []*SideConfig{blue, green} {
		for _, v := range side.Vars {
			l.warnPlain(v.Name, v.Value)
		}
		l.warnCredentials(side.Headers, side.Auth)
		for _, s := range side.Services {
			l.warnCredentials(s.Headers, s.Auth)
		}
	}
}

// warnSecrets warns of secrets that variables, headers and auths write in plain text.
func (b *builder) warnSecrets() {
	// Variables first, then what each step and each side sends.
	vars := slices.Clone(b.suite.Vars)
	for _, c := range b.suite.Cases {
		vars = append(vars, c.Vars...)
	}
	for _, v := range vars {
		b.warnPlain(v.Name, v.Value)
	}
	for _, s := range b.steps {
		b.warnCredentials(s.Request.Headers, s.Auth)
	}
	b.warnSides(&b.suite.Blue, &b.suite.Green)
}

// warnFlags warns of variables of flags that nothing names: a mistyped one would
// change nothing, and it would not be noticed.
func (l *loader) warnFlags(suites []*Suite) {
	if l.problems.HasErrors() {
		return // what could not be read may use them
	}
	names := slices.Collect(maps.Keys(l.named))
	for _, s := range suites {
		names = append(names, s.Needs...)
	}
	slices.Sort(names)
	for _, v := range l.opts.Vars {
		if !slices.Contains(names, v.Name) {
			l.warnAt(Pos{File: "--var " + v.Name}, "", suggest.Hint(v.Name, names), "no suite uses the variable %q", v.Name)
		}
	}
}
