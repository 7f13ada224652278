// Package athena makes a dataset known to Athena, and to DuckDB in its place: the
// statements that create its tables and views, and queries that are ready to run.
//
// Start with [ReadLayout], which reads what a dataset has. Then [Statements] are the
// statements to run, and [Queries] the questions to ask. internal/register makes
// the same definitions by calls to the Glue Data Catalog.
//
// Views and queries are one text for both dialects (sql/), as templates: what
// Trino and DuckDB write differently is a function in dialect.go.
package athena
