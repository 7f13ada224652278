package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/internal/text"
)

// targetFlags are the flags about the engine that SQL is for.
type targetFlags struct {
	database string
	dialect  choiceValue
	location string
}

const defaultDatabase = "macie"

func (o *targetFlags) addDatabase(f *pflag.FlagSet) {
	f.StringVar(&o.database, "database", defaultDatabase, "`NAME` of the database (in DuckDB: schema) of the tables and views")
}

func (o *targetFlags) addDialect(f *pflag.FlagSet) {
	o.dialect.value = string(athena.Athena)
	for _, d := range athena.Dialects() {
		o.dialect.choices = append(o.dialect.choices, string(d))
	}
	f.Var(&o.dialect, "dialect", "dialect of SQL")
}

func (o *targetFlags) addLocation(f *pflag.FlagSet) {
	f.StringVar(&o.location, "location", "", "`URI` of the dataset for whoever runs the statements: s3://BUCKET/PREFIX (default: DATASET)")
}

// target returns the target for the dataset at uri.
func (o *targetFlags) target(uri string) athena.Target {
	t := athena.Target{Dialect: athena.Dialect(o.dialect.value), Database: o.database, Location: o.location, Now: time.Now()}
	if t.Location == "" {
		t.Location = uri
	}
	return t
}

func newDDL(s *session) *cobra.Command {
	var (
		o      targetFlags
		places placeFlags
		split  string
	)
	cmd := &cobra.Command{
		Use:   "ddl DATASET [--location s3://BUCKET/PREFIX]",
		Short: "Print the statements that create tables and views",
		Long: `Print the statements that make a dataset known to Athena: CREATE DATABASE,
CREATE EXTERNAL TABLE for its tables and for runs, ALTER TABLE ADD PARTITION, and
CREATE VIEW. Athena computes months and dates by itself, from the first that
exists; other engines need the partitions that the statements add.

Athena takes one statement at a time: --split writes each to a file of its own,
numbered in the order in which to run them.

With --dialect duckdb the tables are views of the files.`,
		Example: `  macielake ddl lake --location s3://my-lake/macie
  macielake ddl lake --location s3://my-lake/macie --split statements
  macielake ddl lake --dialect duckdb | duckdb lake.duckdb`,
		Annotations: exits(exit{exitNotFound, "the dataset or one of its tables does not exist"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			layout, err := places.readLayout(cmd, args[0])
			if err != nil {
				return err
			}
			target := o.target(layout.URI)
			statements, err := athena.Statements(layout, target)
			if err != nil {
				return err
			}
			warn(s.stderr, athena.WarnSlow(layout, target))
			if split != "" {
				if err := splitStatements(split, target.Dialect, statements); err != nil {
					return err
				}
			}
			return s.answer(listStatements(statements), func(w io.Writer) error {
				if split != "" {
					return nil // the files are the answer
				}
				return printStatements(w, statements)
			})
		},
	}
	f := cmd.Flags()
	o.addLocation(f)
	o.addDatabase(f)
	o.addDialect(f)
	places.addFlags(f)
	f.StringVar(&split, "split", "", "write each statement to a file in `DIR`, which must be new or empty")
	return cmd
}

// listedStatement is a statement in the answer of ddl.
type listedStatement struct {
	Name string `json:"name"`
	SQL  string `json:"sql"`
	Note string `json:"note,omitempty"`
}

// listStatements leaves out notes that have no statement.
func listStatements(all []athena.Statement) []listedStatement {
	list := []listedStatement{}
	for _, s := range all {
		if s.SQL != "" {
			list = append(list, listedStatement{s.Name, s.SQL, s.Note})
		}
	}
	return list
}

func warn(w io.Writer, warnings []string) {
	for _, warning := range warnings {
		fmt.Fprintf(w, "warning: %s\n", text.Printable(warning))
	}
}

// printStatements prints statements one after the other.
func printStatements(w io.Writer, statements []athena.Statement) error {
	out := bufio.NewWriter(w)
	for i, s := range statements {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if s.Note != "" {
			fmt.Fprintf(out, "-- %s\n", s.Note)
		}
		if s.SQL != "" {
			fmt.Fprintf(out, "%s;\n", s.SQL)
		}
	}
	return out.Flush()
}

// splitStatements writes each statement to a file in dir. Athena's API takes a
// statement without a semicolon, DuckDB's shell with one.
func splitStatements(dir string, dialect athena.Dialect, statements []athena.Statement) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return &splitError{dir}
	}
	end := "\n"
	if dialect == athena.DuckDB {
		end = ";\n"
	}
	n := 0
	for _, s := range statements {
		if s.SQL == "" {
			continue
		}
		n++
		name := filepath.Join(dir, fmt.Sprintf("%03d-%s.sql", n, s.Name))
		if err := writeNew(name, s.SQL+end); err != nil {
			return err
		}
	}
	return nil
}

// splitError says that --split names a directory that isn't empty.
type splitError struct{ dir string }

func (e *splitError) Error() string { return fmt.Sprintf("%s is not empty", e.dir) }

// writeNew writes a file that isn't there yet.
func writeNew(name, content string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(0o666))
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, content)
	return errors.Join(err, f.Close())
}
