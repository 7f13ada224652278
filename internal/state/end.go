package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/sink"
)

// End is runs/<address>.end.json: how a run ended, and when. What it says of a
// committed run's parts is a function of the claim and the receipts; and it has all
// that a reader needs.
type End struct {
	State   string    `json:"state"` // Committed or Abandoned
	EndedAt time.Time `json:"ended_at"`
	// Open and Later say what else was committed when this run was, as runs may
	// overlap: the numbers of earlier runs that hadn't ended, and of later ones that
	// had, both ascending.
	Open  []int `json:"open,omitempty"`
	Later []int `json:"later,omitempty"`
	// Claim is the claim's file without the line feed at its end.
	Claim  json.RawMessage `json:"claim"`
	Parts  []EndedPart     `json:"parts,omitempty"`  // of a committed run
	Totals *Totals         `json:"totals,omitempty"` // of the receipts of a committed run
}

// States of a run that has ended.
const (
	Committed = "committed" // all its rows are published
	Abandoned = "abandoned" // none is, and its sources are free again
)

// EndedPart is a part of a committed run.
type EndedPart struct {
	Receipt string       `json:"receipt"` // its SHA-256
	Files   []File       `json:"files"`
	Rejects *RejectsFile `json:"rejects,omitempty"`
}

// NewEnd returns the end record of a run whose parts all have receipts, without
// any of those. Until Place says more, its time is that of the last receipt, and
// all earlier runs count as ended and no later one.
func NewEnd(run *Run) *End {
	e := &End{State: Committed, EndedAt: run.StartedAt, Claim: run.raw, Parts: make([]EndedPart, run.Parts), Totals: &Totals{}}
	e.Totals.init()
	for _, table := range run.Dataset.Tables {
		e.Totals.Rows[table] = 0
	}
	return e
}

// Add takes in a receipt; the parts may come in any order.
func (e *End) Add(r *Receipt, sum string) {
	part := EndedPart{Receipt: sum, Files: make([]File, len(r.Files)), Rejects: r.Rejects}
	for i, f := range r.Files { // where rows and values lie is the receipt's
		part.Files[i] = File{sink.File{Table: f.Table, Path: f.Path, Rows: f.Rows, Bytes: f.Bytes, SHA256: f.SHA256}, f.ETag}
	}
	e.Parts[r.Part] = part
	e.Totals.Add(r)
	if r.EndedAt.After(e.EndedAt) {
		e.EndedAt = r.EndedAt
	}
}

// Place writes down when the run ends, and which runs had ended by then, as the
// names of the files say.
func (e *End) Place(ctx context.Context, s store.Store, d *Dataset, number int) error {
	ended := map[int]bool{}
	var numbers []int
	err := s.List(ctx, RunsDir, func(file string, _ fs.FileInfo) error {
		switch name := ParseName(file); {
		case !name.Address.Of(d):
		case name.Kind == ClaimFile:
			numbers = append(numbers, name.Address.Number)
		case name.Kind == EndFile:
			ended[name.Address.Number] = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking which runs have ended: %w", err)
	}
	slices.Sort(numbers)
	e.EndedAt, e.Open, e.Later = time.Now().UTC(), nil, nil
	for _, n := range numbers {
		if n < number && !ended[n] {
			e.Open = append(e.Open, n)
		}
		if n > number && ended[n] {
			e.Later = append(e.Later, n)
		}
	}
	return nil
}

// PutEnd writes the record that ends a run. It gives fs.ErrExist where the run
// has ended in another way.
func PutEnd(ctx context.Context, s store.Store, run *Run, e *End) error {
	_, err := create(ctx, s, EndName(run.Address()), e)
	return err
}

// PutAbandoned writes the record that abandons a run. It gives fs.ErrExist where
// the run has ended already.
func PutAbandoned(ctx context.Context, s store.Store, run *Run) error {
	return PutEnd(ctx, s, run, &End{State: Abandoned, EndedAt: time.Now().UTC(), Claim: run.raw})
}

// LoadEnd reads the end record at an address, and the claim in it.
func LoadEnd(ctx context.Context, s store.Store, d *Dataset, a Address) (*Run, *End, error) {
	e := &End{}
	name := EndName(a)
	if _, err := get(ctx, s, name, e); err != nil {
		return nil, nil, err
	}
	run, err := e.check(d, a)
	if err != nil {
		return nil, nil, &DamagedError{Name: s.URI(name), Err: err}
	}
	return run, e, nil
}

func (e *End) check(d *Dataset, a Address) (*Run, error) {
	run, err := parseClaim(append([]byte(e.Claim), '\n'), d, a.Number)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the claim in it: %w", err)
	case run.Nonce != a.Nonce:
		return nil, fmt.Errorf("it is of %s", run.Address())
	case e.State == Abandoned:
		return run, nil
	case e.State != Committed || e.Totals == nil || len(e.Parts) != run.Parts:
		return nil, fmt.Errorf("its state is %q, with %d parts of %d", e.State, len(e.Parts), run.Parts)
	case !slices.IsSorted(e.Open) || !slices.IsSorted(e.Later):
		return nil, errors.New("the runs that it names are not in order")
	}
	e.Totals.init()
	seen := map[string]bool{}
	for part := range e.Parts {
		p := &e.Parts[part]
		if !isHex(p.Receipt, 64) || p.Rejects != nil && !isHex(p.Rejects.SHA256, 64) {
			return nil, fmt.Errorf("it names %q as the receipt of part %d", p.Receipt, part)
		}
		if err := checkFiles(run, part, p.Files, seen); err != nil {
			return nil, err
		}
	}
	return run, nil
}

// removed is the record that the files of an abandoned run are removed.
type removed struct {
	Claim string `json:"claim"` // its SHA-256
}

// PutRemoved writes down that nothing is published any more of a run that is
// abandoned.
func PutRemoved(ctx context.Context, s store.Store, run *Run) error {
	_, err := create(ctx, s, RemovedName(run.Address()), removed{run.Sum})
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
