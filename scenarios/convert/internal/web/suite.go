package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// StepOf turns a request into its step. The service is set by finish.
func (im *Import) StepOf(r *Request, plainCookie func(name, value string) bool) {
	r.Step = &model.Step{Method: r.Method, Timeout: r.Timeout, Expect: r.Expect}
	switch up := strings.ToUpper(r.Method); {
	case !naming.IsToken(r.Method) || len(r.Method) > 40 || up == "CONNECT":
		im.Lose(r, model.Lost{Kind: model.Settings, Place: "method", Text: r.Method, Why: "that method cannot be sent"})
		r.Skip = append(r.Skip, "its method cannot be sent")
		r.Step.Method = "GET"
	case up != r.Method:
		im.Report.Note(r.ID, "the method %q is written in capitals", r.Method)
		r.Step.Method = up
	}
	im.address(r)
	im.fields(r)
	r.Step.Cookies = im.cookieFields(r, plainCookie)
	im.bodyOf(r)
	for _, h := range r.Headers {
		r.Step.Headers = append(r.Step.Headers, model.Field{Name: h.Name, Text: im.Text(h.Text)})
	}
	r.Step.Auth = im.finishAuth(r.Auth)
	if UnsafeMethod(r.Step.Method) {
		r.Step.Effects = model.Unreviewed
	}
	im.Report.Mapped(model.Requests, 1)
}

// CaseOf is a case of one request.
func (im *Import) CaseOf(r *Request) *model.Case {
	c := &model.Case{ID: r.ID, Name: r.Name, Comment: r.Comment, Steps: []*model.Step{r.Step}}
	if len(r.Skip) > 0 {
		c.Skip = naming.Plain(strings.Join(r.Skip, "; "))
	}
	return c
}

// Hosts makes the origin of most requests the sides' url and every other a
// service. Where blue and green live is never guessed from the source.
func (im *Import) Hosts(requests []*Request) {
	type use struct {
		origin string
		n      int
	}
	var uses []use
	for _, r := range requests {
		i := slices.IndexFunc(uses, func(u use) bool { return u.origin == r.origin })
		if i < 0 {
			i = len(uses)
			uses = append(uses, use{r.origin, 0})
		}
		uses[i].n++
	}
	if len(uses) == 0 {
		return
	}
	base, most := "", 0
	for _, u := range uses { // the first of equals
		if u.n > most {
			base, most = u.origin, u.n
		}
	}
	im.Suite.Comment = append(im.Suite.Comment, "The requests went to "+naming.OneLine(Readable(base),
		200)+". Say where blue and green are: --blue URL --green URL, or sides:.")
	im.Report.Note("", "%s is left to --blue and --green", Readable(base))
	names := naming.NewNamer("-")
	for _, u := range uses {
		if u.origin == base {
			continue
		}
		name := names.Take(im.serviceName(u.origin))
		blue, green := im.Envs.Take(naming.EnvName("BLUE_"+name+"_URL")), im.Envs.Take(naming.EnvName("GREEN_"+name+"_URL"))
		im.Suite.Env = append(im.Suite.Env, blue, green)
		im.Suite.Blue.Services = append(im.Suite.Blue.Services, model.Var{
			Name: name, Text: "{{env." + blue + "}}",
			Comment: "was " + naming.Plain(Readable(u.origin)),
		})
		im.Suite.Green.Services = append(im.Suite.Green.Services, model.Var{Name: name, Text: "{{env." + green + "}}"})
		im.Report.Note("", "%s is the service %s, of %d of the requests; %s and %s say where it is", Readable(u.origin), name, u.n, blue, green)
		for _, r := range requests {
			if r.origin == u.origin {
				r.Step.Service = name
			}
		}
	}
}

// serviceName is what an origin is called.
func (im *Import) serviceName(origin string) string {
	if name := naming.Name(im.Named[Readable(origin)]); name != "" {
		return name
	}
	return hostService(origin)
}

// hostService names a host: auth of auth.example.com.
func hostService(origin string) string {
	_, host, found := strings.Cut(Readable(origin), "://")
	if !found {
		host = Readable(origin)
	}
	labels := strings.Split(host, ".")
	if name := naming.Name(labels[0]); len(labels) > 1 && name != "" && name != "www" && strings.Trim(name, "0123456789") != "" {
		return name
	}
	if name := naming.Name(host); name != "" {
		return name
	}
	return "service"
}

// Hoist writes what every step has in common once, as defaults.
func (im *Import) Hoist() {
	steps := slices.Clone(im.Suite.Setup)
	for _, c := range im.Suite.Cases {
		steps = append(steps, c.Steps...)
	}
	if len(steps) < 2 {
		return
	}
	for _, f := range slices.Clone(steps[0].Headers) {
		everywhere := !strings.EqualFold(f.Name, "Content-Type")
		for _, s := range steps {
			n := 0
			for _, h := range s.Headers {
				if strings.EqualFold(h.Name, f.Name) {
					n++
				}
			}
			everywhere = everywhere && n == 1 && slices.Contains(s.Headers, f)
		}
		if everywhere {
			im.Suite.Defaults.Headers = append(im.Suite.Defaults.Headers, f)
			for _, s := range steps {
				s.Headers = slices.DeleteFunc(s.Headers, func(h model.Field) bool { return h == f })
			}
		}
	}
	first := steps[0].Auth
	if first == nil || strings.Contains(first.Proof(), "{{") && len(im.captured()) > 0 {
		return // a captured token is not known to the step that captures it
	}
	for _, s := range steps {
		if s.Auth == nil || !sameAuth(s.Auth, first) {
			return
		}
	}
	im.Suite.Defaults.Auth = first
	for _, s := range steps {
		s.Auth = nil
	}
}

// sameAuth reports whether two authentications send the same, which is all that defaults need to know.
func sameAuth(a, b *model.Auth) bool {
	return a.Kind == b.Kind && a.Name == b.Name && a.Proof() == b.Proof()
}

// captured are the names of all captures.
func (im *Import) captured() []string {
	var out []string
	for _, c := range im.Suite.Cases {
		for _, s := range c.Steps {
			for _, x := range s.Captures {
				out = append(out, x.Name)
			}
		}
	}
	return out
}

// Result writes the suite, in several files where one would be too large.
func (im *Import) Result() *model.Result {
	out := &model.Result{Report: im.Report, Tree: model.Tree{Assets: im.assets}}
	part := *im.Suite
	part.Cases = nil
	size := 0
	flush := func() {
		if len(part.Cases) == 0 {
			return
		}
		s := part
		if n := len(out.Tree.Suites); n > 0 {
			s.Name = fmt.Sprintf("%s-%d", im.Suite.Name, n+1)
			s.File = s.Name + ".yaml"
		}
		names := append(capturesOf(s.Cases), capturesOf([]*model.Case{{Steps: s.Setup}})...)
		s.Secrets = slices.DeleteFunc(slices.Clone(s.Secrets), func(name string) bool {
			return !slices.Contains(s.Env, name) && !slices.Contains(names, name)
		})
		out.Tree.Suites = append(out.Tree.Suites, &s)
		part.Cases, size = nil, 0
	}
	sizes := write.CaseSizes(im.Suite.Cases)
	for i, c := range im.Suite.Cases {
		n := sizes[i]
		if size+n > write.MaxSuite {
			flush()
		}
		part.Cases = append(part.Cases, c)
		size += n
	}
	flush()
	return out
}

func capturesOf(cases []*model.Case) []string {
	im := Import{Suite: &model.Suite{Cases: cases}}
	return im.captured()
}
