package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// Env is what the steps of runs need of the process they are done in. Nothing of
// it makes a difference to the output.
type Env struct {
	Store  store.Store
	Leases *coord.Leases
	// NoWait leaves to other converters what they are at work on; otherwise a
	// step waits for them, and does what they give up.
	NoWait  bool
	Workers int
	// Index and Of say which parts to begin with where Of tasks share a run: the
	// Index-th of as many slices, and then the others in any order. Whose a part is,
	// its lease says. Of is 0 where nothing is shared so.
	Index, Of int
	// OwnOnly leaves out of Done what other processes have converted: their receipts
	// aren't read.
	OwnOnly bool
	// FetchConcurrency is how many objects that lie behind a network are
	// fetched at the same time; 0 is 64.
	FetchConcurrency int
	CPUTimes         bool      // Times has CPU times, which take some hundredths
	Times            *Times    // what the work took
	Progress         *Progress // may be nil
	Log              *slog.Logger
}

// Done is what the receipts of a run say, put together as they came.
type Done struct {
	End     *state.End       // of a run in which every part has a receipt
	Kept    coord.Kept       // the sources that are claimed for good
	Kinds   map[string]int64 // occurrences by kind
	Unknown map[string]int64 // unknown fields by path
	// Unreadable are sources that could not be read, by part, and free again
	// once the run has ended.
	Unreadable []UnreadableSource
	// Loose are the sources whose keys don't have Macie's layout, which is what
	// copies are otherwise known by.
	Loose []LooseSource

	staged [][]state.Staged // by part; nil where there is no receipt yet
	left   int              // parts without a receipt
}

// UnreadableSource is a source that could not be read.
type UnreadableSource struct {
	URI   string `json:"uri"`
	Error string `json:"error"`
	part  int
}

// LooseSource is a source whose copies are known by its bytes only.
type LooseSource struct {
	URI      string
	Checksum uint64 // CRC-64/NVME of the stored bytes
	Stored   int64  // bytes
}

// TooManyRejectsError says that a run stopped because of its rejects.
type TooManyRejectsError struct {
	Limit int64
	First state.Reject // one of them; without a URI where only their number is known
}

func (e *TooManyRejectsError) Error() string {
	what := fmt.Sprintf("more than %d lines or sources were rejected", e.Limit)
	switch {
	case e.First.URI == "":
		return what
	case e.First.Line > 0:
		return fmt.Sprintf("%s, among them %s, line %d, byte offset %d: %s", what, e.First.URI, e.First.Line, e.First.Offset, e.First.Class)
	}
	return fmt.Sprintf("%s, among them %s: %s", what, e.First.URI, e.First.Class)
}

// commits is how many parts are made durable at a time, behind the work on
// others.
const commits = 4

// work is the work on a run's parts in this process.
type work struct {
	*Env
	run         *Run
	ctx         context.Context // of the parts; ends with the first that fails
	format      sink.Format
	tables      []*schema.Table
	partitionBy []sink.PartitionKey
	limits      stream.Limits
	filters     bool

	crew    *stream.Crew       // the workers, as far as they are free
	commits *errgroup.Group    // of parts whose rows are all written
	fetches *stream.FetchGroup // of all parts

	mu        sync.Mutex
	converted []bool        // by part: it has a receipt, as far as is known here
	misses    int           // parts that had a receipt when they were taken, since receipts were listed
	rejects   int64         // of the parts that are read
	first     *state.Reject // one of them
	done      *Done
}

// Work sees to it that every part has a receipt. It converts the parts that have
// none and on which nobody else is at work; for the others it waits, or with
// NoWait gives a coord.BusyError.
func Work(ctx context.Context, env *Env, run *Run) (*Done, error) {
	w, err := newWork(env, run)
	if err != nil {
		return nil, err
	}
	if err := w.takeReceipts(ctx, run.Files.Receipts); err != nil {
		return nil, err
	}
	missing := w.missing()
	if p := env.Progress; p != nil {
		for _, part := range missing {
			for i := range run.parts[part] {
				p.total.Add(max(0, run.parts[part][i].Size))
			}
		}
		p.parts.Add(int64(len(run.parts)))
	}
	for len(missing) > 0 {
		if err := w.convert(ctx, missing); err != nil {
			return nil, err
		}
		if missing = w.missing(); len(missing) > 0 {
			if err := w.await(ctx, missing); err != nil {
				return nil, err
			}
		}
	}
	w.sortUnreadable()
	return w.done, nil
}

// Collect puts together what the receipts say that a run has. missing are the parts
// without one, ascending.
func Collect(ctx context.Context, env *Env, run *Run) (done *Done, missing []int, err error) {
	w, err := newWork(env, run)
	if err == nil {
		err = w.takeReceipts(ctx, run.Files.Receipts)
	}
	if err != nil {
		return nil, nil, err
	}
	w.sortUnreadable()
	return w.done, w.missing(), nil
}

func (w *work) sortUnreadable() {
	slices.SortFunc(w.done.Unreadable, func(a, b UnreadableSource) int {
		return cmp.Or(cmp.Compare(a.part, b.part), strings.Compare(a.URI, b.URI))
	})
}

func newWork(env *Env, run *Run) (*work, error) {
	w := &work{Env: env, run: run, crew: new(stream.Crew), filters: filters(&run.Dataset.Filter)}
	w.tables = state.TablesNamed(run.Dataset.Tables)
	for _, k := range run.Dataset.PartitionBy {
		w.partitionBy = append(w.partitionBy, sink.PartitionKey(k))
	}
	o := &run.Options
	w.limits = stream.Limits{MaxLineBytes: o.MaxLineBytes, MaxLineValues: o.MaxLineValues, MaxInflatedBytes: o.MaxInflatedBytes, MaxRatio: o.MaxRatio, RatioFrom: o.RatioFrom}
	var err error
	if w.format, err = Format(run.Dataset.TableFormat, o.Compression, run.Version, w.crew.Share); err != nil {
		return nil, err
	}
	w.fetches = stream.NewFetchGroup(cmp.Or(max(0, env.FetchConcurrency), 64), 0)
	w.converted = make([]bool, run.Parts)
	w.done = &Done{
		End: state.NewEnd(run.Run), Kinds: map[string]int64{}, Unknown: map[string]int64{}, Unreadable: []UnreadableSource{},
		staged: make([][]state.Staged, run.Parts), left: run.Parts,
	}
	for _, t := range w.tables {
		if t.Row == schema.OccurrenceLevel {
			for k := range schema.NumKinds {
				w.done.Kinds[k.String()] = 0
			}
		}
	}
	return w, nil
}

// Format is the format of table files; share may be nil.
func Format(tableFormat, compression, version string, share sink.Share) (sink.Format, error) {
	if tableFormat == "arrow" {
		return sink.Arrow(sink.ArrowOptions{Compression: compression})
	}
	return sink.Parquet(sink.ParquetOptions{Compression: compression, CreatedBy: "macielake version " + version, Share: share})
}

// receiptReads is how many receipts are read at a time.
const receiptReads = 64

// takeReceipts takes in the receipts of parts that have one.
func (w *work) takeReceipts(ctx context.Context, parts []int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(receiptReads)
	for _, part := range parts {
		if part >= w.run.Parts {
			return &state.DamagedError{Name: w.Store.URI(state.ReceiptsDir), Err: fmt.Errorf("run %s has a receipt of part %d of %d", w.run.RunID, part, w.run.Parts)}
		}
		if w.OwnOnly {
			w.mark(part)
			continue
		}
		group.Go(func() error {
			_, err := w.takeReceipt(ctx, part)
			return err
		})
	}
	return group.Wait()
}

func (w *work) mark(part int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.converted[part] = true
}

// filesPerPage is how many files one request lists.
const filesPerPage = 1000

// stale counts a part that another process had converted, and reports whether receipts and
// leases should be listed again: asking for such parts one by one has taken as many
// requests as that does.
func (w *work) stale() bool {
	const requests = 3 // to take the lease, look for the receipt, and give up the lease
	w.misses++
	return w.misses*requests > 2+w.run.Parts/filesPerPage
}

// relist finds out which parts other processes have converted meanwhile, and which they
// are at work on.
func (w *work) relist(ctx context.Context) error {
	w.misses = 0
	address := w.run.Address()
	// Leases first: one that goes between the listings has left its receipt.
	if err := w.Leases.List(ctx, &address); err != nil {
		return err
	}
	files := w.run.Files
	files.Address = address
	if err := files.ListReceipts(ctx, w.Store); err != nil {
		return err
	}
	w.mu.Lock()
	others := slices.DeleteFunc(files.Receipts, func(part int) bool { return part < len(w.converted) && w.converted[part] })
	w.mu.Unlock()
	return w.takeReceipts(ctx, others)
}

func (w *work) has(part int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.converted[part]
}

// takeReceipt takes in the receipt of a part, if there is one.
func (w *work) takeReceipt(ctx context.Context, part int) (bool, error) {
	receipt, sum, err := state.LoadReceipt(ctx, w.Store, w.run.Run, part)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil && len(receipt.Sources) != len(w.run.parts[part]) {
		err = &state.DamagedError{Name: w.Store.URI(state.ReceiptsDir), Err: fmt.Errorf(
			"the receipt of part %d of run %s has %d sources, its plan %d", part, w.run.RunID, len(receipt.Sources), len(w.run.parts[part]))}
	}
	if err != nil {
		return false, err
	}
	if w.OwnOnly {
		w.mark(part)
	} else {
		w.add(receipt, sum)
	}
	return true, nil
}

func (w *work) missing() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var parts []int
	for part, converted := range w.converted {
		if !converted {
			parts = append(parts, part)
		}
	}
	return parts
}

// convert converts those of the parts that nobody else works on.
func (w *work) convert(ctx context.Context, parts []int) error {
	w.order(parts)
	var nextErr error
	w.commits, w.ctx = errgroup.WithContext(ctx)
	w.commits.SetLimit(commits)
	err := stream.Run(w.ctx, stream.PoolOptions{
		Workers: w.Workers,
		NewDecoder: func() schema.Decoder {
			return schema.NewDecoder(schema.DecoderOptions{
				SkipOccurrences: !slices.Contains(w.run.Dataset.Tables, "occurrences"), MaxValues: w.limits.MaxLineValues,
			})
		},
		Crew:  w.crew,
		Stats: &w.Times.pool,
		CPU:   w.CPUTimes,
	}, func() (stream.Job, bool) {
		for len(parts) > 0 && nextErr == nil && w.ctx.Err() == nil {
			part := parts[0]
			parts = parts[1:]
			if w.has(part) || w.Leases.Held(state.PartLease(w.run.Address(), part)) {
				continue
			}
			var mine bool
			if mine, nextErr = w.acquire(w.ctx, part); mine {
				return w.newJob(part, nil), true
			}
			if nextErr == nil && w.has(part) && w.stale() {
				nextErr = w.relist(w.ctx)
			}
		}
		return nil, false
	})
	// A failed commit ended the parts' work: it is the reason.
	if commitErr := w.commits.Wait(); commitErr != nil && (err == nil || ctx.Err() == nil) {
		err = commitErr
	}
	if err == nil {
		err = nextErr
	}
	return err
}

// order sorts parts by when they are worked on.
func (w *work) order(parts []int) {
	if w.Of > 0 {
		// As other tasks do, in their own order: each finds its slice free, and those
		// who are done early seldom ask for the same part.
		first, end := w.Index*w.run.Parts/w.Of, (w.Index+1)*w.run.Parts/w.Of
		rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		own := func(part int) int {
			if first <= part && part < end {
				return 0
			}
			return 1
		}
		slices.SortStableFunc(parts, func(a, b int) int { return cmp.Compare(own(a), own(b)) })
		return
	}
	// Large ones first: then what is left for the last worker is small.
	sizes := w.run.sizes()
	slices.SortStableFunc(parts, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
}

// acquire takes the lease on a part that still has no receipt.
func (w *work) acquire(ctx context.Context, part int) (bool, error) {
	lease := state.PartLease(w.run.Address(), part)
	mine, err := w.Leases.Acquire(ctx, lease)
	if err != nil || !mine {
		return false, err
	}
	there, err := w.takeReceipt(ctx, part)
	if err != nil || there {
		w.Leases.Release(context.WithoutCancel(ctx), lease)
		return false, err
	}
	return true, nil
}

// await waits until one of the parts, on which another converter is or was at
// work, has its receipt or is given up.
func (w *work) await(ctx context.Context, parts []int) error {
	address := w.run.Address()
	for told := false; ; told = true {
		if err := w.Leases.List(ctx, &address); err != nil {
			return err
		}
		alive, free := 0, 0
		for _, part := range parts {
			lease := state.PartLease(address, part)
			switch {
			case w.Leases.Alive(lease):
				alive++
			case !w.Leases.Held(lease):
				free++
			}
		}
		switch {
		case free > 1+w.run.Parts/filesPerPage:
			return w.relist(ctx)
		case free > 0:
			return w.takeFreed(ctx, parts)
		case w.NoWait && alive == len(parts):
			return &coord.BusyError{Run: w.run.RunID}
		}
		if !told {
			w.waiting(fmt.Sprintf("%d of %d parts", len(parts), w.run.Parts))
		}
		if err := coord.Sleep(ctx, w.Leases.Watch()); err != nil {
			return err
		}
	}
}

// takeFreed takes in the receipts of those of the parts that nobody is at work on any
// more, where they have one.
func (w *work) takeFreed(ctx context.Context, parts []int) error {
	for _, part := range parts {
		if !w.Leases.Held(state.PartLease(w.run.Address(), part)) {
			if _, err := w.takeReceipt(ctx, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// waiting says in one line which lease is waited for, and for how long.
func (w *work) waiting(what string) {
	w.Log.Warn(fmt.Sprintf("waiting for another converter, which holds the lease on %s of run %s; if it has died, this one takes over after %s",
		what, w.run.RunID, w.Leases.Duration()))
}

// addRejects counts the rejects of a part that is read to its end: which lines
// are rejected is only sure once their sources are known to be whole. It fails
// once the run has more than it may have.
func (w *work) addRejects(a *account) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rejects += a.rejects
	if w.first == nil {
		w.first = a.first
	}
	if limit := w.run.Options.MaxRejects; limit >= 0 && w.rejects > limit && w.first != nil {
		return &TooManyRejectsError{Limit: limit, First: *w.first}
	}
	return nil
}

func (w *work) add(r *state.Receipt, sum string) {
	sources := w.run.parts[r.Part]
	var kept coord.Kept // hashing takes a while
	var loose []LooseSource
	for i := range r.Sources {
		o := &r.Sources[i]
		if o.State == state.Unreadable {
			continue
		}
		if byKey := kept.Add(w.run.planOf(r.Part, &sources[i]), o); o.Checksum != 0 && !byKey {
			loose = append(loose, LooseSource{sources[i].URI, o.Checksum, o.Stored})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.converted[r.Part] = true
	d := w.done
	if d.staged[r.Part] != nil {
		return
	}
	for i := range r.Sources {
		if o := &r.Sources[i]; o.State == state.Unreadable {
			d.Unreadable = append(d.Unreadable, UnreadableSource{URI: sources[i].URI, Error: o.Error, part: r.Part})
		}
	}
	d.Kept.Append(&kept)
	d.Loose = append(d.Loose, loose...)
	d.End.Add(r, sum)
	for kind, n := range r.Kinds {
		d.Kinds[kind] += n
	}
	for name, n := range r.Unknown {
		AddUnknown(d.Unknown, name, n)
	}
	d.staged[r.Part] = append([]state.Staged{}, r.Staged(w.run.Address())...)
	d.left--
}

// adopt takes the receipt of a part that another attempt was faster at, after
// which its own rejects don't count.
func (w *work) adopt(ctx context.Context, part int, own *account) error {
	there, err := w.takeReceipt(ctx, part)
	if err == nil && !there {
		err = fmt.Errorf("the receipt of part %d went away", part)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rejects -= own.rejects
	return err
}
