package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

// Format is the version of the state files that this package writes.
const Format = 1

// Dataset is dataset.json: what all runs of a dataset have in common.
type Dataset struct {
	Format      int      `json:"format"`
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
	Run       string    `json:"run"`
	StartedAt time.Time `json:"started_at"`
	Version   string    `json:"version"` // of macielake
	Options   Options   `json:"options"`
	Parts     int       `json:"parts"`
	Sources   int64     `json:"sources"`
	Bytes     int64     `json:"bytes"` // stored bytes of the sources, as listed
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
	RejectRaw        bool   `json:"reject_raw"`
	MaxRejects       int64  `json:"max_rejects"` // -1 for no limit
}

// PlannedSource is a line of a plan: a source and the part it belongs to.
type PlannedSource struct {
	Part         int    `json:"part"`
	URI          string `json:"uri"`
	Size         int64  `json:"size"` // stored bytes, -1 where it isn't known
	ETag         string `json:"etag,omitempty"`
	LastModified int64  `json:"last_modified"` // milliseconds since 1970
}

// Receipt says what became of a part. The first receipt of a part binds: its
// files are the part's rows.
type Receipt struct {
	Run   string `json:"run"`
	Part  int    `json:"part"`
	Nonce string `json:"nonce"`
	// Files are in the part's staging directory until they are published.
	Files []sink.File `json:"files"`
	// Rejects is the name of the file of rejects, empty where there were none.
	Rejects string   `json:"rejects,omitempty"`
	Objects []Object `json:"objects"`
}

// Object is what became of one source.
type Object struct {
	URI   string `json:"uri"`
	ETag  string `json:"etag,omitempty"`
	State string `json:"state"` // converted, rejected or unreadable
	// Lines = Records + Rejects + Blank for a converted object. Records
	// counts those that a filter left out, too: Filtered.
	Lines    int64        `json:"lines,omitempty"`
	Records  int64        `json:"records,omitempty"`
	Filtered int64        `json:"filtered,omitempty"`
	Rejects  int64        `json:"rejects,omitempty"`
	Blank    int64        `json:"blank,omitempty"`
	Stored   int64        `json:"stored"`
	Inflated int64        `json:"inflated"`
	Class    schema.Class `json:"class,omitempty"` // of a rejected object
	Error    string       `json:"error,omitempty"` // of an unreadable one
}

// End is end.json: that a run is over.
type End struct {
	Run     string    `json:"run"`
	State   string    `json:"state"` // committed
	EndedAt time.Time `json:"ended_at"`
}

// Committed is the state of a run whose rows are all published.
const Committed = "committed"

// ErrForeign says that a directory holds files, but no dataset.
var ErrForeign = errors.New("not a dataset of macielake")

// Names of state files.
const (
	stateDir    = store.StateDir
	datasetName = stateDir + "/dataset.json"
)

// RunName is the identifier of run n, as run_id has it.
func RunName(n int) string { return fmt.Sprintf("%06d", n) }

// PartName is the beginning of the names of a part's files.
func PartName(run string, part int) string { return fmt.Sprintf("%s-%05d", run, part) }

// StagingDir is the directory in which an attempt at a part writes its files.
func StagingDir(run string, part int, nonce string) string {
	return path.Join(stateDir, "staging", PartName(run, part)+"-"+nonce)
}

// StagedName is the name in its staging directory of a file that will be
// published as name: one directory holds them all, and one sync their names.
func StagedName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}

// RejectsName is where a part's rejects are published.
func RejectsName(run string, part int) string {
	return path.Join(stateDir, "rejects", PartName(run, part)+".jsonl")
}

func runDir(run string) string { return path.Join(stateDir, "runs", run) }

func receiptName(run string, part int) string {
	return path.Join(runDir(run), "parts", fmt.Sprintf("%05d.json", part))
}

// Create writes dataset.json, which makes the store a dataset.
func Create(ctx context.Context, s store.Store, d Dataset) error {
	return putNew(ctx, s, datasetName, d)
}

// Load reads dataset.json. It gives ErrForeign where there is none.
func Load(ctx context.Context, s store.Store) (Dataset, error) {
	// Another format's other fields may have other types.
	var version struct {
		Format int `json:"format"`
	}
	err := get(ctx, s, datasetName, &version)
	if errors.Is(err, fs.ErrNotExist) {
		return Dataset{}, fmt.Errorf("%s: %w", s.URI("."), ErrForeign)
	}
	if err == nil && version.Format != Format {
		err = fmt.Errorf("%s: format %d is not one that this version reads (%d)", s.URI(datasetName), version.Format, Format)
	}
	var d Dataset
	if err == nil {
		err = get(ctx, s, datasetName, &d)
	}
	return d, err
}

// PutRun writes run.json, which claims the run's number.
func PutRun(ctx context.Context, s store.Store, r Run) error {
	return putNew(ctx, s, path.Join(runDir(r.Run), "run.json"), r)
}

// PutReceipt writes a part's receipt.
func PutReceipt(ctx context.Context, s store.Store, r Receipt) error {
	return putNew(ctx, s, receiptName(r.Run, r.Part), r)
}

// PutEnd writes end.json, which ends a run.
func PutEnd(ctx context.Context, s store.Store, e End) error {
	return putNew(ctx, s, path.Join(runDir(e.Run), "end.json"), e)
}

// moves is how many files are published at a time.
const moves = 16

// Publish moves a receipt's files to where readers see them. The store's next
// Sync makes that durable.
func Publish(ctx context.Context, s store.Store, r Receipt) error {
	staging := StagingDir(r.Run, r.Part, r.Nonce)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(moves)
	move := func(name, to string) {
		group.Go(func() error {
			if err := s.Move(groupCtx, path.Join(staging, StagedName(name)), to); err != nil {
				return fmt.Errorf("publishing %s: %w", to, err)
			}
			return nil
		})
	}
	for _, f := range r.Files {
		move(f.Path, f.Path)
	}
	if r.Rejects != "" {
		move(r.Rejects, RejectsName(r.Run, r.Part))
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.RemoveAll(ctx, staging)
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

func putNew(ctx context.Context, s store.Store, name string, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if _, list := v.(Receipt); !list { // which may list thousands of objects, and indenting takes longer than encoding
		enc.SetIndent("", " ")
	}
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return s.PutNew(ctx, name, buf.Bytes())
}

// maxStateFile bounds a state file that is read: a receipt may list many
// objects.
const maxStateFile = 1 << 30

func get(ctx context.Context, s store.Store, name string, v any) error {
	r, err := s.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxStateFile))
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.URI(name), err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s is damaged: %w", s.URI(name), err)
	}
	return nil
}
