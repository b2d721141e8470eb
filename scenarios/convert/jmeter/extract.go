package jmeter

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// A taken is what an extractor makes of an answer: captures, and texts that join
// several of them.
type taken struct {
	name    string // of the variable in the plan
	capture model.Capture
	joined  string // marked text that the variable is; empty: the capture
	note    string
}

// extract converts an extractor. why says why it cannot be.
func (s *scope) extract(n *node) (out []taken, why string) {
	if scope := n.trimmed("Sample.scope"); scope == "children" || scope == "variable" {
		return nil, "it reads " + scope + ", not the answer"
	}
	switch n.class {
	case "JSONPostProcessor":
		return s.jsonExtractor(n)
	case "JSONPathExtractor": // of a plugin
		return s.jsonPaths([]string{n.trimmed("VAR")}, []string{n.trimmed("JSONPATH")}, []string{"1"})
	case "RegexExtractor":
		return s.regexExtractor(n)
	case "BoundaryExtractor":
		return s.boundaryExtractor(n)
	case "JSR223PostProcessor", "BeanShellPostProcessor", "BSFPostProcessor":
		return nil, "it is a script"
	case "HtmlExtractor":
		return nil, "CSS selectors are not captures"
	case "XPathExtractor", "XPath2Extractor":
		return nil, "XPath queries are not captures"
	}
	return nil, "no capture reads this"
}

// jsonExtractor reads names, paths and numbers that are lists with semicolons.
func (s *scope) jsonExtractor(n *node) ([]taken, string) {
	split := func(property string) []string {
		text := n.trimmed(property)
		return strings.Split(strings.TrimSuffix(text, ";"), ";")
	}
	return s.jsonPaths(split("JSONPostProcessor.referenceNames"), split("JSONPostProcessor.jsonPathExprs"), split("JSONPostProcessor.match_numbers"))
}

func (s *scope) jsonPaths(names, paths, numbers []string) ([]taken, string) {
	if len(names) != len(paths) {
		return nil, "it has not as many names as paths"
	}
	var out []taken
	for i, path := range paths {
		name, number := strings.TrimSpace(names[i]), 0
		if i < len(numbers) {
			number, _ = strconv.Atoi(strings.TrimSpace(numbers[i]))
		}
		if name == "" {
			return nil, "it has no name"
		}
		// JMeter numbers matches from 1; 0 is a random one, and a negative number all of them.
		made, why := s.numbered(name, number, func(match int) (model.Capture, string) {
			if strings.HasPrefix(strings.TrimSpace(path), "$..") {
				return deepCapture(path, match)
			}
			at, why := jsonPath(path, match)
			return model.Capture{At: at}, why
		})
		if why != "" {
			return nil, why
		}
		if definite, short := isDefinite(path); short && definite {
			made[0].note = fmt.Sprintf("the path %s has no $: JMeter also looks for it deeper, here it begins at the top", naming.OneLine(path, 60))
		}
		out = append(out, made...)
	}
	return out, ""
}

// numbered makes the captures of a match number: a match, a random one (the first
// here), or all of which the plan uses some by number.
func (s *scope) numbered(name string, number int, capture func(match int) (model.Capture, string)) ([]taken, string) {
	if number >= 0 {
		c, why := capture(max(1, number))
		if why != "" {
			return nil, why
		}
		out := taken{name: name, capture: c}
		if number == 0 {
			out.note = "JMeter takes a random match; here it is the first"
		}
		return []taken{out}, ""
	}
	var out []taken
	for i := 1; i <= 50; i++ {
		if numbered := fmt.Sprintf("%s_%d", name, i); s.p.used[numbered] || i == 1 {
			c, why := capture(i)
			if why != "" {
				return nil, why
			}
			out = append(out, taken{name: numbered, capture: c})
		}
	}
	out[0].note = "all matches are read in JMeter; here those that the plan uses by number, and the first"
	return out, ""
}

// pathStep is one step of a JSONPath. It understands members, indices and [*].
var pathStep = lazy.Regexp(`^(?:\.?\[\s*'((?:[^'\\]|\\.)*)'\s*\]|\.?\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\.?\[\s*(-?[0-9]+)\s*\]|\.?\[\s*(\*)\s*\]|\.(\*)|\.([^.\[\]()'"*?@\s]+))`)

// isDefinite reports whether a path names at most one value, and whether it
// begins without $.
func isDefinite(path string) (definite, short bool) {
	path = strings.TrimSpace(path)
	return !strings.ContainsAny(path, "*?") && !strings.Contains(path, "..") && !strings.Contains(path, ":"), !strings.HasPrefix(path, "$")
}

// jsonPath writes a JSONPath as a path of the language to one match of it.
func jsonPath(path string, match int) (string, string) {
	rest := strings.TrimSpace(path)
	switch {
	case rest == "":
		return "", "its path is empty"
	case strings.HasPrefix(rest, "$"):
		rest = rest[1:]
	case !strings.HasPrefix(rest, ".") && !strings.HasPrefix(rest, "["):
		rest = "." + rest
	}
	// Only steps that name one value are left in the result: [*] becomes the index of the match.
	out, wild := "$", 0
	for rest != "" {
		m := pathStep().FindStringSubmatch(rest)
		if m == nil {
			return "", "its path has a filter, a function or a slice"
		}
		switch {
		case m[1] != "" || m[2] != "":
			out += source.PathMember(strings.NewReplacer(`\'`, "'", `\"`, `"`, `\\`, `\`).Replace(m[1] + m[2]))
		case m[3] != "":
			out += "[" + m[3] + "]"
		case m[4] != "":
			out += "[" + strconv.Itoa(match-1) + "]"
			wild++
			match = 1
		case m[5] != "":
			return "", "its path takes any member of an object"
		default:
			out += source.PathMember(m[6])
		}
		rest = rest[len(m[0]):]
	}
	if wild == 0 && match > 1 {
		return "", "its path has no such match"
	}
	return out, ""
}

// deepName is $..name, or $..['name'].
var deepName = lazy.Regexp(`^\$\.\.(?:([A-Za-z0-9_\-]+)|\['([A-Za-z0-9_\- ]+)'\])$`)

// deepCapture reads a member wherever it is, by a regular expression over the
// body: the first that is written.
func deepCapture(path string, match int) (model.Capture, string) {
	m := deepName().FindStringSubmatch(strings.TrimSpace(path))
	if m == nil || match != 1 {
		return model.Capture{}, "its path searches every depth"
	}
	return model.Capture{Regex: `"` + m[1] + m[2] + `"\s*:\s*"?([^",}\]\s]+)`}, ""
}

// regexExtractor reads the body, a header or the status.
func (s *scope) regexExtractor(n *node) ([]taken, string) {
	pattern, ok := s.p.names.constant(n.text("RegexExtractor.regex"))
	if !ok {
		return nil, "its regular expression holds a variable"
	}
	return s.byRegex(n, "RegexExtractor.", pattern, cmp.Or(n.trimmed("RegexExtractor.template"), "$1$"))
}

// boundaryExtractor reads what is between two texts.
func (s *scope) boundaryExtractor(n *node) ([]taken, string) {
	left, okLeft := s.p.names.constant(n.text("BoundaryExtractor.lboundary"))
	right, okRight := s.p.names.constant(n.text("BoundaryExtractor.rboundary"))
	if !okLeft || !okRight || left+right == "" {
		return nil, "its boundaries are not known before the run"
	}
	pattern := `(?s)` + regexp.QuoteMeta(left) + `(.*?)` + regexp.QuoteMeta(right)
	if right == "" {
		pattern = `(?s)` + regexp.QuoteMeta(left) + `(.*)`
	}
	return s.byRegex(n, "BoundaryExtractor.", pattern, "$1$")
}

// templateGroup is $1$ in the template of a regex extractor.
var templateGroup = lazy.Regexp(`\$([0-9]+)\$`)

// byRegex makes the captures of an extractor by a regular expression; its properties begin
// with prefix.
func (s *scope) byRegex(n *node, prefix, pattern, template string) ([]taken, string) {
	name, number := n.trimmed(prefix+"refname"), n.number(prefix+"match_number")
	// The expression is compiled as JMeter has it first: what is wrong with it must not be reported
	// as a fault of what is made of it.
	re, err := regexp.Compile(pattern)
	switch {
	case name == "":
		return nil, "it has no name"
	case err != nil:
		return nil, "its regular expression has no form in RE2"
	}
	where, why := fieldOf(n.trimmed(prefix+"useHeaders"), &pattern)
	if why != "" {
		return nil, why
	}
	capture := func(group, match int) (c model.Capture, why string) {
		if c = where; !c.Status {
			c.Regex, why = groupAt(pattern, group, match)
		}
		return c, why
	}
	// A template is $1$ or text with such groups.
	groups := templateGroup().FindAllStringSubmatch(template, -1)
	if len(groups) == 0 || len(groups) > 9 {
		return nil, "its template takes no group"
	}
	for _, g := range groups {
		if i, _ := strconv.Atoi(g[1]); i > re.NumSubexp() {
			return nil, "its template takes a group that the expression does not have"
		}
	}
	if len(groups) == 1 && groups[0][0] == template {
		first, _ := strconv.Atoi(groups[0][1])
		out, why := s.numbered(name, number, func(match int) (model.Capture, string) { return capture(first, match) })
		if why != "" {
			return nil, why
		}
		for g := 1; g <= re.NumSubexp() && number >= 0; g++ { // name_g2, where the plan uses it
			if extra := fmt.Sprintf("%s_g%d", name, g); s.p.used[extra] {
				c, _ := capture(g, max(1, number))
				out = append(out, taken{name: extra, capture: c})
			}
		}
		return out, ""
	}
	// Several groups, or text and a group, are joined.
	if number < 0 {
		return nil, "all matches of a template with text"
	}
	var out []taken
	for _, g := range groups {
		i, _ := strconv.Atoi(g[1])
		c, why := capture(i, max(1, number))
		if why != "" {
			return nil, why
		}
		part := fmt.Sprintf("%s_g%d", name, i)
		out = append(out, taken{name: part, capture: c})
		template = strings.Replace(template, g[0], web.Marked(s.p.names.name("v", part)), 1)
	}
	out = append(out, taken{name: name, joined: template})
	return out, ""
}

// headerName is the header that a pattern over all header lines begins with.
var headerName = lazy.Regexp(`^\^?([A-Za-z][A-Za-z0-9_\-]*): ?(?:\\s\*|\\s\+|\\s)?`)

// leadingFlags are flags of a whole regular expression.
var leadingFlags = lazy.Regexp(`^\(\?[ims]+\)`)

// fieldOf is where a regex reads: the body, a header that the pattern names, or
// the status. The pattern loses the name of its header.
func fieldOf(field string, pattern *string) (model.Capture, string) {
	switch field {
	case "", "false", "unescaped":
		return model.Capture{}, ""
	case "as_document":
		return model.Capture{}, "it reads text that JMeter takes out of a document"
	case "code":
		return model.Capture{Status: true}, ""
	case "true":
		flags := leadingFlags().FindString(*pattern)
		m := headerName().FindStringSubmatch((*pattern)[len(flags):])
		if m == nil {
			return model.Capture{}, "it does not say which header"
		}
		*pattern = flags + `^(?:` + (*pattern)[len(flags)+len(m[0]):] + `)`
		return model.Capture{Header: m[1]}, ""
	}
	return model.Capture{}, "it reads " + field + ", not the answer"
}

// groupAt writes a pattern so that its first group is the wanted one (0: all that
// matches) of the match of a number.
func groupAt(pattern string, group, match int) (string, string) {
	if strings.Contains(pattern, "(?P<") || strings.Contains(pattern, "(?<") {
		return "", "its groups have names"
	}
	out, plain := keepGroup(pattern, group), keepGroup(pattern, -1)
	if match > 1 {
		flags := leadingFlags().FindString(plain)
		plain, out = plain[len(flags):], out[len(flags):]
		if group == 0 {
			out = "(" + out + ")"
		}
		// The matches before the wanted one are skipped by the expression itself, as a capture has no
		// match number.
		out = fmt.Sprintf(`%s(?:(?:%s)(?s:.*?)){%d}(?:%s)`, flags, plain, match-1, out)
	}
	if _, err := regexp.Compile(out); err != nil {
		return "", "its regular expression has no form in RE2"
	}
	return out, ""
}

// keepGroup writes a pattern in which the group of a number alone captures.
func keepGroup(pattern string, group int) string {
	var out strings.Builder
	seen, inClass := 0, false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		out.WriteByte(c)
		switch {
		case c == '\\' && i+1 < len(pattern):
			i++
			out.WriteByte(pattern[i])
		case c == '[':
			inClass = true
		case c == ']':
			inClass = false
		case c == '(' && !inClass && !strings.HasPrefix(pattern[i+1:], "?"):
			if seen++; seen != group {
				out.WriteString("?:")
			}
		}
	}
	return out.String()
}
