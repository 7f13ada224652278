package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// sqlOnly prints the rows of a query as CSV, as DuckDB's own command would. It
// binds the query once: the driver of database/sql binds it twice, and the second
// time /dev/stdin is at its end.
func sqlOnly(query string) error {
	var db mapping.Database
	var message string
	config := mapping.Config{}
	if mapping.CreateConfig(&config) == mapping.StateError {
		return errors.New("cannot create a configuration for DuckDB")
	}
	defer mapping.DestroyConfig(&config)
	if mapping.OpenExt(":memory:", &db, config, &message) == mapping.StateError {
		return errors.New(message)
	}
	defer mapping.Close(&db)
	var conn mapping.Connection
	if mapping.Connect(db, &conn) == mapping.StateError {
		return errors.New("cannot connect to DuckDB")
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

// query writes the result of a query over the tables.
func query(ctx context.Context, w io.Writer, dir, statement string) error {
	s, err := openDataset(ctx, dir, tables())
	if err != nil {
		return err
	}
	defer s.close()
	rows, err := s.conn.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	return printTable(w, rows)
}
