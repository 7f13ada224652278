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

// Dialects.
const (
	// Athena is Hive's for databases, tables and partitions, Trino's for the rest.
	Athena Dialect = "athena"
	DuckDB Dialect = "duckdb"
)

// Dialects returns all dialects, the default first.
func Dialects() []Dialect { return []Dialect{Athena, DuckDB} }

// Target says for whom statements are made.
type Target struct {
	Dialect  Dialect
	Database string // a schema in DuckDB
	// Location is where the dataset lies for whoever runs the statements:
	// s3://bucket/prefix, and for DuckDB also a directory. Queries don't need
	// it.
	Location string
	// Now is the time from which the end of partition projection is counted.
	Now time.Time
}

// TargetError says that a dataset can't be described as a target asks.
type TargetError struct{ message string }

func (e *TargetError) Error() string { return e.message }

// maxDatabaseName is the length of the longest database name, in bytes.
const maxDatabaseName = 255

// checkDatabase accepts the names that Athena takes without quotes: some of its
// statements take others not even with them. Names that SQL has a meaning for are
// good in quotes, which all statements use.
func (t Target) checkDatabase() error {
	other := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	if t.Database == "" || len(t.Database) > maxDatabaseName || strings.ContainsFunc(t.Database, other) {
		return &TargetError{"a database's name has lower-case letters, digits and underscores only"}
	}
	return nil
}

// s3Location is a bucket and what may follow.
var s3Location = regexp.MustCompile(`^s3://[A-Za-z0-9][A-Za-z0-9._-]+(/.*)?$`)

// Check checks a target, and returns it with a location that has no slash at its
// end. It may give a *TargetError.
func (t Target) Check() (Target, error) {
	if err := t.checkDatabase(); err != nil {
		return t, err
	}
	s3 := strings.HasPrefix(t.Location, "s3:")
	switch {
	case t.Dialect == Athena && !s3:
		return t, &TargetError{"Athena reads from S3: say where the dataset is or will be with --location s3://BUCKET/PREFIX"}
	case s3 && !s3Location.MatchString(t.Location):
		return t, &TargetError{"a location in S3 is s3://BUCKET or s3://BUCKET/PREFIX"}
	case strings.Contains(t.Location, "${"):
		return t, &TargetError{"Athena would take the ${ in the location for a partition's value"}
	case strings.ContainsFunc(t.Location, unicode.IsControl):
		return t, &TargetError{"the location has control characters"}
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

// location is where the partition dir of a table lies, with a slash at its end.
func (t Target) location(table, dir string) string {
	at := t.Location + "/" + table + "/"
	if dir != "" {
		at += dir + "/"
	}
	return at
}

// name is a table's or view's name in queries.
func (t Target) name(table string) string { return `"` + t.Database + `"."` + table + `"` }

// hiveName is a table's name in DDL.
func (t Target) hiveName(table string) string { return "`" + t.Database + "`.`" + table + "`" }

// hiveType is the type of a column in Hive.
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

// duckType is the type of a column in DuckDB, as it reads it from Parquet.
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

// hiveLiteral makes a text literal of DDL. Hive unescapes backslashes in them
// (BaseSemanticAnalyzer.unescapeSQLString), \u with four digits among others.
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

// literal makes a text of queries. What isn't printable is made by chr, which
// both dialects have: neither a terminal nor a console gets it to see.
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
