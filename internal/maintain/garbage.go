package maintain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// GarbageAge is how old a file must be, by the store's own clock, to be garbage.
const GarbageAge = 24 * time.Hour

// maxSkew is how far a local clock may be from the store's without being reported.
const maxSkew = time.Hour

// Garbage is what nothing in a dataset needs any more.
type Garbage struct {
	Dataset string        `json:"dataset"` // its URI
	Files   []GarbageFile `json:"garbage"`
	Bytes   int64         `json:"bytes"`
	Deleted bool          `json:"deleted"`
	// Clock is the clock by which ages were measured: "store", or "local" where
	// nothing was to be written. Skew is how far the local clock is ahead of the
	// store's; 0 unless that is more than an hour.
	Clock string        `json:"clock"`
	Skew  time.Duration `json:"clock_skew_ns,omitempty"`
}

// GarbageFile is a file that nothing needs.
type GarbageFile struct {
	Name     string    `json:"name"`
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	Why      string    `json:"why"`
}

// GarbageOptions say what to do about garbage.
type GarbageOptions struct {
	// Delete removes the garbage. Otherwise nothing is written at all.
	Delete bool
	// Age is how old garbage must be; 0 is GarbageAge.
	Age time.Duration
	Log *slog.Logger
}

// CollectGarbage finds what interrupted runs have left, and removes it if asked
// to. It may run beside converters: files that a run may still need stay, and so
// does everything that is too young, by the clock of the store. It is a
// NotWholeError, and nothing is removed, if records, runs and published files of
// the dataset contradict each other: then one of them is missing, and what looks
// like garbage may be what it named.
func CollectGarbage(ctx context.Context, s store.Store, o GarbageOptions) (*Garbage, error) {
	if o.Age <= 0 {
		o.Age = GarbageAge
	}
	d, err := state.Load(ctx, s)
	if err != nil {
		return nil, err
	}
	g := &Garbage{Dataset: s.URI("."), Files: []GarbageFile{}, Clock: "local"}
	now := time.Now()
	if o.Delete {
		if now, err = storeTime(ctx, s); err != nil {
			return nil, err
		}
		g.Clock = "store"
		if skew := time.Since(now); skew.Abs() > maxSkew {
			g.Skew = skew
		}
	}
	v, err := newSurvey(ctx, s)
	if err == nil {
		err = v.whole()
	}
	if err != nil {
		return nil, err
	}
	c, err := v.collector(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	for i := range v.files {
		f := &v.files[i]
		if now.Sub(f.at) < o.Age {
			continue
		}
		if why := c.why(f); why != "" {
			g.Files = append(g.Files, GarbageFile{f.name, f.size, f.at, why})
			g.Bytes += f.size
		}
	}
	slices.SortFunc(g.Files, func(a, b GarbageFile) int { return comparePaths(a.Name, b.Name) })
	if !o.Delete {
		return g, nil
	}
	if err := state.Fence(ctx, s, &d); err != nil {
		return nil, err
	}
	return g, g.remove(ctx, s)
}

// comparePaths orders files by directory.
func comparePaths(a, b string) int {
	return slices.Compare([]string{path.Dir(a), path.Base(a)}, []string{path.Dir(b), path.Base(b)})
}

// remove removes the garbage, and the directories that are empty then.
func (g *Garbage) remove(ctx context.Context, s store.Store) error {
	for _, f := range g.Files {
		if err := s.RemoveAll(ctx, f.Name); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for _, dir := range []string{state.StagingDir, state.LeasesDir, state.RejectsDir} {
		if err := s.Prune(ctx, dir); err != nil {
			return err
		}
	}
	g.Deleted = true
	return s.Sync(ctx)
}

// storeTime is the time by the store's clock: that of a file that it has just
// written.
func storeTime(ctx context.Context, s store.Store) (time.Time, error) {
	name := path.Join(store.StateDir, ".clock."+state.NewNonce())
	if err := s.Put(ctx, name, []byte("\n")); err != nil {
		return time.Time{}, fmt.Errorf("asking the store for its time: %w", err)
	}
	info, err := s.Stat(ctx, name)
	if removeErr := s.RemoveAll(ctx, name); err == nil && removeErr != nil && !errors.Is(removeErr, fs.ErrPermission) {
		err = removeErr
	}
	return info.Modified, err
}

// collector decides what is garbage in a dataset that is whole.
type collector struct {
	*survey
	ledger map[string]bool // files in use
	look   string          // the record of the last look; empty where there is none
}

func (v *survey) collector(ctx context.Context, log *slog.Logger) (*collector, error) {
	files, err := state.ListRuns(ctx, v.s, &v.d, state.Records)
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(f state.RunFiles) bool { return !f.Ended })
	ledger, err := coord.OpenLedger(ctx, v.s, &v.d, files, log)
	if err != nil {
		return nil, err
	}
	c := &collector{survey: v, ledger: map[string]bool{}}
	if _, c.look, err = state.LastLook(ctx, v.s, &v.d); err != nil {
		return nil, err
	}
	for _, name := range ledger.Files() {
		c.ledger[name] = true
	}
	return c, nil
}

// why says why a file is garbage; it is empty if it isn't.
func (c *collector) why(f *file) string {
	if f.Address.Nonce != "" && !f.Address.Of(&c.d) {
		return "a file of another dataset"
	}
	switch f.Kind {
	case state.Temporary:
		return "a file that was never finished"
	case state.PlanFile:
		if !c.plans[f.name] {
			return "a plan that no run has"
		}
	case state.LedgerFile:
		if !c.ledger[f.name] {
			return "a part of the ledger that isn't used any more"
		}
	case state.LookFile: // nothing asks for another than the last
		if f.name != c.look {
			return "the record of a look that a later one follows"
		}
	case state.LeaseFile:
		return "a lease of work that is over"
	case state.StagedFile, state.StagedRow:
		return c.staged(f)
	case state.TableFile, state.RejectFile:
		if c.runs[f.Address.Number-1].abandoned() {
			return "a file of a run that was abandoned"
		}
	}
	return ""
}

// staged says why what an attempt wrote is garbage. As long as its part has no
// receipt it isn't, however old it is: the attempt may be resumed, and the receipt
// then names it.
func (c *collector) staged(f *file) string {
	r := c.runs[f.Address.Number-1]
	switch {
	case r.end != nil && f.Kind == state.StagedRow:
		return "a row of the runs table that was published, or never"
	case r.end != nil:
		return "a file of a run that has ended"
	case f.Kind == state.StagedFile && r.receipts[f.Part] != nil && r.receipts[f.Part].Attempt != f.Attempt:
		return "a file of an attempt that was overtaken"
	}
	return ""
}
