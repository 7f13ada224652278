package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/store"
)

// child describes a process to kill. The test binary runs itself.
type child struct {
	In, Out    string
	MaxSources int // per run; 0 for any number
	// The process kills itself at step Step, and stops itself at step Stop; 0 for
	// never.
	Step, Stop int
	Command    string // convert, if it is empty
}

const childVariable = "MACIELAKE_CRASH_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childVariable); job != "" {
		os.Exit(runChild(job))
	}
	os.Exit(m.Run())
}

// openStore opens the location of a dataset: a directory, or a URL as in isS3.
func openStore(uri string) (store.Store, error) {
	if isS3(uri) {
		return openS3(uri)
	}
	return store.CreateLocal(uri)
}

// childLease is the lease of child processes: long enough that a live one keeps it on a
// busy machine.
const childLease = 300 * time.Millisecond

func (c *child) options(s store.Store) convert.Options {
	o := newOptions(&world{dir: c.In}, s)
	o.Lease = childLease
	if c.MaxSources > 0 {
		o.MaxSources = c.MaxSources
	}
	return o
}

func runChild(job string) int {
	var c child
	if err := json.Unmarshal([]byte(job), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	s, err := openStore(c.Out)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer s.Close()
	count := 0
	var mu sync.Mutex
	do := func(s store.Store) error {
		_, err := convert.Run(context.Background(), c.options(s))
		return err
	}
	for _, known := range commands() {
		if known.name == c.Command {
			do = func(s store.Store) error {
				return known.do(context.Background(), &world{dir: c.In}, s, childLease)
			}
		}
	}
	err = do(&stepped{s, func(string, string, bool) error {
		mu.Lock()
		defer mu.Unlock()
		switch count++; count {
		case c.Step:
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal arrives a moment later
		case c.Stop:
			syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		}
		return nil
	}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (c *child) start(t *testing.T) *exec.Cmd {
	t.Helper()
	job, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(job))
	cmd.Stderr = new(strings.Builder)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// waitKilled waits for a child and reports whether it was killed. Any other failure
// ends the test.
func waitKilled(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status := exit.Sys().(syscall.WaitStatus); status.Signaled() && status.Signal() == syscall.SIGKILL {
			return true
		}
	}
	if err != nil {
		t.Fatalf("%v: %s", err, cmd.Stderr)
	}
	return false
}

// mend resumes in this process, with a short lease so that it doesn't wait long for dead
// processes, and checks the dataset before and after.
func mend(t *testing.T, what string, c child, want rows) {
	t.Helper()
	s, err := openStore(c.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := c.options(s)
	o.Lease = shortLease
	if isS3(c.Out) {
		o.Lease = shortLeaseInS3
	}
	if err := checkUnfinished(context.Background(), s, want); err != nil {
		t.Errorf("%s: before resuming: %v", what, err)
	}
	if err := convertAll(context.Background(), o); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if err := checkComplete(context.Background(), s, want); err != nil {
		t.Errorf("%s: after resuming: %v", what, err)
	}
}

// Processes are killed with SIGKILL before and after every change to a directory.
func TestKilledAtEveryStep(t *testing.T) {
	dir := tempDir(t)
	w := newWorld(t, filepath.Join(dir, "in"))
	for i, region := range []string{"eu-west-1", "us-east-1", "us-east-1"} {
		w.add(t, region, i, 9)
	}
	stride := 3
	if isLong() {
		stride = 1
	}
	for _, c := range []child{{}, {MaxSources: 1}} {
		cases := 0
		for step := 1; !t.Failed(); step += stride {
			c.In, c.Out, c.Step = w.dir, filepath.Join(dir, fmt.Sprintf("out-%d-%d", c.MaxSources, step)), step
			if !waitKilled(t, c.start(t)) {
				break
			}
			cases++
			mend(t, fmt.Sprintf("killed at step %d", step), c, w.want)
			os.RemoveAll(c.Out)
		}
		if cases < 20 {
			t.Errorf("only %d steps", cases)
		}
		report(t, fmt.Sprintf("SIGKILL at each step, runs of at most %d sources", c.MaxSources), cases)
	}
}

// Processes on one dataset are killed at random times, while sources are added.
func TestKilledAtRandom(t *testing.T) {
	kills := 25
	if isLong() {
		kills = 200
	}
	dir := tempDir(t)
	w := newWorld(t, filepath.Join(dir, "in"))
	c := child{In: w.dir, Out: filepath.Join(dir, "out"), MaxSources: 4}
	died := killAtRandom(t, c, w, rand.New(rand.NewPCG(1, 2)), kills, 3, 150*time.Millisecond)
	report(t, "SIGKILL at random times on one dataset", died)
}

// killAtRandom starts processes on one dataset, adds sources before each, and kills it
// at a random time within the given duration, until kills have died. It checks the
// dataset after each, and at last that no row is lost or doubled.
func killAtRandom(t *testing.T, c child, w *world, r *rand.Rand, kills, added int, within time.Duration) (died int) {
	t.Helper()
	n := 0
	for died < kills && !t.Failed() {
		for range added {
			w.add(t, []string{"eu-west-1", "us-east-1", "ap-south-1"}[r.IntN(3)], n, 5+r.IntN(20))
			n++
		}
		cmd := c.start(t)
		time.AfterFunc(time.Duration(r.Int64N(int64(within))), func() { cmd.Process.Kill() })
		if waitKilled(t, cmd) {
			died++
		}
		s, err := openStore(c.Out)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkUnfinished(t.Context(), s, w.want); err != nil {
			t.Errorf("after %d kills: %v", died, err)
		}
		s.Close()
	}
	mend(t, fmt.Sprintf("%d kills", died), c, w.want)
	return died
}
