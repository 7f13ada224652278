package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/parquet"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// PutRow writes a committed run's row of the runs table, as a file of its own in
// the dataset's table format, unless it exists.
func PutRow(ctx context.Context, s store.Store, run *state.Run, end *state.End) error {
	name := state.RowName(run.Address(), run.Dataset.TableFormat)
	staged := path.Join(state.RowStaging(run.Address(), state.NewNonce()), state.StagedName(name))
	out, err := s.Create(ctx, staged, store.Shared)
	if err != nil {
		return err
	}
	defer s.RemoveAll(context.WithoutCancel(ctx), path.Dir(staged)) // who may not remove leaves it to maintenance
	hashed := &hashedOutput{Output: out, sum: sha256.New()}
	if err = encodeRow(hashed, run, end); err == nil {
		err = out.Commit()
	}
	if err != nil {
		out.Abort()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	// Of a dataset that is dropped only now, the staged row is removed before others
	// can take its place: then there is nothing to publish.
	if err := state.Fence(ctx, s, &run.Dataset); err != nil {
		return err
	}
	err = s.Publish(ctx, staged, name, store.Content{Size: hashed.bytes, SHA256: hex.EncodeToString(hashed.sum.Sum(nil)), ETag: out.ETag()})
	if err != nil && !errors.Is(err, fs.ErrExist) { // no reader relies on what it says
		return fmt.Errorf("publishing %s: %w", name, err)
	}
	return s.Sync(ctx)
}

// encodeRow writes the file of a run's row: a function of the claim and the end
// record.
func encodeRow(w io.Writer, run *state.Run, end *state.End) error {
	values := make([]rows.Value, 0, len(schema.Runs().Columns))
	for _, c := range state.RunsColumns() {
		v := rows.Value{Set: true}
		switch x := c.Value(run, end).(type) {
		case string:
			v.Text = []byte(x)
		case int64:
			v.Int = x
		case time.Time:
			v.Int = x.UnixMicro()
		}
		values = append(values, v)
	}
	var e interface {
		WriteRows(rows.Rows) error
		Close() error
	}
	var err error
	if run.Dataset.TableFormat == "arrow" {
		var f *arrowio.Format
		if f, err = arrowio.New(arrowio.Options{Compression: "none"}); err == nil {
			e, err = f.NewEncoder(w, schema.Runs())
		}
	} else {
		var f *parquet.Format
		if f, err = parquet.New(parquet.Options{Compression: "none"}); err == nil {
			e, err = f.NewEncoder(w, schema.Runs())
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(e.WriteRows(rows.NewSingle(values)), e.Close())
}
