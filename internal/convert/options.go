package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// Options are what a converter is asked to do.
type Options struct {
	Inputs  []string       // as a user names them
	Origins []input.Origin // of the inputs
	Out     store.Store    // of the dataset

	// These are the same for all runs of a dataset.
	TableFormat string // "parquet" or "arrow"
	Tables      []string
	PartitionBy []sink.PartitionKey
	Filter      dataset.Filter

	Compression    string // "zstd", "snappy" or "none"
	TargetFileSize int64  // bytes
	PartSize       int64  // stored bytes; small runs have smaller parts
	MaxSources     int    // of one run; more become several, one after the other; 0 is DefaultMaxSources
	Workers        int
	Limits         stream.Limits
	RejectRaw      bool  // keep the raw bytes of rejected lines
	MaxRejects     int64 // of one run; -1 for no limit
	Overwrite      bool  // replace the dataset that is in Out
	DryRun         bool  // only say what would be done
	RetryRejected  bool  // take up what was rejected, and nothing else
	SingleWriter   bool  // there is no other converter, so the store need not keep them apart
	// AcceptUnreadable reports whether a source may stay unread; nil if none
	// may.
	AcceptUnreadable func(uri string) bool
	// Lease is how long a converter that died keeps others from its parts; 0
	// is dataset.DefaultLease.
	Lease time.Duration
	// FetchConcurrency is how many objects that lie behind a network are
	// fetched at the same time; 0 is 64.
	FetchConcurrency int

	Version  string    // of macielake, for run.json and the runs table
	Progress *Progress // may be nil
	CPUTimes bool      // the summary's Stats have CPU times, which take some hundredths
	// Log is told of skipped files and repeated parts.
	Log *slog.Logger
}

// DefaultMaxSources is how many sources a run takes where nothing else is said.
const DefaultMaxSources = 1_000_000

// tables returns the definitions of the chosen tables, in their usual order.
func (o *Options) tables() []*schema.Table {
	return slices.DeleteFunc(schema.Tables(), func(t *schema.Table) bool {
		return !slices.Contains(o.Tables, t.Name)
	})
}

func (o *Options) format(share sink.Share) (sink.Format, error) {
	if o.TableFormat == "arrow" {
		return sink.Arrow(sink.ArrowOptions{Compression: o.Compression})
	}
	return sink.Parquet(sink.ParquetOptions{Compression: o.Compression,
		CreatedBy: "macielake version " + o.Version, Share: share})
}

// dataset is the dataset that the options make.
func (o *Options) dataset() dataset.Dataset {
	tables := o.tables()
	d := dataset.Dataset{
		Format: dataset.Format, ID: dataset.NewNonce(), TableFormat: o.TableFormat,
		Definitions: dataset.Definitions(tables), PartitionBy: []string{}, Filter: o.Filter,
	}
	for _, t := range tables {
		d.Tables = append(d.Tables, t.Name)
	}
	for _, k := range o.PartitionBy {
		d.PartitionBy = append(d.PartitionBy, string(k))
	}
	return d
}

// DifferentError says that a dataset was made with other options.
type DifferentError struct {
	Out         string
	Differences []Difference
}

// Difference is an option that a dataset was made with, and what was asked for.
type Difference struct{ Option, Dataset, Asked string }

func (e *DifferentError) Error() string {
	var all []string
	for _, d := range e.Differences {
		all = append(all, fmt.Sprintf("%s %s, not %s", d.Option, d.Dataset, d.Asked))
	}
	return fmt.Sprintf("%s was made with %s", e.Out, strings.Join(all, "; and with "))
}

// same looks whether a dataset was made with the same options.
func (o *Options) same(out string, d *dataset.Dataset) error {
	e := &DifferentError{Out: out}
	compare := func(option, there, asked string) {
		if there != asked {
			e.Differences = append(e.Differences, Difference{option, there, asked})
		}
	}
	list := func(values []string, none string) string {
		if len(values) == 0 {
			return none
		}
		return strings.Join(values, ",")
	}
	set := func(values []string) string { return list(slices.Sorted(slices.Values(values)), "(all)") }
	at := func(t *time.Time) string {
		if t == nil {
			return "(any)"
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	asked := o.dataset()
	compare("--format", d.TableFormat, asked.TableFormat)
	compare("--tables", list(d.Tables, "(none)"), list(asked.Tables, "(none)"))
	compare("--partition-by", list(d.PartitionBy, "none"), list(asked.PartitionBy, "none"))
	compare("--only-account", set(d.Filter.Accounts), set(asked.Filter.Accounts))
	compare("--only-region", set(d.Filter.Regions), set(asked.Filter.Regions))
	compare("--only-job", set(d.Filter.Jobs), set(asked.Filter.Jobs))
	compare("--since", at(d.Filter.Since), at(asked.Filter.Since))
	compare("--until", at(d.Filter.Until), at(asked.Filter.Until))
	if len(e.Differences) == 0 {
		compare("table definitions", d.Definitions, asked.Definitions)
	}
	if len(e.Differences) > 0 {
		return e
	}
	return nil
}

// of returns the options with which a run of a dataset goes on: those of its
// plan, and from o only what makes no difference to its output.
func (o *Options) of(d *dataset.Dataset, r *dataset.Run) *Options {
	planned := *o
	planned.TableFormat, planned.Tables, planned.Filter = d.TableFormat, d.Tables, d.Filter
	planned.PartitionBy = nil
	for _, k := range d.PartitionBy {
		planned.PartitionBy = append(planned.PartitionBy, sink.PartitionKey(k))
	}
	p := &r.Options
	planned.Compression, planned.TargetFileSize, planned.PartSize = p.Compression, p.TargetFileSize, p.PartSize
	planned.Limits = stream.Limits{MaxLineBytes: p.MaxLineBytes, MaxInflatedBytes: p.MaxInflatedBytes, MaxRatio: p.MaxRatio, RatioFrom: p.RatioFrom}
	planned.RejectRaw, planned.MaxRejects = p.RejectRaw, p.MaxRejects
	return &planned
}

// goneStdin is the origin of a standard input that was read by a converter that
// didn't finish: nobody can read it again.
type goneStdin struct{}

var errStdinGone = errors.New("standard input can't be read again")

func (goneStdin) Has(uri string) bool { return uri == input.StdinName }

func (goneStdin) List(context.Context, string, *input.Listing, func(input.Source) error) error {
	return errStdinGone
}

func (goneStdin) Open(context.Context, *input.Source) (io.ReadCloser, error) {
	return nil, errStdinGone
}

// fetches returns the bounds of what is fetched ahead.
func (o *Options) fetches() *stream.FetchGroup {
	n := o.FetchConcurrency
	if n <= 0 {
		n = 64
	}
	return stream.NewFetchGroup(n, 0)
}
