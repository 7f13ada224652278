package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRoot returns the command tree of a session.
func newRoot(s *session) *cobra.Command {
	var printVersion bool
	root := &cobra.Command{
		Use:   "macielake",
		Short: "Turn Amazon Macie's discovery results into tables",
		Long: `macielake turns the sensitive data discovery results that Amazon Macie exports
to S3 into tables that Athena, DuckDB, Spark and pandas can query, and answers
questions about them. It reads results only, never the objects that Macie
analysed, and talks only to the services that a command names.`,
		Example: `  macielake convert ./AWSLogs --out lake
  macielake summarize lake
  macielake locate lake s3://hr-files/payroll/2026.xlsx`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Annotations:       exits(exit{code: exitRejects}, exit{code: exitUnreadable}, exit{code: exitNotFound}),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return noCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printVersion {
				return s.printVersion()
			}
			return cmd.Help()
		},
	}
	root.SetIn(s.stdin)
	root.SetOut(s.stdout)
	root.SetErr(s.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// Flags of a command that doesn't exist are unknown, too.
		if name := firstArgument(s.args); cmd == root && name != "" {
			return noCommand(root, name)
		}
		return flagError(cmd, err)
	})
	root.PersistentFlags().BoolVar(&s.json, "json", false, "print one JSON document: see docs/json.md")
	root.Flags().BoolVar(&printVersion, "version", false, "print the version")
	root.AddGroup(groups()...)
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupConvert, []*cobra.Command{newConvert(s), newPlan(s), newWork(s), newCommit(s)}},
		{groupAsk, []*cobra.Command{newSummarize(s), newDiff(s), newReport(s), newLocate(s), newCat(s), newQueries(s)}},
		{groupKeep, []*cobra.Command{newStatus(s), newRuns(s), newVerify(s), newRejects(s), newAbandon(s), newGC(s), newRepair(s), newDrop(s)}},
		{groupSetUp, []*cobra.Command{newDoctor(s), newDDL(s), newRegister(s), newGen(s), newVersion(s), newMan(s)}},
	} {
		for _, cmd := range group.commands {
			cmd.GroupID = group.id
			if cmd.Args == nil {
				cmd.Args = checkArguments
			}
			root.AddCommand(cmd)
		}
	}
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) { s.command = nameOf(cmd) }
	root.SetHelpCommandGroupID(groupSetUp)
	root.SetCompletionCommandGroupID(groupSetUp)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	refuseUnknown(root)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		columns := helpColumns
		if screen := screenOf(s.stdout); screen.Columns > 0 {
			columns = min(screen.Columns, maxHelpColumns)
		}
		s.helpError = writeHelp(s.stdout, cmd, columns)
	})
	return root
}

// refuseUnknown makes help and completion of what doesn't exist a usage error:
// cobra's own print a help text and succeed.
func refuseUnknown(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Use, cmd.Short, cmd.Long = "help [COMMAND]", "Show the help of a command", ""
			cmd.Run = nil
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				topic, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					return noCommand(root, strings.Join(args, " "))
				}
				return topic.Help()
			}
		case "completion":
			cmd.Short = "Write a script that completes commands and flags in a shell"
			cmd.Args = cobra.ArbitraryArgs
			for _, shell := range cmd.Commands() {
				shell.Args = checkArguments
			}
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return noCommand(cmd, args[0])
				}
				return cmd.Help()
			}
		}
	}
}

// nameOf is the name of a command below the root: "convert", "completion bash".
func nameOf(cmd *cobra.Command) string {
	_, name, _ := strings.Cut(cmd.CommandPath(), " ")
	return name
}
