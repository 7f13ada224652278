package maintain

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/pqread"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// Verification is what verifying a dataset found.
type Verification struct {
	Dataset  string       `json:"dataset"` // its URI
	Runs     int          `json:"runs"`    // committed
	Open     []string     `json:"open_runs"`
	Files    int64        `json:"files"` // that were read
	Bytes    int64        `json:"bytes"` // of those
	Sources  int64        `json:"sources"`
	Totals   state.Totals `json:"totals"` // as in Status
	Problems []Problem    `json:"problems"`
}

// Verify reads a whole dataset: every record has its checksum and says what the
// others say, every published file has the bytes and rows that were written, no
// source is claimed twice, and nothing else lies in the directories of the tables.
// A contradiction is a problem, not an error. As many files are read at a time as
// workers says.
func Verify(ctx context.Context, s store.Store, workers int) (*Verification, error) {
	if _, err := state.Load(ctx, s); err != nil && !errors.As(err, new(*state.NotWholeError)) && !errors.As(err, new(*state.DamagedError)) {
		return nil, err
	}
	survey, err := newSurvey(ctx, s)
	if err != nil {
		return nil, err
	}
	v := &verifier{survey: survey, workers: workers}
	v.found = Verification{Dataset: s.URI("."), Open: []string{}}
	for _, r := range survey.runs {
		if r.run == nil {
			continue
		}
		if err := v.verifyRun(ctx, r); err != nil {
			return nil, err
		}
	}
	v.doubled()
	v.strays()
	v.found.Totals.Settle()
	v.found.Problems = slices.Clip(v.problems)
	if v.found.Problems == nil {
		v.found.Problems = []Problem{}
	}
	slices.SortFunc(v.found.Problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.What, b.What))
	})
	return &v.found, nil
}

type verifier struct {
	*survey
	workers int
	claims  []claimedSource

	mu    sync.Mutex // of problems and found
	found Verification
}

// claimedSource is a source that a run holds.
type claimedSource struct {
	uri  [16]byte // beginning of its SHA-256
	run  int32
	line int32 // of its plan
}

func (v *verifier) problem(name, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(Problem{Name: name, What: fmt.Sprintf(format, args...)})
}

// noteLocked is note beside others.
func (v *verifier) noteLocked(name string, err error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.note(name, err, Problem{})
}

// verifyRun verifies the plan of a run, and what a committed one has published.
func (v *verifier) verifyRun(ctx context.Context, r *surveyedRun) error {
	if r.end == nil {
		v.found.Open = append(v.found.Open, r.run.RunID)
	}
	if err := v.verifyPlan(ctx, r); err != nil {
		return err
	}
	for _, receipt := range r.receipts {
		v.verifyReceipt(r, receipt)
	}
	if !r.committed() {
		return v.verifyOpen(ctx, r)
	}
	v.found.Runs++
	v.found.Totals.AddTotals(r.end.Totals)
	if !r.run.Retry {
		v.found.Sources += r.end.Totals.Converted + r.end.Totals.Rejected
	}
	return v.verifyFiles(ctx, r)
}

// verifyReceipt verifies what a receipt says of itself.
func (v *verifier) verifyReceipt(r *surveyedRun, receipt *state.Receipt) {
	name := state.ReceiptName(r.run.Address(), receipt.Part)
	var t state.Totals
	t.Add(receipt)
	if rejects := t.RejectedLines + t.Rejected; rejectsOf(receipt) != rejects || (rejects > 0) != (receipt.Rejects != nil) {
		v.problem(name, "has %d rejects, and %d by class", rejects, rejectsOf(receipt))
	}
	if slices.Contains(v.d.Tables, "results") && t.Rows["results"] != t.Records-t.Filtered {
		v.problem(name, "has %d rows of results, and %d records, of which %d are filtered", t.Rows["results"], t.Records, t.Filtered)
	}
}

// verifyPlan reads the plan of a run, compares it with the receipts, and remembers
// which sources the run holds.
func (v *verifier) verifyPlan(ctx context.Context, r *surveyedRun) error {
	counts := map[int]int{}
	line := int32(0)
	err := state.ReadPlan(ctx, v.s, r.run, 0, func(p *state.PlannedSource) error {
		at := counts[p.Part]
		counts[p.Part]++
		line++
		held := !r.committed() && !r.abandoned() // an open run holds all its sources
		if receipt := r.receipts[p.Part]; receipt != nil && at < len(receipt.Sources) && !r.abandoned() {
			held = receipt.Sources[at].State != state.Unreadable
		}
		if held && !r.run.Retry {
			sum := sha256.Sum256([]byte(p.URI))
			v.claims = append(v.claims, claimedSource{[16]byte(sum[:16]), int32(r.number), line})
		}
		return nil
	})
	damaged := (*state.DamagedError)(nil)
	switch {
	case errors.As(err, &damaged):
		v.problem(v.relative(damaged.Name), "is damaged: %v", damaged.Err)
		return nil
	case errors.As(err, new(*state.NotWholeError)):
		return nil // the survey has it
	case err != nil:
		return err
	}
	for part, receipt := range r.receipts {
		if counts[part] != len(receipt.Sources) {
			v.problem(state.ReceiptName(r.run.Address(), part), "has %d sources, and its plan %d", len(receipt.Sources), counts[part])
		}
	}
	return nil
}

// relative is the name of a file that an error names by its URI.
func (v *survey) relative(uri string) string {
	if name, ok := strings.CutPrefix(uri, strings.TrimSuffix(v.s.URI("."), "/")+"/"); ok {
		return name
	}
	return uri
}

// maxDoubled is how many sources that are claimed twice are named.
const maxDoubled = 100

// doubled looks for sources that two runs hold.
func (v *verifier) doubled() {
	slices.SortFunc(v.claims, func(a, b claimedSource) int { return bytes.Compare(a.uri[:], b.uri[:]) })
	n := 0
	for i := 1; i < len(v.claims); i++ {
		a, b := v.claims[i-1], v.claims[i]
		if a.uri != b.uri {
			continue
		}
		if n++; n <= maxDoubled {
			v.problem(state.ClaimName(&v.d, int(b.run)), "has source %d of its plan in common with run %d, where it is source %d", b.line, a.run, a.line)
		}
	}
	if n > maxDoubled {
		v.problem(state.RunsDir, "has %d sources that are claimed twice", n)
	}
}

// strays reports what lies in the directories of the tables and is no file of a
// committed or open run: whoever reads the directories takes it for rows.
func (v *verifier) strays() {
	for _, f := range v.leftovers {
		v.problem(f.name, "is published, and its run is abandoned; the next convert removes it")
	}
	for _, f := range v.foreign {
		if f.Kind == state.TableFile || f.Kind == state.RowFile {
			v.problem(f.name, "belongs to another dataset; `macielake gc --delete` removes it")
		}
	}
	for i := range v.files {
		if f := &v.files[i]; f.Kind == state.Unknown && !strings.HasPrefix(f.name, store.StateDir+"/") {
			v.problem(f.name, "is no file of this dataset: no run names it")
		}
	}
}

// verifyFiles verifies what a committed run has published.
func (v *verifier) verifyFiles(ctx context.Context, r *surveyedRun) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, v.workers))
	if r.row {
		group.Go(func() error { return v.verifyRow(ctx, r) })
	}
	for part, ended := range r.end.Parts {
		for i := range ended.Files {
			f := &ended.Files[i]
			if r.published[f.Path] != nil { // else the survey has it
				group.Go(func() error { return v.verifyFile(ctx, f) })
			}
		}
		if ended.Rejects != nil && r.published[state.RejectsName(r.run.Address(), part)] != nil {
			group.Go(func() error { return v.verifyRejects(ctx, r, part) })
		}
	}
	return group.Wait()
}

// verifyOpen verifies the files of an open run's receipts, where they are published
// and where they are staged: one of both must be there.
func (v *verifier) verifyOpen(ctx context.Context, r *surveyedRun) error {
	if r.abandoned() {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, v.workers))
	for _, receipt := range r.receipts {
		for _, f := range receipt.Staged(r.run.Address()) {
			if r.published[f.To] == nil && !v.listed[f.From] {
				v.problem(f.From, "is missing: part %d of run %s has not published it yet", receipt.Part, r.run.RunID)
			}
			for _, name := range []string{f.From, f.To} {
				if v.listed[name] {
					group.Go(func() error {
						return v.read(ctx, name, func(r *io.SectionReader) error {
							_, err := v.verifyBytes(name, r, f.Content)
							return err
						})
					})
				}
			}
		}
	}
	return group.Wait()
}

func (v *verifier) verifyRejects(ctx context.Context, r *surveyedRun, part int) error {
	a := r.run.Address()
	name := state.RejectsName(a, part)
	n := int64(0)
	err := state.EachReject(ctx, v.s, a, part, r.end.Parts[part].Rejects, func(*state.Reject) error {
		n++
		return nil
	})
	if err != nil {
		return v.noteLocked(name, err)
	}
	if receipt := r.receipts[part]; receipt != nil && n != rejectsOf(receipt) {
		v.problem(name, "has %d rejects, and its receipt %d", n, rejectsOf(receipt))
	}
	return nil
}

func rejectsOf(r *state.Receipt) (n int64) {
	for _, of := range r.Classes {
		n += of
	}
	return n
}

// verifyFile verifies a file of a table: its bytes by their SHA-256, and its rows.
func (v *verifier) verifyFile(ctx context.Context, want *state.File) error {
	return v.read(ctx, want.Path, func(r *io.SectionReader) error {
		same, err := v.verifyBytes(want.Path, r, want.Content())
		if err != nil || !same {
			return err
		}
		switch rows, err := v.rows(r); {
		case err != nil:
			v.problem(want.Path, "can't be read: %v", err)
		case rows != want.Rows:
			v.problem(want.Path, "has %d rows, and its receipt %d", rows, want.Rows)
		}
		return nil
	})
}

// read calls do for the bytes of a file; that it has gone is a problem.
func (v *verifier) read(ctx context.Context, name string, do func(r *io.SectionReader) error) error {
	f, err := v.s.OpenAt(ctx, name)
	if err != nil {
		return v.noteLocked(name, err)
	}
	defer f.Close()
	return do(io.NewSectionReader(f, 0, f.Size()))
}

// verifyBytes reports whether a file has the bytes that were written; if not, it is
// a problem.
func (v *verifier) verifyBytes(name string, r *io.SectionReader, want store.Content) (same bool, err error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", v.s.URI(name), err)
	}
	v.mu.Lock()
	v.found.Files++
	v.found.Bytes += n
	v.mu.Unlock()
	switch {
	case n != want.Size:
		v.problem(name, "is damaged: it has %d bytes, and had %d when it was written", n, want.Size)
	case hex.EncodeToString(h.Sum(nil)) != want.SHA256:
		v.problem(name, "is damaged: its bytes aren't those that were written")
	default:
		return true, nil
	}
	return false, nil
}

// readTable opens a table file of the dataset's format; the libraries panic over
// some files that are damaged.
func (v *verifier) readTable(r *io.SectionReader, asParquet func(*pqread.File) error, asArrow func(*ipc.FileReader) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged: %v", p)
		}
	}()
	if v.d.TableFormat == "parquet" {
		f, err := pqread.Open(r)
		if err != nil {
			return err
		}
		defer f.Close()
		return asParquet(f)
	}
	f, err := ipc.NewFileReader(r)
	if err != nil {
		return err
	}
	defer f.Close()
	return asArrow(f)
}

func (v *verifier) rows(r *io.SectionReader) (n int64, err error) {
	err = v.readTable(r, func(f *pqread.File) error {
		n = f.NumRows()
		return nil
	}, func(f *ipc.FileReader) error {
		for i := range f.NumRecords() {
			record, err := f.RecordBatchAt(i)
			if err != nil {
				return err
			}
			n += record.NumRows()
			record.Release()
		}
		return nil
	})
	return n, err
}

// verifyRow verifies that the row of a run in the runs table says what its end
// record says.
func (v *verifier) verifyRow(ctx context.Context, r *surveyedRun) error {
	name := state.RowName(r.run.Address(), v.d.TableFormat)
	return v.read(ctx, name, func(data *io.SectionReader) error {
		var got []any
		err := v.readTable(data, func(f *pqread.File) (err error) {
			got, err = parquetRow(f)
			return err
		}, func(f *ipc.FileReader) (err error) {
			got, err = arrowRow(f)
			return err
		})
		columns := state.RunsColumns()
		switch {
		case err != nil:
			v.problem(name, "is damaged: %v", err)
			return nil
		case len(got) != len(columns):
			v.problem(name, "has %d columns, and the runs table %d", len(got), len(columns))
			return nil
		}
		for i, c := range columns {
			want := c.Value(r.run, r.end)
			if at, ok := want.(time.Time); ok {
				want = at.UnixMicro()
			}
			if got[i] != want {
				v.problem(name, "says %v for %s, and the end record %v", got[i], c.Name, want)
			}
		}
		return nil
	})
}
