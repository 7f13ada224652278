package crash_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// pairLease is the lease of commands that meet: short, as a stopped command can't renew
// it and the other one waits for it.
const pairLease = 6 * time.Millisecond

// command is a command that a user can run beside another.
type command struct {
	name string
	do   func(ctx context.Context, w *world, s store.Store, lease time.Duration) error
	// reads says that the command changes nothing.
	reads bool
}

// commands returns the commands of which pairs are formed.
func commands() []command {
	change := func(alter func(*convert.Options)) func(context.Context, *world, store.Store, time.Duration) error {
		return func(ctx context.Context, w *world, s store.Store, lease time.Duration) error {
			o := newOptions(w, s)
			o.Lease = lease
			alter(&o)
			_, err := convert.Run(ctx, o)
			return err
		}
	}
	return []command{
		{name: "convert", do: change(func(*convert.Options) {})},
		{name: "retry", do: change(func(o *convert.Options) { o.RetryRejected = true })},
		{name: "plan", do: planRuns},
		{name: "work", do: workParts},
		{name: "commit", do: func(ctx context.Context, w *world, s store.Store, lease time.Duration) error {
			err := commitRuns(ctx, w, s, lease)
			if missing := (*convert.MissingPartsError)(nil); errors.As(err, &missing) {
				return nil // work is a command of its own
			}
			return err
		}},
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
			if err := checkAtMost(got, w.want); err != nil {
				return &wrongError{err}
			}
			return nil
		}},
		{name: "status", reads: true, do: func(ctx context.Context, _ *world, s store.Store, _ time.Duration) error {
			return askStatus(ctx, s)
		}},
	}
}

// wrongError says that a command succeeded with a wrong answer.
type wrongError struct{ err error }

func (e *wrongError) Error() string { return "wrong: " + e.err.Error() }

// catRows reads a dataset's rows as macielake cat does.
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

// pauser stops a command at a step, as SIGSTOP does: from then on its goroutines wait at
// their next step until it is released.
type pauser struct {
	target  int
	kill    bool // all changes fail once it is released
	reached chan struct{}
	release chan struct{}

	mu    sync.Mutex
	count int
	op    string // at which it stopped
}

func newPauser(target int, kill bool) *pauser {
	return &pauser{target: target, kill: kill, reached: make(chan struct{}), release: make(chan struct{})}
}

func (p *pauser) onStep(op, name string, after bool) error {
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

// openRun is the unfinished run of a pair's dataset.
const openRun = "000002"

// pairBase makes a dataset with rejects, an open run that is half published, and the
// leftovers of a dead attempt. The world also has sources that are not converted yet.
func pairBase(t *testing.T, dir string, st store.Store) (*world, map[string][]byte) {
	t.Helper()
	ctx := context.Background()
	w := newWorld(t, dir)
	run := func(s store.Store, alter func(*convert.Options)) error {
		o := newOptions(w, s)
		o.Lease = shortLeaseInS3
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
	receipts := &countdownKiller{when: isReceipt, after: 1}
	if err := run(&stepped{st, receipts.onStep}, func(*convert.Options) {}); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	time.Sleep(2 * shortLeaseInS3) // until its leases have expired
	publications := &countdownKiller{when: isPublication, after: 3}
	if err := run(&stepped{st, publications.onStep}, func(*convert.Options) {}); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	w.add(t, "eu-west-1", 4, 3)
	w.add(t, "ap-south-1", 5, 8)
	files := map[string][]byte{}
	err := st.List(ctx, ".", func(name string, _ fs.FileInfo) error {
		f, err := st.Open(ctx, name)
		if err != nil {
			return err
		}
		files[name], err = io.ReadAll(f)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		t.Fatal(err)
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

// pair is one case: first stops at a step, second runs, and first continues or is
// killed.
type pair struct {
	first, second command
	step          int
	// How first ends after second has run: it continues; it continues only after a
	// user has completed everything else; or it is killed.
	ending string
}

func (p *pair) String() string {
	return fmt.Sprintf("%s stopped at step %d, then %s, then %s", p.first.name, p.step, p.second.name, p.ending)
}

var pairEndings = []string{"it continues", "everything else, then it continues", "it is killed"}

// run runs a pair on the dataset that open opens. It reports whether first came to its
// step.
func (p *pair) run(t *testing.T, w *world, open func() store.Store, lease time.Duration) (stopped bool) {
	t.Helper()
	s := open()
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pause := newPauser(p.step, p.ending == "it is killed")
	done := make(chan error, 1)
	go func() { done <- p.first.do(ctx, w, &stepped{s, pause.onStep}, lease) }()
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
		second := open()
		defer second.Close()
		if err := p.second.do(ctx, w, second, lease); errors.As(err, new(*wrongError)) || p.second.reads && err != nil && !refusesTogether(err) {
			failf("%s says %v", p.second.name, err)
		}
		if p.ending == "everything else, then it continues" {
			if err := mendPair(ctx, w, open, lease); err != nil {
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
	if err := mendPair(ctx, w, open, lease); err != nil {
		failf("in the end: %v", err)
	}
	return stopped
}

// mendPair runs the commands with which a user completes everything, and checks the
// rows.
func mendPair(ctx context.Context, w *world, open func() store.Store, lease time.Duration) error {
	s := open()
	defer s.Close()
	if err := finishDrop(ctx, s, lease); err != nil {
		return fmt.Errorf("dropping again: %w", err)
	}
	o := newOptions(w, s)
	o.Lease = lease
	for _, retry := range []bool{false, true} {
		o.RetryRejected = retry
		_, err := convert.Run(ctx, o)
		if errors.As(err, new(*convert.NotEmptyError)) || errors.As(err, new(*state.NotWholeError)) && noDataset(ctx, s) {
			// Files of a dropped dataset arrived late.
			if err := dropAll(ctx, s, lease); err != nil {
				return fmt.Errorf("dropping late files: %w", err)
			}
			o.Out = open()
			defer o.Out.Close()
			_, err = convert.Run(ctx, o)
		}
		if err != nil {
			return fmt.Errorf("converting (retry %v): %w", retry, err)
		}
	}
	s = o.Out
	o.RetryRejected = false
	if err := convertAll(ctx, o); err != nil {
		return err
	}
	// Files that a converter of the dropped dataset published late belong to no run.
	if err := collectAll(ctx, s); err != nil {
		return fmt.Errorf("collecting garbage: %w", err)
	}
	if err := checkComplete(ctx, s, w.want); err != nil {
		return err
	}
	got, err := catRows(ctx, s)
	if err != nil {
		return err
	}
	return checkEqual(got, w.want)
}

// noDataset reports whether dataset.json is gone.
func noDataset(ctx context.Context, s store.Store) bool {
	_, err := s.Stat(ctx, state.DatasetName)
	return errors.Is(err, fs.ErrNotExist)
}

// environment is where the datasets of pairs are stored. make makes the world and the
// dataset of a case, and returns the function that opens the dataset.
type environment struct {
	name  string
	make  func(t *testing.T, n int) (*world, func() store.Store)
	lease time.Duration
	// every is the distance between the steps that are tried in the long form. In the
	// short form it is short, and only one of pairs pairs of commands is tried.
	every, short, pairs int
}

// A command stops at any step while another one runs, and then continues or is killed:
// no row is lost or doubled.
func TestPairs(t *testing.T) {
	dir := tempDir(t)
	w, files := pairBase(t, filepath.Join(dir, "in"), newVolatile())
	filled := func(t *testing.T, open func() store.Store) (*world, func() store.Store) {
		s := open()
		defer s.Close()
		if err := fill(t.Context(), s, files); err != nil {
			t.Fatal(err)
		}
		return w, open
	}
	tryPairs(t, []environment{
		{"in memory", func(t *testing.T, _ int) (*world, func() store.Store) {
			st := newVolatile()
			return filled(t, func() store.Store { return st })
		}, pairLease, 1, 197, 4},
		{"in a directory", func(t *testing.T, n int) (*world, func() store.Store) {
			return filled(t, opener(t, filepath.Join(dir, fmt.Sprintf("lake-%d", n))))
		}, pairLease, 13, 263, 7},
	})
}

// opener returns a function that opens a location; it can be called repeatedly.
func opener(t *testing.T, place string) func() store.Store {
	return func() store.Store {
		s, err := openStore(place)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// s3Base makes the dataset of a case in S3. It can't be a copy: receipts have ETags,
// which depend on how a file was uploaded.
func s3Base(t *testing.T, server, dir string, n int) (*world, func() store.Store) {
	t.Helper()
	open := opener(t, fmt.Sprintf("%s/lake/case-%d", server, n))
	s := open()
	defer s.Close()
	w, _ := pairBase(t, filepath.Join(dir, fmt.Sprint(n)), s)
	return w, open
}

// TestPairs in S3, for a sample of the cases.
func TestS3Pairs(t *testing.T) {
	server := startS3(t)
	dir := tempDir(t)
	tryPairs(t, []environment{{"in S3", func(t *testing.T, n int) (*world, func() store.Store) {
		return s3Base(t, server.URL, dir, n)
	}, shortLeaseInS3, 41, 149, 89}})
}

func tryPairs(t *testing.T, environments []environment) {
	for _, env := range environments {
		t.Run(env.name, func(t *testing.T) {
			every, pairs := env.short, env.pairs
			if isLong() {
				every, pairs = env.every, 1
			}
			offset, cases := 0, 0
			for _, first := range commands() {
				if first.reads {
					continue
				}
				for _, second := range commands() {
					for _, ending := range pairEndings {
						if offset++; offset%pairs != 0 {
							continue
						}
						for step := 1 + offset*7%every; !t.Failed(); step += every {
							p := pair{first, second, step, ending}
							w, open := env.make(t, cases)
							cases++
							if !p.run(t, w, open, env.lease) {
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

// A process is stopped with SIGSTOP at a step, while this process runs commands, and
// then continues with SIGCONT or is killed.
func TestStoppedProcess(t *testing.T) {
	dir := tempDir(t)
	w, files := pairBase(t, filepath.Join(dir, "in"), newVolatile())
	stride, pairs := 193, 5
	if isLong() {
		stride, pairs = 9, 1
	}
	cases, offset, places := 0, 0, 0
	for _, first := range commands() {
		if first.reads {
			continue
		}
		for _, second := range commands() {
			if offset++; offset%pairs != 0 {
				continue
			}
			for step := 1 + offset*7%stride; !t.Failed(); step += stride {
				places++
				out := filepath.Join(dir, fmt.Sprintf("out-%d", places))
				open := opener(t, out)
				s := open()
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
				_ = cmd.Wait() // it may fail, as its run may have ended
				if err := mendPair(t.Context(), w, open, childLease); err != nil {
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

// waitStopped waits until a process has stopped or ended, and reports whether it
// stopped.
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
