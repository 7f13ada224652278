package state

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/store"
)

// CheckNote reads the record of a look or of a caveat, and looks whether it is the
// one that its name says. If it isn't, it is a DamagedError.
func CheckNote(ctx context.Context, s store.Store, name string) error {
	var at time.Time
	var err error
	if ParseName(name).Kind == LookFile {
		var l Look
		_, err = get(ctx, s, name, &l)
		at = l.EndedAt
	} else {
		var n Note
		_, err = get(ctx, s, name, &n)
		at = n.At
	}
	if err == nil && !strings.HasPrefix(path.Base(name), noteTime(at)) {
		err = damaged(s, name, "it is of %s", at.Format(time.RFC3339Nano))
	}
	return err
}

// CheckRemoved reads the record that the files of an abandoned run are removed. If
// it isn't that of the run, it is a DamagedError.
func CheckRemoved(ctx context.Context, s store.Store, run *Run) error {
	var r removed
	name := RemovedName(run.Address())
	_, err := get(ctx, s, name, &r)
	if err == nil && r.Claim != run.Sum {
		err = damaged(s, name, "it names another claim")
	}
	return err
}

// ClaimedDataset returns the dataset record that is in a claim's file.
func ClaimedDataset(ctx context.Context, s store.Store, name string) (*Dataset, error) {
	var c Claim
	if _, err := get(ctx, s, name, &c); err != nil {
		return nil, err
	}
	err := c.Dataset.check()
	if err == nil && ClaimName(&c.Dataset, c.Number) != name {
		err = fmt.Errorf("it is of run %d of dataset %s", c.Number, c.Dataset.ID)
	}
	if err != nil {
		return nil, &DamagedError{Name: s.URI(name), Err: err}
	}
	return &c.Dataset, nil
}

// RestoreClaim writes the claim that an end record has embedded where its own
// file was, byte by byte as it was. It gives fs.ErrExist where there is another.
func RestoreClaim(ctx context.Context, s store.Store, run *Run) error {
	return createFile(ctx, s, ClaimName(&run.Dataset, run.Number), append([]byte(run.raw), '\n'))
}
