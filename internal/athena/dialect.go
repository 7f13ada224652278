package athena

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/macielake/macielake/pkg/schema"
)

// Dialect is a dialect of SQL.
type Dialect string

const (
	// Athena is the dialect of Athena: Hive's for databases, tables and partitions,
	// and Trino's for everything else.
	Athena Dialect = "athena"
	// DuckDB is the dialect of DuckDB.
	DuckDB Dialect = "duckdb"
)

// Dialects returns all dialects, the default first.
func Dialects() []Dialect { return []Dialect{Athena, DuckDB} }

// Target is the engine that runs the statements.
type Target struct {
	Dialect  Dialect
	Database string // a schema in DuckDB
	// Location is the dataset's location as the engine sees it: s3://bucket/prefix,
	// or for DuckDB also a directory. Queries don't need it.
	Location string
	// Now is the time from which the end of partition projection is counted.
	Now time.Time
}

// TargetError says that a target is invalid, or can't define a dataset.
type TargetError struct{ message string }

func (e *TargetError) Error() string { return e.message }

// maxDatabaseName is the length of the longest database name, in bytes.
const maxDatabaseName = 255

// checkDatabase accepts only names that Athena allows without quotes: some of its
// statements refuse other names even in quotes. Keywords are allowed, as all
// statements quote names.
func (t Target) checkDatabase() error {
	other := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	if t.Database == "" || len(t.Database) > maxDatabaseName || strings.ContainsFunc(t.Database, other) {
		return &TargetError{"a database's name consists of lower-case letters, digits and underscores"}
	}
	return nil
}

// s3Location matches a bucket with or without a prefix.
var s3Location = regexp.MustCompile(`^s3://[A-Za-z0-9][A-Za-z0-9._-]+(/.*)?$`)

// Check returns the target with an absolute location that has no slash at its end.
// For an invalid target the error is a *TargetError.
func (t Target) Check() (Target, error) {
	if err := t.checkDatabase(); err != nil {
		return t, err
	}
	s3 := strings.HasPrefix(t.Location, "s3:")
	switch {
	case t.Dialect == Athena && !s3:
		return t, &TargetError{"Athena reads from S3: say where the dataset is or will be with --location s3://BUCKET/PREFIX"}
	case s3 && !s3Location.MatchString(t.Location):
		return t, &TargetError{"a location in S3 must be s3://BUCKET or s3://BUCKET/PREFIX"}
	case strings.Contains(t.Location, "${"):
		return t, &TargetError{"Athena would replace ${ in the location by a partition's value: choose a location without it"}
	case strings.ContainsFunc(t.Location, unicode.IsControl):
		return t, &TargetError{"the location contains control characters"}
	case !s3:
		abs, err := filepath.Abs(t.Location)
		if err != nil {
			return t, err
		}
		t.Location = filepath.ToSlash(abs)
	}
	t.Location = strings.TrimRight(t.Location, "/")
	return t, nil
}

// location returns the location of the directory dir of a table, with a slash at its
// end. The table's own has the dir "".
func (t Target) location(table, dir string) string {
	at := t.Location + "/" + table + "/"
	if dir != "" {
		at += dir + "/"
	}
	return at
}

// name returns the quoted name of a table or view in queries.
func (t Target) name(table string) string { return `"` + t.Database + `"."` + table + `"` }

// hiveName returns the quoted name of a table in Hive's DDL.
func (t Target) hiveName(table string) string { return "`" + t.Database + "`.`" + table + "`" }

func hiveType(t schema.Type) string {
	switch t {
	case schema.Int64:
		return "bigint"
	case schema.Int32:
		return "int"
	case schema.Bool:
		return "boolean"
	case schema.Timestamp:
		return "timestamp"
	case schema.Map:
		return "map<string,string>"
	}
	return "string"
}

// duckType returns the type that DuckDB gives a column of a Parquet file.
func duckType(t schema.Type) string {
	switch t {
	case schema.Int64:
		return "BIGINT"
	case schema.Int32:
		return "INTEGER"
	case schema.Bool:
		return "BOOLEAN"
	case schema.Timestamp:
		return "TIMESTAMP WITH TIME ZONE"
	case schema.Map:
		return "MAP(VARCHAR, VARCHAR)"
	}
	return "VARCHAR"
}

// hiveLiteral returns a text literal of Hive's DDL. Hive unescapes backslashes in it
// (BaseSemanticAnalyzer.unescapeSQLString), including \u with four digits.
func hiveLiteral(s string) string {
	var out strings.Builder
	out.WriteByte('\'')
	for _, r := range s {
		switch {
		case r == '\'' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case printable(r):
			out.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04X`, unit)
			}
		}
	}
	out.WriteByte('\'')
	return out.String()
}

// literal returns a text literal of queries. Both dialects have chr, which makes
// the characters that are not printable: so no terminal or console receives them.
func literal(s string) string {
	var terms []string
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			terms = append(terms, "'"+strings.ReplaceAll(text.String(), "'", "''")+"'")
			text.Reset()
		}
	}
	for _, r := range s {
		if printable(r) {
			text.WriteRune(r)
			continue
		}
		flush()
		terms = append(terms, fmt.Sprintf("chr(%d)", r))
	}
	flush()
	switch len(terms) {
	case 0:
		return "''"
	case 1:
		return terms[0]
	}
	return "(" + strings.Join(terms, " || ") + ")"
}

func printable(r rune) bool { return r == ' ' || unicode.IsPrint(r) }
