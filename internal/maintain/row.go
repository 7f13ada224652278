package maintain

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/macielake/macielake/internal/pqread"
)

var errNotOneRow = errors.New("it does not hold one row")

// parquetRow reads the only row of a file of the runs table: a string or an int64
// per column, times in microseconds.
func parquetRow(f *pqread.File) (row []any, err error) {
	if f.NumRows() != 1 || f.NumRowGroups() != 1 {
		return nil, errNotOneRow
	}
	var names []string
	for i, root := 0, f.MetaData().Schema.Root(); i < root.NumFields(); i++ {
		names = append(names, root.Field(i).Name())
	}
	err = f.Read(context.Background(), 0, names, 1, func(record arrow.RecordBatch) error {
		row, err = batchRow(record)
		return err
	})
	return row, err
}

// arrowRow is parquetRow for an Arrow file.
func arrowRow(f *ipc.FileReader) ([]any, error) {
	if f.NumRecords() != 1 {
		return nil, errNotOneRow
	}
	record, err := f.RecordBatchAt(0)
	if err != nil {
		return nil, err
	}
	return batchRow(record)
}

// batchRow reads the only row of a record batch, which it releases.
func batchRow(record arrow.RecordBatch) ([]any, error) {
	defer record.Release()
	if record.NumRows() != 1 {
		return nil, errNotOneRow
	}
	row := make([]any, record.NumCols())
	for i, column := range record.Columns() {
		switch column := column.(type) {
		case *array.String:
			row[i] = column.Value(0)
		case *array.Int64:
			row[i] = column.Value(0)
		case *array.Timestamp:
			row[i] = int64(column.Value(0))
		default:
			return nil, fmt.Errorf("column %d has the type %s", i, column.DataType())
		}
	}
	return row, nil
}
