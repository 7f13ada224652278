package sink

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/pkg/schema"
)

// shareConcurrently is a Share that does all pieces at once.
func shareConcurrently(n int, piece func(i int) error) error {
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

// A sink's files, their order, and where they end don't depend on Options.Share.
func TestSinkParallelFiles(t *testing.T) {
	g := batchtest.NewEstate(6)
	var batches []*schema.Batch
	for range 12 {
		batches = append(batches, g.Batch(400))
	}
	write := func(share Share) ([]File, map[string]*fakeOutput) {
		f := newRecorder()
		o := f.options([]PartitionKey{ByAccount}, schema.Tables()...)
		format, err := Parquet(ParquetOptions{Share: share})
		if err != nil {
			t.Fatal(err)
		}
		o.Format = format
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
		t.Fatalf("only %d files", len(want))
	}
	got, outputs := write(shareConcurrently)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	for path, out := range wantOutputs {
		if !bytes.Equal(outputs[path].data.Bytes(), out.data.Bytes()) {
			t.Errorf("%s: the bytes differ", path)
		}
	}
}

// Close returns the error of one file, and Abort then aborts all files.
func TestCloseErrors(t *testing.T) {
	rows := newRowsBatch()
	for i := range 9 {
		rows.add(fmt.Sprint(i), 1, 1)
	}
	for range 50 {
		f := newRecorder()
		o := f.options([]PartitionKey{ByAccount}, schema.Tables()...)
		o.Share = shareConcurrently
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
				t.Errorf("%s isn't aborted", out.path)
			}
		}
	}
}
