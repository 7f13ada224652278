package lake

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/macielake/macielake/pkg/schema"
)

// parquetFile reads a Parquet file.
type parquetFile struct {
	reader *file.Reader
	leaves map[string][]int // leaf columns by the name of the column
}

func openParquet(r *io.SectionReader) (*parquetFile, error) {
	reader, err := file.NewParquetReader(r)
	if err != nil {
		return nil, err
	}
	p := &parquetFile{reader: reader, leaves: make(map[string][]int)}
	s := reader.MetaData().Schema
	for i := range s.NumColumns() {
		name := s.Column(i).ColumnPath()[0]
		p.leaves[name] = append(p.leaves[name], i)
	}
	return p, nil
}

func (p *parquetFile) groups(q *Query) ([]int, error) {
	var groups []int
	for i := range p.reader.NumRowGroups() {
		group := p.reader.MetaData().RowGroup(i)
		useful := group.NumRows() > 0
		for _, condition := range q.Where {
			leaves := p.leaves[condition.column]
			if len(leaves) != 1 { // the column isn't there: null
				useful = false
				continue
			}
			chunk, err := group.ColumnChunk(leaves[0])
			if err != nil {
				return nil, err
			}
			useful = useful && condition.mayHold(chunk)
		}
		if useful {
			groups = append(groups, i)
		}
	}
	return groups, nil
}

func (p *parquetFile) read(ctx context.Context, q *Query, group int, columns []schema.Column, each func(arrow.RecordBatch) error) error {
	if len(q.Where) > 0 {
		any, err := p.probe(ctx, q, group)
		if err != nil || !any {
			return err
		}
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return p.scan(ctx, q, group, names, each)
}

// probe looks whether a group holds what the conditions want, at their columns
// alone.
func (p *parquetFile) probe(ctx context.Context, q *Query, group int) (any bool, err error) {
	err = p.scan(ctx, q, group, q.conditionColumns(), func(batch arrow.RecordBatch) error {
		defer batch.Release()
		if any = q.anyMatch(batch); any {
			return io.EOF
		}
		return nil
	})
	if err == io.EOF {
		err = nil
	}
	return any, err
}

// scan calls each for the batches of a group with those of the named columns
// that the file has.
func (p *parquetFile) scan(ctx context.Context, q *Query, group int, names []string, each func(arrow.RecordBatch) error) error {
	meta := p.reader.MetaData().RowGroup(group)
	var leaves []int
	var props pqarrow.ArrowReadProperties
	bytes := int64(0)
	for _, name := range names {
		for _, leaf := range p.leaves[name] {
			chunk, err := meta.ColumnChunk(leaf)
			if err != nil {
				return err
			}
			bytes += chunk.TotalUncompressedSize()
			if len(p.leaves[name]) == 1 {
				props.SetReadDict(leaf, chunk.HasDictionaryPage())
			}
		}
		leaves = append(leaves, p.leaves[name]...)
	}
	if len(leaves) == 0 {
		return emptyBatches(meta.NumRows(), each)
	}
	props.BatchSize = q.batchRows(bytes, meta.NumRows())
	arrowReader, err := pqarrow.NewFileReader(p.reader, props, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	records, err := arrowReader.GetRecordReader(ctx, leaves, []int{group})
	if err != nil {
		return err
	}
	defer records.Release()
	for records.Next() {
		batch := records.RecordBatch()
		batch.Retain()
		if err := each(batch); err != nil {
			return err
		}
	}
	return records.Err()
}
