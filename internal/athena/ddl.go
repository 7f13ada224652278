package athena

import (
	"fmt"
	"strings"
)

// Statement is an SQL statement to run, or only a note.
type Statement struct {
	Name string // fit for a file name, such as create-table-results
	Note string // lines to show as a comment; empty for none
	SQL  string // without a semicolon; empty if there is only the note
}

// Statements returns the statements that define a dataset in a target, in the order
// in which to run them: database, tables, partitions, views. A view that needs a
// table which the dataset does not have is only a note. The error may be a
// *TargetError.
func Statements(l *Layout, t Target) ([]Statement, error) {
	t, err := t.Check()
	if err != nil {
		return nil, err
	}
	var statements []Statement
	if t.Dialect == DuckDB {
		statements, err = t.duckTables(l)
		if err != nil {
			return nil, err
		}
	} else {
		statements = append(statements, Statement{Name: "create-database", SQL: "CREATE DATABASE IF NOT EXISTS `" + t.Database + "`"})
		for i := range l.Tables {
			d := t.Define(&l.Tables[i])
			statements = append(statements, Statement{Name: "create-table-" + d.Name, SQL: t.createTable(d)})
			statements = append(statements, t.addPartitions(d)...)
		}
	}
	views, err := Views(l, t)
	if err != nil {
		return nil, err
	}
	for _, v := range views {
		s := Statement{Name: "create-view-" + v.Name, Note: v.Doc}
		if v.Missing != "" {
			s.Note = fmt.Sprintf("%s is skipped: the dataset has no table %s.", v.Name, v.Missing)
		} else {
			s.SQL = v.Create(t)
		}
		statements = append(statements, s)
	}
	return statements, nil
}

// createTable returns the CREATE TABLE of a definition.
// https://docs.aws.amazon.com/athena/latest/ug/create-table.html
func (t Target) createTable(d Definition) string {
	var out strings.Builder
	fields := func(fields []Field) {
		for i, f := range fields {
			comma := ","
			if i == len(fields)-1 {
				comma = ""
			}
			fmt.Fprintf(&out, "  `%s` %s COMMENT %s%s\n", f.Name, f.Type, hiveLiteral(f.Doc), comma)
		}
	}
	fmt.Fprintf(&out, "CREATE EXTERNAL TABLE IF NOT EXISTS %s (\n", t.hiveName(d.Name))
	fields(d.Columns)
	fmt.Fprintf(&out, ")\nCOMMENT %s\n", hiveLiteral(d.Doc))
	if len(d.Keys) > 0 {
		out.WriteString("PARTITIONED BY (\n")
		fields(d.Keys)
		out.WriteString(")\n")
	}
	fmt.Fprintf(&out, "STORED AS PARQUET\nLOCATION %s\nTBLPROPERTIES (\n", hiveLiteral(d.Location))
	for i, p := range d.Properties {
		comma := ","
		if i == len(d.Properties)-1 {
			comma = ""
		}
		fmt.Fprintf(&out, "  %s = %s%s\n", hiveLiteral(p.Name), hiveLiteral(p.Value), comma)
	}
	out.WriteString(")")
	return out.String()
}

// A statement of Athena has at most 262,144 bytes.
// https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
const (
	maxPartitionsPerStatement = 100
	maxPartitionBytes         = 200_000
)

// addPartitions returns the statements that add the partitions of a definition, as
// many per statement as the limits allow.
func (t Target) addPartitions(d Definition) []Statement {
	var statements []Statement
	var out strings.Builder
	n := 0
	flush := func() {
		if n > 0 {
			statements = append(statements, Statement{
				Name: fmt.Sprintf("add-partitions-%s-%d", d.Name, len(statements)+1), SQL: out.String(),
			})
			out.Reset()
			n = 0
		}
	}
	for _, p := range d.Partitions {
		var spec []string
		for i, f := range d.Keys {
			spec = append(spec, "`"+f.Name+"` = "+hiveLiteral(p.Values[i]))
		}
		clause := fmt.Sprintf("\n  PARTITION (%s) LOCATION %s", strings.Join(spec, ", "), hiveLiteral(d.Location+p.Dir+"/"))
		if n == maxPartitionsPerStatement || out.Len()+len(clause) > maxPartitionBytes {
			flush()
		}
		if n == 0 {
			fmt.Fprintf(&out, "ALTER TABLE %s ADD IF NOT EXISTS", t.hiveName(d.Name))
		}
		out.WriteString(clause)
		n++
	}
	flush()
	return statements
}

// duckTables returns the statements that create a view in DuckDB over the files of
// each table.
func (t Target) duckTables(l *Layout) ([]Statement, error) {
	statements := []Statement{{Name: "create-schema", SQL: `CREATE SCHEMA IF NOT EXISTS "` + t.Database + `"`}}
	for i := range l.Tables {
		table := &l.Tables[i]
		source, err := t.duckSource(table)
		if err != nil {
			return nil, err
		}
		statements = append(statements, Statement{
			Name: "create-table-" + table.Name, Note: table.Doc,
			SQL: fmt.Sprintf("CREATE OR REPLACE VIEW %s AS\n%s", t.name(table.Name), source),
		})
	}
	return statements, nil
}

// duckSource returns the query that reads a table's files.
func (t Target) duckSource(table *Table) (string, error) {
	var columns []string
	if len(table.Partitions) == 0 { // read_parquet fails if no file matches
		for _, c := range table.Columns {
			columns = append(columns, fmt.Sprintf(`CAST(NULL AS %s) AS "%s"`, duckType(c.Type), c.Name))
		}
		for _, k := range table.Keys {
			columns = append(columns, fmt.Sprintf(`CAST(NULL AS VARCHAR) AS "%s"`, k.Column()))
		}
		return "SELECT\n  " + strings.Join(columns, ",\n  ") + "\nWHERE false", nil
	}
	for _, c := range table.Columns {
		columns = append(columns, `"`+c.Name+`"`)
	}
	files, options := "*.parquet", "hive_partitioning = false"
	if len(table.Keys) > 0 {
		// Values stay text, as in Athena: an account ID keeps its leading zeros.
		files, options = strings.Repeat("*/", len(table.Keys))+files, "hive_partitioning = true, hive_types_autocast = false"
		for _, k := range table.Keys {
			columns = append(columns, `"`+k.Column()+`"`)
		}
		// DuckDB treats every name=value in a path as a partition, whose value
		// replaces the column with that name.
		for level := range strings.SplitSeq(t.Location, "/") {
			if name, _, ok := strings.Cut(level, "="); ok {
				for _, c := range columns {
					if strings.EqualFold(c, `"`+name+`"`) {
						return "", &TargetError{fmt.Sprintf("DuckDB would read %s= in the location as a column: choose a location without it", name)}
					}
				}
			}
		}
	}
	at := globEscaper.Replace(t.location(table.Name, "")) + files
	return fmt.Sprintf("SELECT\n  %s\nFROM read_parquet(%s, %s)", strings.Join(columns, ",\n  "), literal(at), options), nil
}

// globEscaper escapes a path so that, as a glob, it matches only itself.
var globEscaper = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]")
