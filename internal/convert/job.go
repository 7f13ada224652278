package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// job is an attempt at a part.
type job struct {
	run    *run
	part   int
	staged string // directory of its files
	nonce  string

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
func (r *run) newJob(part int, known []stream.Outcome) *job {
	j := &job{run: r, part: part, nonce: dataset.NewNonce()}
	j.staged = dataset.StagingDir(r.id, part, j.nonce)
	sources := r.plan.parts[part]
	objects := make([]stream.Object, len(sources))
	for i := range sources {
		objects[i] = sources[i].Object()
		objects[i].Open = func(ctx context.Context) (io.ReadCloser, error) { return r.open(ctx, &sources[i]) }
	}
	var fetches *stream.FetchGroup // files needn't be read ahead
	if input.AnyRemote(sources) {
		fetches = r.fetches
	}
	j.reader = stream.NewReader(objects, stream.ReaderOptions{
		FetchGroup:  fetches,
		Limits:      r.o.Limits,
		Known:       known,
		VerifyFirst: len(known) > 0,
	})
	j.account = newAccount(sources, r.plan.lines, r.o.RejectRaw, j.create)
	j.sink = sink.New(sink.Options{
		Format:         r.format,
		Tables:         r.tables,
		PartitionBy:    r.o.PartitionBy,
		Name:           dataset.PartName(r.id, part),
		TargetFileSize: r.o.TargetFileSize,
		Memory:         sinkMemory,
		Share:          r.crew.Share,
		Create: func(name string) (sink.Output, error) {
			out, err := j.create(name, store.Shared)
			if err != nil {
				return nil, err
			}
			return &timedOutput{out, r.times, r.o.CPUTimes}, nil
		},
	})
	return j
}

// sinkMemory bounds what the open row groups of a part hold, in bytes.
const sinkMemory = 48 << 20

func (r *run) open(ctx context.Context, s *input.Source) (io.ReadCloser, error) {
	rc, err := s.Open(ctx)
	if err != nil || r.o.Progress == nil {
		return rc, err
	}
	return countedReader{rc, r.o.Progress}, nil
}

func (j *job) create(name string, access store.Access) (store.Output, error) {
	return j.run.store.Create(j.run.work, path.Join(j.staged, dataset.StagedName(name)), access)
}

// Read implements stream.Job.
func (j *job) Read(ctx context.Context, b *schema.Batch) error {
	b.RunID = j.run.id
	before, watch := j.reader.FetchWait(), stream.NewStopwatch(j.run.o.CPUTimes)
	err := j.reader.Next(ctx, b)
	all, fetch := watch.Lap(), j.reader.FetchWait()-before
	// Inflating doesn't wait: what was waited, was for bytes.
	waited := min(fetch, max(0, all.Wall-all.CPU))
	j.run.times.fetch.add(stream.Span{Wall: fetch, CPU: fetch - waited})
	return err
}

// Decode implements stream.Job.
func (j *job) Decode(_ context.Context, dec schema.Decoder, b *schema.Batch) error {
	dec.Decode(b)
	if j.run.plan.lines != nil {
		keepLines(j.run.plan.lines, b)
	}
	if j.run.filters {
		applyFilter(&j.run.o.Filter, b)
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
		err = j.run.addRejects(j.account)
	}
	if err == nil {
		err = j.sink.Close()
	}
	if err == nil {
		j.run.commits.Go(func() error {
			err := j.commit(j.run.work)
			j.run.leases.Release(context.WithoutCancel(ctx), dataset.PartLease(j.run.id, j.part))
			return err
		})
		return nil, nil
	}
	j.drop(ctx)
	var spoiled *stream.SpoiledError
	if !errors.As(err, &spoiled) {
		return nil, err
	}
	j.run.o.Log.Info("converting a part again without an object", "part", j.part,
		"uri", j.run.plan.parts[j.part][spoiled.Index].URI, "why", spoiled.Error())
	return j.run.newJob(j.part, slices.Clone(j.reader.Outcomes())), nil
}

// commit makes the part's files durable and writes its receipt.
func (j *job) commit(ctx context.Context) error {
	receipt, err := j.durable(ctx)
	if err != nil {
		j.drop(context.WithoutCancel(ctx))
		return err
	}
	err = dataset.PutReceipt(ctx, j.run.store, *receipt)
	if errors.Is(err, fs.ErrExist) { // another attempt was faster, and binds
		j.drop(ctx)
		return j.run.bound(ctx, j.part, j.account)
	}
	if err != nil {
		// The receipt may be there all the same: the files stay.
		return fmt.Errorf("part %d: %w", j.part, err)
	}
	j.run.done(receipt)
	return nil
}

// durable makes the part's files durable, and returns the receipt that names
// them.
func (j *job) durable(ctx context.Context) (*dataset.Receipt, error) {
	files, err := j.sink.Commit()
	if err != nil {
		return nil, err
	}
	receipt := &dataset.Receipt{
		Run: j.run.id, RunNonce: j.run.state.Nonce, Part: j.part, Nonce: j.nonce, EndedAt: time.Now().UTC(), Files: files,
	}
	j.account.fill(receipt, j.run.o.Tables)
	if j.account.out != nil {
		if err := j.account.out.Commit(); err != nil {
			return nil, fmt.Errorf("writing the rejects: %w", err)
		}
		receipt.Rejects = dataset.RejectsFile
	}
	return receipt, j.run.store.Sync(ctx)
}

// drop removes what the attempt wrote. What it may not remove it leaves to
// maintenance.
func (j *job) drop(ctx context.Context) {
	err := errors.Join(j.sink.Abort(), j.account.abort(), j.run.store.RemoveAll(ctx, j.staged))
	if err != nil {
		j.run.o.Log.Info("could not remove what an attempt wrote", "part", j.part, "why", err.Error())
	}
}
