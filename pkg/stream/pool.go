package stream

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/macielake/macielake/pkg/schema"
)

// Job is the work on one part: batches are read in order, decoded in any order,
// and written to each of the job's lanes in the order they were read. Read,
// Decode and Write of one job run side by side.
type Job interface {
	// Read resets b and fills it; io.EOF ends the reading, and b is then not
	// used. One goroutine at a time calls it.
	Read(ctx context.Context, b *schema.Batch) error
	// Decode decodes b with a decoder that is the worker's. It is called once
	// per batch, and for different batches by several goroutines at a time.
	Decode(ctx context.Context, dec schema.Decoder, b *schema.Batch) error
	// Lanes is how many independent orders of writing there are. It doesn't
	// change.
	Lanes() int
	// Write takes a decoded batch, once per lane, in each lane in the order of
	// reading and by one goroutine at a time. Lanes share b and must not
	// change it.
	Write(ctx context.Context, lane int, b *schema.Batch) error
	// Finish is called once, when nothing else of the job runs any more: with
	// nil after all batches were written to all lanes, else with the first
	// error of a task or with why the whole run ends. With an error, ctx is
	// never cancelled, so that the job can clean up. An error that Finish
	// returns ends the run; nil means that the job has dealt with err. If
	// again isn't nil it is run in this job's place, except when the run was
	// ending already when Finish was called.
	Finish(ctx context.Context, err error) (again Job, _ error)
}

// PoolOptions are how Run works.
type PoolOptions struct {
	// Workers is how many goroutines work. With 1 (or less) it is the one that
	// calls Run.
	Workers int
	// NewDecoder makes a worker's decoder.
	NewDecoder func() schema.Decoder
	// MaxBatches bounds the batches in memory; 0 is 6*Workers+1.
	MaxBatches int
	// KeepBytes is the most text (the capacity of Buf) a batch may have to be
	// used again; 0 is 4 MiB. A larger one, which a giant line has left, is
	// dropped.
	KeepBytes int
	// Crew, if not nil, is what lends the workers; it serves one Run at a time.
	Crew *Crew
	// Stats, if not nil, is added to when Run returns.
	Stats *Stats
	// CPU has Stats tell CPU times, too: the threads' clocks are asked at every
	// task, and workers keep to their threads. Both take some hundredths.
	CPU bool
}

// Run runs the jobs that next returns until there are no more, and returns the
// first error of a Finish, or ctx's if that ended first. All jobs that were
// taken from next have then been finished, and no worker runs any more.
//
// Each worker takes a job of its own and works on it alone, a batch at a time,
// as long as others have jobs too: a batch is read, decoded and written by one
// core. A worker that has no job, because there are no more, takes tasks from
// the others' jobs. In both cases it prefers writing to decoding to reading, so
// that batches leave as soon as they can. But a lane that another worker has
// written to comes last: what it is written to with is in that one's cache. One
// that finds no task does pieces of those that share theirs (see Crew).
//
// next is called by one goroutine at a time. A panic in a task isn't recovered.
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

// pool is the state of a Run. All of it is under mu; idle may be read without.
type pool struct {
	o      PoolOptions
	next   func() (Job, bool)
	parent context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	wake     sync.Cond    // something changed that a waiting worker may use
	waiting  int          // for it
	idle     atomic.Int64 // of them, workers that have nothing to do
	forks    []*fork      // with pieces that nobody has taken, oldest first
	starting bool         // a worker is in next
	empty    bool         // next has no more
	active   []*run       // oldest first
	unused   int          // batches that may still be taken
	free     []*schema.Batch
	err      error // why the run ends early
}

// run is the state of a job.
type run struct {
	job       Job
	ctx       context.Context // of its tasks
	cancel    context.CancelFunc
	running   int // tasks
	reading   bool
	eof       bool
	finishing bool
	ended     bool
	err       error
	lanes     []lane
	items     []*item // batches that aren't through all lanes, in order
	first     int     // number of items[0] in the order of reading
}

// item is a batch on its way.
type item struct {
	b        *schema.Batch
	taken    bool // for decoding
	decoded  bool
	laneLeft int // lanes it isn't written to yet
}

type lane struct {
	next int // number of the item it takes next
	busy bool
	last *worker // who wrote to it; nil before the first batch
}

// stage is a kind of task. Their order is that of preference.
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
	run   *run
	item  *item
	lane  int
}

// worker is what one of the goroutines has to itself.
type worker struct {
	dec   schema.Decoder
	own   *run // its job, if it has one
	stats Stats
	watch Stopwatch
}

// lap ends what is added to s.
func (w *worker) lap(s *Span) { s.Add(w.watch.Lap()) }

// work is a worker. Where CPU times are wanted it keeps to its thread but while it
// waits, so that the thread's clock is its own.
func (p *pool) work() {
	if p.o.CPU {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	w := worker{dec: p.o.NewDecoder(), watch: NewStopwatch(p.o.CPU)}
	p.mu.Lock()
	for {
		// A task may have ended for the context before the AfterFunc ran.
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
		if t, ok := p.pick(&w); ok {
			if t.run != w.own {
				w.stats.Stolen++
			}
			p.do(t, &w)
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

// wait waits for a change.
func (p *pool) wait() {
	p.waiting++
	p.wake.Wait()
	p.waiting--
}

// changed wakes those that wait.
func (p *pool) changed() {
	if p.waiting > 0 {
		p.wake.Broadcast()
	}
}

// startJob gets a job from next; nil if there are no more.
func (p *pool) startJob(w *worker) *run {
	p.starting = true
	p.mu.Unlock()
	job, ok := p.next()
	w.lap(&w.stats.Next)
	p.mu.Lock()
	p.starting = false
	defer p.changed()
	if !ok {
		p.empty = true
		return nil
	}
	r := &run{}
	p.active = append(p.active, r)
	p.begin(r, job)
	return r
}

// begin puts a job into r.
func (p *pool) begin(r *run, job Job) {
	*r = run{job: job, lanes: make([]lane, job.Lanes()), err: p.err}
	r.ctx, r.cancel = context.WithCancel(p.ctx)
}

// fail ends the whole run for err, unless it ends already.
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
	p.changed()
}

// pick chooses a worker's next task and marks it as begun: of its own job, else
// of any.
func (p *pool) pick(w *worker) (task, bool) {
	if len(p.active) < p.o.Workers {
		// Workers share jobs. If one only read when there is nothing else to do,
		// the others would have nothing either.
		for _, r := range p.active {
			if len(r.items) < p.o.Workers {
				if t, ok := p.take(r, stageRead, nil); ok {
					return t, true
				}
			}
		}
	}
	if w.own != nil {
		if t, ok := p.pickFrom([]*run{w.own}, w); ok {
			return t, true
		}
	}
	return p.pickFrom(p.active, w)
}

// pickFrom is pick for those jobs.
func (p *pool) pickFrom(runs []*run, w *worker) (task, bool) {
	for s := range numStages {
		for _, r := range runs {
			if t, ok := p.take(r, s, w); ok {
				return t, true
			}
		}
	}
	for _, r := range runs {
		if t, ok := p.take(r, stageWrite, nil); ok {
			return t, true
		}
	}
	return task{}, false
}

// take begins a task of that stage of r's job, if it has one: of writing, one to a
// lane that no other worker than w wrote to, or any if w is nil.
func (p *pool) take(r *run, s stage, w *worker) (task, bool) {
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
		t.item = &item{b: p.batch(), laneLeft: len(r.lanes)}
	}
	r.running++
	return t, true
}

// do does a task and notes what came of it. The lock is released meanwhile.
func (p *pool) do(t task, w *worker) {
	if t.stage == stageFinish {
		p.finish(t.run, w)
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
		t.item.laneLeft--
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
	for len(r.items) > 0 && r.items[0].decoded && r.items[0].laneLeft == 0 {
		p.recycle(r.items[0].b)
		r.items = append(r.items[:0], r.items[1:]...)
		r.first++
	}
	p.changed()
}

// finish ends a job, none of whose tasks is running.
func (p *pool) finish(r *run, w *worker) {
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
		p.begin(r, again)
	} else {
		r.ended = true
		for i, a := range p.active {
			if a == r {
				p.active = append(p.active[:i], p.active[i+1:]...)
				break
			}
		}
	}
	p.changed()
}

// batch takes a batch; there is one.
func (p *pool) batch() *schema.Batch {
	p.unused--
	n := len(p.free)
	if n == 0 {
		return schema.NewBatch()
	}
	b := p.free[n-1]
	p.free = p.free[:n-1]
	return b
}

// recycle gives a batch back.
func (p *pool) recycle(b *schema.Batch) {
	p.unused++
	if cap(b.Buf) <= p.o.KeepBytes {
		p.free = append(p.free, b)
	}
}
