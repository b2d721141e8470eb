package template

import "strings"

// Prefixes of environment variables. FlagPrefix and a flag's name in capitals set
// that flag; VarPrefix and a variable's name set that variable. They differ, so
// that a variable named like a flag never sets the flag.
const (
	FlagPrefix = "BGVERIFY_"
	VarPrefix  = FlagPrefix + "VAR_"
)

// LookupEnv finds the value that the environment gives a variable:
// BGVERIFY_VAR_<name> as written, or in capitals with - as _. An empty value
// counts as not set.
func LookupEnv(getenv func(string) (string, bool), name string) (string, bool) {
	_, value := FindEnv(getenv, VarPrefix, name)
	return value, value != ""
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
