package athena

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

// Layout lists the tables and partitions of a stored dataset. Don't change it: its
// users share its slices.
type Layout struct {
	URI string // of the dataset
	// Tables are results, detections and occurrences, as far as the dataset has
	// them, and runs; in this order.
	Tables []Table
}

// Table is a table of a dataset.
type Table struct {
	Name    string
	Doc     string // one line, for table comments
	Columns []schema.Column
	Keys    []sink.PartitionKey // none for runs
	// Partitions are only those that hold a file, sorted by directory. A table
	// without Keys has one, without values.
	Partitions []Partition
}

// Partition is a directory of a table's files.
type Partition struct {
	Dir    string   // relative to the table's directory, with slashes; empty for that directory
	Values []string // one per key, unescaped
}

// FormatError says that a dataset's tables have a format that Athena can't read.
type FormatError struct {
	URI    string // of the dataset
	Format string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("the tables in %s are %s files; Athena reads Parquet", e.URI, e.Format)
}

// VersionError says that the columns of a dataset's tables differ from those of this
// version.
type VersionError struct {
	URI string // of the dataset
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("the columns of the tables in %s differ from those of this version of macielake", e.URI)
}

// ReadLayout reads the layout of the dataset in s. For a dataset that can't be
// defined the error is a *FormatError or *VersionError; if s holds no dataset, it is
// state.ErrForeign.
func ReadLayout(ctx context.Context, s store.Store) (*Layout, error) {
	d, err := state.Load(ctx, s)
	if err != nil {
		return nil, err
	}
	if d.TableFormat != "parquet" {
		return nil, &FormatError{URI: s.URI("."), Format: d.TableFormat}
	}
	keys, err := partitionKeys(d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.URI("."), err)
	}
	l := &Layout{URI: s.URI(".")}
	var schemas []*schema.Table
	for _, t := range schema.Tables() {
		if slices.Contains(d.Tables, t.Name) {
			schemas = append(schemas, t)
			l.Tables = append(l.Tables, Table{Name: t.Name, Doc: tableDoc(t.Name), Columns: t.Columns, Keys: keys})
		}
	}
	if len(schemas) != len(d.Tables) || d.Definitions != state.Definitions(schemas) {
		return nil, &VersionError{URI: s.URI(".")}
	}
	l.Tables = append(l.Tables, Table{
		Name: state.RunsTable, Doc: tableDoc(state.RunsTable), Columns: schema.Runs().Columns,
	})
	for i := range l.Tables {
		if err := l.Tables[i].listPartitions(ctx, s); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func partitionKeys(d state.Dataset) ([]sink.PartitionKey, error) {
	var keys []sink.PartitionKey
	for _, name := range d.PartitionBy {
		k := sink.PartitionKey(name)
		if !slices.Contains(sink.PartitionKeys(), k) {
			return nil, fmt.Errorf("this version does not support partitions by %q", name)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func tableDoc(name string) string {
	switch name {
	case "results":
		return "Amazon Macie: one row per result of an object or of a file inside an archive"
	case "detections":
		return "Amazon Macie: one row per result and type of sensitive data in it"
	case "occurrences":
		return "Amazon Macie: one row per location of sensitive data"
	}
	return "macielake: one row per committed run"
}

// listPartitions finds the partitions of t. It ignores directories that don't follow
// t.Keys.
func (t *Table) listPartitions(ctx context.Context, s store.Store) error {
	last, first := "", true
	return s.List(ctx, t.Name, func(name string, _ fs.FileInfo) error {
		if path.Ext(name) != ".parquet" {
			return nil
		}
		dir := strings.TrimPrefix(strings.TrimPrefix(path.Dir(name), t.Name), "/")
		if dir == last && !first {
			return nil
		}
		values, ok := sink.PartitionValues(dir, t.Keys)
		if ok {
			t.Partitions = append(t.Partitions, Partition{Dir: dir, Values: values})
			last, first = dir, false
		}
		return nil
	})
}

// Table returns the table with that name, which stays the layout's; nil if the dataset
// has none.
func (l *Layout) Table(name string) *Table {
	for i := range l.Tables {
		if l.Tables[i].Name == name {
			return &l.Tables[i]
		}
	}
	return nil
}

// missing returns the first of the names that isn't a table of the dataset; empty if
// all are.
func (l *Layout) missing(names []string) string {
	for _, name := range names {
		if l.Table(name) == nil {
			return name
		}
	}
	return ""
}
