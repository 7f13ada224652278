package main

import (
	"errors"
	"fmt"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// sqlOnly prints what a query gives, as CSV, as DuckDB's own command would: it
// binds the query once. The driver of database/sql binds it twice, so that what
// /dev/stdin brings is gone the second time.
func sqlOnly(query string) error {
	var db mapping.Database
	var message string
	config := mapping.Config{}
	if mapping.CreateConfig(&config) == mapping.StateError {
		return errors.New("DuckDB takes no configuration")
	}
	defer mapping.DestroyConfig(&config)
	if mapping.OpenExt(":memory:", &db, config, &message) == mapping.StateError {
		return errors.New(message)
	}
	defer mapping.Close(&db)
	var conn mapping.Connection
	if mapping.Connect(db, &conn) == mapping.StateError {
		return errors.New("DuckDB doesn't let in")
	}
	defer mapping.Disconnect(&conn)
	var result mapping.Result
	defer mapping.DestroyResult(&result)
	copying := fmt.Sprintf("COPY (%s) TO '/dev/stdout' (FORMAT csv, HEADER)", query)
	if mapping.Query(conn, copying, &result) == mapping.StateError {
		return errors.New(mapping.ResultError(&result))
	}
	return nil
}
