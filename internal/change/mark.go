package change

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/store"
)

// Mark is what a consumer of changes was told last: a file that it keeps outside the
// dataset.
type Mark struct {
	Format  int       `json:"format"`
	Dataset string    `json:"dataset"` // its ID
	Run     string    `json:"run"`     // run_id of the last run that was reported; empty before the first
	Number  int       `json:"number"`  // the highest of the runs that were
	At      time.Time `json:"at"`      // when they were
	// Open are the lower numbers of runs that were not: runs may overlap, and what such
	// a run commits later is new.
	Open []int `json:"open,omitempty"`
}

// Reported reports whether the run of that number was reported.
func (m *Mark) Reported(number int) bool {
	return number <= m.Number && !slices.Contains(m.Open, number)
}

// MarkFormat is the format of marks that this version writes and reads.
const MarkFormat = 1

// maxMark is how many bytes a mark may have.
const maxMark = 64 << 10

// MarkError says that a mark can't be used.
type MarkError struct {
	Name string // its URI
	What string
}

func (e *MarkError) Error() string { return fmt.Sprintf("the mark %s %s", e.Name, e.What) }

// ReadMark reads a mark of a dataset with that ID; nil where there is none yet.
func ReadMark(ctx context.Context, s store.Store, name, dataset string) (*Mark, error) {
	r, err := s.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the mark %s: %w", s.URI(name), err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxMark+1))
	if err != nil {
		return nil, fmt.Errorf("reading the mark %s: %w", s.URI(name), err)
	}
	m := &Mark{}
	switch err := json.Unmarshal(data, m); {
	case len(data) > maxMark || err != nil:
		return nil, &MarkError{s.URI(name), "is no mark: remove it to begin anew"}
	case m.Format != MarkFormat:
		return nil, &MarkError{s.URI(name), fmt.Sprintf("has format %d; this version reads %d", m.Format, MarkFormat)}
	case m.Dataset != dataset:
		return nil, &MarkError{s.URI(name), fmt.Sprintf("is of another dataset, with the ID %q: use one mark for each dataset and consumer", m.Dataset)}
	}
	return m, nil
}

// Put writes the mark in place of the one that is there: a reader finds the old one
// or the new one.
func (m *Mark) Put(ctx context.Context, s store.Store, name string) error {
	data, err := json.Marshal(m)
	if err == nil {
		err = s.Put(ctx, name, append(data, '\n'))
	}
	if err == nil {
		err = s.Sync(ctx)
	}
	if err != nil {
		return fmt.Errorf("writing the mark %s: %w", s.URI(name), err)
	}
	return nil
}
