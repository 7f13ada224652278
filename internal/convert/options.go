package convert

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
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
	Filter      state.Filter

	Compression    string // "zstd", "snappy" or "none"
	TargetFileSize int64  // bytes
	PartSize       int64  // stored bytes; small runs have smaller parts
	MaxSources     int    // of one run; more become several, one after the other; 0 is DefaultMaxSources
	Workers        int
	Limits         stream.Limits
	RejectRaw      bool  // keep the raw bytes of rejected lines
	MaxRejects     int64 // of one run; -1 for no limit
	PlanOnly       bool  // make runs, and leave the work on them to Work and Commit
	DryRun         bool  // only say what would be done
	RetryRejected  bool  // try again what was rejected, and nothing else
	AllowCopies    bool  // convert copies of sources that are converted
	AcceptChanged  bool  // leave changed sources out for good, in the version that they have
	NoWait         bool  // leave to other converters what they are at work on
	// AcceptUnreadable reports whether a source may stay unread; nil if none
	// may.
	AcceptUnreadable func(uri string) bool
	// Lease is how long a converter that died keeps others from its parts; 0
	// is coord.DefaultLease.
	Lease time.Duration
	// FetchConcurrency is how many objects that lie behind a network are
	// fetched at the same time; 0 is 64.
	FetchConcurrency int

	Version  string        // of macielake, for claims and the runs table
	Progress *run.Progress // may be nil
	CPUTimes bool          // the summary's Stats have CPU times, which take some hundredths
	// Log is told of skipped files and repeated parts.
	Log *slog.Logger
}

// DefaultMaxSources is how many sources a run takes where nothing else is said.
const DefaultMaxSources = 1_000_000

func (o *Options) dataset() state.Dataset {
	tables := state.TablesNamed(o.Tables)
	d := state.Dataset{
		Format: state.Format, Layout: state.Layout, ID: state.NewNonce(), TableFormat: o.TableFormat,
		Definitions: state.Definitions(tables), PartitionBy: []string{}, Filter: o.Filter,
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

// checkCompatible looks whether a dataset was made with the same options.
func (o *Options) checkCompatible(out string, d *state.Dataset) error {
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

// ofRun are the options that a new run keeps.
func (o *Options) ofRun() state.Options {
	return state.Options{
		Compression: o.Compression, TargetFileSize: o.TargetFileSize, PartSize: o.PartSize,
		MaxLineBytes: o.Limits.MaxLineBytes, MaxLineValues: o.Limits.MaxLineValues, MaxInflatedBytes: o.Limits.MaxInflatedBytes,
		MaxRatio: o.Limits.MaxRatio, RatioFrom: o.Limits.RatioFrom,
		RejectRaw: o.RejectRaw, MaxRejects: o.MaxRejects,
	}
}
