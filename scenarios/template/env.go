package template

import (
	"encoding/json"
	"strings"
)

// Prefixes of environment variables. FlagPrefix and a flag's name in capitals set
// that flag; VarPrefix and a variable's name set that variable to a text, JSONPrefix to
// a value of JSON with its type. They differ, so that a variable named like a flag never
// sets the flag.
const (
	FlagPrefix = "BGVERIFY_"
	VarPrefix  = FlagPrefix + "VAR_"
	JSONPrefix = FlagPrefix + "JSON_"
)

// LookupEnv finds the value that the environment gives a variable: BGVERIFY_JSON_<name>,
// then BGVERIFY_VAR_<name>, as written or in capitals with - as _, and the prefix that it
// had. An empty value counts as not set, and so does one of BGVERIFY_JSON_ that is not
// JSON; the command refuses it before.
func LookupEnv(getenv func(string) (string, bool), name string) (v Value, prefix string, ok bool) {
	if _, text := FindEnv(getenv, JSONPrefix, name); text != "" {
		text = strings.TrimSpace(text)
		return JSONValue(text), JSONPrefix, json.Valid([]byte(text))
	}
	_, text := FindEnv(getenv, VarPrefix, name)
	return TextValue(text), VarPrefix, text != ""
}

// FindEnv returns the environment variable that a prefix and a name make, as
// written or in capitals, with its value; both empty when neither is set.
func FindEnv(getenv func(string) (string, bool), prefix, name string) (variable, value string) {
	if getenv == nil {
		return "", ""
	}
	// The spelling of the file wins over capitals.
	for _, form := range []string{name, CapitalName(name)} {
		if v, ok := getenv(prefix + form); ok && v != "" {
			return prefix + form, v
		}
	}
	return "", ""
}

// CapitalName is how the name of a variable or flag is written in the
// environment: capitals, with - as _.
func CapitalName(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }
