package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// key is a key in Macie's layout.
func key(n int) string {
	return fmt.Sprintf("AWSLogs/111122223333/Macie/eu-west-1/0123456789abcdef0123456789abcdef/444455556666/%08x-0000-4000-8000-000000000000.jsonl.gz", n)
}

// opened reads the runs of a dataset, and its caveats.
func opened(t testing.TB, o Options) ([]state.RunState, *state.Caveats) {
	t.Helper()
	d, runs, err := state.Open(t.Context(), o.Out, state.Everything)
	if err != nil {
		t.Fatal(err)
	}
	c, err := state.LoadCaveats(t.Context(), o.Out, &d, runs)
	if err != nil {
		t.Fatal(err)
	}
	return runs, c
}

// again converts once more.
func again(t testing.TB, o Options) *Summary {
	t.Helper()
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// results counts the rows of results of all committed runs.
func results(t testing.TB, o Options) (n int64) {
	t.Helper()
	runs, _ := opened(t, o)
	for i := range runs {
		if runs[i].Committed() {
			n += runs[i].End.Totals.Rows["results"]
		}
	}
	return n
}

func rewrite(t testing.TB, name string, data []byte, at time.Time) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// A source that changed after it was converted stays a caveat until somebody
// accepts that version, or it has the old one again.
func TestChangedSources(t *testing.T) {
	dir := write(t, map[string][]byte{"a.jsonl": lines(0, 2), "b.jsonl": lines(10, 2)})
	a := filepath.Join(dir, "a.jsonl")
	info, err := os.Stat(a)
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(t, dir)
	convertAll(t, o)
	check := func(what string, s *Summary, changed, accepted int64) {
		t.Helper()
		_, c := opened(t, o)
		if s.Sources.Changed != changed || s.Sources.AcceptedChanged != accepted || c.Changed != changed || c.Accepted != accepted || len(s.Runs) > 0 {
			t.Errorf("%s: %+v, caveats %+v, want %d changed and %d accepted", what, s.Sources, c, changed, accepted)
		}
		if l, _, err := state.LastLook(t.Context(), o.Out, &state.Dataset{ID: firstRun(t, o.Out.URI(".")).Dataset.ID}); err != nil || l == nil || l.Changed != changed {
			t.Errorf("%s: the last look is %+v, %v", what, l, err)
		}
	}
	rewrite(t, a, lines(0, 4), info.ModTime().Add(time.Hour))
	for i := range 3 {
		check("changed", again(t, o), 1, 0)
		notes, err := filepath.Glob(filepath.Join(o.Out.URI("."), state.CaveatsDir, "*"))
		if err != nil || len(notes) != 1 {
			t.Errorf("after %d: %v, %v", i, notes, err)
		}
	}
	other := o // that nobody looks at it doesn't make it right
	other.Inputs = []string{filepath.Join(dir, "b.jsonl")}
	again(t, other)
	if _, c := opened(t, o); c.Changed != 1 {
		t.Errorf("caveats %+v", c)
	}
	accept := o
	accept.AcceptChanged = true
	check("accepted", again(t, accept), 0, 1)
	check("once more", again(t, o), 0, 1)
	rewrite(t, a, lines(0, 5), info.ModTime().Add(2*time.Hour))
	s := again(t, o)
	if _, c := opened(t, o); s.Sources.Changed != 1 || c.Changed != 1 {
		t.Errorf("changed again: %+v, %+v", s.Sources, c)
	}
	rewrite(t, a, lines(0, 2), info.ModTime())
	check("as it was", again(t, o), 0, 0)
	if n := results(t, o); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}
}

// The same results from two places are converted once, whether they come one
// after the other or together.
func TestCopies(t *testing.T) {
	contents := map[string][]byte{}
	for i := range 20 {
		contents[key(i)] = zipped(lines(10*i, 3))
	}
	here, there := write(t, contents), write(t, contents)
	o := testOptions(t, here)
	convertAll(t, o)
	o.Inputs = []string{there}
	for range 2 {
		s := again(t, o)
		if s.Sources.Copies != 20 || len(s.Runs) > 0 || !slices.Equal(s.CopiesOf, []string{here + "/"}) {
			t.Errorf("%+v, of %v, runs %v", s.Sources, s.CopiesOf, s.Runs)
		}
	}
	// Another size under the same key is a source that changed.
	rewrite(t, filepath.Join(there, key(3)), zipped(lines(1000, 50)), time.Now())
	if s := again(t, o); s.Sources.Copies != 19 || s.Sources.Changed != 1 || len(s.Runs) > 0 {
		t.Errorf("%+v, runs %v", s.Sources, s.Runs)
	}
	allow := o
	allow.AllowCopies = true
	if s := again(t, allow); s.Sources.New != 20 || s.Rows["results"] != 19*3+50 {
		t.Errorf("%+v, %v", s.Sources, s.Rows)
	}

	both := testOptions(t, here, write(t, contents))
	if s := convertAll(t, both); s.Sources.New != 20 || s.Sources.Copies != 20 || s.Rows["results"] != 60 {
		t.Errorf("both at once: %+v, %v", s.Sources, s.Rows)
	}
	if s := again(t, both); s.Sources.AlreadyConverted != 20 || s.Sources.Copies != 20 || len(s.Runs) > 0 {
		t.Errorf("both again: %+v", s.Sources)
	}
}

// Files without Macie's layout are only known by their bytes once they are read.
func TestSameBytes(t *testing.T) {
	o := testOptions(t, write(t, map[string][]byte{"a.jsonl": lines(0, 3), key(1): zipped(lines(50, 3))}))
	convertAll(t, o)
	o.Inputs = []string{write(t, map[string][]byte{"renamed.jsonl": lines(0, 3), "new.jsonl": lines(100, 3), "downloaded.jsonl.gz": zipped(lines(50, 3))})}
	s := again(t, o)
	if len(s.SameBytes) != 2 || !strings.HasSuffix(s.SameBytes[0], "/downloaded.jsonl.gz") || !strings.HasSuffix(s.SameBytes[1], "/renamed.jsonl") {
		t.Errorf("%v", s.SameBytes)
	}
}

// Where the first copy was rejected, the other one is read in its place: all of
// it, or its rejected lines.
func TestCopyInPlaceOfRejects(t *testing.T) {
	whole := zipped(lines(0, 3))
	torn := bytes.Clone(whole)
	torn[len(torn)-6] ^= 1 // its checksum
	good, bad := append([]byte("{}\n"), lines(10, 3)...), append([]byte("{]\n"), lines(10, 3)...)
	plain := func(data []byte) []byte { // stored, so that sizes are equal
		return gzipStored(t, data)
	}
	o := testOptions(t, write(t, map[string][]byte{key(1): torn, key(2): plain(bad), key(3): zipped(lines(20, 3))}))
	s := convertAll(t, o)
	if s.Rejects.Sources != 1 || s.Rejects.Lines != 1 {
		t.Fatalf("%+v", s.Rejects)
	}
	o.Inputs = []string{write(t, map[string][]byte{key(1): whole, key(2): plain(good), key(3): zipped(lines(20, 3))})}
	s = again(t, o)
	if s.Sources.Retried != 2 || s.Sources.Copies != 1 || s.Sources.New != 0 {
		t.Errorf("%+v", s.Sources)
	}
	if _, c := opened(t, o); c.Rejects != 0 {
		t.Errorf("caveats %+v", c)
	}
	if n := results(t, o); n != 3+4+3 {
		t.Errorf("%d rows, want 10", n)
	}
	if s := again(t, o); len(s.Runs) > 0 || s.Sources.Retried != 0 {
		t.Errorf("once more: %+v", s.Sources)
	}
}

// A converter that finds another one at work helps it or waits for it, so that
// success means that everything is converted; with NoWait it says what remains.
func TestTogether(t *testing.T) {
	contents := map[string][]byte{}
	for i := range 12 {
		contents[fmt.Sprintf("%02d.jsonl", i)] = lines(10*i, 3)
	}
	dir := write(t, contents)
	for _, noWait := range []bool{false, true} {
		t.Run(fmt.Sprint(noWait), func(t *testing.T) {
			first := testOptions(t, dir)
			first.PartSize, first.Lease, first.Workers = 1, 400*time.Millisecond, 1
			second := first
			second.Out, second.NoWait, second.Progress = openOut(t, first.Out.URI(".")), noWait, nil
			started, release := make(chan struct{}), make(chan struct{})
			var once sync.Once
			first.Out = &faulty{first.Out, func(op, name string) error {
				if op == "put" && strings.Contains(name, "/receipts/") { // its lease goes on
					once.Do(func() { close(started) })
					<-release
				}
				return nil
			}}
			var group sync.WaitGroup
			group.Go(func() {
				if _, err := Run(t.Context(), first); err != nil {
					t.Error(err)
				}
			})
			<-started
			if !noWait {
				time.AfterFunc(time.Second, func() { close(release) })
			}
			s, err := Run(t.Context(), second)
			if err != nil {
				t.Fatal(err)
			}
			runs, _ := opened(t, second)
			if noWait {
				if len(s.Busy) == 0 || s.Sources.InWork != 12 || !runs[0].Open() {
					t.Errorf("it left %v, %+v", s.Busy, s.Sources)
				}
				close(release)
			} else if len(s.Busy) > 0 || s.Sources.InWork != 0 || !runs[0].Committed() {
				t.Errorf("it ended with %v, %+v", s.Busy, s.Sources)
			}
			group.Wait()
			if n := results(t, second); n != 36 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// A converter that was about to make a dataset takes the one that another has made
// and filled meanwhile.
func TestDatasetAppears(t *testing.T) {
	o := testOptions(t, write(t, map[string][]byte{"a.jsonl": lines(0, 3), "b.jsonl": lines(10, 3), "c.jsonl": lines(20, 3)}))
	o.MaxSources = 1
	other := o
	var once sync.Once
	o.Out = &faulty{o.Out, func(op, name string) error {
		if op == "put" && name == state.DatasetName {
			once.Do(func() { again(t, other) })
		}
		return nil
	}}
	if s := again(t, o); s.Sources.New != 0 || s.Sources.AlreadyConverted != 3 || len(s.Runs) > 0 {
		t.Errorf("%+v, runs %v", s.Sources, s.Runs)
	}
	if n := results(t, o); n != 9 {
		t.Errorf("%d rows", n)
	}
}

// That a convert has looked is written down, also if nothing was new.
func TestLooks(t *testing.T) {
	o := testOptions(t, write(t, map[string][]byte{key(1): zipped(lines(0, 3)), "x.jsonl": lines(10, 1)}))
	convertAll(t, o)
	d := firstRun(t, o.Out.URI(".")).Dataset
	var last time.Time
	for i := range 2 {
		l, _, err := state.LastLook(t.Context(), o.Out, &d)
		if err != nil || l == nil {
			t.Fatalf("%+v, %v", l, err)
		}
		if !l.EndedAt.After(last) || l.Listed != 2 || l.New != int64(2-2*i) || l.Remaining != 0 || len(l.Origins) != 2 {
			t.Errorf("look %d: %+v", i, l)
		}
		last = l.EndedAt
		if at := l.Origins[1]; at.Administrator != "111122223333" || at.Region != "eu-west-1" || at.Sources != 1 || at.Newest.IsZero() {
			t.Errorf("%+v", l.Origins)
		}
		time.Sleep(2 * time.Millisecond)
		again(t, o)
	}
}

// Staged files that were removed or changed before they were published stop the
// commit before it has published anything.
func TestStagedFileSpoiled(t *testing.T) {
	o := testOptions(t, write(t, map[string][]byte{"a.jsonl": lines(0, 5), "b.jsonl": lines(100, 5)}))
	o.PartSize = 1
	local := o.Out
	refused := errors.New("the store refused")
	o.Out = &faulty{local, func(op, name string) error {
		if op == "publish" {
			return refused
		}
		return nil
	}}
	if _, err := Run(t.Context(), o); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	o.Out = local
	staged, err := filepath.Glob(filepath.Join(local.URI("."), state.StagingDir, "*", "*"))
	if err != nil || len(staged) < 4 {
		t.Fatal(staged, err)
	}
	change := func(data []byte, what string) {
		t.Helper()
		if err := os.Remove(staged[2]); err != nil {
			t.Fatal(err)
		}
		if data != nil {
			rewrite(t, staged[2], data, time.Now())
		}
		_, err := Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), staged[2]) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "abandon") || strings.Count(err.Error(), "run 000001") > 2 {
			t.Errorf("%v", err)
		}
		unpublished(t, local.URI("."))
	}
	data, err := os.ReadFile(staged[2])
	if err != nil {
		t.Fatal(err)
	}
	change(data[:len(data)-1], "bytes")
	other := bytes.Clone(data)
	other[len(other)/2] ^= 1
	change(other, "SHA-256")
	change(nil, "was removed")
	var spoiled *run.SpoiledError
	if _, err := Run(t.Context(), o); !errors.As(err, &spoiled) || spoiled.Name != staged[2] {
		t.Errorf("%v", err)
	}
	rewrite(t, staged[2], data, time.Now())
	again(t, o)
	if n := results(t, o); n != 10 {
		t.Errorf("%d rows", n)
	}
}

// A writer stops where its dataset is dropped or replaced, whatever it was about
// to do, and what it has still written isn't the new dataset's.
func TestFencing(t *testing.T) {
	dir := write(t, map[string][]byte{"a.jsonl": lines(0, 5)})
	for _, test := range []struct {
		op, in string // when it happens
		absent string // which must not come after it
	}{
		{"put", "/plans/", "_macielake/runs/"},
		{"create", "/staging/", "_macielake/receipts/"},
		{"put", "/receipts/", "results/"},
		{"publish", "results/", "_macielake/runs/*.end.json"},
	} {
		for _, replaced := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %s %v", test.op, test.in, replaced), func(t *testing.T) {
				o := testOptions(t, dir)
				local := o.Out
				var done atomic.Bool
				var old state.Dataset
				o.Out = &faulty{local, func(op, name string) error {
					if op != test.op || !strings.Contains(name, strings.TrimPrefix(test.in, "/")) || done.Swap(true) {
						return nil
					}
					d, err := state.Load(t.Context(), local)
					if err != nil || !replaced {
						return errors.Join(err, state.Drop(t.Context(), local, &d, time.Now()))
					}
					if err := local.RemoveAll(t.Context(), state.DatasetName); err != nil {
						return err
					}
					old, d.ID = d, state.NewNonce()
					return state.Create(t.Context(), local, &d)
				}}
				_, err := Run(t.Context(), o)
				var wasReplaced *state.ReplacedError
				var dropped *state.DroppedError
				if replaced && !errors.As(err, &wasReplaced) || !replaced && !errors.As(err, &dropped) {
					t.Errorf("%v", err)
				}
				if left, _ := filepath.Glob(filepath.Join(local.URI("."), test.absent)); len(left) > 0 && !strings.HasSuffix(test.absent, "/") {
					t.Errorf("%v is there", left)
				}
				for _, name := range files(t, local.URI(".")) {
					if strings.HasPrefix(name, test.absent) {
						t.Errorf("%s is there", name)
					}
				}
				if !replaced {
					return
				}
				o.Out = local
				if strings.HasPrefix(test.in, "/receipts/") || test.op == "publish" {
					// A receipt beside the claim of its run says that the old dataset
					// lies here, and not what a late writer of it left.
					var whole *state.NotWholeError
					if _, err := Run(t.Context(), o); !errors.As(err, &whole) || !strings.Contains(err.Error(), state.ClaimName(&old, 1)) {
						t.Errorf("with the old dataset in its place: %v", err)
					}
					if err := local.RemoveAll(t.Context(), state.ClaimName(&old, 1)); err != nil {
						t.Fatal(err)
					}
				}
				s := again(t, o)
				if s.Rows["results"] != 5 || results(t, o) != 5 {
					t.Errorf("%v", s.Rows)
				}
			})
		}
	}
}

// hiding is a store that doesn't list some files.
type hiding struct {
	store.Store
	hidden string
}

func (h hiding) List(ctx context.Context, prefix string, each func(string, fs.FileInfo) error) error {
	return h.Store.List(ctx, prefix, func(name string, info fs.FileInfo) error {
		if strings.Contains(name, h.hidden) {
			return nil
		}
		return each(name, info)
	})
}

// A store that refuses a claim, and doesn't list what it is refused for, isn't
// asked for ever.
func TestClaimRefused(t *testing.T) {
	dir := write(t, map[string][]byte{"a.jsonl": lines(0, 5)})
	o := testOptions(t, dir)
	convertAll(t, o)
	rewrite(t, filepath.Join(dir, "b.jsonl"), lines(10, 1), time.Now())
	again(t, o)
	rewrite(t, filepath.Join(dir, "c.jsonl"), lines(20, 1), time.Now())
	o.Out = hiding{o.Out, "000002"}
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "refuses the claim of run 2") {
		t.Errorf("%v", err)
	}
}
