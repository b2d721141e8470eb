package postman

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/template"
)

// vars writes the variables of the suite and what must come from outside.
func (b *suiteBuild) vars() {
	im, s := b.im, b.suite
	isSide := func(ours string) bool { return hasVar(s.Blue.Vars, ours) }
	for i := 0; i < len(b.used); i++ { // values use other names: the list grows
		b.useNames(b.used[i])
	}
	written := map[string]bool{}
	for _, v := range slices.Concat(im.globals, im.c.vars) {
		own := im.lookUp(v.key, nil)
		if v.disabled || written[v.key] || own == nil || own.value == "" || !slices.Contains(b.used, v.key) || isSide(im.varName(v.key)) {
			continue
		}
		written[v.key] = true
		out, env := im.varValue(*own)
		s.Vars = append(s.Vars, out)
		if env != "" {
			s.Env = model.AppendOnce(s.Env, env)
		}
	}
	for _, name := range b.used {
		ours := im.varName(name)
		if !written[name] && !isSide(ours) && !slices.Contains(s.Needs, ours) {
			s.Needs = append(s.Needs, ours)
			if im.setSomewhere[name] {
				s.Comment = append(s.Comment, "needs "+ours+": a script of "+cmp.Or(naming.OneLine(im.setBy[name], 100), "the collection")+
					" sets it, which was not converted")
			}
		}
	}
	s.Secrets = im.secretList(s.Env)
}

// useNames adds the names that the values of a variable are made of.
func (b *suiteBuild) useNames(name string) {
	for _, list := range b.im.valueLists() {
		v := findPMVar(list, name)
		if v == nil {
			continue
		}
		for _, used := range namesOf(v.value) {
			if used[0] != '$' || b.im.isVariable(used) {
				b.used = model.AppendOnce(b.used, used)
			}
		}
	}
}

// valueLists are all lists in which a variable may have a value.
func (im *pmImport) valueLists() [][]pmVar {
	out := [][]pmVar{im.c.vars, im.globals}
	for _, e := range im.envs {
		out = append(out, e.vars)
	}
	return out
}

// varValue is a variable as it is written; a secret is read from the
// environment variable env.
func (im *pmImport) varValue(v pmVar) (out model.Var, env string) {
	out.Name = im.varName(v.key)
	switch {
	case (v.secret || naming.SecretName(v.key) || naming.SecretText(v.value)) && hasLiteral(v.value):
		env = im.secretEnv(v.key, v.value)
		out.Text = "{{env." + env + "}}"
		im.report.Note("", "the variable %s is a secret; it is read from the environment variable %s", out.Name, env)
	case im.reaches(v.key, namesOf(v.value), nil):
		out.Text = naming.Escape(v.value)
		im.report.Note("", "the variable %s is defined by itself; it is written as text", out.Name)
	default:
		out.Text = im.text(nil, v.value, "variable "+v.key, false)
		out.Literal = im.isLiteral(v)
	}
	return out, env
}

// isLiteral reports whether a variable is written as a number, true or false.
func (im *pmImport) isLiteral(v pmVar) bool {
	secret := v.secret || naming.SecretName(v.key) || naming.SecretText(v.value)
	return !secret && (im.bare[v.key] || v.literal) && (template.IsNumber(v.value) || v.value == "true" || v.value == "false")
}

// hasLiteral reports whether a text holds more than placeholders.
func hasLiteral(text string) bool { return outside(text) != "" }

// reaches reports whether values lead from names back to a name.
func (im *pmImport) reaches(target string, names, seen []string) bool {
	for _, n := range names {
		if n == target {
			return true
		}
		if slices.Contains(seen, n) {
			continue
		}
		seen = append(seen, n)
		for _, list := range im.valueLists() {
			if v := findPMVar(list, n); v != nil && im.reaches(target, namesOf(v.value), seen) {
				return true
			}
		}
	}
	return false
}

// secretList are the environment variables of a file that hold secrets.
func (im *pmImport) secretList(env []string) []string {
	var out []string
	for _, name := range env {
		if slices.ContainsFunc(im.secrets, func(s pmSecret) bool {
			return s.env == name && (s.text == "" || len(strings.TrimSpace(s.text)) >= naming.MinSecret)
		}) {
			out = append(out, name)
		}
	}
	return out
}

// envFiles writes an env file for each environment.
func (im *pmImport) envFiles(tree *model.Tree) []*model.Env {
	files := naming.NewNamer("-")
	var out []*model.Env
	for _, e := range im.envs {
		f := &model.Env{
			File: "env/" + files.Take(cmp.Or(naming.Name(e.name), "stage")) + ".yaml",
			Doc:  "The environment " + cmp.Or(naming.OneLine(e.name, 100), "without a name") + " of Postman.",
		}
		im.envSides(f, e)
		written := map[string]bool{}
		for _, v := range e.vars {
			last := findPMVar(e.vars, v.key)
			if v.disabled || last == nil || written[v.key] {
				continue
			}
			written[v.key] = true
			im.envVar(f, e, *last, tree)
		}
		f.Secrets = im.secretList(f.Env)
		out = append(out, f)
	}
	return out
}

// envVar writes one variable of an environment, where it belongs.
func (im *pmImport) envVar(f *model.Env, e pmEnv, v pmVar, tree *model.Tree) {
	ours := im.varName(v.key)
	isMain := false
	for _, o := range im.origins {
		isMain = isMain || o.main && o.text == "{{"+v.key+"}}"
	}
	setByCase := false
	for _, s := range tree.Suites {
		for _, c := range s.Cases {
			setByCase = setByCase || hasVar(c.Vars, ours)
		}
	}
	used := slices.ContainsFunc(im.drafts, func(d *pmDraft) bool {
		return slices.ContainsFunc(d.uses, func(u pmUse) bool { return u.name == v.key })
	})
	im.report.Mapped(model.Variables, 1)
	switch {
	case v.value == "", hasVar(f.Blue.Vars, ours), isMain && !used &&
		f.Blue.URL != "":
		return
	case setByCase:
		im.report.Note("", "%s of %s is not in the env file: a script sets it, and the env file would win", ours, e.name)
		return
	}
	out, env := im.varValue(v)
	if env != "" {
		f.Env = model.AppendOnce(f.Env, env)
	}
	f.Vars = append(f.Vars, out)
}

// envSides writes where blue lives at this stage; green is asked for.
func (im *pmImport) envSides(f *model.Env, e pmEnv) {
	for _, o := range im.origins {
		if o.scheme == "bad" || !strings.Contains(o.text, "{{") {
			continue
		}
		if o.main {
			if f.Blue.URL = im.originURL(o, e.vars); f.Blue.URL != "" {
				f.Green.Comment = []string{"green: write its url here, or give --green URL"}
			}
			continue
		}
		for _, name := range namesOf(o.text) {
			ours := im.varName(name)
			value, ok := im.static("{{"+name+"}}", e.vars, 0)
			if ok && value != "" && !hasVar(f.Blue.Vars, ours) {
				f.Env = model.AppendOnce(f.Env, perSide(&f.Blue.Vars, &f.Green.Vars, ours, naming.Escape(value)))
			}
		}
	}
}

// originURL is the address that an origin has in an environment; empty where it is not known.
func (im *pmImport) originURL(o *pmOrigin, env []pmVar) string {
	value, ok := im.static(o.text, env, 0)
	if !ok || badOrigin(o.scheme+value) {
		return ""
	}
	return strings.TrimRight(o.scheme+value, "/")
}

// perSide gives blue what a source says of it, and green what an environment variable says,
// whose name it returns.
func perSide(blue, green *[]model.Var, name, value string) (env string) {
	env = "GREEN_" + naming.EnvName(name)
	*blue = append(*blue, model.Var{Name: name, Text: value})
	*green = append(*green, model.Var{Name: name, Text: "{{env." + env + "}}"})
	return env
}

// hasVar reports whether a variable is in a list.
func hasVar(list []model.Var, name string) bool {
	return slices.ContainsFunc(list, func(v model.Var) bool { return v.Name == name })
}
