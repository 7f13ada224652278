package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/athena"
)

func newQueries() *cobra.Command {
	var (
		o      targetFlags
		places placeFlags
		params paramsValue
	)
	cmd := &cobra.Command{
		Use:   "queries DATASET [NAME]",
		Short: "Print a query that is ready to run, or what there is",
		Long: `Print the query NAME over the tables and views that ddl or register made.
Without NAME, list the queries: what each answers and its parameters, with what
stands for one that isn't given.`,
		Example: `  macielake queries lake
  macielake queries lake exposure
  macielake queries lake change --param before=2026-10 --param after=2026-11
  macielake queries lake types_by_bucket --dialect duckdb | duckdb lake.duckdb`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			layout, err := places.readLayout(cmd, args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if len(params.values) > 0 {
					return usagef("--param goes with a query's name")
				}
				return listQueries(cmd.OutOrStdout())
			}
			query, ok := athena.FindQuery(args[1])
			if !ok {
				return &noQueryError{args[1]}
			}
			sql, err := query.SQL(layout, o.target(layout.URI), params.values)
			if err != nil {
				return err
			}
			end := "" // Athena's API takes a statement without a semicolon
			if o.dialect.value == string(athena.DuckDB) {
				end = ";"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "-- %s: %s\n%s%s\n", query.Name, query.Answers, sql, end)
			return err
		},
	}
	f := cmd.Flags()
	o.addDatabase(f)
	o.addDialect(f)
	places.addFlags(f)
	f.Var(&params, "param", "a parameter of the query, NAME=VALUE; can be repeated")
	return cmd
}

// listQueries prints what each query answers.
func listQueries(w io.Writer) error {
	out := bufio.NewWriter(w)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, q := range athena.Queries() {
		fmt.Fprintf(table, "%s\t%s\n", q.Name, q.Answers)
		for _, p := range q.Params {
			fmt.Fprintf(table, "\t  %s: %s\n", p.Name, p.Doc)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return out.Flush()
}

// noQueryError says that there is no query of a name.
type noQueryError struct{ name string }

func (e *noQueryError) Error() string { return fmt.Sprintf("there is no query %q", e.name) }

// paramsValue is a flag for any number of NAME=VALUE.
type paramsValue struct{ values map[string]string }

func (v *paramsValue) String() string { return "" }

func (v *paramsValue) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("want NAME=VALUE")
	}
	if _, ok := v.values[name]; ok {
		return fmt.Errorf("%s is there twice", name)
	}
	if v.values == nil {
		v.values = map[string]string{}
	}
	v.values[name] = value
	return nil
}

func (v *paramsValue) Type() string { return "NAME=VALUE" }
