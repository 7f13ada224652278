package stream

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/macielake/macielake/pkg/schema"
)

// Job is the work on one part. Batches are read in order, decoded in any order, and
// written to each of the job's lanes in the order in which they were read. Read,
// Decode and Write of a job run concurrently. The batch belongs to the pool: a job
// must not keep it after a call.
type Job interface {
	// Read resets b and fills it. It returns io.EOF if there is nothing left to read;
	// b is then not used. One goroutine at a time calls Read.
	Read(ctx context.Context, b *schema.Batch) error
	// Decode decodes b with the decoder of the calling worker. It is called once per
	// batch, and concurrently for different batches.
	Decode(ctx context.Context, dec schema.Decoder, b *schema.Batch) error
	// Lanes returns the number of lanes, which must not change.
	Lanes() int
	// Write writes a decoded batch to a lane. It is called once per batch and lane: in
	// each lane in the order of reading, and by one goroutine at a time. Different
	// lanes may write b concurrently, so they must not change it.
	Write(ctx context.Context, lane int, b *schema.Batch) error
	// Finish is called once, after all other calls of the job have returned. err is
	// nil if all batches were written to all lanes; otherwise it is the first error of
	// a task, or the reason why the whole Run ends. With an error, ctx is never
	// cancelled, so that the job can clean up. Finish returns nil if it has handled
	// err; an error that it returns ends the Run. If again is not nil, it is run in
	// place of this job, unless the Run was already ending when Finish was called.
	Finish(ctx context.Context, err error) (again Job, _ error)
}

// PoolOptions are the options of [Run].
type PoolOptions struct {
	// Workers is the number of goroutines that work. With 1 or less, only the
	// goroutine that calls Run works.
	Workers int
	// NewDecoder returns a decoder for one worker.
	NewDecoder func() schema.Decoder
	// MaxBatches is the most batches in memory; 0 means 6*Workers+1.
	MaxBatches int
	// KeepBytes is the largest capacity in bytes of the Buf of a batch that is used
	// again; 0 means 4 MiB. A batch that grew beyond it for a long line is dropped.
	KeepBytes int
	// Crew, if not nil, lets tasks share their pieces with idle workers. A Crew serves
	// one Run at a time.
	Crew *Crew
	// Stats, if not nil, is increased by the statistics of this Run as it ends. Read
	// it once Run has returned.
	Stats *Stats
	// CPU makes Stats include CPU times. It reads the threads' clocks at every task
	// and keeps each worker on its thread, which costs a few percent.
	CPU bool
}

// Run runs the jobs that next returns, until next returns false. It returns the
// first error of a Finish, or ctx's cause if ctx ended first. When it returns, every
// job from next is finished and no worker runs.
//
// While there are enough jobs, each worker takes a job of its own: one core then
// reads, decodes and writes a batch. Once there are no more jobs, a worker without
// one takes tasks from the others' jobs. In both cases it prefers writing to
// decoding, and decoding to reading, so that batches are free again soon. It writes
// to a lane that another worker wrote to only if it finds no other task, because the
// encoder's data are in the other core's cache. If there is no task at all, it does
// pieces of shared tasks (see [Crew]).
//
// One goroutine at a time calls next. A panic in a task isn't recovered.
func Run(ctx context.Context, o PoolOptions, next func() (Job, bool)) error {
	o.Workers = max(o.Workers, 1)
	if o.MaxBatches <= 0 {
		o.MaxBatches = 6*o.Workers + 1
	}
	if o.KeepBytes <= 0 {
		o.KeepBytes = 4 << 20
	}
	p := &pool{o: o, next: next, parent: ctx, unused: o.MaxBatches}
	p.wake.L = &p.mu
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	defer p.cancel(nil)
	if o.Crew != nil {
		o.Crew.pool.Store(p)
		defer o.Crew.pool.Store(nil)
	}
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		p.fail(context.Cause(ctx))
		p.mu.Unlock()
	})
	defer stop()
	before := processCPU()
	if o.Workers == 1 {
		p.work()
	} else {
		var workers sync.WaitGroup
		for range o.Workers {
			workers.Go(p.work)
		}
		workers.Wait()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.Stats != nil && o.CPU {
		o.Stats.CPU += processCPU() - before
	}
	return p.err
}

// pool is the state of a Run. Its mu guards the fields below it; idle may also be
// read without it.
type pool struct {
	o      PoolOptions
	next   func() (Job, bool)
	parent context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	wake     sync.Cond    // tells waiting goroutines that something changed
	waiting  int          // goroutines that wait for wake
	idle     atomic.Int64 // those of them that are workers without a task
	forks    []*fork      // with pieces that nobody has taken, oldest first
	starting bool         // a worker is calling next
	empty    bool         // next returned false
	active   []*jobState  // oldest first
	unused   int          // batches that may still be taken
	free     []*schema.Batch
	err      error // why the Run ends early
}

// jobState is the state of a job.
type jobState struct {
	job       Job
	ctx       context.Context // of its tasks
	cancel    context.CancelFunc
	running   int // tasks that are running
	reading   bool
	eof       bool
	finishing bool
	ended     bool
	err       error
	lanes     []lane
	items     []*item // batches that aren't written to all lanes yet, in order
	first     int     // number of items[0] in the order of reading
}

// item is a batch that is being read, decoded or written.
type item struct {
	b         *schema.Batch
	taken     bool // a worker decodes it, or has
	decoded   bool
	lanesLeft int // lanes that it isn't written to yet
}

type lane struct {
	next int // number of the item that is written next
	busy bool
	last *worker // the worker that wrote last; nil before the first batch
}

// stage is a kind of task. Workers prefer the first kinds.
type stage int

const (
	stageFinish stage = iota
	stageWrite
	stageDecode
	stageRead
	numStages
)

type task struct {
	stage stage
	run   *jobState
	item  *item
	lane  int
}

// worker is the state of one worker.
type worker struct {
	dec   schema.Decoder
	own   *jobState // its job, or nil
	stats Stats
	watch Stopwatch
}

// lap ends a lap and adds its time to s.
func (w *worker) lap(s *Span) { s.Add(w.watch.Lap()) }

// work is the loop of a worker. If CPU times are measured, it stays on its thread
// except while it waits, so that the thread's clock measures nothing else.
func (p *pool) work() {
	if p.o.CPU {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	w := worker{dec: p.o.NewDecoder(), watch: NewStopwatch(p.o.CPU)}
	p.mu.Lock()
	for {
		// A task may have noticed that the context ended before the AfterFunc ran.
		if p.parent.Err() != nil {
			p.fail(context.Cause(p.parent))
		}
		if w.own != nil && w.own.ended {
			w.own = nil
		}
		if w.own == nil && !p.empty && !p.starting && p.err == nil {
			w.own = p.startJob(&w)
			continue
		}
		if t, ok := p.pickTask(&w); ok {
			if t.run != w.own {
				w.stats.Stolen++
			}
			p.runTask(t, &w)
			continue
		}
		if len(p.forks) > 0 {
			p.doPiece(p.forks[0])
			w.lap(&w.stats.Write)
			continue
		}
		if len(p.active) == 0 && !p.starting && (p.empty || p.err != nil) {
			break
		}
		w.lap(&w.stats.Idle)
		began := w.watch.wall
		if p.o.CPU {
			runtime.UnlockOSThread()
		}
		p.idle.Add(1)
		p.wait()
		p.idle.Add(-1)
		if p.o.CPU {
			runtime.LockOSThread()
		}
		w.watch = NewStopwatch(p.o.CPU)
		w.stats.Idle.Wall += w.watch.wall.Sub(began)
	}
	if p.o.Stats != nil {
		p.o.Stats.add(&w.stats)
	}
	p.wake.Broadcast()
	p.mu.Unlock()
}

// wait waits for wakeWaiting. It releases the lock meanwhile.
func (p *pool) wait() {
	p.waiting++
	p.wake.Wait()
	p.waiting--
}

// wakeWaiting wakes all waiting goroutines. Call it after each change that they may
// need.
func (p *pool) wakeWaiting() {
	if p.waiting > 0 {
		p.wake.Broadcast()
	}
}

// startJob starts a job from next. It returns nil if there are no more.
func (p *pool) startJob(w *worker) *jobState {
	p.starting = true
	p.mu.Unlock()
	job, ok := p.next()
	w.lap(&w.stats.Next)
	p.mu.Lock()
	p.starting = false
	defer p.wakeWaiting()
	if !ok {
		p.empty = true
		return nil
	}
	r := &jobState{}
	p.active = append(p.active, r)
	p.setJob(r, job)
	return r
}

// setJob makes r the state of a job that begins.
func (p *pool) setJob(r *jobState, job Job) {
	*r = jobState{job: job, lanes: make([]lane, job.Lanes()), err: p.err}
	r.ctx, r.cancel = context.WithCancel(p.ctx)
}

// fail ends the Run with err, unless it is already ending.
func (p *pool) fail(err error) {
	if p.err != nil {
		return
	}
	p.err = err
	p.cancel(err)
	for _, r := range p.active {
		if r.err == nil {
			r.err = err
		}
	}
	p.wakeWaiting()
}

// pickTask takes a worker's next task: one of its own job if there is one, else of
// any job.
func (p *pool) pickTask(w *worker) (task, bool) {
	if len(p.active) < p.o.Workers {
		// Workers share jobs. If each read only when it has nothing else to do, the
		// others would have to wait.
		for _, r := range p.active {
			if len(r.items) < p.o.Workers {
				if t, ok := p.takeTask(r, stageRead, nil); ok {
					return t, true
				}
			}
		}
	}
	if w.own != nil {
		if t, ok := p.pickTaskFrom([]*jobState{w.own}, w); ok {
			return t, true
		}
	}
	return p.pickTaskFrom(p.active, w)
}

// pickTaskFrom is pickTask for the given jobs.
func (p *pool) pickTaskFrom(runs []*jobState, w *worker) (task, bool) {
	for s := range numStages {
		for _, r := range runs {
			if t, ok := p.takeTask(r, s, w); ok {
				return t, true
			}
		}
	}
	for _, r := range runs {
		if t, ok := p.takeTask(r, stageWrite, nil); ok {
			return t, true
		}
	}
	return task{}, false
}

// takeTask takes a task of a stage from r's job, if it has one. If w is not nil, it
// doesn't take the writing to a lane that another worker wrote to last.
func (p *pool) takeTask(r *jobState, s stage, w *worker) (task, bool) {
	t := task{stage: s, run: r}
	if s == stageFinish {
		done := r.eof && len(r.items) == 0 || r.err != nil
		if !done || r.running > 0 || r.finishing {
			return t, false
		}
		r.finishing = true
		return t, true
	}
	if r.err != nil {
		return t, false
	}
	switch s {
	case stageWrite:
		t.lane = -1
		for i, l := range r.lanes {
			k := l.next - r.first
			free := !l.busy && (w == nil || l.last == nil || l.last == w)
			if free && k < len(r.items) && r.items[k].decoded &&
				(t.lane < 0 || l.next < r.lanes[t.lane].next) {
				t.lane, t.item = i, r.items[k]
			}
		}
		if t.lane < 0 {
			return t, false
		}
		r.lanes[t.lane].busy = true
	case stageDecode:
		for _, it := range r.items {
			if !it.taken {
				t.item = it
				break
			}
		}
		if t.item == nil {
			return t, false
		}
		t.item.taken = true
	case stageRead:
		if r.reading || r.eof || p.unused == 0 {
			return t, false
		}
		r.reading = true
		t.item = &item{b: p.takeBatch(), lanesLeft: len(r.lanes)}
	}
	r.running++
	return t, true
}

// runTask runs a task and records its result. It releases the lock meanwhile.
func (p *pool) runTask(t task, w *worker) {
	if t.stage == stageFinish {
		p.finishJob(t.run, w)
		return
	}
	r := t.run
	job, ctx := r.job, r.ctx
	p.mu.Unlock()
	var err error
	switch t.stage {
	case stageWrite:
		err = job.Write(ctx, t.lane, t.item.b)
		w.lap(&w.stats.Write)
	case stageDecode:
		err = job.Decode(ctx, w.dec, t.item.b)
		w.lap(&w.stats.Decode)
	case stageRead:
		err = job.Read(ctx, t.item.b)
		w.lap(&w.stats.Read)
	}
	p.mu.Lock()
	r.running--
	switch t.stage {
	case stageWrite:
		l := &r.lanes[t.lane]
		l.busy, l.last = false, w
		l.next++
		t.item.lanesLeft--
	case stageDecode:
		t.item.decoded = true
	case stageRead:
		r.reading = false
		if err == io.EOF {
			r.eof = true
			err = nil
			p.recycle(t.item.b)
			break
		}
		if err == nil {
			w.stats.Batches++
		}
		r.items = append(r.items, t.item)
	}
	if err != nil && r.err == nil {
		r.err = err
		r.cancel()
	}
	for len(r.items) > 0 && r.items[0].decoded && r.items[0].lanesLeft == 0 {
		p.recycle(r.items[0].b)
		r.items = append(r.items[:0], r.items[1:]...)
		r.first++
	}
	p.wakeWaiting()
}

// finishJob finishes a job, none of whose tasks is running. It releases the lock
// meanwhile.
func (p *pool) finishJob(r *jobState, w *worker) {
	for _, it := range r.items {
		p.recycle(it.b)
	}
	r.items = nil
	r.cancel()
	ending := p.err != nil
	ctx, job, jobErr := p.ctx, r.job, r.err
	if jobErr != nil {
		ctx = context.WithoutCancel(ctx)
	}
	p.mu.Unlock()
	again, err := job.Finish(ctx, jobErr)
	w.lap(&w.stats.Finish)
	p.mu.Lock()
	if err != nil {
		if p.parent.Err() != nil {
			err = context.Cause(p.parent)
		}
		p.fail(err)
	}
	if again != nil && err == nil && !ending {
		w.stats.Restarts++
		p.setJob(r, again)
	} else {
		r.ended = true
		for i, a := range p.active {
			if a == r {
				p.active = append(p.active[:i], p.active[i+1:]...)
				break
			}
		}
	}
	p.wakeWaiting()
}

// takeBatch takes a batch. unused must not be 0.
func (p *pool) takeBatch() *schema.Batch {
	p.unused--
	n := len(p.free)
	if n == 0 {
		return schema.NewBatch()
	}
	b := p.free[n-1]
	p.free = p.free[:n-1]
	return b
}

// recycle gives a batch back, for later use unless it is too large.
func (p *pool) recycle(b *schema.Batch) {
	p.unused++
	if cap(b.Buf) <= p.o.KeepBytes {
		p.free = append(p.free, b)
	}
}
