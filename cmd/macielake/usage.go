package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/nearest"
)

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// argument is one of a command's arguments, as its Use line has it.
type argument struct {
	name               string
	optional, repeated bool
}

// argumentsOf reads a Use line, in which brackets mark what is optional and three
// dots what can be repeated. Flags are left out.
func argumentsOf(use string) []argument {
	var all []argument
	fields := strings.Fields(use)[1:]
	for i := 0; i < len(fields); i++ {
		field := fields[i]
		if strings.HasPrefix(strings.TrimPrefix(field, "["), "-") {
			i++ // its value
			continue
		}
		var a argument
		a.name, a.optional = strings.CutPrefix(field, "[")
		a.name = strings.TrimSuffix(a.name, "]")
		a.name, a.repeated = strings.CutSuffix(a.name, "...")
		all = append(all, a)
	}
	return all
}

// checkArguments checks the arguments of a command against its Use line, and
// names the first that is missing or too many.
func checkArguments(cmd *cobra.Command, args []string) error {
	var required, repeated int
	declared := argumentsOf(cmd.Use)
	var last string // required
	for _, a := range declared {
		if a.repeated {
			repeated++
		}
		if a.optional {
			continue
		}
		if required++; required > len(args) && last == "" {
			last = a.name
		}
	}
	switch {
	case required > len(args):
		return usagef("%s is missing: macielake %s", last, cmd.Use)
	case repeated == 0 && len(args) > len(declared):
		return usagef("there is one argument too many, %q: macielake %s", args[len(declared)], cmd.Use)
	}
	return nil
}

// anyArguments is checkArguments for a command that may do without any.
func anyArguments(without func() bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if without() {
			return nil
		}
		return checkArguments(cmd, args)
	}
}

// flagError says what is wrong with a command's flags, and which one may be meant.
func flagError(cmd *cobra.Command, err error) error {
	unknown := (*pflag.NotExistError)(nil)
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return &usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	name := "--" + unknown.GetSpecifiedName()
	return usagef("unknown flag %s: %s", name, nearest.Suggestion(name, names))
}

// firstArgument is the first argument that is no flag; empty if there is none.
func firstArgument(args []string) string {
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			return arg
		}
	}
	return ""
}

// noCommand says that there is no command of a name, and which may be meant.
func noCommand(parent *cobra.Command, name string) error {
	var names []string
	for _, cmd := range parent.Commands() {
		if !cmd.Hidden {
			names = append(names, cmd.Name())
		}
	}
	what := "command"
	if parent.Name() == "completion" {
		what = "shell"
	}
	return usagef("unknown %s %q: %s", what, name, nearest.Suggestion(name, names))
}
