package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/internal/nearest"
)

func newQueries(s *session) *cobra.Command {
	var (
		o      targetFlags
		places placeFlags
		params paramsValue
	)
	cmd := &cobra.Command{
		Use:   "queries DATASET [NAME]",
		Short: "List ready queries for Athena or DuckDB, or print one",
		Long: `Print the query NAME over the tables and views that ddl or register created.
Without NAME, list the queries with their questions and parameters.`,
		Example: `  macielake queries lake
  macielake queries lake exposure
  macielake queries lake change --param before=2026-10 --param after=2026-11
  macielake queries lake types_by_bucket --dialect duckdb | duckdb lake.duckdb`,
		Annotations: exits(exit{exitNotFound, "the dataset or the query does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			layout, err := places.readLayout(cmd, args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if len(params.values) > 0 {
					return usagef("--param needs the NAME of a query")
				}
				return s.answer(queryList(), listQueries)
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
			ready := struct {
				Name    string `json:"name"`
				Answers string `json:"answers"`
				SQL     string `json:"sql"`
			}{query.Name, query.Answers, sql}
			return s.answer(ready, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "-- %s: %s\n%s%s\n", query.Name, query.Answers, sql, end)
				return err
			})
		},
	}
	f := cmd.Flags()
	o.addDatabase(f)
	o.addDialect(f)
	places.addFlags(f)
	f.Var(&params, "param", "a parameter of the query; can be repeated")
	return cmd
}

// listedQuery is a query in the answer of queries.
type listedQuery struct {
	Name       string       `json:"name"`
	Answers    string       `json:"answers"`
	Parameters []queryParam `json:"parameters"`
}

type queryParam struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
}

func queryList() []listedQuery {
	var list []listedQuery
	for _, q := range athena.Queries() {
		listed := listedQuery{q.Name, q.Answers, []queryParam{}}
		for _, p := range q.Params {
			listed.Parameters = append(listed.Parameters, queryParam{p.Name, p.Doc})
		}
		list = append(list, listed)
	}
	return list
}

// listQueries prints the queries and their parameters.
func listQueries(w io.Writer) error {
	out := bufio.NewWriter(w)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, q := range queryList() {
		fmt.Fprintf(table, "%s\t%s\n", q.Name, q.Answers)
		for _, p := range q.Parameters {
			fmt.Fprintf(table, "\t  %s: %s\n", p.Name, p.Meaning)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return out.Flush()
}

// noQueryError says that no query has a name.
type noQueryError struct{ name string }

func (e *noQueryError) Error() string {
	var names []string
	for _, q := range athena.Queries() {
		names = append(names, q.Name)
	}
	return fmt.Sprintf("unknown query %q: %s", e.name, nearest.Suggestion(e.name, names))
}

// paramsValue is a flag for any number of NAME=VALUE.
type paramsValue struct{ values map[string]string }

func (v *paramsValue) String() string { return "" }

func (v *paramsValue) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("expected NAME=VALUE")
	}
	if _, ok := v.values[name]; ok {
		return fmt.Errorf("%s is given twice", name)
	}
	if v.values == nil {
		v.values = map[string]string{}
	}
	v.values[name] = value
	return nil
}

func (v *paramsValue) Type() string { return "NAME=VALUE" }
