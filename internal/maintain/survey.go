package maintain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// Problem is a contradiction in a dataset: a file that is missing, damaged, or
// that nothing names.
type Problem struct {
	Name string `json:"name"` // of the file
	What string `json:"what"`
	// Sources and Rows are those that the file covered, as far as other records
	// still say.
	Sources int64 `json:"sources,omitempty"`
	Rows    int64 `json:"rows,omitempty"`
	// From names what the file can be rebuilt from; empty if it can't.
	From string `json:"rebuilt_from,omitempty"`

	// derived says that the file follows from others, which are whole: nothing is
	// lost with it.
	derived bool
	rebuild func(ctx context.Context) error // nil if it can't be rebuilt
}

// NotWholeError says that a command refuses a dataset because of its problems.
type NotWholeError struct {
	Dataset  string // its URI
	Problems []Problem
}

func (e *NotWholeError) Error() string {
	p := &e.Problems[0]
	more := ""
	if n := len(e.Problems) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more problems)", n)
	}
	return fmt.Sprintf("%s is not whole: %s %s%s", e.Dataset, p.Name, p.What, more)
}

type file struct {
	name string
	size int64
	at   time.Time // it was last modified, by the store's clock
	state.Name
}

// surveyedRun is a run as far as its records can be read.
type surveyedRun struct {
	number int
	// addresses are those that files with this number carry; one, in a whole
	// dataset.
	addresses map[state.Address]string // with a file that carries it
	run       *state.Run               // nil if neither claim nor end record can be read
	claimed   bool                     // there is a claim, and it is whole
	end       *state.End               // nil if there is none
	row       bool
	removed   bool
	receipts  map[int]*state.Receipt // those that are whole, by part
	sums      map[int]string         // their SHA-256
	published map[string]*file       // table files and rejects, by name
}

func (r *surveyedRun) committed() bool { return r.end != nil && r.end.State == state.Committed }
func (r *surveyedRun) abandoned() bool { return r.end != nil && r.end.State == state.Abandoned }

// survey is everything that the names and the records of a dataset say. Unlike
// state.Open it doesn't stop at the first contradiction.
type survey struct {
	s        store.Store
	d        state.Dataset
	files    []file
	listed   map[string]bool // names of the files
	runs     []*surveyedRun  // by number, from 1
	problems []Problem
	// leftovers are table files and rejects of abandoned runs, foreign those with
	// the ID of another dataset.
	leftovers, foreign []*file
	plans              map[string]bool // segments that claims name
}

// surveyAgain is how many times a survey that found problems is made again: a
// listing isn't of one moment, and converters may be at work.
const surveyAgain = 2

// newSurvey surveys a dataset. Only what can't be read for another reason than
// that it is missing or damaged is an error.
func newSurvey(ctx context.Context, s store.Store) (*survey, error) {
	for again := 0; ; again++ {
		v := &survey{s: s, plans: map[string]bool{}}
		if err := v.look(ctx); err != nil {
			return nil, err
		}
		if len(v.problems) == 0 || again == surveyAgain {
			slices.SortStableFunc(v.problems, func(a, b Problem) int { return strings.Compare(a.Name, b.Name) })
			return v, nil
		}
	}
}

func (v *survey) add(p Problem) { v.problems = append(v.problems, p) }

// note makes a problem of an error about a file that is missing or damaged, and
// returns others.
func (v *survey) note(name string, err error, p Problem) error {
	p.Name = name
	damaged, notWhole := (*state.DamagedError)(nil), (*state.NotWholeError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &damaged):
		p.What = "is damaged: " + damaged.Err.Error()
	case errors.Is(err, fs.ErrNotExist):
		p.What = "is missing" + p.What
	case errors.As(err, &notWhole):
		p.What = "is missing: " + notWhole.What
	default:
		return err
	}
	v.add(p)
	return nil
}

func (v *survey) look(ctx context.Context) error {
	for _, step := range []func(context.Context) error{v.list, v.dataset, v.group} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	var before *state.Run
	for _, r := range v.runs {
		if err := v.records(ctx, r); err != nil {
			return err
		}
		if before != nil && r.run != nil && r.run.Previous != before.Sum {
			v.add(Problem{Name: state.ClaimName(&v.d, r.number), What: fmt.Sprintf("doesn't follow the claim of run %s, as when two copies of a dataset were written to and then merged", before.RunID)})
		}
		before = r.run
		if r.run != nil {
			v.publication(r)
		}
	}
	return v.others(ctx)
}

// list lists all files: what is made last first, so that what names a file is
// listed after it.
func (v *survey) list(ctx context.Context) error {
	v.listed = map[string]bool{}
	for _, dir := range slices.Concat(state.Tables(), []string{store.StateDir, state.RunsDir}) {
		err := v.s.List(ctx, dir, func(name string, info fs.FileInfo) error {
			if !v.listed[name] {
				v.listed[name] = true
				v.files = append(v.files, file{name, info.Size(), info.ModTime(), state.ParseName(name)})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dataset reads the dataset record, or takes the one in the claims.
func (v *survey) dataset(ctx context.Context) error {
	d, err := state.LoadDropped(ctx, v.s)
	if err == nil {
		v.d = d
		return nil
	}
	if !errors.As(err, new(*state.NotWholeError)) && !errors.As(err, new(*state.DamagedError)) {
		return err
	}
	for _, name := range v.ownClaims() {
		claimed, claimErr := state.ClaimedDataset(ctx, v.s, name)
		if claimErr != nil {
			continue // it is looked at later
		}
		v.d = *claimed
		p := Problem{From: name, rebuild: func(ctx context.Context) error { return state.Create(ctx, v.s, claimed) }}
		return v.note(state.DatasetName, err, p)
	}
	return err
}

// ownClaims are the claims of the one dataset that lies here, whose record can't be
// read; none where there may be two. A claim without a later record may be what a
// writer of a dropped dataset left, and decides only where all claims are such.
func (v *survey) ownClaims() (names []string) {
	var all state.Foreign // while it isn't known which are the dataset's own
	for _, f := range v.files {
		if f.Address.Number > 0 {
			all.Add(f.name, f.Name)
		}
	}
	owners := map[string]bool{}
	for _, r := range all.Runs() {
		owners[r.Address.Nonce] = true
	}
	sure := len(owners) > 0
	for _, f := range v.files {
		if f.Kind == state.ClaimFile && (!sure || owners[f.Address.Nonce]) {
			owners[f.Address.Nonce] = true
			names = append(names, f.name)
		}
	}
	if len(owners) > 1 {
		return nil
	}
	return names
}

// group sorts the files by run.
func (v *survey) group(ctx context.Context) error {
	get := func(n int) *surveyedRun { // and all before it
		for number := len(v.runs) + 1; number <= n; number++ {
			v.runs = append(v.runs, &surveyedRun{number: number, addresses: map[state.Address]string{}, published: map[string]*file{},
				receipts: map[int]*state.Receipt{}, sums: map[int]string{}})
		}
		return v.runs[n-1]
	}
	for i := range v.files {
		f := &v.files[i]
		if f.Address.Number == 0 {
			continue
		}
		if !f.Address.Of(&v.d) {
			v.foreign = append(v.foreign, f)
			continue
		}
		r := get(f.Address.Number)
		if f.Kind == state.ClaimFile {
			continue
		}
		if r.addresses[f.Address] == "" || f.Kind == state.EndFile {
			r.addresses[f.Address] = f.name
		}
		switch f.Kind {
		case state.RowFile:
			r.row = true
		case state.RemovedFile:
			r.removed = true
		case state.TableFile, state.RejectFile:
			r.published[f.name] = f
		}
	}
	// A listing that hides the last runs hides what they need.
	next := state.ClaimName(&v.d, len(v.runs)+1)
	if there, err := store.Exists(ctx, v.s, next); !there {
		return err
	}
	listed := false // by now: a converter has just made it
	err := v.s.List(ctx, state.RunsDir, func(name string, _ fs.FileInfo) error {
		listed = listed || name == next
		return nil
	})
	if err == nil && !listed {
		v.add(Problem{Name: next, What: "is there, but no listing shows it: the listings of this store can't be relied on"})
	}
	return err
}

func (v *survey) records(ctx context.Context, r *surveyedRun) error {
	claim, claimErr := state.LoadRun(ctx, v.s, &v.d, r.number)
	r.claimed = claimErr == nil
	r.run = claim
	address := state.Address{Number: r.number}
	switch {
	case r.claimed:
		address = claim.Address()
	case len(r.addresses) == 1:
		for a := range r.addresses {
			address = a
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(r.addresses), func(a, b state.Address) int { return strings.Compare(a.Nonce, b.Nonce) }) {
		if a != address {
			v.add(Problem{Name: r.addresses[a], What: fmt.Sprintf("belongs to another run %d than %s, as when two copies of a dataset were written to and then merged", r.number, cmp.Or(address.Nonce, "the claim"))})
		}
	}
	var endErr error
	if address.Nonce != "" {
		var embedded *state.Run
		if embedded, r.end, endErr = state.LoadEnd(ctx, v.s, &v.d, address); endErr == nil {
			if r.claimed && embedded.Sum != claim.Sum {
				v.add(Problem{Name: state.EndName(address), What: "has another claim than " + state.ClaimName(&v.d, r.number)})
			}
			if r.run == nil {
				r.run = embedded
			}
		}
	}
	if !r.claimed {
		p := Problem{What: fmt.Sprintf(", and run %d is known by other files", r.number)}
		if r.end != nil {
			run := r.run
			p.From, p.rebuild = state.EndName(address), func(ctx context.Context) error { return state.RestoreClaim(ctx, v.s, run) }
		}
		if err := v.note(state.ClaimName(&v.d, r.number), claimErr, p); err != nil {
			return err
		}
	}
	if r.run != nil {
		if err := v.receipts(ctx, r); err != nil {
			return err
		}
		v.plan(r)
	}
	return v.ended(ctx, r, endErr)
}

// receipts reads the receipts of a run, and compares them with its end record.
func (v *survey) receipts(ctx context.Context, r *surveyedRun) error {
	a := r.run.Address()
	for part := range r.run.Parts {
		receipt, sum, err := state.LoadReceipt(ctx, v.s, r.run, part)
		name := state.ReceiptName(a, part)
		if err != nil {
			p := Problem{}
			switch {
			case r.committed():
				for _, f := range r.end.Parts[part].Files {
					p.Rows += f.Rows
				}
				p.Sources = v.plannedSources(ctx, r, part)
			case errors.Is(err, fs.ErrNotExist) && (r.abandoned() || !r.partPublished(part)):
				continue // it is still to be made, or nobody needs it
			case errors.Is(err, fs.ErrNotExist):
				p.What = ": files of the part are published"
			}
			if err := v.note(name, err, p); err != nil {
				return err
			}
			continue
		}
		if r.committed() && sum != r.end.Parts[part].Receipt {
			v.add(Problem{Name: name, What: fmt.Sprintf("isn't the receipt that the end record of run %s names", r.run.RunID)})
			continue
		}
		r.receipts[part], r.sums[part] = receipt, sum
	}
	return nil
}

func (r *surveyedRun) partPublished(part int) bool {
	for _, f := range r.published {
		if f.Part == part && f.Address == r.run.Address() {
			return true
		}
	}
	return false
}

// plannedSources is how many sources the plan of a run has for a part; 0 where
// that can't be read.
func (v *survey) plannedSources(ctx context.Context, r *surveyedRun, part int) (n int64) {
	_ = state.ReadPlan(ctx, v.s, r.run, part, func(p *state.PlannedSource) error { // another problem if it fails
		if p.Part != part {
			return fs.SkipAll
		}
		n++
		return nil
	})
	return n
}

// plan looks whether the segments of a run's plan are there.
func (v *survey) plan(r *surveyedRun) {
	for i, segment := range r.run.Segments {
		name := state.SegmentName(segment)
		v.plans[name] = true
		if v.listed[name] {
			continue
		}
		p := Problem{Name: name, What: fmt.Sprintf("is missing: it has the plan of run %s", r.run.RunID)}
		last := r.run.Parts
		if i+1 < len(r.run.Segments) {
			last = r.run.Segments[i+1].FirstPart
		}
		for part := segment.FirstPart; part < last; part++ {
			if receipt := r.receipts[part]; receipt != nil {
				p.Sources += int64(len(receipt.Sources))
			}
		}
		v.add(p)
	}
}

// ended looks whether a run's end record says what its receipts say, and whether
// one is missing.
func (v *survey) ended(ctx context.Context, r *surveyedRun, endErr error) error {
	if r.run == nil {
		return nil
	}
	a := r.run.Address()
	whole := r.claimed && len(r.receipts) == r.run.Parts
	rebuilt := state.NewEnd(r.run)
	for part, receipt := range r.receipts {
		rebuilt.Add(receipt, r.sums[part])
	}
	if r.end == nil {
		p := Problem{What: fmt.Sprintf(": run %s has ended", r.run.RunID)}
		if whole {
			p.From, p.rebuild = "the claim and the receipts", func(ctx context.Context) error { return state.PutEnd(ctx, v.s, r.run, rebuilt) }
		}
		if errors.Is(endErr, fs.ErrNotExist) && !r.row && !r.removed {
			return nil // it is open
		}
		return v.note(state.EndName(a), endErr, p)
	}
	if r.removed {
		if err := v.note(state.RemovedName(a), state.CheckRemoved(ctx, v.s, r.run), Problem{}); err != nil {
			return err
		}
	}
	if r.committed() && len(r.receipts) == r.run.Parts {
		rebuilt.EndedAt, rebuilt.Open, rebuilt.Later = r.end.EndedAt, r.end.Open, r.end.Later // not in receipts
		is, err1 := json.Marshal(r.end)
		want, err2 := json.Marshal(rebuilt)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if string(is) != string(want) {
			v.add(Problem{Name: state.EndName(a), What: "doesn't say what the receipts add up to"})
		}
	}
	switch {
	case r.committed() && !r.row:
		v.add(Problem{Name: state.RowName(a, v.d.TableFormat), What: "is missing: the row of run " + r.run.RunID, From: state.EndName(a), derived: true,
			rebuild: func(ctx context.Context) error { return run.PutRow(ctx, v.s, r.run, r.end) }})
	case r.abandoned() && r.row:
		v.add(Problem{Name: state.RowName(a, v.d.TableFormat), What: fmt.Sprintf("is the row of run %s, which is abandoned", r.run.RunID)})
	case r.committed() && r.removed:
		v.add(Problem{Name: state.RunsDir, What: fmt.Sprintf("has a record that the files of run %s were removed, and the run is committed", r.run.RunID)})
	}
	return nil
}

// publication compares the published files of a run with those that its records
// name.
func (v *survey) publication(r *surveyedRun) {
	a := r.run.Address()
	named := map[string]bool{}
	want := func(name string, size, rows int64, part int) {
		named[name] = true
		f := r.published[name]
		p := Problem{Name: name, Rows: rows}
		if receipt := r.receipts[part]; receipt != nil {
			p.Sources = int64(len(receipt.Sources))
		}
		switch {
		case f == nil && r.committed():
			p.What = fmt.Sprintf("is missing: run %s has published it", r.run.RunID)
		case f != nil && f.size != size:
			p.What = fmt.Sprintf("has %d bytes, and had %d when run %s wrote it", f.size, size, r.run.RunID)
		default:
			return
		}
		v.add(p)
	}
	parts := map[int]state.EndedPart{}
	if r.committed() {
		parts = maps.Collect(slices.All(r.end.Parts))
	} else if !r.abandoned() {
		for part, receipt := range r.receipts {
			parts[part] = state.EndedPart{Files: receipt.Files, Rejects: receipt.Rejects}
		}
	}
	for part, of := range parts {
		for _, f := range of.Files {
			want(f.Path, f.Bytes, f.Rows, part)
		}
		if of.Rejects != nil {
			want(state.RejectsName(a, part), of.Rejects.Bytes, 0, part)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.published)) {
		f := r.published[name]
		switch {
		case named[name] || f.Address != a:
		case r.abandoned():
			v.leftovers = append(v.leftovers, f)
		default:
			v.add(Problem{Name: name, What: fmt.Sprintf("carries the address of run %s, and no record of that run names it", r.run.RunID)})
		}
	}
}

// others looks at files that belong to no run, or to another dataset.
func (v *survey) others(ctx context.Context) error {
	for i := range v.files {
		f := &v.files[i]
		if f.Kind == state.LookFile || f.Kind == state.CaveatFile {
			if err := v.note(f.name, state.CheckNote(ctx, v.s, f.name), Problem{}); err != nil {
				return err
			}
		}
	}
	// Beside runs of this dataset they are what a writer left who was stopped while
	// his dataset was dropped. Alone they may be the dataset, and its record may be
	// the wrong one.
	var foreign state.Foreign
	for _, f := range v.foreign {
		foreign.Add(f.name, f.Name)
		if len(v.runs) == 0 && (f.Kind == state.EndFile || f.Kind == state.RowFile) {
			v.add(Problem{Name: f.name, What: "is a record of another dataset than " + state.DatasetName})
		}
	}
	for _, r := range foreign.Runs() {
		v.add(Problem{Name: r.Record, What: "doesn't belong to this dataset: " + r.String()})
	}
	return nil
}

// whole is the error of a dataset that isn't whole; derived files may be missing.
func (v *survey) whole() error {
	left := slices.DeleteFunc(slices.Clone(v.problems), func(p Problem) bool { return p.derived })
	if len(left) == 0 {
		return nil
	}
	return &NotWholeError{Dataset: v.s.URI("."), Problems: left}
}
