package lake

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/internal/pqread"
	"github.com/macielake/macielake/pkg/schema"
)

// parquetFile reads a Parquet file.
type parquetFile struct{ *pqread.File }

func openParquet(r *io.SectionReader) (*parquetFile, error) {
	f, err := pqread.Open(r)
	if err != nil {
		return nil, err
	}
	f.Dictionaries = true
	return &parquetFile{f}, nil
}

func (p *parquetFile) groups(q *Query) ([]int, error) {
	var groups []int
	for i := range p.NumRowGroups() {
		group := p.MetaData().RowGroup(i)
		useful := group.NumRows() > 0
		for _, condition := range q.Where {
			leaves := p.Leaves(condition.column)
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
	meta := p.MetaData().RowGroup(group)
	bytes, found := int64(0), false
	for _, name := range names {
		for _, leaf := range p.Leaves(name) {
			chunk, err := meta.ColumnChunk(leaf)
			if err != nil {
				return err
			}
			bytes += chunk.TotalUncompressedSize()
			found = true
		}
	}
	if !found {
		return emptyBatches(meta.NumRows(), each)
	}
	return p.Read(ctx, group, names, q.batchRows(bytes, meta.NumRows()), each)
}
