package schema

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/tables.md")

// docs/tables.md is generated from the tables.
func TestTablesPage(t *testing.T) {
	const page = "../../docs/tables.md"
	want := tablesPage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/tables.md differs from the tables in pkg/schema: run make golden, and read the diff")
	}
}

// tablesPage returns the text of docs/tables.md.
func tablesPage() string {
	var w strings.Builder
	w.WriteString(`# Tables

<!-- Generated from pkg/schema by make golden. Don't edit. -->

A dataset has one directory per table: ` + "`results`, `detections`, `occurrences` and `runs`" + `. All
columns may be null; only the keys of maps are never null. Parquet files (` + "`field_id`" + `)
and the metadata of Arrow fields (` + "`PARQUET:field_id`" + `) have the field id of each
column. Iceberg and other readers may rely on it: it never changes, and no other column
ever gets it. A column that several tables have is one column, with one id. The files
also have the meanings below: in Parquet under the key ` + "`comments`" + ` of the file's
metadata (a JSON object), in Arrow under ` + "`comment`" + ` of each field's metadata.

Partition columns exist only as directories: ` + "`created_month`, `created_date`, `p_region`,\n`p_account`, `p_job`" + ` (` + "`dataset.md`" + `, "Partitions").

## Types

| type | Parquet | Arrow, pyarrow | Athena, Trino | Spark | DuckDB | pandas | polars |
|---|---|---|---|---|---|---|---|
| text | BYTE_ARRAY, STRING | string | varchar | string | VARCHAR | str or object | String |
| int64 | INT64 | int64 | bigint | bigint | BIGINT | Int64, or float64 where null | Int64 |
| int32 | INT32 | int32 | integer | int | INTEGER | Int32, or float64 where null | Int32 |
| bool | BOOLEAN | bool | boolean | boolean | BOOLEAN | boolean, or object where null | Boolean |
| timestamp | INT64, TIMESTAMP (microseconds, UTC) | timestamp[us, tz=UTC] | timestamp | timestamp | TIMESTAMP WITH TIME ZONE | datetime64[us, UTC] | Datetime(us, UTC) |
| map | MAP of STRING to optional STRING | map<string, string> | map(varchar, varchar) | map<string, string> | MAP(VARCHAR, VARCHAR) | list of pairs | List(Struct(key, value)) |

All times have microseconds. Athena and Trino show them without a zone, and in the
precision that their Hive connector is configured with (default: milliseconds). Read
them as UTC.
`)
	about := map[string]string{
		"results":     "One row per line of a source: per analysed object, and per file inside an archive.",
		"detections":  "One row per result and type of sensitive data.",
		"occurrences": "One row per location of sensitive data.",
		"runs":        "One row per committed run.",
	}
	kinds := map[Type]string{Text: "text", Int64: "int64", Int32: "int32", Bool: "bool", Timestamp: "timestamp", Map: "map"}
	for _, table := range append(Tables(), Runs()) {
		fmt.Fprintf(&w, "\n## %s\n\n%s\n\n| column | type | field id | meaning |\n|---|---|---:|---|\n", table.Name, about[table.Name])
		for _, c := range table.Columns {
			id := fmt.Sprint(c.ID)
			if c.Type == Map {
				id += fmt.Sprintf(" (key %d, value %d)", c.KeyID, c.ValueID)
			}
			fmt.Fprintf(&w, "| `%s` | %s | %s | %s |\n", c.Name, kinds[c.Type], id, c.Doc)
		}
	}
	return w.String()
}
