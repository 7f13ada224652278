// Package lake reads the tables of a dataset back: only files of committed
// runs, of those only the row groups that can hold what is asked for, of those
// only the columns that are needed, as Arrow record batches in a fixed order.
//
// Start with [Open] and [Scan].
package lake

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/sink"
)

// Lake is a dataset as readers see it: what was committed when it was opened.
// It is safe for concurrent use.
type Lake struct {
	Dataset state.Dataset
	// States are all runs, by number, also those that are open or abandoned.
	States []state.RunState

	store store.Store
	files []File
}

// File is a published file of a table.
type File struct {
	sink.File
	Run  string // run_id
	Part int
	// Partition has the values of the directories the file lies in, as they
	// are escaped there, by their names: created_month, p_region.
	Partition map[string]string
}

// Open reads a dataset's state. It gives state.ErrForeign where the store
// holds none. The store must stay open as long as the lake is used.
func Open(ctx context.Context, s store.Store) (*Lake, error) {
	d, runs, err := state.Open(ctx, s, state.Records)
	if err != nil {
		return nil, err
	}
	l := &Lake{Dataset: d, States: runs, store: s}
	for i := range runs {
		if !runs[i].Committed() {
			continue
		}
		for part := range runs[i].End.Parts {
			first := len(l.files)
			for _, f := range runs[i].End.Parts[part].Files {
				l.files = append(l.files, File{File: f.File, Run: runs[i].RunID, Part: part, Partition: partitionOf(f.Path)})
			}
			slices.SortFunc(l.files[first:], func(a, b File) int { return comparePaths(a.Path, b.Path) })
		}
	}
	return l, nil
}

// Caveats are what limits every answer from the dataset.
func (l *Lake) Caveats(ctx context.Context) (*state.Caveats, error) {
	return state.LoadCaveats(ctx, l.store, &l.Dataset, l.States)
}

// Has reports whether the dataset has that table.
func (l *Lake) Has(table string) bool { return slices.Contains(l.Dataset.Tables, table) }

// Runs returns the run_id of the runs that have rows,
// by number.
func (l *Lake) Runs() []string {
	var runs []string
	for _, f := range l.files {
		if len(runs) == 0 || runs[len(runs)-1] != f.Run {
			runs = append(runs, f.Run)
		}
	}
	return runs
}

// Files returns the files of a table in the order in which they are read: by
// run, part, partition, and number. The caller must not change what they hold.
func (l *Lake) Files(table string) []File {
	var files []File
	for _, f := range l.files {
		if f.Table == table {
			files = append(files, f)
		}
	}
	return files
}

// comparePaths orders a part's files of a table: by directory, then by their
// number, of which 10 comes after 9.
func comparePaths(a, b string) int {
	return cmp.Or(cmp.Compare(path.Dir(a), path.Dir(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// partitionOf is the partition that a file's directories name.
func partitionOf(name string) map[string]string {
	values := map[string]string{}
	for dir := range strings.SplitSeq(path.Dir(name), "/") {
		if key, value, ok := strings.Cut(dir, "="); ok {
			values[key] = value
		}
	}
	return values
}

// NoTableError says that a dataset doesn't have a table.
type NoTableError struct {
	Table  string
	Tables []string // that it has
}

func (e *NoTableError) Error() string {
	return fmt.Sprintf("the dataset has no table %s, only %s", e.Table, strings.Join(e.Tables, " and "))
}
