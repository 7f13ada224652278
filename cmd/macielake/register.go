//go:build !glue

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// errNoGlue says that the program was built without the Glue SDK. Only register
// needs it, once per dataset, and it would make every command start a quarter
// slower: docs/dependencies.md has the figures.
var errNoGlue = errors.New("this program was built without register")

// newRegister stands for the command register, which register_glue.go has.
func newRegister(*session) *cobra.Command {
	return &cobra.Command{
		Use:   "register DATASET",
		Short: "Create or update the tables and views in Glue and Athena",
		Long: `Create or update the tables and views of a dataset in Glue and Athena. This program
was built without it. Install one that has it:

  go install -tags glue github.com/macielake/macielake/cmd/macielake@latest

or have 'macielake ddl' print the same definitions as statements for Athena.`,
		Example:            "  macielake register lake --location s3://my-lake/macie",
		Annotations:        exits(),
		DisableFlagParsing: true,
		Args:               cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				if arg == "-h" || arg == "--help" {
					return cmd.Help()
				}
			}
			return errNoGlue
		},
	}
}

// classifyRegister returns the exit code and hint of an error of register; ok is
// false for others.
func classifyRegister(err error) (code int, hint string, ok bool) {
	if errors.Is(err, errNoGlue) {
		return exitFailed, "go install -tags glue github.com/macielake/macielake/cmd/macielake@latest, or run what 'macielake ddl' prints", true
	}
	return 0, "", false
}
