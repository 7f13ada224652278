package parquet

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/pkg/schema"
)

// together is an Options.Share that does all pieces at once.
func together(n int, piece func(i int) error) error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = piece(i) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A file doesn't depend on who worked on its columns.
func TestParquetParallelColumns(t *testing.T) {
	batches := []*schema.Batch{batchtest.NewEstate(3).Batch(300), batchtest.Random(3, 100), batchtest.NewEstate(4).Batch(300)}
	for _, compression := range []string{"zstd", "snappy", "none"} {
		for _, table := range schema.Tables() {
			o := Options{Compression: compression}
			want := parquetFile(t, o, table, nil, batches...)
			o.Share = together
			if got := parquetFile(t, o, table, nil, batches...); !bytes.Equal(got, want) {
				t.Errorf("%s, %s: other bytes", table.Name, compression)
			}
		}
	}
}

// An error in one column is the encoder's from then on, whoever met it.
func TestParallelErrors(t *testing.T) {
	b := schema.NewBatch()
	b.Buf = make([]byte, 1+maxText)
	res := schema.Result{}
	res.Text[schema.Title] = schema.Span{Off: 1, Len: maxText}
	b.Results = append(b.Results, res)
	e, err := newFormat(t, Options{Share: together}).NewEncoder(io.Discard, schema.Results())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Write(b, 0, 1); !errors.Is(err, errTextTooLong) {
			t.Fatalf("Write: %v", err)
		}
		if err := e.Close(); !errors.Is(err, errTextTooLong) {
			t.Fatalf("Close: %v", err)
		}
	}
}
