// Package athena makes a dataset known to Athena, and to DuckDB in its place:
// the statements that create its tables and views, queries that are ready to
// run, and the calls that register them with Glue and Athena.
//
// Start with [ReadLayout], which says what a dataset on disk has. Then
// [Statements] are what to run, [Queries] what can be asked, and
// [Registration] does it all through the services.
//
// Views and queries are one text for both dialects (sql/), as templates: what
// Trino and DuckDB write differently is a function in dialect.go.
package athena
