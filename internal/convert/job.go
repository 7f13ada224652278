package convert

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

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

// newNonce returns a name that no other attempt has.
func newNonce() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// newJob returns an attempt at a part; known are the outcomes of its first
// objects, as far as an earlier attempt got.
func (r *run) newJob(part int, known []stream.Outcome) *job {
	j := &job{run: r, part: part, nonce: newNonce()}
	j.staged = dataset.StagingDir(r.id, part, j.nonce)
	sources := r.plan.parts[part]
	objects := make([]stream.Object, len(sources))
	for i := range sources {
		objects[i] = sources[i].Object()
		objects[i].Open = func(ctx context.Context) (io.ReadCloser, error) { return r.open(ctx, &sources[i]) }
	}
	var fetches *stream.FetchGroup // files needn't be read ahead
	if slices.ContainsFunc(sources, func(s input.Source) bool { return s.Remote() }) {
		fetches = r.fetches
	}
	j.reader = stream.NewReader(objects, stream.ReaderOptions{
		FetchGroup:  fetches,
		Limits:      r.o.Limits,
		Known:       known,
		VerifyFirst: len(known) > 0,
	})
	j.account = newAccount(sources, r.o.Tables, r.o.RejectRaw, j.create)
	j.sink = sink.New(sink.Options{
		Format:         r.format,
		Tables:         r.tables,
		PartitionBy:    r.o.PartitionBy,
		Name:           dataset.PartName(r.id, part),
		TargetFileSize: r.o.TargetFileSize,
		Memory:         sinkMemory,
		Create: func(name string) (sink.Output, error) {
			out, err := j.create(name, store.Shared)
			if err != nil {
				return nil, err
			}
			return &timedOutput{out, &r.times}, nil
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
	return j.reader.Next(ctx, b)
}

// Decode implements stream.Job.
func (j *job) Decode(_ context.Context, dec schema.Decoder, b *schema.Batch) error {
	dec.Decode(b)
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
	j.run.times.fetch.add(j.reader.FetchWait())
	if err == nil {
		j.run.commits.Go(func() error {
			err := j.commit(j.run.work)
			if err != nil {
				err = errors.Join(err, j.drop(ctx))
			}
			return err
		})
		return nil, nil
	}
	if dropErr := j.drop(ctx); dropErr != nil {
		return nil, errors.Join(err, dropErr)
	}
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
	files, err := j.sink.Commit()
	if err != nil {
		return err
	}
	receipt := dataset.Receipt{
		Run: j.run.id, Part: j.part, Nonce: j.nonce, Files: files, Objects: j.account.objects,
	}
	if j.account.out != nil {
		if err := j.account.out.Commit(); err != nil {
			return fmt.Errorf("writing the rejects: %w", err)
		}
		receipt.Rejects = rejectsFile
	}
	if err := j.run.store.Sync(ctx); err != nil {
		return err
	}
	if err := dataset.PutReceipt(ctx, j.run.store, receipt); err != nil {
		return fmt.Errorf("part %d: %w", j.part, err)
	}
	j.run.done(&receipt, j.account)
	return nil
}

// drop removes what the attempt wrote.
func (j *job) drop(ctx context.Context) error {
	return errors.Join(j.sink.Abort(), j.account.abort(), j.run.store.RemoveAll(ctx, j.staged))
}
