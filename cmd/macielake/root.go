package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot returns the command tree.
func newRoot(stdin io.Reader, stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "macielake",
		Short: "Turn Amazon Macie's discovery results into tables",
		Long: `macielake turns the sensitive data discovery results that Amazon Macie exports
into tables that Athena, DuckDB, Spark and pandas can query. It reads results
only, never the objects that Macie analysed, and sends nothing anywhere.

` + exitHelp,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newConvert(), newCat(), newLocate(), newSummarize(), newGen(), newVersion(), newMan(root))
	for _, cmd := range root.Commands() {
		cmd.Args = usageArgs(cmd.Args)
	}
	refuseUnknown(root)
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("there is no command %q", args[0])
		}
		return nil
	}
	return root
}

// usageArgs makes a complaint about arguments a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{err}
		}
		return nil
	}
}

// refuseUnknown makes help and completion of what isn't there a usage error:
// cobra's own print a help text and succeed.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Run = nil
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				topic, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return usagef("there is no command %q", strings.Join(args, " "))
				}
				return topic.Help()
			}
		case "completion":
			cmd.Args = cobra.ArbitraryArgs
			for _, shell := range cmd.Commands() {
				shell.Args = usageArgs(shell.Args)
			}
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return usagef("there is no shell %q", args[0])
				}
				return cmd.Help()
			}
		}
	}
}
