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

// Layout is what a dataset on disk has: what its tables' definitions depend on.
type Layout struct {
	// URI is where the dataset lies.
	URI string
	// Tables are those of results, detections and occurrences that the dataset
	// has, in this order, and runs.
	Tables []Table
}

// Table is a table of a dataset.
type Table struct {
	Name    string
	Doc     string // one line, for table comments
	Columns []schema.Column
	Keys    []sink.PartitionKey // none for runs
	// Partitions are those that hold a file, in order of their directories;
	// one without values where the table has no partitions.
	Partitions []Partition
}

// Partition is a directory of a table.
type Partition struct {
	Dir    string   // slash-separated, below the table's own; empty for that itself
	Values []string // by key, unescaped
}

// FormatError says that a dataset's tables have a format that Athena can't read.
type FormatError struct {
	URI    string // of the dataset
	Format string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("the tables in %s are %s files; Athena reads Parquet", e.URI, e.Format)
}

// VersionError says that a dataset's tables have other columns than this
// version's.
type VersionError struct {
	URI string // of the dataset
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("the tables in %s have other columns than this version of macielake describes", e.URI)
}

// ReadLayout reads what the dataset in s has. It gives a FormatError or a
// VersionError for one that can't be described, state.ErrForeign where there
// is none.
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
		if err := l.Tables[i].list(ctx, s); err != nil {
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
			return nil, fmt.Errorf("partitions by %q are not known to this version", name)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func tableDoc(name string) string {
	switch name {
	case "results":
		return "Amazon Macie: a row per analysed object, and per file inside an archive"
	case "detections":
		return "Amazon Macie: a row per analysed object and type of sensitive data in it"
	case "occurrences":
		return "Amazon Macie: a row per location of sensitive data"
	}
	return "macielake: a row per committed run"
}

// list finds the partitions of t. What isn't where a table's files are is none
// of them.
func (t *Table) list(ctx context.Context, s store.Store) error {
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

// Table returns the table of that name, nil where the dataset has none.
func (l *Layout) Table(name string) *Table {
	for i := range l.Tables {
		if l.Tables[i].Name == name {
			return &l.Tables[i]
		}
	}
	return nil
}

// missing returns the first of the names that isn't a table of the dataset.
func (l *Layout) missing(names []string) string {
	for _, name := range names {
		if l.Table(name) == nil {
			return name
		}
	}
	return ""
}
