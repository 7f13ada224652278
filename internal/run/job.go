package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// job is an attempt at a part.
type job struct {
	work    *work
	part    int
	staged  string // directory of its files
	attempt string
	outputs sync.Map        // store.Output by the paths of the tables' files; lanes create side by side
	sums    []atomic.Uint64 // of the sources that were read to their end

	reader  *stream.Reader
	account *account
	sink    *sink.Sink
}

// Lanes of a job: the account, then a table each.
const (
	accountLane = iota
	firstTableLane
)

// newJob returns an attempt at a part; known are the outcomes of its first
// objects, as far as an earlier attempt got.
func (r *work) newJob(part int, known []stream.Outcome) *job {
	j := &job{work: r, part: part, attempt: state.NewNonce()}
	j.staged = state.Staging(r.run.Address(), part, j.attempt)
	sources := r.run.parts[part]
	j.sums = make([]atomic.Uint64, len(sources))
	objects := make([]stream.Source, len(sources))
	for i := range sources {
		objects[i] = sources[i].Object()
		objects[i].Open = func(ctx context.Context) (io.ReadCloser, error) { return j.open(ctx, i) }
	}
	var fetches *stream.FetchGroup // files needn't be read ahead
	if input.AnyRemote(sources) {
		fetches = r.fetches
	}
	j.reader = stream.NewReader(objects, stream.ReaderOptions{
		FetchGroup:  fetches,
		Limits:      r.limits,
		Known:       known,
		VerifyFirst: len(known) > 0,
	})
	j.account = newAccount(sources, r.run.retry, r.run.Options.RejectRaw, j.create)
	j.sink = sink.New(sink.Options{
		Format:         r.format,
		Tables:         r.tables,
		PartitionBy:    r.partitionBy,
		Name:           r.run.Address().Part(part),
		TargetFileSize: r.run.Options.TargetFileSize,
		Memory:         sinkMemory,
		Share:          r.crew.Share,
		Create: func(name string) (sink.Output, error) {
			out, err := j.create(name, store.Shared)
			if err != nil {
				return nil, err
			}
			j.outputs.Store(name, out)
			return &timedOutput{out, r.Times, r.CPUTimes}, nil
		},
	})
	return j
}

// sinkMemory bounds what the open row groups of a part hold, in bytes.
const sinkMemory = 48 << 20

// open opens a source of the part. A source that is restarted is opened again.
func (j *job) open(ctx context.Context, source int) (io.ReadCloser, error) {
	rc, err := j.work.run.parts[j.part][source].Open(ctx)
	if err != nil {
		return nil, err
	}
	j.sums[source].Store(0)
	return &countedReader{ReadCloser: rc, p: j.work.Progress, sum: crc64nvme.New(), done: &j.sums[source]}, nil
}

func (j *job) create(name string, access store.Access) (store.Output, error) {
	return j.work.Store.Create(j.work.ctx, path.Join(j.staged, state.StagedName(name)), access)
}

// Read implements stream.Job.
func (j *job) Read(ctx context.Context, b *schema.Batch) error {
	b.RunID = j.work.run.RunID
	before, watch := j.reader.FetchWait(), stream.NewStopwatch(j.work.CPUTimes)
	err := j.reader.Next(ctx, b)
	all, fetch := watch.Lap(), j.reader.FetchWait()-before
	// Inflating doesn't wait: what was waited, was for bytes.
	waited := min(fetch, max(0, all.Wall-all.CPU))
	j.work.Times.fetch.add(stream.Span{Wall: fetch, CPU: fetch - waited})
	return err
}

// Decode implements stream.Job.
func (j *job) Decode(_ context.Context, dec schema.Decoder, b *schema.Batch) error {
	dec.Decode(b)
	if j.work.run.retry != nil {
		keepLines(j.work.run.retry, b)
	}
	if j.work.filters {
		applyFilter(&j.work.run.Dataset.Filter, b)
	}
	return nil
}

// Lanes implements stream.Job.
func (j *job) Lanes() int { return firstTableLane + j.sink.Lanes() }

// Write implements stream.Job.
func (j *job) Write(_ context.Context, lane int, b *schema.Batch) error {
	if lane != accountLane {
		return j.sink.Write(lane-firstTableLane, b)
	}
	return j.account.add(b)
}

// Finish implements stream.Job. What waits for disks, and nothing else, goes on
// behind the next parts.
func (j *job) Finish(ctx context.Context, err error) (stream.Job, error) {
	if closeErr := j.reader.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = j.account.finish(j.reader.Outcomes())
	}
	if err == nil {
		err = j.work.addRejects(j.account)
	}
	if err == nil {
		err = j.sink.Close()
	}
	if err == nil {
		j.work.commits.Go(func() error {
			err := j.commit(j.work.ctx)
			j.work.Leases.Release(context.WithoutCancel(ctx), state.PartLease(j.work.run.Address(), j.part))
			return err
		})
		return nil, nil
	}
	j.drop(ctx)
	var spoiled *stream.SpoiledError
	if !errors.As(err, &spoiled) {
		return nil, err
	}
	j.work.Log.Info("converting a part again without a source", "part", j.part,
		"uri", j.work.run.parts[j.part][spoiled.Index].URI, "why", spoiled.Error())
	return j.work.newJob(j.part, slices.Clone(j.reader.Outcomes())), nil
}

// commit makes the part's files durable and writes its receipt.
func (j *job) commit(ctx context.Context) error {
	receipt, err := j.durable(ctx)
	if err == nil {
		err = state.Fence(ctx, j.work.Store, &j.work.run.Dataset)
	}
	if err != nil {
		j.drop(context.WithoutCancel(ctx))
		return err
	}
	sum, err := state.PutReceipt(ctx, j.work.Store, j.work.run.Address(), receipt)
	if errors.Is(err, fs.ErrExist) { // another attempt was faster, and binds
		j.drop(ctx)
		return j.work.adopt(ctx, j.part, j.account)
	}
	if err != nil {
		// The receipt may be there all the same: the files stay.
		return fmt.Errorf("part %d: %w", j.part, err)
	}
	j.work.add(receipt, sum)
	return nil
}

// durable makes the part's files durable, and returns the receipt that names
// them.
func (j *job) durable(ctx context.Context) (*state.Receipt, error) {
	files, err := j.sink.Commit()
	if err != nil {
		return nil, err
	}
	run := j.work.run
	receipt := &state.Receipt{RunID: run.RunID, Claim: run.Sum, Part: j.part, Attempt: j.attempt, EndedAt: time.Now().UTC(), Files: []state.File{}}
	for _, f := range files {
		out, _ := j.outputs.Load(f.Path)
		receipt.Files = append(receipt.Files, state.File{File: f, ETag: out.(store.Output).ETag()})
	}
	j.account.fill(receipt, run.Dataset.Tables)
	for i := range receipt.Sources {
		receipt.Sources[i].Checksum = j.sums[i].Load()
	}
	if receipt.Rejects, err = j.account.commit(); err != nil {
		return nil, err
	}
	return receipt, j.work.Store.Sync(ctx)
}

// drop removes the attempt's files. A process that may not delete leaves them to
// gc.
func (j *job) drop(ctx context.Context) {
	err := errors.Join(j.sink.Abort(), j.account.abort(), j.work.Store.RemoveAll(ctx, j.staged))
	if err != nil {
		j.work.Log.Info("could not remove what an attempt wrote", "part", j.part, "why", err.Error())
	}
}
