package dataset

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// Format is the version of the state files that this package writes.
const Format = 1

// Dataset is dataset.json: what all runs of a dataset have in common.
type Dataset struct {
	Format int `json:"format"`
	// ID is the dataset's own: what was made from another one's state isn't
	// taken for this one's.
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

// Run is run.json: what one run was to convert, and how.
type Run struct {
	Run string `json:"run"`
	// Nonce is the run's own: whoever created the file knows it again.
	Nonce     string    `json:"nonce"`
	StartedAt time.Time `json:"started_at"`
	Version   string    `json:"version"` // of macielake
	// Retry says that the run takes up what earlier ones rejected.
	Retry   bool    `json:"retry,omitempty"`
	Options Options `json:"options"`
	Parts   int     `json:"parts"`
	Sources int64   `json:"sources"`
	Bytes   int64   `json:"bytes"` // stored bytes of the sources, as listed
	// Plan names the plan's segments by their SHA-256, in order.
	Plan []string `json:"plan"`
}

// Options are those of a run that decide its output.
type Options struct {
	Compression      string `json:"compression"`
	TargetFileSize   int64  `json:"target_file_size"`
	PartSize         int64  `json:"part_size"` // as it was used
	MaxLineBytes     int    `json:"max_line_bytes"`
	MaxInflatedBytes int64  `json:"max_inflated_bytes"`
	MaxRatio         int64  `json:"max_ratio"`  // inflated bytes per stored byte
	RatioFrom        int64  `json:"ratio_from"` // inflated bytes from which it counts
	RejectRaw        bool   `json:"reject_raw"`
	MaxRejects       int64  `json:"max_rejects"` // -1 for no limit
}

// End is end.json: how a run ended.
type End struct {
	Run     string    `json:"run"`
	State   string    `json:"state"` // Committed or Abandoned
	EndedAt time.Time `json:"ended_at"`
	Totals  *Totals   `json:"totals,omitempty"` // of a committed run
}

// States of a run that has ended.
const (
	Committed = "committed" // all its rows are published
	Abandoned = "abandoned" // none is, and its sources are free again
)

// ErrForeign says that a directory holds files, but no dataset.
var ErrForeign = errors.New("not a dataset of macielake")

// Names of state files.
const (
	stateDir    = store.StateDir
	datasetName = stateDir + "/dataset.json"
	runsDir     = stateDir + "/runs"
	plansDir    = stateDir + "/plans"
	ledgerDir   = stateDir + "/ledger"
	leasesDir   = stateDir + "/leases"
	stagingDir  = stateDir + "/staging"
	rejectsDir  = stateDir + "/rejects"
)

// RunName is the identifier of run n, as run_id has it.
func RunName(n int) string { return fmt.Sprintf("%06d", n) }

// PartName is the beginning of the names of a part's files.
func PartName(run string, part int) string { return fmt.Sprintf("%s-%05d", run, part) }

// StagingDir is the directory in which an attempt at a part writes its files.
func StagingDir(run string, part int, nonce string) string {
	return path.Join(stagingDir, PartName(run, part)+"-"+nonce)
}

// StagedName is the name in its staging directory of a file that will be
// published as name: one directory holds them all, and one sync their names.
func StagedName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}

// RejectsName is where a part's rejects are published.
func RejectsName(run string, part int) string {
	return path.Join(rejectsDir, PartName(run, part)+".jsonl")
}

func runDir(run string) string { return path.Join(runsDir, run) }

func runName(run string) string { return path.Join(runDir(run), "run.json") }

func endName(run string) string { return path.Join(runDir(run), "end.json") }

func removedName(run string) string { return path.Join(runDir(run), "removed.json") }

func receiptName(run string, part int) string {
	return path.Join(runDir(run), "parts", fmt.Sprintf("%05d.json", part))
}

// NewNonce returns a name that nothing else has: 16 hexadecimal digits.
func NewNonce() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// isHex reports whether s is n hexadecimal digits, as nonces and hashes are.
func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Create writes dataset.json, which makes the store a dataset. It gives
// fs.ErrExist where another was faster.
func Create(ctx context.Context, s store.Store, d Dataset) error {
	return create(ctx, s, datasetName, d)
}

// Load reads dataset.json. It gives ErrForeign where there is none, and
// ErrHalfReplaced where a replacement was broken off: what lies in place then is
// of neither dataset, or of a part of one.
func Load(ctx context.Context, s store.Store) (Dataset, error) {
	if err := Whole(ctx, s); err != nil {
		return Dataset{}, err
	}
	// Another format's other fields may have other types.
	var version struct {
		Format int `json:"format"`
	}
	err := get(ctx, s, datasetName, &version)
	if errors.Is(err, fs.ErrNotExist) {
		return Dataset{}, fmt.Errorf("%s: %w", s.URI("."), ErrForeign)
	}
	if err == nil && version.Format != Format {
		err = &FormatError{Name: s.URI(datasetName), Format: version.Format}
	}
	var d Dataset
	if err == nil {
		err = get(ctx, s, datasetName, &d)
	}
	if err == nil {
		err = d.check(s)
	}
	return d, err
}

// FormatError says that a dataset is of a format that this version doesn't
// read.
type FormatError struct {
	Name   string
	Format int
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: format %d is not one that this version reads (%d)", e.Name, e.Format, Format)
}

// check looks whether what goes into names and decides is what this package
// writes.
func (d *Dataset) check(s store.Store) error {
	known := schema.Tables()
	for _, t := range d.Tables {
		if !slices.ContainsFunc(known, func(k *schema.Table) bool { return k.Name == t }) {
			return damaged(s, datasetName, "it has a table %q", t)
		}
	}
	if d.TableFormat != "parquet" && d.TableFormat != "arrow" {
		return damaged(s, datasetName, "its table format is %q", d.TableFormat)
	}
	return nil
}

// ProbeName is the file that shows that a store keeps create-only files.
const ProbeName = stateDir + "/probe.json"

// IsNew reports whether the store holds nothing, or nothing but what a run left
// that died before it made a dataset.
func IsNew(ctx context.Context, s store.Store) (bool, error) {
	empty, err := s.Empty(ctx)
	if err != nil || empty {
		return empty, err
	}
	if _, err := s.Stat(ctx, datasetName); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	fresh := true
	err = s.List(ctx, ".", func(name string, _ fs.FileInfo) error {
		if name != ProbeName && !isTemporary(name) {
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

// PutRun writes run.json, which claims the run's number and its sources. It
// gives fs.ErrExist where another run has the number.
func PutRun(ctx context.Context, s store.Store, r Run) error {
	return create(ctx, s, runName(r.Run), r)
}

// LoadRun reads a run's run.json.
func LoadRun(ctx context.Context, s store.Store, run string) (Run, error) {
	var r Run
	name := runName(run)
	if err := get(ctx, s, name, &r); err != nil {
		return r, err
	}
	switch {
	case r.Run != run:
		return r, damaged(s, name, "it is of run %q", r.Run)
	case !isHex(r.Nonce, nonceDigits):
		return r, damaged(s, name, "its nonce is %q", r.Nonce)
	case r.Parts < 0 || int64(r.Parts) > r.Sources:
		return r, damaged(s, name, "it has %d parts of %d sources", r.Parts, r.Sources)
	}
	for _, p := range r.Plan {
		if !isHex(p, 2*sha256.Size) {
			return r, damaged(s, name, "its plan names %q", p)
		}
	}
	return r, nil
}

const nonceDigits = 16

// PutEnd writes end.json, which ends a run. It gives fs.ErrExist where the run
// has ended in another way.
func PutEnd(ctx context.Context, s store.Store, e End) error {
	return create(ctx, s, endName(e.Run), e)
}

// LoadEnd reads a run's end.json.
func LoadEnd(ctx context.Context, s store.Store, run string) (End, error) {
	var e End
	name := endName(run)
	if err := get(ctx, s, name, &e); err != nil {
		return e, err
	}
	switch {
	case e.Run != run:
		return e, damaged(s, name, "it is of run %q", e.Run)
	case e.State != Abandoned && (e.State != Committed || e.Totals == nil):
		return e, damaged(s, name, "its state is %q", e.State)
	}
	return e, nil
}

// Contents are the names of all that a dataset consists of, its state last, so
// that a removal that breaks off leaves a dataset that can be removed.
func Contents() []string {
	var names []string
	for _, t := range schema.Tables() {
		names = append(names, t.Name)
	}
	return append(names, RunsTable, stateDir)
}
