package athena

import (
	"fmt"
	"strconv"
	"time"

	"github.com/macielake/macielake/pkg/sink"
)

// Definition is a table as a catalog stores it, whether by CREATE TABLE or by calls to
// Glue.
type Definition struct {
	Name, Doc  string
	Columns    []Field
	Keys       []Field // partition keys
	Location   string  // URI, with a slash at its end
	Properties []Property
	Partitions []Partition // only those that hold files; none without keys
}

// Field is a column in a catalog.
type Field struct {
	Name string
	Type string // as Hive's DDL writes it
	Doc  string // one line
}

// Property is a property of a table in a catalog.
type Property struct{ Name, Value string }

// Owner is the property that marks the tables and views of macielake. Its value is
// OwnerVersion, the version of these definitions.
const Owner, OwnerVersion = "macielake", "1"

// Define returns the definition of a table. Call it on a target that [Target.Check]
// returned. The definition shares the table's partitions.
func (t Target) Define(table *Table) Definition {
	d := Definition{
		Name: table.Name, Doc: table.Doc, Location: t.location(table.Name, ""),
		Properties: []Property{{"classification", "parquet"}, {Owner, OwnerVersion}},
	}
	for _, c := range table.Columns {
		d.Columns = append(d.Columns, Field{c.Name, hiveType(c.Type), c.Doc})
	}
	for _, k := range table.Keys {
		d.Keys = append(d.Keys, Field{k.Column(), "string", keyDoc(k)})
	}
	if len(table.Keys) == 1 && table.Keys[0].IsTime() {
		d.Properties = append(d.Properties, t.projection(table, table.Keys[0])...)
	}
	if len(table.Keys) > 0 {
		d.Partitions = table.Partitions
	}
	return d
}

func keyDoc(k sink.PartitionKey) string {
	switch k {
	case sink.ByCreatedMonth:
		return "Month in which the result was created, as 2026-11"
	case sink.ByCreatedDate:
		return "Date on which the result was created, as 2026-11-22"
	case sink.ByRegion:
		return "AWS Region that Macie ran in, or unknown"
	case sink.ByAccount:
		return "Account that owns the analysed bucket, or unknown"
	}
	return "Job that made the result, or unknown"
}

// projection returns the properties from which Athena computes the partitions of a
// time, instead of asking a catalog: from the first that exists to next month. They
// omit the interval: by default it is one month or one day, depending on the format.
//
// Athena then ignores the partitions in the catalog. Engines without projection use
// them: Spark, Hive, Redshift, and Trino without hive.partition-projection-enabled.
// Trino with projection has no intervals of months and fails on such a table, unless a
// property tells it to ignore the projection.
// https://github.com/trinodb/trino/issues/22760
// https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
func (t Target) projection(table *Table, key sink.PartitionKey) []Property {
	column := key.Column()
	name := "projection." + column
	format := "yyyy-MM-dd"
	if key == sink.ByCreatedMonth {
		format = "yyyy-MM"
	}
	first, days := t.span(table, key)
	properties := []Property{
		{"projection.enabled", "true"},
		{name + ".type", "date"},
		{name + ".format", format},
		{name + ".range", first + ",NOW+" + strconv.Itoa(days) + "DAYS"},
		{"storage.location.template", t.location(table.Name, "") + column + "=${" + column + "}/"},
	}
	if key == sink.ByCreatedMonth {
		properties = append(properties, Property{"trino.partition_projection.ignore", "true"})
	}
	return properties
}

// span returns the first value of a table's time partitions, and how many days after
// now the range ends. The range includes the last partition and next month. The number
// is a multiple of 31, so that it doesn't change from day to day; Athena and Trino
// share no longer unit than days. A table without partitions begins now.
func (t Target) span(table *Table, key sink.PartitionKey) (first string, days int) {
	const month = 31
	now := t.Now.UTC()
	if len(table.Partitions) == 0 {
		return now.Format(timeLayout(key)), month
	}
	// Partitions are sorted by directory, which is by time.
	first = table.Partitions[0].Values[0]
	last, err := time.Parse(timeLayout(key), table.Partitions[len(table.Partitions)-1].Values[0])
	if err != nil {
		return first, month
	}
	months := (last.Unix()-now.Unix())/(month*24*60*60) + 1
	return first, month * int(max(months, 1))
}

func timeLayout(key sink.PartitionKey) string {
	if key == sink.ByCreatedMonth {
		return "2006-01"
	}
	return time.DateOnly
}

// manyPartitions is how many projected partitions make a query slow that has no
// condition on them: Athena lists each of them.
const manyPartitions = 5000

// WarnSlow returns a warning per table whose time partitions span so many years that
// queries without a condition on them are slow. A single result with a wrong time, or
// with none, can cause that.
func WarnSlow(l *Layout, t Target) []string {
	var warnings []string
	for i := range l.Tables {
		table := &l.Tables[i]
		if len(table.Keys) != 1 || !table.Keys[0].IsTime() || len(table.Partitions) == 0 {
			continue
		}
		key := table.Keys[0]
		first, days := t.span(table, key)
		from, err := time.Parse(timeLayout(key), first)
		if err != nil {
			continue
		}
		end := t.Now.AddDate(0, 0, days)
		n := (end.Year()-from.Year())*12 + int(end.Month()) - int(from.Month()) + 1
		if key == sink.ByCreatedDate {
			n *= 30
		}
		if n > manyPartitions {
			warnings = append(warnings, fmt.Sprintf(
				"the partitions of %s span %s to %s: without a condition on %s, a query lists about %d partitions; add one, or convert with --since and --until",
				table.Name, first, table.Partitions[len(table.Partitions)-1].Values[0], key.Column(), n))
		}
	}
	return warnings
}
