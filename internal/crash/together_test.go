package crash_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/store"
)

// Converters that start together on one dataset share the work: no source is converted
// twice. Meanwhile a reader never fails and never sees a row twice.
func TestTogether(t *testing.T) {
	rounds := 2
	if isLong() {
		rounds = 20
	}
	for _, converters := range []int{2, 8} {
		t.Run(fmt.Sprint(converters), func(t *testing.T) {
			dir := tempDir(t)
			w := newWorld(t, filepath.Join(dir, "in"))
			out := filepath.Join(dir, "out")
			n := 0
			for round := range rounds {
				for range 12 {
					w.add(t, []string{"eu-west-1", "us-east-1", "ap-south-1"}[n%3], n, 10+n)
					n++
				}
				convertTogether(t, w, out, converters)
				mend(t, fmt.Sprintf("round %d", round), child{In: w.dir, Out: out}, w.want)
			}
			report(t, "converters at once", rounds*converters)
		})
	}
}

func convertTogether(t *testing.T, w *world, out string, converters int) {
	t.Helper()
	ctx := context.Background()
	var planned atomic.Int64
	var working, reading sync.WaitGroup
	done := make(chan struct{})
	if err := os.MkdirAll(out, 0o777); err != nil {
		t.Fatal(err)
	}
	for i := range converters {
		working.Go(func() {
			s, err := openStore(out)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			o := newOptions(w, s)
			o.Lease, o.MaxSources = childLease, 2+i%3
			summary, err := convert.Run(ctx, o)
			if err != nil {
				t.Errorf("converter %d: %v", i, err)
				return
			}
			planned.Add(summary.Sources.New)
		})
	}
	reads := 0
	reading.Go(func() {
		s, err := openStore(out)
		if err != nil {
			t.Error(err)
			return
		}
		defer s.Close()
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := checkUnfinished(ctx, s, w.want); err != nil {
				t.Errorf("reading: %v", err)
				return
			}
			reads++
		}
	})
	working.Wait()
	close(done)
	reading.Wait()
	if reads == 0 {
		t.Error("the reader saw nothing meanwhile")
	}
}

// A converter dies after a part has its receipt, and then the source is changed, denied
// or removed. A part with a receipt isn't read again.
func TestReceiptBinds(t *testing.T) {
	for what, change := range map[string]func(path string) error{
		"changed": func(path string) error { return os.WriteFile(path, []byte(`{"id":"another"}`+"\n"), 0o666) },
		"gone":    os.Remove,
		"denied": func(path string) error { // even for root
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o777))
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			var paths []string
			for i, region := range []string{"eu-west-1", "us-east-1"} {
				paths = append(paths, w.add(t, region, i, 9))
			}
			for n := 1; ; n++ {
				st := newVolatile()
				var receipts atomic.Int32
				k := &killer{target: n}
				_, err := convert.Run(context.Background(), newOptions(w, &stepped{st, func(op, name string, after bool) error {
					err := k.onStep(op, name, after)
					if after && strings.Contains(name, "/receipts/") && err == nil {
						receipts.Add(1)
					}
					return err
				}}))
				if int(receipts.Load()) < len(paths) {
					if err == nil {
						t.Fatal("it ended without receipts")
					}
					continue // until all parts have one
				}
				if err == nil {
					return
				}
				for _, path := range paths {
					if err := change(path); err != nil {
						t.Fatal(err)
					}
				}
				w.add(t, "us-east-1", 7, 2) // so that the input is never empty
				o := newOptions(w, st)
				o.Lease = shortLease
				s, err := convert.Run(context.Background(), o)
				if err != nil {
					t.Fatal(err)
				}
				if what == "changed" && s.Sources.Changed != 2 || s.Sources.Unreadable != 0 {
					t.Errorf("%+v", s.Sources)
				}
				if err := checkComplete(context.Background(), st, w.want); err != nil {
					t.Errorf("step %d: %v", n, err)
				}
				return
			}
		})
	}
}

// A part without a receipt has the rows of the source at the time it is read.
func TestChangedBeforeReceipt(t *testing.T) {
	w := newWorld(t, t.TempDir())
	path := w.add(t, "eu-west-1", 0, 9)
	st := newVolatile()
	_, err := convert.Run(context.Background(), newOptions(w, &stepped{st, func(op, name string, after bool) error {
		if op == "put new" && strings.Contains(name, "/receipts/") {
			return errDead
		}
		return nil
	}}))
	if !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	content, want := newSource(path, 1, 30)
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	o := newOptions(w, st)
	o.Lease = shortLease
	if err := convertAll(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if err := checkComplete(context.Background(), st, want); err != nil {
		t.Error(err)
	}
}

// Wrong clocks make no difference, even if all files were written in the future.
func TestClockGoesBackwards(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.add(t, "eu-west-1", 0, 9)
	w.add(t, "us-east-1", 1, 9)
	st := newVolatile()
	var receipts atomic.Int32
	_, err := convert.Run(context.Background(), newOptions(w, &stepped{st, func(op, name string, after bool) error {
		if op == "put new" && strings.Contains(name, "/receipts/") {
			if receipts.Add(1) > 1 {
				return errDead
			}
		}
		return nil
	}}))
	if !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	for _, f := range st.now {
		f.modified = f.modified.AddDate(50, 0, 0)
	}
	o := newOptions(w, st)
	o.Lease = shortLease
	if err := convertAll(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if err := checkComplete(context.Background(), st, w.want); err != nil {
		t.Error(err)
	}
}

// A store whose create-only writes replace files is refused.
func TestNotCreateOnly(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.add(t, "eu-west-1", 0, 9)
	st := newVolatile()
	o := newOptions(w, &careless{st})
	_, err := convert.Run(context.Background(), o)
	if err == nil || !strings.Contains(err.Error(), "replaces files that it should only create") {
		t.Errorf("%v", err)
	}
}

// careless is a store that ignores the condition of a create-only PUT.
type careless struct{ store.Store }

func (c *careless) PutNew(ctx context.Context, name string, data []byte) error {
	if err := c.Put(ctx, name, data); err != nil {
		return err
	}
	return c.Sync(ctx)
}

// A live converter keeps its part. Another one converts the rest, doesn't wait for that
// part, and reports it.
func TestLeaseKeepsPart(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.add(t, "eu-west-1", 0, 9)
	w.add(t, "us-east-1", 1, 9)
	st := newVolatile()
	reached, convertAll := make(chan struct{}), make(chan struct{})
	var once sync.Once
	first := newOptions(w, &stepped{st, func(op, name string, after bool) error {
		if !after && op == "put new" && strings.Contains(name, "/receipts/") && strings.HasSuffix(name, "/00001.json") {
			once.Do(func() { close(reached) })
			<-convertAll
		}
		return nil
	}})
	first.Lease, first.Workers = 400*time.Millisecond, 1
	var working sync.WaitGroup
	working.Go(func() {
		if _, err := convert.Run(context.Background(), first); err != nil {
			t.Error(err)
		}
	})
	<-reached
	late := w.add(t, "us-west-2", 2, 9)
	second := newOptions(w, st)
	second.Lease, second.NoWait = 400*time.Millisecond, true
	s, err := convert.Run(context.Background(), second)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Busy) != 1 || !strings.HasPrefix(s.Busy[0], "000001-") || len(s.Runs) != 1 || s.Sources.New != 1 || s.Sources.InWork != 2 {
		t.Errorf("with %s new: %v busy, %v done, %+v", late, s.Busy, s.Runs, s.Sources)
	}
	close(convertAll)
	working.Wait()
	if err := checkComplete(context.Background(), st, w.want); err != nil {
		t.Error(err)
	}
}
