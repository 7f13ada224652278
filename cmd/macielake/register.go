package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/register"
	"github.com/macielake/macielake/internal/text"
)

// newRegister returns the command register.
func newRegister(s *session) *cobra.Command {
	var (
		o            targetFlags
		places       placeFlags
		registration register.Registration
		adopt        listValue
		dryRun       bool
	)
	cmd := &cobra.Command{
		Use:   "register DATASET [--location s3://BUCKET/PREFIX]",
		Short: "Create or update the tables and views in Glue and Athena",
		Long: `Create the database, the tables and their partitions in the Glue Data Catalog, and
the views through Athena, or update them where they differ. A second run changes
nothing. Prints the calls that change something.

Tables and views that macielake did not create are refused, unless --adopt names
them. Needs glue:GetDatabase, GetTable, GetPartitions, CreateDatabase, CreateTable,
UpdateTable, BatchCreatePartition, BatchUpdatePartition and BatchDeletePartition,
athena:StartQueryExecution, GetQueryExecution and StopQueryExecution, and write
access to where Athena stores query results.`,
		Example: `  macielake register lake --location s3://my-lake/macie --dry-run
  macielake register lake --location s3://my-lake/macie --workgroup security`,
		Annotations: exits(exit{exitNotFound, "the dataset or one of its tables does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			layout, err := places.readLayout(cmd, args[0])
			if err != nil {
				return err
			}
			cfg, err := places.load(ctx, awsclient.Options{})
			if err == nil && cfg.Region == "" {
				err = &awsclient.Error{Op: "loading the AWS configuration", Kind: awsclient.BadConfig, Err: errors.New("no AWS Region is set")}
			}
			if err != nil {
				return err
			}
			registration.AWS, registration.Adopt = cfg, adopt.values
			o.dialect.value = string(athena.Athena)
			target := o.target(layout.URI)
			calls, err := registration.Plan(ctx, layout, target)
			if err != nil {
				return err
			}
			warn(s.stderr, athena.WarnSlow(layout, target))
			err = s.rows(func(w io.Writer) error {
				for _, call := range calls {
					if !dryRun {
						if err := call.Do(ctx); err != nil {
							return err
						}
					}
					if err := printCall(w, call, dryRun, s.json); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			end := "made"
			if dryRun {
				end = "to make"
			}
			_, err = fmt.Fprintf(s.stderr, "%s %s\n", text.Plural(int64(len(calls)), "call"), end)
			return err
		},
	}
	f := cmd.Flags()
	o.addLocation(f)
	o.addDatabase(f)
	f.StringVar(&registration.Workgroup, "workgroup", "", "`NAME` of the Athena workgroup that creates the views (default: primary)")
	f.StringVar(&registration.QueryResults, "query-results", "", "`URI` where Athena stores query results, s3://… (default: the workgroup's)")
	f.Var(&adopt, "adopt", "tables or views that macielake did not create, to take over")
	f.BoolVar(&dryRun, "dry-run", false, "show the calls that would change something, and make none")
	places.addFlags(f)
	return cmd
}

// printCall prints a call: its name, and its request if it is wanted whole or as
// JSON.
func printCall(w io.Writer, call register.Call, whole, asJSON bool) error {
	if !whole && !asJSON {
		_, err := fmt.Fprintf(w, "%s %s\n", call.Operation, call.Name)
		return err
	}
	if asJSON {
		line, err := marshalJSON(struct {
			Operation string `json:"operation"`
			Name      string `json:"name"`
			Request   any    `json:"request"`
		}{call.Operation, call.Name, call.Input})
		if err == nil {
			_, err = w.Write(append(line, '\n'))
		}
		return err
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("  ", "  ")
	if err := enc.Encode(call.Input); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s %s\n", call.Operation, call.Name)
	for line := range strings.Lines(out.String()) {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s\n", text.Printable(strings.TrimRight(line, "\n")))
		}
	}
	return err
}

// classifyRegister returns the exit code and hint of an error of register; ok is
// false for others.
func classifyRegister(err error) (code int, hint string, ok bool) {
	var (
		foreign *register.ForeignError
		keys    *register.PartitionKeysError
		denied  *register.DeniedError
		query   *register.QueryError
	)
	switch {
	case errors.As(err, &foreign):
		return exitFailed, "name another database, or take them over with --adopt " + strings.Join(foreign.Names, ","), true
	case errors.As(err, &keys):
		return exitFailed, "drop the table (its data stays where it is) and register again, or name another database", true
	case errors.As(err, &denied):
		if denied.LakeFormation {
			return exitFailed, "grant it in Lake Formation (permissions on the database and its tables, and on the location), or have its administrator do it", true
		}
		return exitFailed, "allow the call in your policies; docs/athena.md lists the actions", true
	case errors.As(err, &query):
		return exitFailed, "Athena's console shows the execution under its ID", true
	}
	return 0, "", false
}
