package jmeter

import (
	"regexp"
	"strings"
)

// The statements of scripts that are converted: what they set is known without
// running them.
var (
	putStatement = regexp.MustCompile(`^(vars|props)\.(?:put|setProperty)\(\s*["']([^"'$]+)["']\s*,\s*(.+?)\s*\)$`)
	getVars      = regexp.MustCompile(`^vars\.get\(\s*["']([^"']+)["']\s*\)$`)
	getProps     = regexp.MustCompile(`^props\.(?:get|getProperty)\(\s*["']([^"']+)["']\s*\)$`)
	quotedText   = regexp.MustCompile(`^(?:"((?:[^"\\]|\\["\\$])*)"|'((?:[^'\\]|\\['\\$])*)')(?:\.toString\(\))?$`)
	randomUUID   = regexp.MustCompile(`^(?:java\.util\.)?UUID\.randomUUID\(\)(?:\.toString\(\))?$`)
	currentTime  = regexp.MustCompile(`^(?:""\s*\+\s*)?(?:String\.valueOf\()?(?:""\s*\+\s*)?(?:System\.currentTimeMillis\(\)|new Date\(\)\.getTime\(\)|new Date\(\)\.time)\)?(?:\.toString\(\)|\s*\+\s*"")?$`)
	dateFormat   = regexp.MustCompile(`^new (?:java\.util\.)?Date\(\)\.format\(\s*["']([^"']+)["']\s*\)$`)
	base64Of     = regexp.MustCompile(`^(?:\(?["']([^"'\\]*)["']\)?\.(?:bytes|getBytes\(\))\.encodeBase64\(\)\.toString\(\)|(?:java\.util\.)?Base64\.(?:getEncoder\(\)\.encodeToString|encodeBase64String)\(\s*["']([^"'\\]*)["']\.getBytes\([^)]*\)\s*\))$`)
	idleLine     = regexp.MustCompile(`^(?:import\b.*|//.*|log\.\w+\(.*\)|println\b.*|OUT\.println\(.*\)|return|SampleResult\.setIgnore\(\))$`)
	settingCall  = regexp.MustCompile(`\$\{__setProperty\(([^,]+),\s*([^)]*?)\s*(?:,[^)]*)?\)\}`)
	assignment   = regexp.MustCompile(`^(?:def |var |String |java\.lang\.String )?\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*([^=].*)$`)
	anyPut       = regexp.MustCompile(`(vars|props)\.(?:put|putObject|setProperty)\(\s*["']([^"'$]+)["']`)
)

// scriptText is the text of a script element, in the property of its class.
func scriptText(n *node) (string, bool) {
	for _, property := range []string{"script", "BeanShellAssertion.query", "BeanShellSampler.query", "BSFSampler.query"} {
		if p := propOf(n.props, property); p != nil {
			return p.text, true
		}
	}
	return "", false
}

// script keeps what a script sets. What is set by the rest of it is remembered
// for the report.
func (n *names) script(x *node) {
	text, has := scriptText(x)
	if !has {
		return
	}
	for _, m := range settingCall.FindAllStringSubmatch(text, -1) {
		n.set[strings.TrimSpace(m[1])] = strings.TrimSpace(m[2])
	}
	sets, lost := evaluate(text)
	for _, set := range sets {
		if set.property {
			n.set[set.name] = set.raw
		}
	}
	for _, line := range lost {
		for _, m := range anyPut.FindAllStringSubmatch(line, -1) {
			n.setters[m[2]] = x.label()
		}
	}
}

// A setting is a variable or a property that a script sets to a raw text of a plan.
type setting struct {
	name, raw string
	property  bool
}

// evaluate reads a script line by line: what it sets to a value that is known, and
// the lines that are not understood. A name that the script itself assigns such a
// value stands for it.
func evaluate(text string) (sets []setting, lost []string) {
	locals := map[string]string{}
	value := func(expr string) (string, bool) {
		if raw, known := locals[strings.TrimSpace(expr)]; known {
			return raw, true
		}
		return scriptValue(expr)
	}
	for _, line := range statements(text) {
		if m := putStatement.FindStringSubmatch(line); m != nil {
			if raw, ok := value(m[3]); ok {
				sets = append(sets, setting{m[2], raw, m[1] == "props"})
				continue
			}
		}
		if m := assignment.FindStringSubmatch(line); m != nil {
			if raw, ok := value(m[2]); ok {
				locals[m[1]] = raw
				continue
			}
			delete(locals, m[1])
		}
		lost = append(lost, line)
	}
	return sets, lost
}

// statements cuts a script into lines without what ends them.
func statements(text string) []string {
	text = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(text, "")
	text = settingCall.ReplaceAllString(text, "")
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(strings.TrimSpace(line), "; \t")
		if line != "" && !idleLine.MatchString(line) {
			out = append(out, line)
		}
	}
	return out
}

// scriptValue is the text of a plan that an expression of a script stands for.
func scriptValue(expr string) (string, bool) {
	expr = strings.TrimSpace(expr)
	switch {
	case getVars.MatchString(expr):
		return "${" + getVars.FindStringSubmatch(expr)[1] + "}", true
	case getProps.MatchString(expr):
		return "${__P(" + getProps.FindStringSubmatch(expr)[1] + ")}", true
	case quotedText.MatchString(expr):
		m := quotedText.FindStringSubmatch(expr)
		return m[1] + m[2], true
	case randomUUID.MatchString(expr):
		return "${__UUID()}", true
	case currentTime.MatchString(expr):
		return "${__time()}", true
	case dateFormat.MatchString(expr):
		return "${__time(" + strings.ReplaceAll(dateFormat.FindStringSubmatch(expr)[1], ",", `\,`) + ",)}", true
	case base64Of.MatchString(expr):
		m := base64Of.FindStringSubmatch(expr)
		return base64Text(m[1] + m[2]), true
	}
	return "", false
}
