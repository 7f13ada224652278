package state

import (
	"context"
	"errors"
	"io/fs"

	"github.com/macielake/macielake/internal/store"
)

// ClaimName is the file of a run's claim.
func ClaimName(n int) string { return claimName(n) }

// EndName is the file of a run's end record.
func EndName(a Address) string { return endName(a) }

// ReceiptName is the file of the receipt of a run's part.
func ReceiptName(a Address, part int) string { return receiptName(a, part) }

// SegmentName is the file of a segment of a plan.
func SegmentName(s Segment) string { return planName(s.SHA256) }

// CheckRecord reads a record, whatever it says, and checks its checksum. A wrong
// one is a DamagedError.
func CheckRecord(ctx context.Context, s store.Store, name string) error {
	var any struct{}
	_, err := get(ctx, s, name, &any)
	return err
}

// ClaimedDataset returns the dataset record that is in the claim of a number.
func ClaimedDataset(ctx context.Context, s store.Store, n int) (*Dataset, error) {
	var c Claim
	if _, err := get(ctx, s, claimName(n), &c); err != nil {
		return nil, err
	}
	if err := c.Dataset.check(); err != nil {
		return nil, &DamagedError{Name: s.URI(claimName(n)), Err: err}
	}
	return &c.Dataset, nil
}

// RestoreClaim writes the claim that an end record has embedded where its own
// file was, byte by byte as it was. It gives fs.ErrExist where there is another.
func RestoreClaim(ctx context.Context, s store.Store, run *Run) error {
	err := s.PutNew(ctx, claimName(run.Number), append([]byte(run.raw), '\n'))
	if errors.Is(err, fs.ErrExist) {
		if there, readErr := ReadFile(ctx, s, claimName(run.Number)); readErr == nil && string(there) == string(run.raw)+"\n" {
			return nil
		}
	}
	return err
}
