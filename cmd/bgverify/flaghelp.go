package main

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/internal/text"
)

// flagHint suggests the flag that an unknown one was probably meant to be.
func flagHint(cmd *cobra.Command, err error) string {
	help := "see 'bgverify " + strings.TrimPrefix(cmd.CommandPath(), "bgverify ") + " --help'"
	if errors.Is(err, errEmpty) {
		return "give it a value, or leave the flag out: is a variable of the pipeline not set?"
	}
	if errors.Is(err, errTwice) {
		return "give it once; flags that may be repeated say so in " + strings.TrimPrefix(help, "see ")
	}
	// time.ParseDuration and the shorthand of pflag use unfamiliar words for two frequent
	// mistakes: a number without its unit, and a long flag with one dash.
	if strings.Contains(err.Error(), "missing unit in duration") {
		return "write a unit, such as 30s or 5m"
	}
	if _, short, found := strings.Cut(err.Error(), "in -"); found && strings.HasPrefix(err.Error(), "unknown shorthand flag") {
		if name, _, _ := strings.Cut(short, "="); cmd.Flags().Lookup(name) != nil {
			return "long flags have two dashes: --" + name
		}
		return help
	}
	_, name, found := strings.Cut(err.Error(), "unknown flag: --")
	if !found {
		return help
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	best := suggest.Nearest(name, known)
	if best == "" {
		return help
	}
	return "did you mean --" + best + "?"
}

// plainFlagError is an error of pflag without the names of Go's functions.
func plainFlagError(err error) string {
	return goNumber.ReplaceAllStringFunc(err.Error(), func(s string) string {
		switch {
		case strings.HasSuffix(s, "range"):
			return "the number is too large or too small"
		case strings.Contains(s, "Float"):
			return "not a number"
		case strings.Contains(s, "Bool"):
			return "write true or false"
		}
		return "not a whole number"
	})
}

var goNumber = regexp.MustCompile(`strconv\.Parse(?:Uint|Int|Float|Bool): parsing ".*": (?:invalid syntax|value out of range)$`)

// plainUsage takes the marks off the sentences of all flags that show help which word is the
// value's name: shells show the sentences as they are when they complete a flag.
func plainUsage(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	for _, child := range cmd.Commands() {
		plainUsage(child)
	}
}

// errEmpty is why a flag refuses an empty value. A variable of a pipeline that was
// never set looks just like this, and a check that it was to name would be skipped.
var errEmpty = errors.New("the value is empty")

// errTwice is why a flag of one value refuses a second one: the first would be dropped
// without a word, and with it a side or a stage.
var errTwice = errors.New("it is given twice")

// refuseEmpty makes an empty value of any flag, and an empty argument, a usage
// error for a command and all below it. Flags of numbers, durations and switches
// refuse it themselves.
func refuseEmpty(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch value := f.Value.(type) {
		case pflag.SliceValue:
			f.Value = filledList{f.Value, value}
			if f.DefValue == "[]" {
				f.DefValue = "" // pflag knows only the zero values of the types it ships
			}
		default:
			if f.Value.Type() == "string" {
				f.Value = &filled{Value: f.Value}
			}
		}
	})
	if own := cmd.Args; cmd.HasParent() {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if slices.ContainsFunc(args, isBlank) {
				return usage("is a variable of the pipeline not set?", "an argument of %s is empty", cmd.Name())
			}
			if own == nil {
				return nil
			}
			err := own(cmd, args)
			var known *statusError
			if err == nil || errors.As(err, &known) {
				return err
			}
			// cobra counts arguments without saying which ones it wants.
			_, wants, _ := strings.Cut(cmd.Use, " ")
			return usage("see '"+cmd.CommandPath()+" --help'", "%s takes %s; %s given", cmd.Name(), cmp.Or(wants, "no argument"),
				text.Count(len(args), "argument"))
		}
	}
	for _, child := range cmd.Commands() {
		refuseEmpty(child)
	}
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// filled is the value of a flag that may not be set to nothing, nor twice.
type filled struct {
	pflag.Value
	given bool
}

func (f *filled) Set(text string) error {
	if isBlank(text) {
		return errEmpty
	}
	if f.given {
		return errTwice
	}
	f.given = true
	return f.Value.Set(text)
}

// filledList is the same of a flag that may be repeated or takes a list; no element
// may be empty.
type filledList struct {
	pflag.Value
	pflag.SliceValue
}

func (f filledList) Set(text string) error {
	elements := []string{text}
	if f.Type() == "stringSlice" {
		elements = strings.Split(text, ",")
	}
	if slices.ContainsFunc(elements, isBlank) {
		return errEmpty
	}
	return f.Value.Set(text)
}
