package convert

import (
	"fmt"
	"slices"
	"strings"
)

// stepOf turns a request into its step. The service is set by finish.
func (im *webImport) stepOf(r *webRequest, plainCookie func(name, value string) bool) {
	r.step = &Step{Method: r.method, Timeout: r.timeout, Expect: r.expect}
	switch up := strings.ToUpper(r.method); {
	case !isToken(r.method) || len(r.method) > 40 || up == "CONNECT":
		im.lose(r, Lost{Kind: Settings, Place: "method", Text: r.method, Why: "that is no method to send"})
		r.skip = append(r.skip, "its method cannot be sent")
		r.step.Method = "GET"
	case up != r.method:
		im.report.Note(r.id, "the method %q is written in capitals", r.method)
		r.step.Method = up
	}
	im.address(r)
	im.fields(r)
	r.step.Cookies = im.cookieFields(r, plainCookie)
	im.bodyOf(r)
	for _, h := range r.headers {
		r.step.Headers = append(r.step.Headers, Field{h.Name, im.text(h.Text)})
	}
	r.step.Auth = im.finishAuth(r.auth)
	if unsafeMethod(r.step.Method) {
		r.step.Effects = Unreviewed
	}
	im.report.Mapped(Requests, 1)
}

// caseOf is a case of one request.
func (im *webImport) caseOf(r *webRequest) *Case {
	c := &Case{ID: r.id, Name: r.name, Comment: r.comment, Steps: []*Step{r.step}}
	if len(r.skip) > 0 {
		c.Skip = Plain(strings.Join(r.skip, "; "))
	}
	return c
}

// hosts makes the origin of most requests the sides' url and every other a
// service. Where blue and green live is never guessed from the source.
func (im *webImport) hosts(requests []*webRequest) {
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
	im.suite.Comment = append(im.suite.Comment, "The requests went to "+oneLine(readable(base), 200)+". Say where blue and green are: --blue URL --green URL, or sides:.")
	im.report.Note("", "%s is left to --blue and --green", readable(base))
	names := NewNamer("-")
	for _, u := range uses {
		if u.origin == base {
			continue
		}
		name := names.Take(hostService(u.origin))
		blue, green := im.envs.Take(EnvName("BLUE_"+name+"_URL")), im.envs.Take(EnvName("GREEN_"+name+"_URL"))
		im.suite.Env = append(im.suite.Env, blue, green)
		im.suite.Blue.Services = append(im.suite.Blue.Services, Var{Name: name, Text: "{{env." + blue + "}}", Comment: "was " + Plain(readable(u.origin))})
		im.suite.Green.Services = append(im.suite.Green.Services, Var{Name: name, Text: "{{env." + green + "}}"})
		im.report.Note("", "%s is the service %s, of %d of the requests; %s and %s say where it is", readable(u.origin), name, u.n, blue, green)
		for _, r := range requests {
			if r.origin == u.origin {
				r.step.Service = name
			}
		}
	}
}

// hostService names a host: auth of auth.example.com.
func hostService(origin string) string {
	_, host, found := strings.Cut(readable(origin), "://")
	if !found {
		host = readable(origin)
	}
	labels := strings.Split(host, ".")
	if name := Name(labels[0]); len(labels) > 1 && name != "" && name != "www" && strings.Trim(name, "0123456789") != "" {
		return name
	}
	if name := Name(host); name != "" {
		return name
	}
	return "service"
}

// hoist writes what every step has in common once, as defaults.
func (im *webImport) hoist() {
	steps := slices.Clone(im.suite.Setup)
	for _, c := range im.suite.Cases {
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
			im.suite.Defaults.Headers = append(im.suite.Defaults.Headers, f)
			for _, s := range steps {
				s.Headers = slices.DeleteFunc(s.Headers, func(h Field) bool { return h == f })
			}
		}
	}
	first := steps[0].Auth
	if first == nil || strings.Contains(first.proof(), "{{") && len(im.captured()) > 0 {
		return // a captured token is not known to the step that captures it
	}
	for _, s := range steps {
		if s.Auth == nil || !sameAuth(s.Auth, first) {
			return
		}
	}
	im.suite.Defaults.Auth = first
	for _, s := range steps {
		s.Auth = nil
	}
}

func sameAuth(a, b *Auth) bool {
	return a.Kind == b.Kind && a.Name == b.Name && a.proof() == b.proof()
}

// captured are the names of all captures.
func (im *webImport) captured() []string {
	var out []string
	for _, c := range im.suite.Cases {
		for _, s := range c.Steps {
			for _, x := range s.Captures {
				out = append(out, x.Name)
			}
		}
	}
	return out
}

// maxSuite is how large a scenario file may become; the language takes 1 MiB.
const maxSuite = 900 << 10

// result writes the suite, in several files where one would be too large.
func (im *webImport) result() *Result {
	out := &Result{Report: im.report, Tree: Tree{Assets: im.assets}}
	part := *im.suite
	part.Cases = nil
	size := 0
	flush := func() {
		if len(part.Cases) == 0 {
			return
		}
		s := part
		if n := len(out.Tree.Suites); n > 0 {
			s.Name = fmt.Sprintf("%s-%d", im.suite.Name, n+1)
			s.File = s.Name + ".yaml"
		}
		names := append(capturesOf(s.Cases), capturesOf([]*Case{{Steps: s.Setup}})...)
		s.Secrets = slices.DeleteFunc(slices.Clone(s.Secrets), func(name string) bool {
			return !slices.Contains(s.Env, name) && !slices.Contains(names, name)
		})
		out.Tree.Suites = append(out.Tree.Suites, &s)
		part.Cases, size = nil, 0
	}
	for _, c := range im.suite.Cases {
		w := &yamlWriter{}
		w.mapping(caseNode(c), 4, false)
		n := w.b.Len()
		if size+n > maxSuite {
			flush()
		}
		part.Cases = append(part.Cases, c)
		size += n
	}
	flush()
	return out
}

func capturesOf(cases []*Case) []string {
	im := webImport{suite: &Suite{Cases: cases}}
	return im.captured()
}
