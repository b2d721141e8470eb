package scenarios

import "errors"

// outsideScope answers what is known before the first request: flags, the
// environment, the env file, and the variables of side and suite.
type outsideScope struct {
	b     *builder
	side  Side
	depth int
}

// Lookup finds a variable.
func (s *outsideScope) Lookup(name string) (Value, bool) {
	n := s.b.names
	opts := s.b.opts
	if env, ok := cutEnv(name); ok {
		if opts.Getenv == nil {
			return Value{}, false
		}
		v, ok := opts.Getenv(env)
		return textValue(v), ok
	}
	for _, v := range opts.Vars {
		if v.Name == name {
			return textValue(v.Value), true
		}
	}
	if v, ok := LookupEnv(opts.Getenv, name); ok {
		return textValue(v), true
	}
	lists := n.sideVars(s.side)
	if e := s.b.suite.Stage; e != nil {
		lists = [][]Var{lists[0], e.Vars, lists[1]}
	}
	for _, list := range append(lists, s.b.suite.Vars) {
		v := findVar(list, name)
		if v == nil {
			continue
		}
		if s.depth > maxUse {
			return Value{}, false
		}
		out, err := v.Value.Expand(&outsideScope{s.b, s.side, s.depth + 1})
		return out, err == nil
	}
	return Value{}, false
}

// Generate refuses: an address is the same for the whole run.
func (s *outsideScope) Generate(string, []string, string, bool) (Value, error) {
	return Value{}, errors.New("nothing can be drawn in an address")
}

func cutEnv(name string) (string, bool) {
	if len(name) > 4 && name[:4] == "env." {
		return name[4:], true
	}
	return "", false
}
