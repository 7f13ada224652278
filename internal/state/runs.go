package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/store"
)

// NotWholeError says that a dataset's files contradict each other: one is
// missing, or copies of the dataset that went on apart were merged.
type NotWholeError struct {
	Name string // URI of the file that is missing, or is too much
	What string
	Copy bool // it is too much
}

func (e *NotWholeError) Error() string {
	if e.Copy {
		return fmt.Sprintf("%s doesn't belong to this dataset: %s", e.Name, e.What)
	}
	return fmt.Sprintf("%s is missing: %s; see `macielake repair`", e.Name, e.What)
}

// RunFiles is what the names of its files say of a run.
type RunFiles struct {
	Address   Address // without a nonce if only the claim exists
	ClaimSize int64   // bytes
	Ended     bool
	EndSize   int64 // bytes
	Removed   bool  // it is abandoned, and nothing of it is published
	Row       bool  // it has a row in the runs table
	Receipts  []int // parts that have one, ascending; with Everything
	published []int // parts of which a file is published; with Everything
}

// ListReceipts lists which parts of the run have a receipt.
func (f *RunFiles) ListReceipts(ctx context.Context, s store.Store) error {
	f.Receipts = nil
	err := s.List(ctx, path.Join(ReceiptsDir, f.Address.String()), func(file string, _ fs.FileInfo) error {
		if name := ParseName(file); name.Kind == ReceiptFile && name.Address == f.Address {
			f.Receipts = append(f.Receipts, name.Part)
		}
		return nil
	})
	slices.Sort(f.Receipts)
	return err
}

// CommittedFiles is what the names of its files say of a run that is committed.
func CommittedFiles(ctx context.Context, s store.Store, run *Run) (*RunFiles, error) {
	claim, err := s.Stat(ctx, ClaimName(&run.Dataset, run.Number))
	if err != nil {
		return nil, err
	}
	end, err := s.Stat(ctx, EndName(run.Address()))
	return &RunFiles{Address: run.Address(), ClaimSize: claim.Size, Ended: true, EndSize: end.Size, Row: true}, err
}

// Extent is how much of a dataset a listing looks at.
type Extent uint8

// Extents of a listing.
const (
	Records    Extent = iota // claims, ends, the runs table and staged files, which is enough for readers
	Everything               // receipts and the tables' directories, too
)

// ListRuns lists the runs by number, without opening a file of them. It makes
// sure that their files agree: every number has one claim and at most one
// identity, and nothing is there whose claim, receipt or end record is not; and no
// other dataset lies in the same place. Where that isn't so it is a NotWholeError.
// What writers of another dataset have left is passed over.
func ListRuns(ctx context.Context, s store.Store, d *Dataset, extent Extent) ([]RunFiles, error) {
	for again := 0; ; again++ {
		l := &lister{s: s, d: d, runs: map[int]*RunFiles{}, claims: map[int]int64{}}
		if err := l.list(ctx, extent); err != nil {
			return nil, err
		}
		runs, err := l.check(extent)
		// A listing isn't of one moment, and a converter may be at work.
		if err == nil || again == listAgain {
			return runs, err
		}
	}
}

// listAgain is how many times more a listing must contradict itself before that is
// believed.
const listAgain = 2

type lister struct {
	s      store.Store
	d      *Dataset
	claims map[int]int64 // sizes, by number
	runs   map[int]*RunFiles
	// foreign are the files of other datasets.
	foreign Foreign
	err     error // a contradiction
}

// list lists first the files that are made last: the record that names a file is
// listed after it. Staged files are those of runs that are open, and so show that
// the claim of the last run is lost where it has no row.
func (l *lister) list(ctx context.Context, extent Extent) error {
	dirs := []string{RunsTable, StagingDir, RunsDir}
	if extent == Everything {
		dirs = slices.Concat(Tables(), []string{RejectsDir, ReceiptsDir, StagingDir, RunsDir})
	}
	for _, dir := range dirs {
		if err := l.s.List(ctx, dir, l.add); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) add(file string, info fs.FileInfo) error {
	name := ParseName(file)
	if name.Address.Number == 0 {
		return nil
	}
	if !name.Address.Of(l.d) {
		l.foreign.Add(file, name)
		return nil
	}
	if name.Kind == ClaimFile {
		l.claims[name.Address.Number] = info.Size()
		return nil
	}
	r := l.runs[name.Address.Number]
	if r == nil {
		r = &RunFiles{Address: name.Address}
		l.runs[name.Address.Number] = r
	}
	if r.Address != name.Address {
		l.err = cmp.Or(l.err, error(&NotWholeError{Name: l.s.URI(file), Copy: true, What: fmt.Sprintf(
			"there are two runs %d, %s and %s, as when two copies of a dataset were written to and then merged", r.Address.Number, r.Address, name.Address)}))
	}
	switch name.Kind {
	case EndFile:
		r.Ended, r.EndSize = true, info.Size()
	case RemovedFile:
		r.Removed = true
	case RowFile:
		r.Row = true
	case ReceiptFile:
		r.Receipts = append(r.Receipts, name.Part)
	case TableFile, RejectFile:
		r.published = append(r.published, name.Part)
	}
	return nil
}

// check returns the runs, if what was listed agrees.
func (l *lister) check(extent Extent) ([]RunFiles, error) {
	if l.err != nil {
		return nil, l.err
	}
	if whole := l.foreign.Runs(); len(whole) > 0 {
		return nil, &NotWholeError{Name: l.s.URI(whole[0].Record), Copy: true, What: whole[0].String()}
	}
	last := 0
	for n := range l.claims {
		last = max(last, n)
	}
	for n := range l.runs {
		last = max(last, n)
	}
	missing := func(name, format string, args ...any) error {
		return &NotWholeError{Name: l.s.URI(name), What: fmt.Sprintf(format, args...)}
	}
	runs := make([]RunFiles, 0, last)
	for n := 1; n <= last; n++ {
		size, claimed := l.claims[n]
		r := l.runs[n]
		switch {
		case !claimed && r != nil:
			return nil, missing(ClaimName(l.d, n), "other files of run %s exist", r.Address)
		case !claimed:
			return nil, missing(ClaimName(l.d, n), "there are later runs")
		case r == nil:
			r = &RunFiles{Address: Address{Number: n}}
		case (r.Row || r.Removed) && !r.Ended:
			return nil, missing(EndName(r.Address), "the run has ended")
		}
		r.ClaimSize = size
		slices.Sort(r.Receipts)
		slices.Sort(r.published)
		if extent == Everything && !r.Ended {
			for _, part := range r.published {
				if _, ok := slices.BinarySearch(r.Receipts, part); !ok {
					return nil, missing(ReceiptName(r.Address, part), "files of the part are published")
				}
			}
		}
		runs = append(runs, *r)
	}
	return runs, nil
}

// RunState is a run with what its records say.
type RunState struct {
	*Run
	Files RunFiles
	End   *End // nil for a run that hasn't ended
}

// Committed reports whether the run is committed.
func (r *RunState) Committed() bool { return r.End != nil && r.End.State == Committed }

// Includes reports whether another committed run, or this one, was committed when
// this one was: what is said as of this run includes it, whatever is committed later.
func (r *RunState) Includes(other *RunState) bool {
	if other.Number < r.Number {
		_, open := slices.BinarySearch(r.End.Open, other.Number)
		return !open
	}
	_, later := slices.BinarySearch(r.End.Later, other.Number)
	return later || other.Number == r.Number
}

// Open reports whether the run hasn't ended.
func (r *RunState) Open() bool { return r.End == nil }

// reads is how many records are read at a time: they lie behind a network.
const reads = 64

// ReadRuns reads one record of each run: the end record, or the claim of a run
// that hasn't ended. It makes sure that each claim names the one before it.
func ReadRuns(ctx context.Context, s store.Store, d *Dataset, files []RunFiles) ([]RunState, error) {
	runs := make([]RunState, len(files))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(reads)
	for i := range files {
		group.Go(func() (err error) {
			runs[i], err = ReadRun(reading, s, d, &files[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i := 1; i < len(runs); i++ {
		if runs[i].Previous != runs[i-1].Sum {
			return nil, &NotWholeError{Name: s.URI(ClaimName(d, runs[i].Number)), Copy: true,
				What: fmt.Sprintf("it doesn't follow the claim of run %s, as when two copies of a dataset were written to and then merged", runs[i-1].RunID)}
		}
	}
	return runs, nil
}

// ReadRun reads a run's end record, or its claim where it hasn't ended.
func ReadRun(ctx context.Context, s store.Store, d *Dataset, files *RunFiles) (RunState, error) {
	r := RunState{Files: *files}
	var err error
	if files.Ended {
		if r.Run, r.End, err = LoadEnd(ctx, s, d, files.Address); err == nil && int64(len(r.raw))+1 != files.ClaimSize {
			err = damaged(s, ClaimName(d, files.Address.Number), "it has %d bytes, and %d in the end record", files.ClaimSize, len(r.raw)+1)
		}
		return r, err
	}
	if r.Run, err = LoadRun(ctx, s, d, files.Address.Number); err == nil && files.Address.Nonce != "" && files.Address.Nonce != r.Run.Nonce {
		err = &NotWholeError{Name: s.URI(ClaimName(d, files.Address.Number)), Copy: true,
			What: fmt.Sprintf("it is of run %s, and there are files of run %s", r.Run.Address(), files.Address)}
	}
	return r, err
}

// Open reads a dataset as readers see it: one record a run.
func Open(ctx context.Context, s store.Store, extent Extent) (Dataset, []RunState, error) {
	d, err := Load(ctx, s)
	if err != nil {
		return d, nil, err
	}
	files, err := ListRuns(ctx, s, &d, extent)
	if err != nil {
		return d, nil, err
	}
	runs, err := ReadRuns(ctx, s, &d, files)
	return d, runs, err
}

// CheckTables lists the tables' directories and makes sure that every file that
// committed runs name is there, with its size. It is for those who hand the
// directories on to an engine, which takes what it finds: readers that open the
// files themselves notice which are missing. A missing file is a NotWholeError, as
// is a row of the runs table, without which views leave out the run; a file of
// another size is a DamagedError.
func CheckTables(ctx context.Context, s store.Store, d *Dataset, runs []RunState) error {
	for i := range runs {
		if r := &runs[i]; r.Committed() && !r.Files.Row {
			return &NotWholeError{Name: s.URI(RowName(r.Address(), d.TableFormat)), What: fmt.Sprintf("views leave out run %s without it", r.RunID)}
		}
	}
	for _, table := range d.Tables {
		sizes := map[string]int64{}
		err := s.List(ctx, table, func(name string, info fs.FileInfo) error {
			sizes[name] = info.Size()
			return nil
		})
		if err != nil {
			return err
		}
		for i := range runs {
			if !runs[i].Committed() {
				continue
			}
			for _, part := range runs[i].End.Parts {
				for _, f := range part.Files {
					switch size, ok := sizes[f.Path]; {
					case f.Table != table:
					case !ok:
						return &NotWholeError{Name: s.URI(f.Path), What: fmt.Sprintf("%d rows of run %s are in it", f.Rows, runs[i].RunID)}
					case size != f.Bytes:
						return damaged(s, f.Path, "it has %d bytes, not %d", size, f.Bytes)
					}
				}
			}
		}
	}
	return nil
}

// NoRunError says that there is no such run, or that it has ended in a way that
// doesn't go with what was asked.
type NoRunError struct {
	Run   string
	State string // how it ended; empty where there is none of that name
}

func (e *NoRunError) Error() string {
	if e.State == "" {
		return fmt.Sprintf("there is no run %q", e.Run)
	}
	return fmt.Sprintf("run %s is %s", e.Run, e.State)
}

// EachSource joins a run's plan with its receipts: it calls each for every source
// of the plan, in its order, with what became of it and its part's receipt. They
// are nil for a part of an open run that has no receipt, and for all parts of an
// abandoned one. Everything that reads plan and receipts side by side does so
// here. Of a committed run a receipt that is missing or isn't the one that the
// end record names is a NotWholeError or a DamagedError.
func EachSource(ctx context.Context, s store.Store, r *RunState, each func(p *PlannedSource, o *Outcome, receipt *Receipt) error) error {
	var receipt *Receipt
	next, stop := readAhead(ctx, s, r)
	defer stop()
	part, at := -1, 0
	stopped := false // by each, before the plan's end
	full := func() error {
		if receipt != nil && at != len(receipt.Sources) {
			return damaged(s, ReceiptName(r.Address(), part), "it has %d sources, the plan %d", len(receipt.Sources), at)
		}
		return nil
	}
	err := ReadPlan(ctx, s, r.Run, 0, func(p *PlannedSource) error {
		if p.Part != part {
			if err := full(); err != nil {
				return err
			}
			var err error
			if receipt, err = next(p.Part); err != nil {
				return err
			}
			part, at = p.Part, 0
		}
		at++
		var outcome *Outcome
		if receipt != nil {
			if at > len(receipt.Sources) {
				return damaged(s, ReceiptName(r.Address(), part), "it has %d sources, the plan more", len(receipt.Sources))
			}
			outcome = &receipt.Sources[at-1]
		}
		err := each(p, outcome, receipt)
		stopped = errors.Is(err, fs.SkipAll)
		return err
	})
	if err != nil || stopped {
		return err
	}
	return full()
}

// receiptsAhead is how many receipts are read ahead of the part that is looked at,
// which bounds their memory.
const receiptsAhead = 32

// readAhead returns a function that gives the receipts of a run as receiptOf does, for
// parts that are asked for in ascending order, and reads several at a time; stop ends
// what is being read.
func readAhead(ctx context.Context, s store.Store, r *RunState) (next func(part int) (*Receipt, error), stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	reading := map[int]func() (*Receipt, error){}
	begun := 0 // parts before it are read, or being read
	next = func(part int) (*Receipt, error) {
		for begun = max(begun, part); begun < min(part+receiptsAhead, r.Parts); begun++ {
			ahead := begun
			read := sync.OnceValues(func() (*Receipt, error) { return receiptOf(ctx, s, r, ahead) })
			reading[ahead] = read
			group.Go(func() { _, _ = read() })
		}
		read := reading[part]
		delete(reading, part)
		return read()
	}
	return next, func() {
		cancel()
		group.Wait()
	}
}

// receiptOf reads the receipt of a part, nil where the run doesn't have to have
// one.
func receiptOf(ctx context.Context, s store.Store, r *RunState, part int) (*Receipt, error) {
	if r.End != nil && r.End.State == Abandoned {
		return nil, nil
	}
	receipt, sum, err := LoadReceipt(ctx, s, r.Run, part)
	name := ReceiptName(r.Address(), part)
	switch {
	case errors.Is(err, fs.ErrNotExist) && r.End == nil:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, &NotWholeError{Name: s.URI(name), What: fmt.Sprintf("run %s is committed", r.RunID)}
	case err != nil:
		return nil, err
	case r.End != nil && sum != r.End.Parts[part].Receipt:
		return nil, damaged(s, name, "it isn't the one that the end record of run %s names", r.RunID)
	}
	return receipt, nil
}

// Find returns the run that people name, by its number or by its run_id, or gives a
// NoRunError.
func Find(runs []RunState, name string) (*RunState, error) {
	for i := range runs {
		n, ok := ParseNumber(name)
		if ok && n == runs[i].Number || runs[i].RunID == name {
			return &runs[i], nil
		}
	}
	return nil, &NoRunError{Run: name}
}
