package convert

import (
	"log/slog"
	"slices"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// Options are what a run is asked to do.
type Options struct {
	Inputs  []string       // as a user names them
	Origins []input.Origin // of the inputs
	Out     store.Store    // of the dataset

	TableFormat string // "parquet" or "arrow"
	Tables      []string
	PartitionBy []sink.PartitionKey
	Compression string // "zstd", "snappy" or "none"

	TargetFileSize int64 // bytes
	PartSize       int64 // stored bytes; small runs have smaller parts
	Workers        int
	// FetchConcurrency is how many objects that lie behind a network are
	// fetched at the same time; 0 is 64.
	FetchConcurrency int
	Filter           dataset.Filter
	Limits           stream.Limits
	RejectRaw        bool  // keep the raw bytes of rejected lines
	MaxRejects       int64 // -1 for no limit
	Overwrite        bool  // replace the dataset that is in Out

	Version  string    // of macielake, for run.json and the runs table
	Progress *Progress // may be nil
	// Log is told of skipped files and repeated parts.
	Log *slog.Logger
}

// tables returns the definitions of the chosen tables, in their usual order.
func (o *Options) tables() []*schema.Table {
	return slices.DeleteFunc(schema.Tables(), func(t *schema.Table) bool {
		return !slices.Contains(o.Tables, t.Name)
	})
}

func (o *Options) format() (sink.Format, error) {
	if o.TableFormat == "arrow" {
		return sink.Arrow(sink.ArrowOptions{Compression: o.Compression})
	}
	return sink.Parquet(sink.ParquetOptions{Compression: o.Compression,
		CreatedBy: "macielake version " + o.Version})
}

// fetchBytes bounds what is fetched ahead, in bytes of memory.
const fetchBytes = 64 << 20

// fetches returns the bounds of what is fetched ahead.
func (o *Options) fetches() *stream.FetchGroup {
	n := o.FetchConcurrency
	if n <= 0 {
		n = 64
	}
	return stream.NewFetchGroup(n, fetchBytes)
}
