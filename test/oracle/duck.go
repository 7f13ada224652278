package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io/fs"
	"path/filepath"

	"github.com/duckdb/duckdb-go/v2"
)

// duck is one connection to an in-memory DuckDB. Not safe for concurrent use.
type duck struct {
	db   *sql.DB
	conn *sql.Conn
}

// openDuck returns a DuckDB that counts time in UTC and knows canonical_json,
// the function canonical with "(not a JSON object)" for what isn't one.
func openDuck(ctx context.Context) (*duck, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	d := &duck{db: db}
	if d.conn, err = db.Conn(ctx); err != nil {
		db.Close()
		return nil, err
	}
	if err := duckdb.RegisterScalarUDF(d.conn, "canonical_json", canonicalFunc{}); err != nil {
		d.close()
		return nil, err
	}
	if err := d.exec(ctx, `SET TimeZone = 'UTC'; SET memory_limit = '8GB'`); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *duck) close() {
	d.conn.Close()
	d.db.Close()
}

func (d *duck) exec(ctx context.Context, statements string) error {
	_, err := d.conn.ExecContext(ctx, statements)
	return err
}

// canonicalFunc is canonical as a function of SQL.
type canonicalFunc struct{}

func (canonicalFunc) Config() duckdb.ScalarFuncConfig {
	text, err := duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
	if err != nil {
		panic(err) // a constant that the library knows
	}
	return duckdb.ScalarFuncConfig{InputTypeInfos: []duckdb.TypeInfo{text}, ResultTypeInfo: text}
}

func (canonicalFunc) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowExecutor: func(values []driver.Value) (any, error) {
		text, _ := values[0].(string)
		object, err := canonical(text)
		if err != nil {
			object = "(not a JSON object)"
		}
		return object, nil
	}}
}

// filesOf returns the Parquet files of a table, in any partition.
func filesOf(dataset, table string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(filepath.Join(dataset, table), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Ext(path) == ".parquet" {
			files = append(files, path)
		}
		return err
	})
	return files, err
}
