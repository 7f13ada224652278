package dataset

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet/file"
	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/store"
)

// Problem is something that isn't as a dataset's state says.
type Problem struct {
	Name string `json:"name"` // of the file or run it is about
	What string `json:"what"`
}

// Verification is what verifying a dataset found.
type Verification struct {
	Runs     int       `json:"runs"` // committed
	Open     []string  `json:"open_runs"`
	Files    int64     `json:"files"` // that were read
	Bytes    int64     `json:"bytes"` // of them
	Sources  int64     `json:"sources"`
	Totals   Totals    `json:"totals"` // as Status has them
	Problems []Problem `json:"problems"`
}

// Verify reads all of a dataset: every published file is there with its bytes
// and rows, every receipt adds up and fits its plan, no source is claimed twice,
// and nothing else lies among the tables. What isn't so is a problem, not an
// error. As many files are read at a time as workers says.
func Verify(ctx context.Context, s store.Store, workers int) (*Verification, error) {
	if err := Whole(ctx, s); err != nil {
		return nil, err
	}
	d, err := Load(ctx, s)
	if err != nil {
		return nil, err
	}
	v := &verifier{store: s, dataset: &d, workers: workers, named: map[string]bool{}}
	v.found.Open, v.found.Problems = []string{}, []Problem{}
	v.found.Totals.init()
	// What is listed before the runs are is named by one of them.
	published, err := v.published(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := ListRuns(ctx, s)
	if err != nil {
		return nil, err
	}
	for i := range runs {
		if err := v.run(ctx, &runs[i]); err != nil {
			return nil, err
		}
	}
	v.doubled()
	for _, name := range published {
		if !v.named[name] { // readers take it for rows all the same
			v.problem(name, "no run names it")
		}
	}
	v.found.Totals.settle()
	slices.SortFunc(v.found.Problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.What, b.What))
	})
	return &v.found, nil
}

type verifier struct {
	store   store.Store
	dataset *Dataset
	workers int
	named   map[string]bool // files that runs name
	claims  []claimed

	mu    sync.Mutex
	found Verification
}

// claimed is a source that a run holds.
type claimed struct {
	uri  [uriSize]byte
	run  int32
	line int32 // of its plan
}

func (v *verifier) problem(name, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found.Problems = append(v.found.Problems, Problem{Name: name, What: fmt.Sprintf(format, args...)})
}

// note makes a problem of an error that says that something is damaged or
// missing, and leaves others.
func (v *verifier) note(name string, err error) error {
	d := (*DamagedError)(nil)
	switch {
	case errors.As(err, &d):
		v.problem(name, "%v", d.Err)
	case errors.Is(err, fs.ErrNotExist):
		v.problem(name, "it isn't there")
	default:
		return err
	}
	return nil
}

// run verifies a run.
func (v *verifier) run(ctx context.Context, files *RunFiles) error {
	run, err := LoadRun(ctx, v.store, files.Run)
	if err != nil {
		return v.note(runName(files.Run), err)
	}
	var end End
	if files.Ended {
		if end, err = LoadEnd(ctx, v.store, files.Run); err != nil {
			return v.note(endName(files.Run), err)
		}
	} else {
		v.found.Open = append(v.found.Open, files.Run)
	}
	if end.State == Abandoned {
		return nil
	}
	var totals Totals
	totals.init()
	var receipts []*Receipt
	for part := range run.Parts {
		receipt, err := LoadReceipt(ctx, v.store, v.dataset, &run, part)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && !files.Ended {
				continue // it is still to be made
			}
			if err := v.note(receiptName(run.Run, part), err); err != nil {
				return err
			}
			continue
		}
		totals.Add(&receipt)
		receipts = append(receipts, &receipt)
		receipt.staged(func(_, to string, _ int64) { v.named[to] = true })
		v.receipt(&receipt)
	}
	if err := v.plan(ctx, files, &run, receipts, end.State == Committed); err != nil {
		return err
	}
	if end.State != Committed {
		return nil
	}
	v.found.Runs++
	v.found.Totals.AddTotals(&totals)
	if !run.Retry {
		v.found.Sources += totals.Converted + totals.Rejected
	}
	if !end.Totals.Equal(&totals) {
		v.problem(endName(run.Run), "it doesn't say what the receipts add up to")
	}
	if totals.Sources != run.Sources {
		v.problem(runName(run.Run), "the receipts have %d sources, the plan %d", totals.Sources, run.Sources)
	}
	return v.files(ctx, &run, receipts)
}

// receipt verifies what a receipt says of itself.
func (v *verifier) receipt(r *Receipt) {
	name := receiptName(r.Run, r.Part)
	var t Totals
	t.Add(r)
	byClass := int64(0)
	for _, n := range r.Classes {
		byClass += n
	}
	if rejects := t.RejectedLines + t.Rejected; byClass != rejects || (rejects > 0) != (r.Rejects != "") {
		v.problem(name, "it has %d rejects, and %d by class", rejects, byClass)
	}
	if slices.Contains(v.dataset.Tables, "results") && t.Rows["results"] != t.Records-t.Filtered {
		v.problem(name, "it has %d rows of results, and %d records, of which %d are filtered", t.Rows["results"], t.Records, t.Filtered)
	}
}

// plan verifies that receipts have the plan's sources, and remembers which those
// are.
func (v *verifier) plan(ctx context.Context, files *RunFiles, run *Run, receipts []*Receipt, committed bool) error {
	byPart := map[int]*Receipt{}
	for _, r := range receipts {
		byPart[r.Part] = r
	}
	counts := map[int]int{}
	line := int32(0)
	err := ReadPlan(ctx, v.store, run, func(p *PlannedSource) error {
		at := counts[p.Part]
		counts[p.Part]++
		line++
		r := byPart[p.Part]
		held := !committed // an open run holds all of its sources
		if r != nil && at < len(r.Objects) {
			held = r.Objects[at].State != ObjectUnreadable
		}
		if held && !run.Retry {
			e := entry(p.URI, "")
			v.claims = append(v.claims, claimed{[uriSize]byte(e[:uriSize]), int32(files.N), line})
		}
		return nil
	})
	if err != nil {
		return v.note(runName(run.Run), err)
	}
	for part, r := range byPart {
		if counts[part] != len(r.Objects) {
			v.problem(receiptName(run.Run, part), "it has %d objects, the plan %d", len(r.Objects), counts[part])
		}
	}
	return nil
}

// maxDoubled is how many sources that are claimed twice are named.
const maxDoubled = 100

// doubled looks for sources that two runs hold.
func (v *verifier) doubled() {
	slices.SortFunc(v.claims, func(a, b claimed) int { return bytes.Compare(a.uri[:], b.uri[:]) })
	n := 0
	for i := 1; i < len(v.claims); i++ {
		a, b := v.claims[i-1], v.claims[i]
		if a.uri != b.uri {
			continue
		}
		if n++; n <= maxDoubled {
			v.problem(runName(RunName(int(b.run))), "source %d of its plan is source %d of run %s, too", b.line, a.line, RunName(int(a.run)))
		}
	}
	if n > maxDoubled {
		v.problem(runsDir, "%d sources are claimed twice", n)
	}
}

// files verifies what a committed run has published.
func (v *verifier) files(ctx context.Context, run *Run, receipts []*Receipt) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, v.workers))
	row := RunRowName(run.Run, v.dataset.TableFormat)
	v.named[row] = true
	group.Go(func() error { return v.file(ctx, row, "", -1, 1) })
	for _, r := range receipts {
		for _, f := range r.Files {
			group.Go(func() error { return v.file(ctx, f.Path, f.SHA256, f.Bytes, f.Rows) })
		}
		if r.Rejects != "" {
			group.Go(func() error { return v.rejects(ctx, r) })
		}
	}
	return group.Wait()
}

// rejects verifies that a file of rejects has as many as its receipt.
func (v *verifier) rejects(ctx context.Context, r *Receipt) error {
	n := int64(0)
	err := readRejects(ctx, v.store, r.Run, r.Part, func(*Reject) error {
		n++
		return nil
	})
	if err != nil {
		return v.note(RejectsName(r.Run, r.Part), err)
	}
	want := int64(0)
	for _, of := range r.Classes {
		want += of
	}
	if n != want {
		v.problem(RejectsName(r.Run, r.Part), "it has %d rejects, its receipt %d", n, want)
	}
	return nil
}

// file verifies a file of a table: its bytes by their hash unless that is empty,
// and its rows.
func (v *verifier) file(ctx context.Context, name, sum string, size, rows int64) error {
	f, err := v.store.OpenAt(ctx, name)
	if err != nil {
		return v.note(name, err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		return fmt.Errorf("reading %s: %w", v.store.URI(name), err)
	}
	v.mu.Lock()
	v.found.Files++
	v.found.Bytes += n
	v.mu.Unlock()
	if size >= 0 && n != size {
		v.problem(name, "it has %d bytes, its receipt %d", n, size)
		return nil
	}
	if sum != "" && hex.EncodeToString(h.Sum(nil)) != sum {
		v.problem(name, "its bytes aren't those that were written")
		return nil
	}
	got, err := v.rows(io.NewSectionReader(f, 0, f.Size()))
	switch {
	case err != nil:
		v.problem(name, "%v", err)
	case got != rows:
		v.problem(name, "it has %d rows, its receipt %d", got, rows)
	}
	return nil
}

// rows counts the rows of a table file. The libraries panic over some files that
// aren't whole.
func (v *verifier) rows(r *io.SectionReader) (n int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it can't be read: %v", p)
		}
	}()
	if v.dataset.TableFormat == "parquet" {
		f, err := file.NewParquetReader(r)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		return f.NumRows(), nil
	}
	f, err := ipc.NewFileReader(r)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for i := range f.NumRecords() {
		record, err := f.RecordBatchAt(i)
		if err != nil {
			return 0, err
		}
		n += record.NumRows()
		record.Release()
	}
	return n, nil
}

// published lists the files that readers see.
func (v *verifier) published(ctx context.Context) ([]string, error) {
	var names []string
	for _, dir := range Contents() {
		if dir == stateDir {
			continue
		}
		err := v.store.List(ctx, dir, func(name string, _ fs.FileInfo) error {
			names = append(names, name)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// Account is what a dataset's runs say of a source.
type Account struct {
	Run     string
	Version string
	Object  // with what was taken up again settled
}

// Accounts calls each for every source that committed runs have read, once for
// each run that did. Of a run that took up lines again an object's Lines are those
// alone, and RetriedLines.
func Accounts(ctx context.Context, s store.Store, each func(uri string, a *Account) error) error {
	d, err := Load(ctx, s)
	if err != nil {
		return err
	}
	states, err := loadRuns(ctx, s)
	if err != nil {
		return err
	}
	for i := range states {
		run := &states[i].run
		if states[i].end.State != Committed {
			continue
		}
		var receipt Receipt
		part, at := -1, 0
		err := ReadPlan(ctx, s, run, func(p *PlannedSource) error {
			if p.Part != part {
				var err error
				if receipt, err = LoadReceipt(ctx, s, &d, run, p.Part); err != nil {
					return err
				}
				part, at = p.Part, 0
			}
			if at++; at > len(receipt.Objects) {
				return damaged(s, receiptName(run.Run, part), "it has %d objects", len(receipt.Objects))
			}
			return each(p.URI, &Account{Run: run.Run, Version: p.ETag, Object: receipt.Objects[at-1]})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
