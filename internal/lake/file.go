package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// tableFile is an open file of a table. Its groups may be read side by side.
type tableFile struct {
	*File
	query   *Query
	table   *schema.Table
	uri     string
	source  store.File
	groups  []int // that have to be read
	decoder decoder
	left    atomic.Int32 // units that aren't read, and the planning of them
	closing sync.Once
	release func() // of the memory that the file holds
}

// decoder reads one format of files. It is safe for concurrent use.
type decoder interface {
	// groups returns the numbers of the row groups that can hold rows for q.
	groups(q *Query) ([]int, error)
	// read calls each for the batches of a group, with those of the columns
	// that the file has, in any order. Each owns a batch.
	read(ctx context.Context, q *Query, group int, columns []schema.Column, each func(arrow.RecordBatch) error) error
}

func (l *Lake) open(ctx context.Context, f *File, q *Query) (*tableFile, error) {
	t := &tableFile{File: f, query: q, uri: l.store.URI(f.Path)}
	for _, known := range schema.Tables() {
		if known.Name == f.Table {
			t.table = known
		}
	}
	if t.table == nil {
		return nil, fmt.Errorf("there is no table %q", f.Table)
	}
	var err error
	if t.source, err = l.openSource(ctx, f); err != nil {
		return nil, err
	}
	if err = t.openDecoder(l.Dataset.TableFormat); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// wholeFile is the size in bytes up to which a file is fetched whole: its bytes are
// compared with their SHA-256 then, and a remote store is sent one request instead
// of several.
const wholeFile = 8 << 20

// whole reports whether a file is fetched whole.
func (l *Lake) whole(f *File) bool { return f.Bytes <= wholeFile }

// openSource opens a file for reading anywhere in it, and compares it with what
// its run recorded: all of it where it is fetched whole, else its size.
func (l *Lake) openSource(ctx context.Context, f *File) (store.File, error) {
	if l.whole(f) {
		return l.fetch(ctx, f)
	}
	source, err := l.store.OpenAt(ctx, f.Path)
	if err == nil && source.Size() != f.Bytes {
		source.Close()
		err = l.changed(f, "it has %d bytes, not %d", source.Size(), f.Bytes)
	}
	return source, err
}

// fetch reads a file whole and compares its bytes with their SHA-256.
func (l *Lake) fetch(ctx context.Context, f *File) (store.File, error) {
	r, err := l.store.Open(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var data bytes.Buffer
	data.Grow(int(max(0, f.Bytes)) + bytes.MinRead)
	n, err := io.Copy(&data, io.LimitReader(r, f.Bytes+1))
	if err != nil {
		return nil, err
	}
	if n != f.Bytes {
		return nil, l.changed(f, "it hasn't %d bytes", f.Bytes)
	}
	if sum := sha256.Sum256(data.Bytes()); hex.EncodeToString(sum[:]) != f.SHA256 {
		return nil, l.changed(f, "its SHA-256 is %x, not %s", sum, f.SHA256)
	}
	return fetched{bytes.NewReader(data.Bytes())}, nil
}

func (l *Lake) changed(f *File, format string, args ...any) error {
	return &store.ContentError{Name: l.store.URI(f.Path), What: fmt.Sprintf(format, args...)}
}

// fetched is a file in memory.
type fetched struct{ *bytes.Reader }

// Close implements io.Closer.
func (fetched) Close() error { return nil }

// openDecoder reads what the file says of itself. The libraries panic over some
// files that are damaged.
func (t *tableFile) openDecoder(format string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = t.damaged(p)
		}
	}()
	section := io.NewSectionReader(t.source, 0, t.source.Size())
	if format == "arrow" {
		t.decoder, err = openArrow(section)
	} else {
		t.decoder, err = openParquet(section)
	}
	if err == nil {
		t.groups, err = t.decoder.groups(t.query)
	}
	return err
}

// damaged is the error of a file over which a library panicked.
func (t *tableFile) damaged(panicked any) error {
	return fmt.Errorf("reading %s: the file is damaged: %v", t.uri, panicked)
}

// done notes that a unit, or the planning, is through; the last closes the file.
func (t *tableFile) done() {
	if t.left.Add(-1) == 0 {
		t.close()
	}
}

func (t *tableFile) close() {
	t.closing.Do(func() {
		t.source.Close()               // it was only read
		t.source, t.decoder = nil, nil // the scan keeps t to its end
		if t.release != nil {
			t.release()
		}
	})
}

// read calls each for the batches of a group, with the query's columns.
func (t *tableFile) read(ctx context.Context, group int, each func(arrow.RecordBatch) error) (err error) {
	var columns []schema.Column
	for _, name := range t.query.Columns {
		if c, ok := t.table.Column(name); ok {
			columns = append(columns, c)
		}
	}
	inEach := false
	defer func() {
		if p := recover(); p != nil {
			if inEach { // that is no fault of the file
				panic(p)
			}
			err = t.damaged(p)
		}
	}()
	err = t.decoder.read(ctx, t.query, group, columns, func(batch arrow.RecordBatch) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		whole, err := t.arrange(batch)
		if err != nil {
			return err
		}
		inEach = true
		err = each(whole)
		inEach = err != nil
		return err
	})
	if err != nil && !inEach && ctx.Err() == nil {
		return fmt.Errorf("reading %s: %w", t.uri, err)
	}
	return err
}

// arrange puts a batch's columns into the query's order and adds those that the
// file doesn't have.
func (t *tableFile) arrange(batch arrow.RecordBatch) (arrow.RecordBatch, error) {
	defer batch.Release()
	rows := int(batch.NumRows())
	arrays := make([]arrow.Array, len(t.query.Columns))
	fields := make([]arrow.Field, len(arrays))
	for i, name := range t.query.Columns {
		found := batch.Schema().FieldIndices(name)
		if len(found) > 0 {
			arrays[i] = batch.Column(found[0])
			arrays[i].Retain()
			if c, ok := t.table.Column(name); ok && !fits(c.Type, arrays[i].DataType()) {
				return nil, fmt.Errorf("column %s has the type %s", name, arrays[i].DataType())
			}
		} else if value, ok := t.Partition[name]; ok {
			arrays[i] = constant(value, rows)
		} else {
			var typ arrow.DataType = arrow.BinaryTypes.String
			if c, ok := t.table.Column(name); ok {
				typ = arrowio.Type(c)
			}
			arrays[i] = array.MakeArrayOfNull(memory.DefaultAllocator, typ, rows)
		}
		fields[i] = arrow.Field{Name: name, Type: arrays[i].DataType(), Nullable: true}
		defer arrays[i].Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(rows)), nil
}

// fits reports whether a file's column has a type that a column of ours may have.
func fits(want schema.Type, got arrow.DataType) bool {
	if d, ok := got.(*arrow.DictionaryType); ok {
		return want == schema.Text && d.IndexType.ID() == arrow.INT32 && d.ValueType.ID() == arrow.STRING
	}
	switch want {
	case schema.Timestamp:
		t, ok := got.(*arrow.TimestampType)
		return ok && t.Unit == arrow.Microsecond
	case schema.Map:
		m, ok := got.(*arrow.MapType)
		return ok && m.KeyType().ID() == arrow.STRING && m.ItemType().ID() == arrow.STRING
	}
	return arrow.TypeEqual(got, arrowio.Type(schema.Column{Type: want}))
}

// constant is a column of one text.
func constant(value string, rows int) arrow.Array {
	typ := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	values := array.NewStringBuilder(memory.DefaultAllocator)
	defer values.Release()
	values.Append(value)
	dictionary := values.NewArray()
	defer dictionary.Release()
	indices := array.NewInt32Builder(memory.DefaultAllocator)
	defer indices.Release()
	indices.AppendValues(make([]int32, rows), nil)
	places := indices.NewArray()
	defer places.Release()
	return array.NewDictionaryArray(typ, places, dictionary)
}

// batchRows is how many rows of so many bytes a batch has.
func (q *Query) batchRows(bytes, rows int64) int64 {
	perRow := max(1, bytes/max(1, rows))
	return min(max(1, q.BatchBytes/perRow), maxBatchRows)
}

// conditionColumns are the table's columns that the query's conditions are on.
func (q *Query) conditionColumns() []string {
	var names []string
	for _, p := range q.Where {
		if !slices.Contains(names, p.column) {
			names = append(names, p.column)
		}
	}
	return names
}

// anyMatch reports whether the batch has, for each condition, a value that meets
// it; for want of the column it has none.
func (q *Query) anyMatch(batch arrow.RecordBatch) bool {
	for i := range q.Where {
		p := &q.Where[i]
		found := batch.Schema().FieldIndices(p.column)
		if len(found) == 0 || !p.anyMatch(batch.Column(found[0])) {
			return false
		}
	}
	return true
}
