// Package athena writes SQL for a dataset, in the dialect of Athena or of DuckDB: the
// statements that create its tables and views, and ready-made queries.
//
// Start with [ReadLayout], which reads the tables and partitions of a dataset. Then
// call [Statements] for the statements to run, and [Queries] for the questions to ask.
// internal/register makes the same definitions by calls to the Glue Data Catalog.
//
// Both dialects share the templates of views and queries in sql/. Where Trino and
// DuckDB differ, a template calls a function of render.go.
package athena
