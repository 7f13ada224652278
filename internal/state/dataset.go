package state

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// Versions of a dataset that this package writes, and the only ones it reads.
const (
	Format = 2 // of tables and state
	Layout = 2 // revision of the state's files
)

// Dataset is dataset.json: what all runs of a dataset have in common.
type Dataset struct {
	Format int `json:"format"`
	Layout int `json:"layout"`
	// ID is the dataset's own, 16 hexadecimal digits. Every run carries it.
	ID          string   `json:"id"`
	TableFormat string   `json:"table_format"` // parquet or arrow
	Tables      []string `json:"tables"`
	// Definitions is the SHA-256 of the tables' column names and types.
	Definitions string   `json:"definitions"`
	PartitionBy []string `json:"partition_by"`
	Filter      Filter   `json:"filter"`
}

// Filter is the filter on records under which all runs of a dataset convert.
type Filter struct {
	Accounts []string   `json:"accounts,omitempty"`
	Regions  []string   `json:"regions,omitempty"`
	Jobs     []string   `json:"jobs,omitempty"`
	Since    *time.Time `json:"since,omitempty"` // created at or after
	Until    *time.Time `json:"until,omitempty"` // created before
}

// TablesNamed returns the definitions of the named tables, in their usual order.
func TablesNamed(names []string) []*schema.Table {
	return slices.DeleteFunc(schema.Tables(), func(t *schema.Table) bool { return !slices.Contains(names, t.Name) })
}

// Definitions returns the SHA-256 of the names and types of tables' columns,
// hexadecimal.
func Definitions(tables []*schema.Table) string {
	h := sha256.New()
	for _, t := range tables {
		for _, c := range t.Columns {
			fmt.Fprintf(h, "%s.%s %d\n", t.Name, c.Name, c.Type)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ErrForeign says that a directory holds files, but no dataset.
var ErrForeign = errors.New("not a dataset of macielake")

// FormatError says that a dataset has a format or layout that this version
// doesn't read.
type FormatError struct {
	Name   string // of dataset.json
	Format int
	Layout int
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: this version of macielake reads format %d with layout %d, not format %d with layout %d; convert the results into a new dataset",
		e.Name, Format, Layout, e.Format, e.Layout)
}

// DroppedError says that a dataset is being removed.
type DroppedError struct{ Dataset string }

func (e *DroppedError) Error() string {
	return fmt.Sprintf("%s is being dropped; run `macielake drop` again to finish that", e.Dataset)
}

// ReplacedError says that a dataset that was opened isn't there any more.
type ReplacedError struct{ Dataset string }

func (e *ReplacedError) Error() string {
	return fmt.Sprintf("%s was removed or replaced in the meantime", e.Dataset)
}

// Dropped is dropped.json: the dataset is being removed.
type Dropped struct {
	ID string    `json:"id"` // of the dataset
	At time.Time `json:"at"`
}

// Create writes dataset.json, which makes the store a dataset. It gives
// fs.ErrExist where another was faster.
func Create(ctx context.Context, s store.Store, d *Dataset) error {
	if err := CheckDropped(ctx, s); err != nil {
		return err
	}
	_, err := create(ctx, s, DatasetName, d)
	return err
}

// Drop writes dropped.json, after which every command but drop refuses the
// dataset.
func Drop(ctx context.Context, s store.Store, d *Dataset, at time.Time) error {
	_, err := create(ctx, s, DroppedName, Dropped{ID: d.ID, At: at})
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Load reads dataset.json. It gives ErrForeign where there is none, a
// NotWholeError where it is missing from a dataset that has runs, and a
// DroppedError for a dataset that is being removed.
func Load(ctx context.Context, s store.Store) (Dataset, error) {
	if err := CheckDropped(ctx, s); err != nil {
		return Dataset{}, err
	}
	return LoadDropped(ctx, s)
}

// LoadDropped is Load for the one command that may see a dropped dataset.
func LoadDropped(ctx context.Context, s store.Store) (Dataset, error) {
	var d Dataset
	data, err := ReadFile(ctx, s, DatasetName)
	if errors.Is(err, fs.ErrNotExist) {
		return d, noDataset(ctx, s)
	}
	if err != nil {
		return d, err
	}
	// Another format's other fields may have other types, and no checksum.
	var version struct{ Format, Layout int }
	if err := json.Unmarshal(data, &version); err == nil && version.Format != 0 && (version.Format != Format || version.Layout != Layout) {
		if _, err := decode(data, &version); err == nil || version.Format < Format {
			return d, &FormatError{Name: s.URI(DatasetName), Format: version.Format, Layout: version.Layout}
		}
	}
	if _, err = decode(data, &d); err == nil {
		err = d.check()
	}
	if err != nil {
		err = &DamagedError{Name: s.URI(DatasetName), Err: err}
	}
	return d, err
}

// noDataset is the error of a place without dataset.json: it may have been lost.
func noDataset(ctx context.Context, s store.Store) error {
	runs := false
	err := s.List(ctx, RunsDir, func(string, fs.FileInfo) error {
		runs = true
		return fs.SkipAll
	})
	switch {
	case err != nil:
		return err
	case runs:
		return &NotWholeError{Name: s.URI(DatasetName), What: "there are records of runs"}
	}
	return fmt.Errorf("%s: %w", s.URI("."), ErrForeign)
}

// check looks whether what goes into names and decides is what this package
// writes.
func (d *Dataset) check() error {
	for _, t := range d.Tables {
		if len(TablesNamed([]string{t})) == 0 {
			return fmt.Errorf("it has a table %q", t)
		}
	}
	switch {
	case d.TableFormat != "parquet" && d.TableFormat != "arrow":
		return fmt.Errorf("its table format is %q", d.TableFormat)
	case !isHex(d.ID, nonceDigits):
		return fmt.Errorf("its ID is %q", d.ID)
	}
	return nil
}

// CheckDropped gives a DroppedError for a dataset that is being removed.
func CheckDropped(ctx context.Context, s store.Store) error {
	there, err := store.Exists(ctx, s, DroppedName)
	if there {
		err = &DroppedError{Dataset: s.URI(".")}
	}
	return err
}

// Fence makes sure that the dataset is still the one that was opened: nobody has
// dropped it, or made another one in its place. A writer calls it directly before
// every record that others rely on; no lease and no clock is asked.
func Fence(ctx context.Context, s store.Store, d *Dataset) error {
	now, err := Load(ctx, s)
	gone := errors.Is(err, ErrForeign) || errors.As(err, new(*NotWholeError))
	if gone || err == nil && now.ID != d.ID {
		return &ReplacedError{Dataset: s.URI(".")}
	}
	return err
}

// NotCreateOnlyError says that a store replaces a file where it should say that
// there is one: two converters could claim the same sources.
type NotCreateOnlyError struct{ Store string }

func (e *NotCreateOnlyError) Error() string {
	return fmt.Sprintf("%s replaces files that it should only create (a PUT with If-None-Match): two converters at a time would convert the same twice", e.Store)
}

// Probe looks whether the store keeps its promise to create files only: with
// one request where the dataset has been written to before.
func Probe(ctx context.Context, s store.Store) error {
	for range 2 {
		err := s.PutNew(ctx, ProbeName, []byte(`{"probe":"`+NewNonce()+`"}`+"\n"))
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return &NotCreateOnlyError{Store: s.URI(".")}
}

// IsNew reports whether the store holds nothing, or only what was left by a run
// that died before it made a dataset, or by one that was stopped while its dataset
// was dropped: files that no dataset needs, and that carry no rows.
func IsNew(ctx context.Context, s store.Store) (bool, error) {
	empty, err := s.Empty(ctx)
	if err != nil || empty {
		return empty, err
	}
	if there, err := store.Exists(ctx, s, DatasetName); there || err != nil {
		return false, err
	}
	fresh := true
	err = s.List(ctx, ".", func(name string, _ fs.FileInfo) error {
		switch ParseName(name).Kind {
		case Temporary, StagedFile, StagedRow, LeaseFile, PlanFile, LedgerFile, LookFile, CaveatFile:
			return nil
		}
		if name != ProbeName {
			fresh = false
			return fs.SkipAll
		}
		return nil
	})
	if errors.Is(err, fs.ErrInvalid) { // a name that no dataset has
		return false, nil
	}
	return fresh, err
}
