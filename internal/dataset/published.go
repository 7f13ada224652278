package dataset

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/store"
)

// Published returns the receipts of the parts of all committed runs, without
// their objects, in the order of runs and parts. Files that none of them names
// aren't the dataset's, whatever lies in the directories of its tables.
func Published(ctx context.Context, s store.Store, d *Dataset) ([]Receipt, error) {
	runs, err := loadRuns(ctx, s)
	if err != nil {
		return nil, err
	}
	count := 0
	for i := range runs {
		if runs[i].end.State == Committed {
			count += len(runs[i].Parts)
		}
	}
	receipts := make([]Receipt, count)
	next := 0
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(loads)
	for i := range runs {
		if runs[i].end.State != Committed {
			continue
		}
		for _, part := range runs[i].Parts {
			r := &receipts[next]
			next++
			group.Go(func() (err error) {
				*r, err = loadFiles(reading, s, d, &runs[i].run, part)
				return err
			})
		}
	}
	return receipts, group.Wait()
}

// loadFiles is LoadReceipt without the objects, which are most of it.
func loadFiles(ctx context.Context, s store.Store, d *Dataset, run *Run, part int) (Receipt, error) {
	var r struct {
		Receipt
		Objects passedOver `json:"objects"`
	}
	name := receiptName(run.Run, part)
	if err := get(ctx, s, name, &r); err != nil {
		return r.Receipt, err
	}
	if err := r.check(d, run, part); err != nil {
		return r.Receipt, &DamagedError{Name: s.URI(name), Err: err}
	}
	return r.Receipt, nil
}

// passedOver is a JSON value that nobody wants.
type passedOver struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (passedOver) UnmarshalJSON([]byte) error { return nil }
