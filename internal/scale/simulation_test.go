package scale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/store/storetest"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// Rates that S3 keeps up per prefix and second, and latencies of requests.
const (
	writesPerSecond = 3500
	readsPerSecond  = 5500
	writeLatency    = 40 * time.Millisecond
	readLatency     = 20 * time.Millisecond
	listLatency     = 60 * time.Millisecond
)

var errDied = errors.New("the worker died")

// cloud is a store in memory whose requests take time, as S3's do, and are refused
// above its rates. In a bubble of testing/synctest the time is virtual.
type cloud struct {
	files *storetest.Memory

	mu        sync.Mutex // never held while time passes
	random    *rand.Rand
	second    int64          // of used
	used      map[string]int // requests of this second by kind and prefix
	requests  map[string]int
	throttled int
	read      map[string]int // by source, as often as it was read to its end
	last      time.Time      // when the last receipt was written
}

// request waits as long as a request of a kind takes. A refused one is repeated.
func (c *cloud) request(ctx context.Context, kind, name string, dead <-chan struct{}) error {
	latency, rate := readLatency, readsPerSecond
	switch kind {
	case "PUT", "DELETE":
		latency, rate = writeLatency, writesPerSecond
	case "LIST":
		latency = listLatency
	}
	for attempt := 0; ; attempt++ {
		c.mu.Lock()
		if now := time.Now().Unix(); now != c.second {
			c.second, c.used = now, map[string]int{}
		}
		// Reading and writing have rates of their own.
		prefix := fmt.Sprint(rate, path.Dir(name))
		c.used[prefix]++
		c.requests[kind]++
		refused := c.used[prefix] > rate
		wait := latency/2 + time.Duration(c.random.ExpFloat64()*float64(latency)/2)
		if refused {
			c.throttled++
			wait += time.Duration(c.random.Float64() * float64(100*time.Millisecond) * math.Pow(2, float64(min(attempt, 6))))
		}
		c.mu.Unlock()
		if err := pass(ctx, wait, dead); err != nil || !refused {
			return err
		}
	}
}

// pass lets time pass, unless the worker dies.
func pass(ctx context.Context, d time.Duration, dead <-chan struct{}) error {
	select {
	case <-dead:
		return errDied
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-dead:
		return errDied
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// seat is the cloud as one worker has it, until it dies.
type seat struct {
	store.Store
	c    *cloud
	dead <-chan struct{}
}

func (s *seat) Remote() bool { return true }

func (s *seat) Create(ctx context.Context, name string, access store.Access) (store.Output, error) {
	out, err := s.Store.Create(ctx, name, access)
	return &seatOutput{out, s, ctx, name}, err
}

type seatOutput struct {
	store.Output
	s    *seat
	ctx  context.Context
	name string
}

func (o *seatOutput) Commit() error {
	if err := o.s.c.request(o.ctx, "PUT", o.name, o.s.dead); err != nil {
		return err
	}
	return o.Output.Commit()
}

func (s *seat) PutNew(ctx context.Context, name string, data []byte) error {
	if err := s.c.request(ctx, "PUT", name, s.dead); err != nil {
		return err
	}
	err := s.Store.PutNew(ctx, name, data)
	if err == nil && strings.HasPrefix(name, state.ReceiptsDir+"/") {
		s.c.mu.Lock()
		s.c.last = time.Now()
		s.c.mu.Unlock()
	}
	return err
}

func (s *seat) Put(ctx context.Context, name string, data []byte) error {
	if err := s.c.request(ctx, "PUT", name, s.dead); err != nil {
		return err
	}
	return s.Store.Put(ctx, name, data)
}

func (s *seat) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := s.c.request(ctx, "GET", name, s.dead); err != nil {
		return nil, err
	}
	return s.Store.Open(ctx, name)
}

func (s *seat) Stat(ctx context.Context, name string) (store.Info, error) {
	if err := s.c.request(ctx, "GET", name, s.dead); err != nil {
		return store.Info{}, err
	}
	return s.Store.Stat(ctx, name)
}

func (s *seat) List(ctx context.Context, prefix string, each func(string, fs.FileInfo) error) error {
	type file struct {
		name string
		info fs.FileInfo
	}
	var files []file
	err := s.Store.List(ctx, prefix, func(name string, info fs.FileInfo) error {
		files = append(files, file{name, info})
		return nil
	})
	if err != nil {
		return err
	}
	for i := 0; i == 0 || i < len(files); i += 1000 {
		if err := s.c.request(ctx, "LIST", path.Join(prefix, "page"), s.dead); err != nil {
			return err
		}
		for _, f := range files[i:min(i+1000, len(files))] {
			if err := each(f.name, f.info); err != nil {
				if errors.Is(err, fs.SkipAll) {
					return nil
				}
				return err
			}
		}
	}
	return nil
}

func (s *seat) Remove(ctx context.Context, names ...string) error {
	if err := s.c.request(ctx, "DELETE", names[0], s.dead); err != nil {
		return err
	}
	return s.Store.Remove(ctx, names...)
}

func (s *seat) RemoveAll(ctx context.Context, name string) error {
	for _, kind := range []string{"LIST", "DELETE"} {
		if err := s.c.request(ctx, kind, name, s.dead); err != nil {
			return err
		}
	}
	return s.Store.RemoveAll(ctx, name)
}

// reading is an origin of sources of which each is a part, read in one wait.
type reading struct {
	c       *cloud
	content []byte
	times   []time.Duration
}

const simulated = "simulated://AWSLogs/111122223333/Macie/us-east-1/0123456789abcdef0123456789abcdef/"

func (r *reading) Has(uri string) bool { return strings.HasPrefix(uri, "simulated://") }

func (r *reading) List(_ context.Context, _ string, _ *input.Listing, each func(input.Source) error) error {
	for i := range r.times {
		uri := fmt.Sprintf("%sprefix-%03d/%08x-0000-4000-8000-000000000000.jsonl.gz", simulated, i%200, i)
		if err := each(input.NewSource(r, schema.Source{URI: uri, ETag: "v1"}, "us-east-1", int64(len(r.content)))); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) Open(ctx context.Context, s *input.Source) (io.ReadCloser, error) {
	var i int
	if _, err := fmt.Sscanf(path.Base(s.URI)[:8], "%x", &i); err != nil {
		return nil, err
	}
	if err := pass(ctx, r.times[i], nil); err != nil {
		return nil, err
	}
	r.c.mu.Lock()
	r.c.read[s.URI]++
	r.c.mu.Unlock()
	return io.NopCloser(strings.NewReader(string(r.content))), nil
}

// simulation is what a run by many workers came to.
type simulation struct {
	workers, parts, deaths int
	ideal, makespan        time.Duration
	twice                  float64 // parts read to their end again, of all
	requests               map[string]int
	throttled              int
}

func (s *simulation) String() string {
	return fmt.Sprintf("%d workers, %d parts: ideal %.0f s, took %.0f s, efficiency %.3f, %.2f%% read twice, %d deaths, %.1f requests per part %v, %d refused",
		s.workers, s.parts, s.ideal.Seconds(), s.makespan.Seconds(), s.ideal.Seconds()/s.makespan.Seconds(), 100*s.twice, s.deaths,
		float64(total(s.requests))/float64(s.parts), s.requests, s.throttled)
}

// Workers in the simulation die, one in a hundred each minute, and their schedulers
// start others in their places after a minute.
const (
	meanLife = 100 * time.Minute
	replaced = time.Minute
)

func simulate(t *testing.T, workers, parts int, median time.Duration, seed uint64) *simulation {
	t.Helper()
	s := &simulation{workers: workers, parts: parts}
	random := rand.New(rand.NewPCG(seed, seed))
	c := &cloud{files: storetest.NewMemory("memory:"), random: rand.New(rand.NewPCG(seed, 1)), requests: map[string]int{}, read: map[string]int{}}
	content := zipped(t, `{"id":"1","createdAt":"2026-01-01T00:00:00Z"}`+"\n")
	times, sum := make([]time.Duration, parts), time.Duration(0)
	for i := range times {
		times[i] = time.Duration(float64(median) * math.Exp(random.NormFloat64()/2))
		sum += times[i]
	}
	s.ideal = sum / time.Duration(workers)
	origins := []input.Origin{&reading{c: c, content: content, times: times}}
	if _, err := convert.Run(t.Context(), convert.Options{
		Inputs: []string{"simulated://"}, Origins: origins, Out: c.files,
		TableFormat: "parquet", Tables: []string{"results"}, Compression: "none", TargetFileSize: 1 << 20, PartSize: 1,
		MaxSources: 1_000_000, Workers: 1, Limits: stream.DefaultLimits(), MaxRejects: -1, PlanOnly: true, NoWait: true, Version: "test",
		Log: slog.New(slog.DiscardHandler),
	}); err != nil {
		t.Fatal(err)
	}
	// All tasks share the plan in memory, which each reads by itself in life.
	_, runs, err := state.Open(t.Context(), c.files, state.Records)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := run.Resume(t.Context(), c.files, &runs[0], origins)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var group sync.WaitGroup
		deaths := make([]int, workers)
		for i := range workers {
			lives := rand.New(rand.NewPCG(seed, uint64(i)+2))
			group.Go(func() {
				for {
					dead := make(chan struct{})
					ctx, die := context.WithCancelCause(t.Context())
					death := time.AfterFunc(time.Duration(lives.ExpFloat64()*float64(meanLife)), func() { close(dead); die(errDied) })
					err := task(ctx, &seat{c.files, c, dead}, plan, i, workers)
					died := !death.Stop()
					die(nil)
					if !died {
						if err != nil {
							t.Errorf("worker %d: %v", i, err)
						}
						return
					}
					deaths[i]++
					time.Sleep(replaced)
				}
			})
		}
		group.Wait()
		s.makespan = c.last.Sub(began)
		for _, n := range deaths {
			s.deaths += n
		}
	})
	s.requests, s.throttled = c.requests, c.throttled
	again := 0
	for _, n := range c.read {
		again += n - 1
	}
	s.twice = float64(again) / float64(parts)
	receipts := 0
	if err := c.files.List(t.Context(), state.ReceiptsDir, func(string, fs.FileInfo) error { receipts++; return nil }); err != nil {
		t.Fatal(err)
	}
	if receipts != parts {
		t.Errorf("%d receipts of %d parts", receipts, parts)
	}
	return s
}

// task is one process of macielake work, except that it needn't keep a plan of its own.
func task(ctx context.Context, s store.Store, plan *run.Run, index, of int) error {
	_, runs, err := state.Open(ctx, s, state.Records)
	if err != nil {
		return err
	}
	r := &runs[0]
	r.Files.Address = r.Address()
	if err := r.Files.ListReceipts(ctx, s); err != nil {
		return err
	}
	for range plan.Segments {
		if _, err := s.Stat(ctx, state.PlansDir); errors.Is(err, errDied) {
			return err
		}
	}
	own := *plan
	own.Files = r.Files
	env := &run.Env{
		Store: s, Leases: coord.NewLeases(s, 0), NoWait: true, OwnOnly: true, Workers: 1, Index: index, Of: of,
		Times: &run.Times{}, Log: slog.New(slog.DiscardHandler),
	}
	defer env.Leases.Close(context.WithoutCancel(ctx))
	_, err = run.Work(ctx, env, &own)
	if busy := (*coord.BusyError)(nil); errors.As(err, &busy) {
		return nil
	}
	return err
}

// Many workers of which some die convert each part once, or little more, and take
// little longer than they must. MACIELAKE_SIMULATE makes it the table of docs/scale.md.
func TestSimulation(t *testing.T) {
	type size struct{ workers, parts int }
	sizes := []size{{10, 1000}}
	if os.Getenv("MACIELAKE_SIMULATE") != "" {
		sizes = []size{{1, 4000}, {10, 4000}, {50, 4000}, {100, 4000}, {200, 4000}, {200, 20000}}
	}
	for _, size := range sizes {
		s := simulate(t, size.workers, size.parts, 20*time.Second, 1)
		t.Log(s)
		if s.twice > 0.03 {
			t.Errorf("%.1f%% of the parts were read twice", 100*s.twice)
		}
		// A part may be begun, and its worker die, when others have nothing left to do:
		// nobody goes on before the lease is old, and a part takes minutes at most.
		if most := s.ideal*11/10 + 4*time.Minute; s.makespan > most {
			t.Errorf("it took %v, want at most %v", s.makespan, most)
		}
	}
}
