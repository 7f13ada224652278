package lake

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/macielake/macielake/pkg/schema"
)

// arrowFile reads an Arrow IPC file. Its record batches have no statistics.
type arrowFile struct{ reader *ipc.FileReader }

// maxArrowBody is the largest body of a record batch that a file of ours can
// have: one row over 2 GiB can't be written.
const maxArrowBody = 4 << 30

func openArrow(r *io.SectionReader) (*arrowFile, error) {
	reader, err := ipc.NewFileReader(r, ipc.WithBodySizeLimit(maxArrowBody))
	if err != nil {
		return nil, err
	}
	return &arrowFile{reader}, nil
}

func (a *arrowFile) groups(*Query) ([]int, error) {
	groups := make([]int, a.reader.NumRecords())
	for i := range groups {
		groups[i] = i
	}
	return groups, nil
}

func (a *arrowFile) read(_ context.Context, q *Query, group int, columns []schema.Column, each func(arrow.RecordBatch) error) error {
	batch, err := a.reader.RecordBatchAt(group)
	if err != nil {
		return err
	}
	defer batch.Release()
	if !q.anyMatch(batch) {
		return nil
	}
	var arrays []arrow.Array
	var fields []arrow.Field
	bytes := int64(0)
	for _, c := range columns {
		for _, i := range batch.Schema().FieldIndices(c.Name) {
			arrays = append(arrays, batch.Column(i))
			fields = append(fields, batch.Schema().Field(i))
			for _, b := range batch.Column(i).Data().Buffers() {
				if b != nil {
					bytes += int64(b.Len())
				}
			}
		}
	}
	if len(arrays) == 0 {
		return emptyBatches(batch.NumRows(), each)
	}
	chosen := array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, batch.NumRows())
	defer chosen.Release()
	rows := q.batchRows(bytes, batch.NumRows())
	for first := int64(0); first < batch.NumRows(); first += rows {
		if err := each(chosen.NewSlice(first, min(first+rows, batch.NumRows()))); err != nil {
			return err
		}
	}
	return nil
}

// emptyBatches are batches of no columns, for what is made of rows without any.
func emptyBatches(rows int64, each func(arrow.RecordBatch) error) error {
	for rows > 0 {
		n := min(rows, maxBatchRows)
		rows -= n
		if err := each(array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, n)); err != nil {
			return err
		}
	}
	return nil
}
