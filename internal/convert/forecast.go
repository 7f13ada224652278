package convert

import (
	"context"
	"strings"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
)

// Forecast is what a converter would do.
type Forecast struct {
	OpenRuns []string `json:"open_runs"` // that would be finished first
	Sources  int64    `json:"sources"`   // that would be read
	Bytes    int64    `json:"bytes"`     // of them, stored
	Runs     int64    `json:"runs"`      // that would be made
	Parts    int64    `json:"parts"`
	// Requests are those that S3 would be asked, roughly; nil where neither
	// an input nor the output is there.
	Requests *Requests `json:"requests,omitempty"`
}

// Requests count requests to S3 by what they cost.
type Requests struct {
	Get  int64 `json:"get"`  // and HEAD
	Put  int64 `json:"put"`  // and COPY, LIST
	Free int64 `json:"free"` // DELETE
}

// Dollars is what requests cost in us-east-1 at list price: $0.0004 per
// thousand GET, $0.005 per thousand PUT, COPY and LIST (Amazon S3 pricing,
// S3 Standard).
func (r *Requests) Dollars() float64 {
	return float64(r.Get)*0.0004/1000 + float64(r.Put)*0.005/1000
}

// A forecast takes this many table files per part, one per table and partition,
// and counts a listing's pages of 1,000 keys.
const (
	forecastPartitions = 2
	listPage           = 1000
)

func (c *converter) dryRun(ctx context.Context) error {
	f := &Forecast{OpenRuns: []string{}}
	c.summary.DryRun = f
	for i := range c.runs {
		if !c.runs[i].Ended {
			f.OpenRuns = append(f.OpenRuns, state.RunNumber(c.runs[i].Address.Number))
		}
	}
	var batch []input.Source
	stored := int64(0) // objects to read from S3
	plan := func() {
		if len(batch) == 0 {
			return
		}
		parts, bytes := run.Forecast(batch, c.o.PartSize, c.o.dataset().PartitionBy)
		f.Runs++
		f.Sources += int64(len(batch))
		f.Bytes += bytes
		f.Parts += parts
		batch = nil
	}
	add := func(s input.Source) error {
		if isS3(s.URI) {
			stored++
		}
		if batch = append(batch, s); len(batch) == c.o.MaxSources {
			plan()
		}
		return nil
	}
	var err error
	if c.o.RetryRejected {
		err = c.eachRejected(ctx, func(s input.Source, _ run.Retry) error { return add(s) })
	} else {
		err = c.eachNew(ctx, add)
	}
	if err != nil {
		return err
	}
	plan()
	if c.o.RetryRejected {
		c.summary.Sources.Retried = f.Sources
	} else {
		c.summary.Sources.New = f.Sources
	}
	if c.listedInS3 > 0 || isS3(c.output) {
		f.Requests = c.requests(f, stored)
	}
	return nil
}

func (c *converter) price() {
	f := &Forecast{Runs: int64(len(c.summary.Planned))}
	for _, r := range c.summary.Planned {
		f.Sources += r.Sources
		f.Parts += int64(r.Parts)
	}
	stored := int64(0)
	if c.listedInS3 > 0 {
		stored = f.Sources
	}
	if stored > 0 || isS3(c.output) {
		c.summary.WorkDollars = c.requests(f, stored).Dollars()
	}
}

// requests counts roughly what the forecast's work asks of S3.
func (c *converter) requests(f *Forecast, stored int64) *Requests {
	r := &Requests{Get: stored, Put: (c.listedInS3 + listPage - 1) / listPage}
	if !isS3(c.output) {
		return r
	}
	files := f.Parts * int64(len(c.o.Tables)) * forecastPartitions
	r.Put += 2 + int64(len(c.runs))/listPage // listings of runs and ledger
	r.Get += 3
	if f.Runs > 0 {
		// Of a file: written to staging and copied; looked at three times. Of a
		// part: lease and receipt, before which the dataset is looked at.
		// Of a run: probe, plan, claim, lease, end, row (twice), ledger.
		r.Put += 2*files + 2*f.Parts + 8*f.Runs
		r.Get += 3*files + 3*f.Parts + 12*f.Runs
		r.Free += files + f.Parts
	}
	return r
}

func isS3(uri string) bool { return strings.HasPrefix(uri, "s3://") }
