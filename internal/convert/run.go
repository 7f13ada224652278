package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// run is one run of a dataset, new or begun by another converter.
type run struct {
	c       *converter
	o       *Options // those of its plan
	files   dataset.RunFiles
	state   *dataset.Run
	dataset *dataset.Dataset
	leases  *dataset.Leases
	times   *times

	work    context.Context // of the parts; ends with the first that fails
	id      string
	store   store.Store
	format  sink.Format
	tables  []*schema.Table
	plan    *plan
	filters bool

	crew    *stream.Crew       // the workers, as far as they are free
	commits *errgroup.Group    // of parts whose rows are all written
	fetches *stream.FetchGroup // of all parts

	mu       sync.Mutex
	rejects  int64              // of the parts that are read
	first    *dataset.Reject    // one of them
	receipts []*dataset.Receipt // by part, without their objects; nil where there is none yet
	counts   counts
	// unreadable are the sources that are free again once the run has ended, by
	// URI.
	unreadable map[string]bool
}

// TooManyRejectsError says that a run stopped because of its rejects.
type TooManyRejectsError struct {
	Limit int64
	First dataset.Reject // one of them
}

func (e *TooManyRejectsError) Error() string {
	where := e.First.URI
	if e.First.Line > 0 {
		where = fmt.Sprintf("%s, line %d, byte offset %d", where, e.First.Line, e.First.Offset)
	}
	return fmt.Sprintf("more than %d lines or objects were rejected, among them %s: %s", e.Limit, where, e.First.Class)
}

// RunError says which run failed. It can be gone on with, or abandoned.
type RunError struct {
	Run string
	Err error
}

func (e *RunError) Error() string { return fmt.Sprintf("run %s: %v", e.Run, e.Err) }

// Unwrap returns why.
func (e *RunError) Unwrap() error { return e.Err }

// commits is how many parts are made durable at a time, behind the work on
// others.
const commits = 4

func (c *converter) newRun(files dataset.RunFiles, state *dataset.Run, p *plan) (*run, error) {
	o := c.o.of(c.dataset, state)
	crew := new(stream.Crew)
	format, err := o.format(crew.Share)
	if err != nil {
		return nil, err
	}
	if d := dataset.Definitions(o.tables()); d != c.dataset.Definitions {
		return nil, c.o.same(c.output, c.dataset)
	}
	return &run{
		c: c, o: o, files: files, state: state, dataset: c.dataset, leases: c.leases, times: &c.times,
		id: state.Run, store: c.store, format: format, crew: crew, fetches: o.fetches(), tables: o.tables(), plan: p, filters: filters(&o.Filter),
		receipts: make([]*dataset.Receipt, len(p.parts)), counts: newCounts(c.dataset.Tables), unreadable: map[string]bool{},
	}, nil
}

// finish converts the parts that have no receipt yet, publishes all of them and
// ends the run. What another converter is at is left to it: the run then ends
// when the last of them is done.
func (r *run) finish(ctx context.Context) error {
	err := r.parts(ctx)
	if err == nil {
		err = r.commit(ctx)
	}
	if busy := (*dataset.BusyError)(nil); errors.As(err, &busy) {
		r.c.summary.Busy = append(r.c.summary.Busy, r.id)
		return nil
	}
	if err != nil {
		return &RunError{Run: r.id, Err: err}
	}
	return nil
}

// parts sees to it that every part has a receipt.
func (r *run) parts(ctx context.Context) error {
	if err := r.takeReceipts(ctx, r.files.Parts); err != nil {
		return err
	}
	if p := r.o.Progress; p != nil {
		for part, sources := range r.plan.parts {
			if r.receipts[part] == nil {
				for i := range sources {
					p.total.Add(max(0, sources[i].Size))
				}
			}
		}
		p.parts.Add(int64(len(r.plan.parts)))
	}
	for {
		if err := r.convert(ctx); err != nil {
			return err
		}
		if len(r.missing()) == 0 {
			return nil
		}
		if err := r.await(ctx); err != nil {
			return err
		}
	}
}

// receiptReads is how many receipts are read at a time.
const receiptReads = 16

// takeReceipts takes in the receipts of parts that have one.
func (r *run) takeReceipts(ctx context.Context, parts []int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(receiptReads)
	for _, part := range parts {
		if part >= len(r.plan.parts) {
			return &dataset.DamagedError{Name: r.c.output, Err: fmt.Errorf("run %s has a receipt of part %d of %d", r.id, part, len(r.plan.parts))}
		}
		group.Go(func() error {
			_, err := r.takeReceipt(ctx, part)
			return err
		})
	}
	return group.Wait()
}

// takeReceipt takes in the receipt of a part, if there is one.
func (r *run) takeReceipt(ctx context.Context, part int) (bool, error) {
	receipt, err := dataset.LoadReceipt(ctx, r.store, r.dataset, r.state, part)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil && len(receipt.Objects) != len(r.plan.parts[part]) {
		err = &dataset.DamagedError{Name: r.c.output, Err: fmt.Errorf(
			"the receipt of part %d of run %s has %d objects, its plan %d", part, r.id, len(receipt.Objects), len(r.plan.parts[part]))}
	}
	if err != nil {
		return false, err
	}
	r.done(&receipt)
	return true, nil
}

// missing are the parts without a receipt.
func (r *run) missing() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var parts []int
	for part, receipt := range r.receipts {
		if receipt == nil {
			parts = append(parts, part)
		}
	}
	return parts
}

// convert converts the parts that have no receipt and that nobody else works on.
func (r *run) convert(ctx context.Context) error {
	parts := r.missing()
	if len(parts) == 0 {
		return nil
	}
	// Large ones first: then what is left for the last worker is small.
	sizes := r.plan.sizes()
	slices.SortStableFunc(parts, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	var nextErr error
	r.commits, r.work = errgroup.WithContext(ctx)
	r.commits.SetLimit(commits)
	err := stream.Run(r.work, stream.PoolOptions{
		Workers: r.o.Workers,
		NewDecoder: func() schema.Decoder {
			return schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: !slices.Contains(r.o.Tables, "occurrences")})
		},
		Crew:  r.crew,
		Stats: &r.c.pool,
		CPU:   r.o.CPUTimes,
	}, func() (stream.Job, bool) {
		for len(parts) > 0 && nextErr == nil && r.work.Err() == nil {
			part := parts[0]
			parts = parts[1:]
			var mine bool
			if mine, nextErr = r.acquire(r.work, part); mine {
				return r.newJob(part, nil), true
			}
		}
		return nil, false
	})
	// A failed commit ended the parts' work: it is the reason.
	if commitErr := r.commits.Wait(); commitErr != nil && (err == nil || ctx.Err() == nil) {
		err = commitErr
	}
	if err == nil {
		err = nextErr
	}
	return err
}

// acquire takes the lease on a part that still has no receipt.
func (r *run) acquire(ctx context.Context, part int) (bool, error) {
	lease := dataset.PartLease(r.id, part)
	mine, err := r.leases.Acquire(ctx, lease)
	if err != nil || !mine {
		return false, err
	}
	there, err := r.takeReceipt(ctx, part)
	if err != nil || there {
		r.leases.Release(context.WithoutCancel(ctx), lease)
		return false, err
	}
	return true, nil
}

// await waits until a part that another converter holds has its receipt or is
// given up. Where all that are left are being worked on it is a dataset.BusyError.
func (r *run) await(ctx context.Context) error {
	for told := false; ; told = true {
		alive := 0
		missing := r.missing()
		for _, part := range missing {
			there, err := r.takeReceipt(ctx, part)
			if err != nil || there {
				return err
			}
			lease := dataset.PartLease(r.id, part)
			mine, err := r.leases.Acquire(ctx, lease)
			if err != nil || mine {
				return err
			}
			if r.leases.Alive(lease) {
				alive++
			}
		}
		if alive == len(missing) {
			return &dataset.BusyError{Run: r.id}
		}
		if !told {
			r.o.Log.Warn("looking whether another converter is still at work", "run", r.id, "parts", len(missing))
		}
		if err := dataset.Sleep(ctx, r.leases.Watch()); err != nil {
			return err
		}
	}
}

// addRejects counts the rejects of a part that is read to its end: which lines
// are rejected is only sure once their objects are known to be whole. It fails
// once the run has more than it may have.
func (r *run) addRejects(a *account) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejects += a.rejects
	if r.first == nil {
		r.first = a.first
	}
	if limit := r.o.MaxRejects; limit >= 0 && r.rejects > limit && r.first != nil {
		return &TooManyRejectsError{Limit: limit, First: *r.first}
	}
	return nil
}

// done takes a part that has its receipt.
func (r *run) done(receipt *dataset.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.receipts[receipt.Part] != nil {
		return
	}
	sources := r.plan.parts[receipt.Part]
	for i := range receipt.Objects {
		if o := &receipt.Objects[i]; o.State == dataset.ObjectUnreadable {
			r.unreadable[sources[i].URI] = true
			r.counts.addUnreadable(UnreadableObject{URI: sources[i].URI, Error: o.Error, part: receipt.Part}, r.o.AcceptUnreadable)
		}
	}
	r.counts.add(receipt)
	kept := *receipt
	kept.Objects = nil
	r.receipts[receipt.Part] = &kept
}

// bound takes the receipt of a part that another attempt was faster at, after
// which its own rejects count.
func (r *run) bound(ctx context.Context, part int, own *account) error {
	there, err := r.takeReceipt(ctx, part)
	if err == nil && !there {
		err = fmt.Errorf("the receipt of part %d went away", part)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejects -= own.rejects
	return err
}

// commit publishes all parts and ends the run.
func (r *run) commit(ctx context.Context) error {
	lease := dataset.CommitLease(r.id)
	for {
		mine, err := r.leases.Acquire(ctx, lease)
		if err != nil {
			return err
		}
		if mine {
			break
		}
		if r.leases.Alive(lease) {
			return &dataset.BusyError{Run: r.id}
		}
		if err := dataset.Sleep(ctx, r.leases.Watch()); err != nil {
			return err
		}
	}
	defer r.leases.Release(context.WithoutCancel(ctx), lease)
	if _, err := dataset.LoadEnd(ctx, r.store, r.id); err == nil {
		return r.ended(ctx)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// While the end of the run waits for disks; one that is gone on with isn't asked.
	kept := sync.OnceValue(r.kept)
	var early sync.WaitGroup
	defer early.Wait()
	if r.c.listed(r.files.N) < 0 {
		early.Go(func() { kept() })
	}
	end := dataset.End{Run: r.id, State: dataset.Committed, EndedAt: r.state.StartedAt, Totals: &r.counts.Totals}
	for _, receipt := range r.receipts {
		if err := dataset.Publish(ctx, r.store, receipt); err != nil {
			return err
		}
		// Whoever ends the run says the same.
		if receipt.EndedAt.After(end.EndedAt) {
			end.EndedAt = receipt.EndedAt
		}
	}
	if err := dataset.PutEnd(ctx, r.store, end); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return r.ended(ctx)
		}
		return err
	}
	if err := dataset.PutRunRow(ctx, r.store, r.dataset.TableFormat, dataset.NewNonce(), dataset.CommittedRow(r.state, &end)); err != nil {
		return err
	}
	for _, receipt := range r.receipts {
		if err := r.store.RemoveAll(ctx, dataset.StagingDir(r.id, receipt.Part, receipt.Nonce)); err != nil {
			break // who may not remove leaves it to maintenance
		}
	}
	r.c.count(r)
	return r.c.ended(ctx, r, kept)
}

// kept works out which sources the run has kept, which takes some time where they
// are many.
func (r *run) kept() dataset.Kept {
	return dataset.NewKept(func(yield func(uri, version string) bool) {
		for _, part := range r.plan.parts {
			for i := range part {
				if !r.unreadable[part[i].URI] && !yield(part[i].URI, part[i].ETag) {
					return
				}
			}
		}
	})
}

// AbandonedError says that a run was abandoned while it was worked on.
type AbandonedError struct{ Run string }

func (e *AbandonedError) Error() string {
	return fmt.Sprintf("run %s was abandoned while it was worked on", e.Run)
}

// ended takes the end that another gave the run. What was published of one that
// is abandoned goes again.
func (r *run) ended(ctx context.Context) error {
	end, err := dataset.LoadEnd(ctx, r.store, r.id)
	if err != nil {
		return err
	}
	if end.State == dataset.Committed {
		return r.c.ended(ctx, r, r.kept)
	}
	for _, receipt := range r.receipts {
		if err := dataset.Unpublish(ctx, r.store, receipt); err != nil {
			return err
		}
	}
	return &AbandonedError{Run: r.id}
}

// listed is where a run is among those of the dataset that are listed, or -1.
func (c *converter) listed(n int) int {
	return slices.IndexFunc(c.runs, func(f dataset.RunFiles) bool { return f.N == n })
}

// ended takes a run that is committed into the ledger.
func (c *converter) ended(ctx context.Context, r *run, kept func() dataset.Kept) error {
	files := r.files
	files.Ended = true
	var err error
	if files.Size, files.EndSize, err = dataset.RunSizes(ctx, c.store, r.id); err != nil {
		return err
	}
	if at := c.listed(files.N); at >= 0 {
		c.runs[at] = files
		return nil // the ledger isn't open yet, or doesn't have it
	}
	c.runs = append(c.runs, files)
	if c.ledger == nil {
		if c.ledger, err = dataset.OpenLedger(ctx, c.store, c.dataset, nil, c.o.Log); err != nil {
			return err
		}
	}
	c.ledger.AddKept(&files, kept())
	return c.keepLedger(ctx)
}
