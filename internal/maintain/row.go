package maintain

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	parquetfile "github.com/apache/arrow-go/v18/parquet/file"
)

var errNotOneRow = errors.New("it does not hold one row")

// parquetRow reads the only row of a file of the runs table: a string or an int64
// per column, times in microseconds.
func parquetRow(f *parquetfile.Reader) ([]any, error) {
	if f.NumRows() != 1 || f.NumRowGroups() != 1 {
		return nil, errNotOneRow
	}
	group := f.RowGroup(0)
	row := make([]any, group.NumColumns())
	for i := range row {
		chunk, err := group.Column(i)
		if err != nil {
			return nil, err
		}
		levels := []int16{0}
		var n int
		switch chunk := chunk.(type) {
		case *parquetfile.ByteArrayColumnChunkReader:
			value := make([]parquet.ByteArray, 1)
			_, n, err = chunk.ReadBatch(1, value, levels, nil)
			row[i] = string(value[0])
		case *parquetfile.Int64ColumnChunkReader:
			value := make([]int64, 1)
			_, n, err = chunk.ReadBatch(1, value, levels, nil)
			row[i] = value[0]
		default:
			return nil, fmt.Errorf("column %d has the type %s", i, chunk.Type())
		}
		if err != nil {
			return nil, err
		}
		if n != 1 {
			return nil, errNotOneRow
		}
	}
	return row, nil
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
