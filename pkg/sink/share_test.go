package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
)

// together is a Share that does all pieces at once.
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
	batches := []*schema.Batch{newEstate(3).batch(300), randomBatch(3, 100), newEstate(4).batch(300)}
	for _, compression := range []string{"zstd", "snappy", "none"} {
		for _, table := range schema.Tables() {
			o := ParquetOptions{Compression: compression}
			want := parquetFile(t, o, table, nil, batches...)
			o.Share = together
			if got := parquetFile(t, o, table, nil, batches...); !bytes.Equal(got, want) {
				t.Errorf("%s, %s: other bytes", table.Name, compression)
			}
		}
	}
}

// Nor do a sink's files, their order, or where they end.
func TestSinkParallelFiles(t *testing.T) {
	g := newEstate(6)
	var batches []*schema.Batch
	for range 12 {
		batches = append(batches, g.batch(400))
	}
	write := func(share Share) ([]File, map[string]*fakeOutput) {
		f := newRecorder()
		o := f.options([]PartitionKey{ByAccount}, schema.Tables()...)
		o.Format = parquetFormatOf(t, ParquetOptions{Share: share})
		o.TargetFileSize, o.Memory, o.Share = 100_000, 300_000, share
		files, err := convert(New(o), batches...)
		if err != nil {
			t.Fatal(err)
		}
		outputs := make(map[string]*fakeOutput)
		for _, out := range f.outputs {
			outputs[out.path] = out
		}
		return files, outputs
	}
	want, wantOutputs := write(nil)
	if len(want) < 2*len(schema.Tables()) {
		t.Fatalf("%d files show nothing", len(want))
	}
	got, outputs := write(together)
	if !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	for path, out := range wantOutputs {
		if !bytes.Equal(outputs[path].data.Bytes(), out.data.Bytes()) {
			t.Errorf("%s: other bytes", path)
		}
	}
}

// An error in one column is the encoder's from then on, whoever met it; one in a
// file is the sink's, and leaves no file open.
func TestParallelErrors(t *testing.T) {
	b := schema.NewBatch()
	b.Buf = make([]byte, 1+maxText)
	res := schema.Result{}
	res.Text[schema.Title] = schema.Span{Off: 1, Len: maxText}
	b.Results = append(b.Results, res)
	e, err := parquetFormatOf(t, ParquetOptions{Share: together}).NewEncoder(io.Discard, schema.Results())
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

	rows := newRowsBatch()
	for i := range 9 {
		rows.add(fmt.Sprint(i), 1, 1)
	}
	for range 50 {
		f := newRecorder()
		o := f.options([]PartitionKey{ByAccount}, schema.Tables()...)
		o.Share = together
		s := New(o)
		for lane := range s.Lanes() {
			if err := s.Write(lane, rows.Batch); err != nil {
				t.Fatal(err)
			}
		}
		f.fault = f.calls + 1 + rand.IntN(len(f.outputs))
		if err := s.Close(); !errors.Is(err, errFault) {
			t.Fatalf("Close: %v", err)
		}
		if err := s.Abort(); err != nil {
			t.Fatal(err)
		}
		for _, out := range f.outputs {
			if !out.aborted || out.committed {
				t.Errorf("%s is left", out.path)
			}
		}
	}
}
