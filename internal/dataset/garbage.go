package dataset

import (
	"context"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// GarbageAge is how old a file must be, by the store's time, to be garbage.
const GarbageAge = 24 * time.Hour

// Garbage is a file that nothing names any more.
type Garbage struct {
	Name     string    `json:"name"`
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	Why      string    `json:"why"`
}

// collector decides what is garbage.
type collector struct {
	store    store.Store
	dataset  Dataset
	runs     map[int]*runState
	receipts map[rejectsPart]*Receipt
	plans    map[string]bool // named by runs
	ledger   map[string]bool // files in use
	files    map[string]bool // that receipts of runs that aren't abandoned name
}

// FindGarbage lists what dead work has left behind: never what a run names, and
// nothing younger than GarbageAge before now. It changes nothing, and it goes
// beside converters at work: of a part without a receipt it leaves everything.
func FindGarbage(ctx context.Context, s store.Store, now time.Time, log *slog.Logger) ([]Garbage, error) {
	if err := Whole(ctx, s); err != nil {
		return nil, err
	}
	// What is listed first can only be named by runs that are read later.
	var all []Garbage
	newest := map[string]time.Time{} // file of a replacement, by its nonce
	each := func(name string, info fs.FileInfo) error {
		g := Garbage{Name: name, Bytes: info.Size(), Modified: info.ModTime()}
		if nonce, ok := replacement(name); ok && newest[nonce].Before(g.Modified) {
			newest[nonce] = g.Modified
		}
		if now.Sub(g.Modified) >= GarbageAge {
			all = append(all, g)
		}
		return nil
	}
	for _, dir := range Contents() {
		if err := s.List(ctx, dir, each); err != nil {
			return nil, err
		}
	}
	c, err := newCollector(ctx, s, log)
	if err != nil {
		return nil, err
	}
	var garbage []Garbage
	for _, g := range all {
		if nonce, ok := replacement(g.Name); ok {
			if now.Sub(newest[nonce]) >= GarbageAge {
				g.Why = "a dataset that was to replace this one"
			}
		} else if g.Why, err = c.why(ctx, g.Name); err != nil {
			return nil, err
		}
		if g.Why != "" {
			garbage = append(garbage, g)
		}
	}
	return garbage, nil
}

// replacement reports whether a file is of a dataset in the making that was to
// replace this one.
func replacement(name string) (nonce string, ok bool) {
	rest, ok := strings.CutPrefix(name, newPrefix)
	nonce, _, below := strings.Cut(rest, "/")
	return nonce, ok && below && isHex(nonce, nonceDigits)
}

func newCollector(ctx context.Context, s store.Store, log *slog.Logger) (*collector, error) {
	d, err := Load(ctx, s)
	if err != nil {
		return nil, err
	}
	states, err := loadRuns(ctx, s)
	if err != nil {
		return nil, err
	}
	c := &collector{store: s, dataset: d, runs: map[int]*runState{}, receipts: map[rejectsPart]*Receipt{},
		plans: map[string]bool{}, ledger: map[string]bool{}, files: map[string]bool{}}
	var ended []RunFiles
	for i := range states {
		r := &states[i]
		c.runs[r.N] = r
		for _, p := range r.run.Plan {
			c.plans[planName(p)] = true
		}
		if r.Ended {
			ended = append(ended, r.RunFiles)
		}
		for _, part := range r.Parts {
			receipt, err := LoadReceipt(ctx, s, &d, &r.run, part)
			if err != nil {
				return nil, err
			}
			receipt.Objects = nil
			c.receipts[rejectsPart{r.Run, part}] = &receipt
			if r.end.State == Abandoned {
				continue
			}
			receipt.staged(func(_, to string, _ int64) { c.files[to] = true })
		}
	}
	l := &Ledger{store: s, dataset: &d, log: log}
	if err := l.load(ctx, ended); err != nil {
		return nil, err
	}
	for _, name := range l.files() {
		c.ledger[name] = true
	}
	return c, nil
}

// why says why a file is garbage; it is empty if it isn't.
func (c *collector) why(ctx context.Context, name string) (string, error) {
	dir, rest, _ := strings.Cut(name, "/")
	if dir != stateDir {
		return c.published(dir, name), nil
	}
	if isTemporary(name) {
		return "a file that was never finished", nil
	}
	dir, rest, _ = strings.Cut(rest, "/")
	switch path.Join(stateDir, dir) {
	case stagingDir:
		attempt, _, _ := strings.Cut(rest, "/")
		return c.staging(attempt), nil
	case plansDir:
		if !c.plans[name] && strings.HasSuffix(name, ".jsonl.gz") {
			return "a plan of no run", nil
		}
	case ledgerDir:
		if _, _, ok := segmentRange(name); ok && !c.ledger[name] {
			return "a part of the ledger that isn't used any more", nil
		}
	case leasesDir:
		return "a lease of work that is over", nil
	case rejectsDir:
		if run, _, ok := partOf(strings.TrimSuffix(rest, ".jsonl")); ok && !c.files[name] && !c.open(run) {
			return "rejects that no run names", nil
		}
	}
	return "", nil
}

// published says why a file beside the state is garbage.
func (c *collector) published(dir, name string) string {
	base := path.Base(name)
	ext := path.Ext(base)
	if ext != "."+c.dataset.TableFormat || c.files[name] {
		return ""
	}
	base = strings.TrimSuffix(base, ext)
	if dir == RunsTable {
		n, ok := number(base)
		if ok && name == RunRowName(RunName(n), c.dataset.TableFormat) && c.dead(n) {
			return "the row of a run that isn't committed"
		}
		return ""
	}
	isTable := false
	for _, t := range schema.Tables() {
		isTable = isTable || t.Name == dir
	}
	part, k, ok := cutLast(base, "-")
	if _, numbered := number(k); !isTable || !ok || !numbered {
		return ""
	}
	if run, _, ok := partOf(part); ok && !c.open(run) {
		return "rows that no run names"
	}
	return ""
}

// staging says why what an attempt wrote is garbage. What an attempt at a part
// without a receipt wrote isn't, however old it is: the attempt may go on, and
// the receipt then names it.
func (c *collector) staging(attempt string) string {
	if row, ok := strings.CutPrefix(attempt, "run-"); ok {
		if run, _, _ := strings.Cut(row, "-"); run != "" {
			return "a row of the runs table that was published, or never"
		}
	}
	name, nonce, ok := cutLast(attempt, "-")
	run, part, partOK := partOf(name)
	if !ok || !partOK || !isHex(nonce, nonceDigits) {
		return ""
	}
	if !c.open(run) {
		return "of a run that has ended"
	}
	if r := c.receipts[rejectsPart{RunName(run), part}]; r != nil && r.Nonce != nonce {
		return "of an attempt that another was faster than"
	}
	return ""
}

// open reports whether a run is there and hasn't ended.
func (c *collector) open(run int) bool { return c.runs[run] != nil && !c.runs[run].Ended }

// dead reports whether a run isn't there, or is abandoned.
func (c *collector) dead(run int) bool {
	return c.runs[run] == nil || c.runs[run].end.State == Abandoned
}

// partOf reads what PartName wrote.
func partOf(name string) (run, part int, ok bool) {
	a, b, _ := strings.Cut(name, "-")
	run, ok1 := number(a)
	part, ok2 := number(b)
	return run, part, ok1 && ok2 && PartName(RunName(run), part) == name
}

// cutLast cuts s at the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// RemoveGarbage removes what FindGarbage found, and the directories that are
// empty then.
func RemoveGarbage(ctx context.Context, s store.Store, garbage []Garbage) error {
	for _, g := range garbage {
		if err := s.RemoveAll(ctx, g.Name); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for _, dir := range []string{stagingDir, leasesDir, rejectsDir} {
		if err := s.Prune(ctx, dir); err != nil {
			return err
		}
	}
	return s.Sync(ctx)
}
