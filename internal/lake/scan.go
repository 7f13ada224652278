package lake

import (
	"context"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/macielake/macielake/internal/store"
)

// Query says what a scan reads.
type Query struct {
	Table string
	// Columns are the columns to read, in that order: of the table's, or names
	// of directories that the dataset is partitioned by (created_month). One
	// that a file doesn't have is null in it.
	Columns []string
	// Where are conditions all of which a row must meet to be of use.
	Where []Predicate
	// Files, if not nil, tells which files to read at all.
	Files func(f *File) bool
	// Workers is how many goroutines read, decode and work; 0 is one.
	Workers int
	// BatchBytes is about how many bytes a record batch has at most, except
	// for single rows that are larger; 0 is 4 MiB.
	BatchBytes int64
}

const (
	defaultBatchBytes = 4 << 20
	// maxBatchRows keeps what is worked on in a core's cache.
	maxBatchRows = 16 << 10
	// ahead is how many files are opened ahead of those in work, and remoteAhead
	// how many of a remote store, where each waits for an answer.
	ahead       = 8
	remoteAhead = 64
	// fetchedBytes bounds what files that are fetched whole hold in memory.
	fetchedBytes = 64 << 20
)

// Scan reads a table. It calls work for each record batch, by several
// goroutines at a time, and each with what work returned, in the calling
// goroutine and in the order of rows: by run, part, partition, file, row. What
// work returned for batches that each hasn't seen yet is at most four per
// worker.
//
// Text that repeats comes as dictionaries of utf8 with int32 indices or as
// plain utf8, depending on the file; the other columns have the types of
// arrowio.Schema. Work owns the record batch: it releases it, or leaves that
// to what it returns.
//
// Scan ends with the first error of work, of each, of reading, or with ctx's.
func Scan[T any](ctx context.Context, l *Lake, q Query, work func(worker int, batch arrow.RecordBatch) (T, error), each func(T) error) error {
	if q.BatchBytes <= 0 {
		q.BatchBytes = defaultBatchBytes
	}
	s := &scan[T]{lake: l, query: &q, work: work, memory: semaphore.NewWeighted(fetchedBytes)}
	s.opened = make(chan chan *tableFile, ahead)
	if store.IsRemote(l.store) {
		s.opened = make(chan chan *tableFile, remoteAhead)
	}
	workers := max(q.Workers, 1)
	s.units = make(chan *unit[T])
	s.order = make(chan *unit[T], 2*workers)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.open(groupCtx, group) })
	group.Go(func() error { return s.plan(groupCtx) })
	for i := range workers {
		group.Go(func() error { return s.read(groupCtx, i) })
	}
	err, ended := s.deliver(groupCtx, each)
	cancel()
	groupErr := group.Wait()
	if err == nil || ended {
		err = groupErr // why deliver was ended
	}
	for _, f := range s.files {
		f.close()
	}
	return err
}

// scan is a Scan under way. Files are opened ahead, cut into units, and the
// units are read by the workers and delivered in order.
type scan[T any] struct {
	lake   *Lake
	query  *Query
	work   func(int, arrow.RecordBatch) (T, error)
	opened chan chan *tableFile // in order
	units  chan *unit[T]        // to the workers
	order  chan *unit[T]        // the same, to whom they are delivered to
	memory *semaphore.Weighted  // of fetchedBytes

	mu    sync.Mutex
	files []*tableFile // all that were opened
}

// unit is a piece of a file that is read by one worker: a row group, or a
// record batch of an Arrow file.
type unit[T any] struct {
	file  *tableFile
	group int
	out   chan T // closed at its end
}

// send sends v unless ctx ends first.
func send[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wants reports whether a file is to be read, as far as its name says.
func (q *Query) wants(f *File) bool {
	for i := range q.Where {
		if !q.Where[i].mayHoldPartition(f.Partition) {
			return false
		}
	}
	return q.Files == nil || q.Files(f)
}

// open opens the files that are to be read, some ahead of the others.
func (s *scan[T]) open(ctx context.Context, group *errgroup.Group) error {
	defer close(s.opened)
	for _, f := range s.lake.Files(s.query.Table) {
		if f.Rows == 0 || !s.query.wants(&f) {
			continue
		}
		weight := int64(0)
		if s.lake.whole(&f) {
			weight = f.Bytes
		}
		// In the files' order: those that hold memory are done first.
		if err := s.memory.Acquire(ctx, weight); err != nil {
			return err
		}
		ready := make(chan *tableFile, 1)
		if err := send(ctx, s.opened, ready); err != nil {
			return err
		}
		group.Go(func() error {
			file, err := s.lake.open(ctx, &f, s.query)
			if err != nil {
				return fmt.Errorf("reading %s: %w", s.lake.store.URI(f.Path), err)
			}
			file.release = func() { s.memory.Release(weight) }
			s.mu.Lock()
			s.files = append(s.files, file)
			s.mu.Unlock()
			ready <- file
			return nil
		})
	}
	return nil
}

// plan hands out the files' units.
func (s *scan[T]) plan(ctx context.Context) error {
	defer close(s.units)
	defer close(s.order)
	for ready := range s.opened {
		var file *tableFile
		select {
		case file = <-ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		file.left.Store(int32(len(file.groups)) + 1)
		for _, group := range file.groups {
			u := &unit[T]{file: file, group: group, out: make(chan T, 1)}
			err := send(ctx, s.order, u)
			if err == nil {
				err = send(ctx, s.units, u)
			}
			if err != nil {
				return err
			}
		}
		file.done()
	}
	return nil
}

// read is a worker.
func (s *scan[T]) read(ctx context.Context, worker int) error {
	for u := range s.units {
		err := u.file.read(ctx, u.group, func(batch arrow.RecordBatch) error {
			v, err := s.work(worker, batch)
			if err != nil {
				return err
			}
			return send(ctx, u.out, v)
		})
		if err != nil {
			return err // and u.out stays open: it isn't whole
		}
		close(u.out)
		u.file.done()
	}
	return nil
}

// deliver calls each in order. It reports whether ctx ended it.
func (s *scan[T]) deliver(ctx context.Context, each func(T) error) (err error, ended bool) {
	for u := range s.order {
		for open := true; open; {
			var v T
			select {
			case v, open = <-u.out:
			case <-ctx.Done():
				return nil, true
			}
			if open {
				if err := each(v); err != nil {
					return err, false
				}
			}
		}
	}
	return nil, false
}
