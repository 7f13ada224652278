package crash_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/store"
)

// pairLease is the lease of commands that meet: short, since whoever is stopped
// can't renew it.
const pairLease = 6 * time.Millisecond

// command is one that a user can give beside another.
type command struct {
	name string
	do   func(ctx context.Context, w *world, s store.Store, lease time.Duration) error
	// reads says that it changes nothing.
	reads bool
}

// commands are all of which the first and the second of a pair are taken.
func commands() []command {
	change := func(alter func(*convert.Options)) func(context.Context, *world, store.Store, time.Duration) error {
		return func(ctx context.Context, w *world, s store.Store, lease time.Duration) error {
			o := options(w, s)
			o.Lease = lease
			alter(&o)
			_, err := convert.Run(ctx, o)
			return err
		}
	}
	return []command{
		{name: "convert", do: change(func(*convert.Options) {})},
		{name: "retry", do: change(func(o *convert.Options) { o.RetryRejected = true })},
		{name: "abandon", do: func(ctx context.Context, _ *world, s store.Store, lease time.Duration) error {
			return abandonRun(ctx, s, openRun, lease)
		}},
		{name: "gc", do: func(ctx context.Context, _ *world, s store.Store, _ time.Duration) error {
			return collectAll(ctx, s)
		}},
		{name: "drop", do: func(ctx context.Context, _ *world, s store.Store, lease time.Duration) error {
			return dropAll(ctx, s, lease)
		}},
		{name: "cat", reads: true, do: func(ctx context.Context, w *world, s store.Store, _ time.Duration) error {
			got, err := catRows(ctx, s)
			if err != nil {
				return err
			}
			if err := atMost(got, w.want); err != nil {
				return &wrongError{err}
			}
			return nil
		}},
		{name: "status", reads: true, do: func(ctx context.Context, _ *world, s store.Store, _ time.Duration) error {
			return askStatus(ctx, s)
		}},
	}
}

// wrongError is an answer that is no refusal and not right.
type wrongError struct{ err error }

func (e *wrongError) Error() string { return "wrong: " + e.err.Error() }

// catRows reads the rows that a dataset's own reader finds.
func catRows(ctx context.Context, s store.Store) (rows, error) {
	l, err := lake.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	got := rows{}
	for _, table := range tables {
		q := lake.Query{Table: table, Columns: []string{"source_uri", "source_line"}}
		err := lake.Scan(ctx, l, q, func(_ int, batch arrow.RecordBatch) ([]string, error) {
			defer batch.Release()
			keys := make([]string, batch.NumRows())
			for i := range keys {
				keys[i] = fmt.Sprintf("%s %s:%s", table, batch.Column(0).ValueStr(i), batch.Column(1).ValueStr(i))
			}
			return keys, nil
		}, func(keys []string) error {
			for _, key := range keys {
				got[key]++
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return got, nil
}

// pauser stops a command at a step, as SIGSTOP does: whatever of it comes to a
// step from then on waits until it is released.
type pauser struct {
	target  int
	kill    bool // once it is released, nothing of it happens any more
	reached chan struct{}
	release chan struct{}

	mu    sync.Mutex
	count int
	op    string // at which it stopped
}

func newPauser(target int, kill bool) *pauser {
	return &pauser{target: target, kill: kill, reached: make(chan struct{}), release: make(chan struct{})}
}

func (p *pauser) at(op, name string, after bool) error {
	p.mu.Lock()
	p.count++
	stopped := p.count >= p.target
	if p.count == p.target {
		p.op = op + " " + name
		if after {
			p.op += ", done"
		}
		close(p.reached)
	}
	p.mu.Unlock()
	if !stopped {
		return nil
	}
	<-p.release
	if p.kill {
		return errDead
	}
	return nil
}

// openRun is the run of a pair's dataset that has not ended.
const openRun = "000002"

// pairBase makes a dataset with rejects, with an open run that is published half,
// and with what a dead attempt left; and a world with sources that are still to be
// converted.
func pairBase(t *testing.T, dir string) (*world, map[string][]byte) {
	t.Helper()
	ctx := context.Background()
	w := newWorld(t, dir)
	st := newVolatile()
	run := func(s store.Store, alter func(*convert.Options)) error {
		o := options(w, s)
		o.Lease = pairLease
		alter(&o)
		_, err := convert.Run(ctx, o)
		return err
	}
	w.add(t, "eu-west-1", 0, 9)
	w.add(t, "us-east-1", 1, 5)
	if err := run(st, func(o *convert.Options) { o.Limits.MaxLineBytes = shortLine }); err != nil {
		t.Fatal(err)
	}
	w.add(t, "eu-west-1", 2, 6)
	w.add(t, "us-east-1", 3, 4)
	// An attempt that dies at its first receipt leaves its staging.
	receipts := &dier{when: isReceipt, after: 1}
	if err := run(&stepped{st, receipts.at}, func(*convert.Options) {}); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	time.Sleep(2 * pairLease) // its leases end
	publications := &dier{when: isPublication, after: 3}
	if err := run(&stepped{st, publications.at}, func(*convert.Options) {}); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	w.add(t, "eu-west-1", 4, 3)
	w.add(t, "ap-south-1", 5, 8)
	files := map[string][]byte{}
	for name, f := range st.now {
		files[name] = f.data
	}
	return w, files
}

// fill writes a dataset's files into an empty store.
func fill(ctx context.Context, s store.Store, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := s.PutNew(ctx, name, files[name]); err != nil {
			return err
		}
	}
	return nil
}

// pair is one case: first stops at a step, second does its work, and first goes
// on, or never does.
type pair struct {
	first, second command
	step          int
	// What becomes of first after second is done: it goes on; it goes on only
	// after a user has done everything else, too; or it is killed.
	ending string
}

func (p *pair) String() string {
	return fmt.Sprintf("%s stopped at step %d, then %s, then %s", p.first.name, p.step, p.second.name, p.ending)
}

var pairEndings = []string{"it goes on", "all else, and it goes on at last", "it is killed"}

// run runs a pair on a dataset. It reports whether first was stopped at all.
func (p *pair) run(t *testing.T, w *world, s store.Store, lease time.Duration) (stopped bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pause := newPauser(p.step, p.ending == "it is killed")
	done := make(chan error, 1)
	go func() { done <- p.first.do(ctx, w, &stepped{s, pause.at}, lease) }()
	var firstErr error
	select {
	case <-pause.reached:
		stopped = true
	case firstErr = <-done:
	}
	failf := func(format string, args ...any) {
		t.Errorf("%s (%s; it said %v): %s", p, pause.op, firstErr, fmt.Sprintf(format, args...))
	}
	if stopped {
		if err := p.second.do(ctx, w, s, lease); errors.As(err, new(*wrongError)) || p.second.reads && err != nil && !refusesTogether(err) {
			failf("%s says %v", p.second.name, err)
		}
		if p.ending == "all else, and it goes on at last" {
			if err := mendPair(ctx, w, s, lease); err != nil {
				failf("while it is stopped: %v", err)
			}
		}
	}
	close(pause.release)
	if stopped {
		firstErr = <-done
	}
	if errors.As(firstErr, new(*wrongError)) {
		failf("it is wrong")
	}
	if err := mendPair(ctx, w, s, lease); err != nil {
		failf("in the end: %v", err)
	}
	return stopped
}

// mendPair does what a user does until nothing is left to do, and checks the rows.
func mendPair(ctx context.Context, w *world, s store.Store, lease time.Duration) error {
	if err := finishDrop(ctx, s, lease); err != nil {
		return fmt.Errorf("dropping again: %w", err)
	}
	o := options(w, s)
	o.Lease = lease
	for _, retry := range []bool{false, true} {
		o.RetryRejected = retry
		if _, err := convert.Run(ctx, o); err != nil {
			return fmt.Errorf("converting (retry %v): %w", retry, err)
		}
	}
	o.RetryRejected = false
	if err := goOn(ctx, o); err != nil {
		return err
	}
	if err := checkWhole(ctx, s, w.want); err != nil {
		return err
	}
	got, err := catRows(ctx, s)
	if err != nil {
		return err
	}
	return same(got, w.want)
}

// place opens an empty store for a case of pairs.
type place struct {
	name  string
	open  func(t *testing.T, n int) store.Store
	lease time.Duration
	// every and short are how many steps lie between two that are tried, in the
	// long form and in the short one.
	every, short int
}

// A command that is stopped at any of its steps while another does its work, and
// then goes on or never does, loses nothing and doubles nothing.
func TestPairs(t *testing.T) {
	dir := tempDir(t)
	w, files := pairBase(t, filepath.Join(dir, "in"))
	places := []place{
		{"in memory", func(*testing.T, int) store.Store { return newVolatile() }, pairLease, 1, 47},
		{"in a directory", func(t *testing.T, n int) store.Store {
			s, err := openStore(filepath.Join(dir, fmt.Sprintf("lake-%d", n)))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}, pairLease, 13, 89},
	}
	pairsIn(t, w, files, places)
}

// The same in S3, sampled.
func TestS3Pairs(t *testing.T) {
	server := startS3(t)
	w, files := pairBase(t, filepath.Join(tempDir(t), "in"))
	pairsIn(t, w, files, []place{{"in S3", func(t *testing.T, n int) store.Store {
		s, err := openStore(fmt.Sprintf("%s/lake/pair-%d", server.URL, n))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, shortLeaseInS3, 31, 499}})
}

func pairsIn(t *testing.T, w *world, files map[string][]byte, places []place) {
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			every := place.short
			if long() {
				every = place.every
			}
			offset, cases := 0, 0
			for _, first := range commands() {
				if first.reads {
					continue
				}
				for _, second := range commands() {
					for _, ending := range pairEndings {
						offset++
						for step := 1 + offset%every; !t.Failed(); step += every {
							p := pair{first, second, step, ending}
							s := place.open(t, cases)
							if err := fill(t.Context(), s, files); err != nil {
								t.Fatal(err)
							}
							cases++
							stopped := p.run(t, w, s, place.lease)
							s.Close()
							if !stopped {
								break
							}
						}
					}
				}
			}
			fmt.Printf("torture: %s: %d pairs of commands\n", t.Name(), cases)
		})
	}
}

// A process that is stopped with SIGSTOP at a step while commands of this process
// do their work, and goes on with SIGCONT, or is killed.
func TestStoppedProcess(t *testing.T) {
	dir := tempDir(t)
	w, files := pairBase(t, filepath.Join(dir, "in"))
	stride := 97
	if long() {
		stride = 9
	}
	cases, offset := 0, 0
	for _, first := range commands() {
		if first.reads {
			continue
		}
		for _, second := range commands() {
			offset += 7
			for step := 1 + offset%stride; !t.Failed(); step += stride {
				out := filepath.Join(dir, fmt.Sprintf("out-%d", cases))
				s, err := openStore(out)
				if err != nil {
					t.Fatal(err)
				}
				if err := fill(t.Context(), s, files); err != nil {
					t.Fatal(err)
				}
				c := child{In: w.dir, Out: out, Command: first.name, Stop: step}
				cmd := c.start(t)
				stopped := waitStopped(t, cmd)
				what := fmt.Sprintf("%s stopped at step %d, then %s", first.name, step, second.name)
				if stopped {
					cases++
					if err := second.do(t.Context(), w, s, childLease); errors.As(err, new(*wrongError)) {
						t.Errorf("%s: %v", what, err)
					}
					signal := syscall.SIGCONT
					if cases%3 == 0 {
						signal = syscall.SIGKILL
					}
					if err := cmd.Process.Signal(signal); err != nil {
						t.Fatal(err)
					}
				}
				_ = cmd.Wait() // it may be told that its work isn't wanted any more
				if err := mendPair(t.Context(), w, s, childLease); err != nil {
					t.Errorf("%s (it said %s): %v", what, cmd.Stderr, err)
				}
				s.Close()
				if !stopped {
					break
				}
			}
		}
	}
	fmt.Printf("torture: %s: %d processes stopped\n", t.Name(), cases)
}

// waitStopped waits until a process has stopped, or ended.
func waitStopped(t *testing.T, cmd *exec.Cmd) (stopped bool) {
	t.Helper()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			t.Skip("there is no /proc here")
		}
		_, fields, _ := bytes.Cut(stat, []byte(") "))
		switch fields[0] {
		case 'T':
			return true
		case 'Z', 'X':
			return false
		}
		time.Sleep(time.Millisecond)
	}
}
