package arrowio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/pkg/schema"
)

// wantRows are the table's rows of a batch, value by value, as fmt prints them.
func wantRows(b *schema.Batch, t *schema.Table) [][]string {
	var rows [][]string
	add := func(res *schema.Result, det *schema.Detection, kind schema.Kind, i uint32, index int) {
		row := make([]string, len(t.Columns))
		for j, c := range t.Columns {
			row[j] = wantValue(b, c, res, det, kind, i, index)
		}
		rows = append(rows, row)
	}
	for r := range b.Results {
		res := &b.Results[r]
		if t.Row == schema.ResultLevel {
			add(res, nil, 0, 0, 0)
			continue
		}
		for d := res.Detections.First; d < res.Detections.End; d++ {
			det := &b.Detections[d]
			if t.Row == schema.DetectionLevel {
				add(res, det, 0, 0, 0)
				continue
			}
			index := 0
			for kind, locations := range det.Locations {
				for i := locations.First; i < locations.End; i++ {
					add(res, det, schema.Kind(kind), i, index)
					index++
				}
			}
		}
	}
	return rows
}

func wantValue(b *schema.Batch, c schema.Column, res *schema.Result, det *schema.Detection, kind schema.Kind, i uint32, index int) string {
	text := func(s schema.Span) string {
		if s.Null() {
			return "null"
		}
		return fmt.Sprintf("%q", b.Text(s))
	}
	integer := func(v int64, ok bool) string {
		if !ok {
			return "null"
		}
		return fmt.Sprint(v)
	}
	switch c.Level {
	case schema.ResultLevel:
		switch c.Type {
		case schema.Text:
			return text(res.Text[c.Slot])
		case schema.Bool:
			v, ok := res.Bool(c.Slot)
			if !ok {
				return "null"
			}
			return fmt.Sprint(v)
		case schema.Map:
			if res.MapSet&(1<<c.Slot) == 0 {
				return "null"
			}
			s := "{"
			for _, tag := range b.Tags[res.Maps[c.Slot].First:res.Maps[c.Slot].End] {
				s += text(tag.Key) + ":" + text(tag.Value) + ";"
			}
			return s + "}"
		}
		return integer(res.Int[c.Slot], res.HasInt(c.Slot))
	case schema.DetectionLevel:
		switch c.Type {
		case schema.Text:
			return text(det.Text[c.Slot])
		case schema.Bool:
			return fmt.Sprint(det.Capped)
		}
		return integer(det.Int[c.Slot], det.HasInt(c.Slot))
	}
	var cell schema.Cell
	var lines, offsets schema.Position
	var page schema.Page
	var record schema.Record
	switch kind {
	case schema.CellKind:
		cell = b.Cells[i]
	case schema.LineKind:
		lines = b.Lines[i]
	case schema.OffsetKind:
		offsets = b.Offsets[i]
	case schema.PageKind:
		page = b.Pages[i]
		lines, offsets = page.Line, page.Offset
	case schema.RecordKind:
		record = b.Records[i]
	}
	switch c.Slot {
	case schema.OccurrenceIndex:
		return fmt.Sprint(index)
	case schema.LocationKind:
		return fmt.Sprintf("%q", kind.String())
	case schema.CellRow:
		return integer(cell.Row, cell.Set&schema.HasRow != 0)
	case schema.CellColumn:
		return integer(cell.Column, cell.Set&schema.HasColumn != 0)
	case schema.CellColumnName:
		return text(cell.Name)
	case schema.CellReference:
		return text(cell.Reference)
	case schema.LineStart:
		return integer(lines.Start, lines.Set&schema.HasStart != 0)
	case schema.LineEnd:
		return integer(lines.End, lines.Set&schema.HasEnd != 0)
	case schema.LineStartColumn:
		return integer(lines.StartColumn, lines.Set&schema.HasStartColumn != 0)
	case schema.OffsetStart:
		return integer(offsets.Start, offsets.Set&schema.HasStart != 0)
	case schema.OffsetEnd:
		return integer(offsets.End, offsets.Set&schema.HasEnd != 0)
	case schema.OffsetStartColumn:
		return integer(offsets.StartColumn, offsets.Set&schema.HasStartColumn != 0)
	case schema.PageNumber:
		return integer(page.Number, page.HasNumber)
	case schema.RecordIndex:
		return integer(record.Index, record.Set&schema.HasRecordIndex != 0)
	case schema.JSONPath:
		return text(record.Path)
	}
	panic("unknown slot of " + c.Name)
}

// gotValue prints row i of an array as wantValue does.
func gotValue(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	switch a := a.(type) {
	case *array.String:
		return fmt.Sprintf("%q", a.Value(i))
	case *array.Map:
		s := "{"
		first, end := a.ValueOffsets(i)
		for j := int(first); j < int(end); j++ {
			s += gotValue(a.Keys(), j) + ":" + gotValue(a.Items(), j) + ";"
		}
		return s + "}"
	case *array.Int64:
		return fmt.Sprint(a.Value(i))
	case *array.Int32:
		return fmt.Sprint(a.Value(i))
	case *array.Timestamp:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Boolean:
		return fmt.Sprint(a.Value(i))
	}
	panic("unexpected " + a.DataType().String())
}

func checkRows(t *testing.T, records []arrow.RecordBatch, want [][]string) {
	t.Helper()
	row := 0
	for _, record := range records {
		for i := range int(record.NumRows()) {
			if row >= len(want) {
				t.Fatalf("more than %d rows", len(want))
			}
			for j, column := range record.Columns() {
				if got := gotValue(column, i); got != want[row][j] {
					t.Fatalf("row %d, %s: got %.200s, want %.200s", row, record.ColumnName(j), got, want[row][j])
				}
			}
			row++
		}
	}
	if row != len(want) {
		t.Fatalf("%d rows, want %d", row, len(want))
	}
}

func TestArrowSchema(t *testing.T) {
	want := map[schema.Type]string{
		schema.Text: "utf8", schema.Int64: "int64", schema.Int32: "int32", schema.Bool: "bool",
		schema.Timestamp: "timestamp[us, tz=UTC]", schema.Map: "map<utf8, utf8, items_nullable>",
	}
	for _, table := range schema.Tables() {
		s := Schema(table)
		if s.NumFields() != len(table.Columns) {
			t.Fatalf("%s: %d fields, want %d", table.Name, s.NumFields(), len(table.Columns))
		}
		for i, c := range table.Columns {
			f := s.Field(i)
			if f.Name != c.Name || f.Type.String() != want[c.Type] || !f.Nullable {
				t.Errorf("%s: field %v, want %s of %s", table.Name, f, c.Name, want[c.Type])
			}
			id := func(f arrow.Field) string {
				v, _ := f.Metadata.GetValue("PARQUET:field_id")
				return v
			}
			comment, _ := f.Metadata.GetValue("comment")
			if id(f) != fmt.Sprint(c.ID) || comment != c.Doc {
				t.Errorf("%s: metadata of %s is %v", table.Name, c.Name, f.Metadata)
			}
			if m, ok := f.Type.(*arrow.MapType); ok {
				if m.KeyField().Nullable {
					t.Errorf("%s: keys of %s are nullable", table.Name, c.Name)
				}
				if id(m.KeyField()) != fmt.Sprint(c.KeyID) || id(m.ItemField()) != fmt.Sprint(c.ValueID) {
					t.Errorf("%s: ids of %s are %v", table.Name, c.Name, m)
				}
			}
		}
	}
}

func TestRecordBuilder(t *testing.T) {
	for _, table := range schema.Tables() {
		t.Run(table.Name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			builder := NewRecordBuilder(mem, table)
			defer builder.Release()
			var records []arrow.RecordBatch
			var want [][]string
			for seed := range uint64(4) {
				b := batchtest.Random(seed, 40)
				if err := builder.Append(b, 0, 15); err != nil {
					t.Fatal(err)
				}
				if err := builder.Append(b, 15, len(b.Results)); err != nil {
					t.Fatal(err)
				}
				rows := wantRows(b, table)
				if builder.Rows() != int64(len(rows)) {
					t.Fatalf("%d rows, want %d", builder.Rows(), len(rows))
				}
				size := builder.Bytes()
				record := builder.NewRecord()
				defer record.Release()
				checkSize(t, record, size)
				if builder.Rows() != 0 || builder.Bytes() != 0 {
					t.Fatal("NewRecord leaves rows behind")
				}
				records, want = append(records, record), append(want, rows...)
				// A record batch owns its memory.
				clear(b.Buf)
				b.Reset()
			}
			checkRows(t, records, want)
		})
	}
}

// checkSize checks that size is no less than what is in the record's buffers,
// and not much more.
func checkSize(t *testing.T, record arrow.RecordBatch, size int64) {
	t.Helper()
	sum := int64(0)
	var add func(arrow.ArrayData)
	add = func(data arrow.ArrayData) {
		for _, buf := range data.Buffers() {
			if buf != nil {
				sum += int64(buf.Len())
			}
		}
		for _, child := range data.Children() {
			add(child)
		}
	}
	for _, column := range record.Columns() {
		add(column.Data())
	}
	slack := int64(record.NumCols())*100 + size/50 // last offsets, and bitmaps longer than their rows
	if sum > size+slack || sum < size-slack {
		t.Errorf("size %d, buffers have %d bytes", size, sum)
	}
}

func TestRecordTooLarge(t *testing.T) {
	// One text that all columns name, so that the rows are large and the batch
	// is small.
	b := schema.NewBatch()
	text := schema.Span{Off: uint32(len(b.Buf)), Len: 50 << 20}
	b.Buf = append(b.Buf, make([]byte, text.Len)...)
	res := schema.Result{Detections: schema.Range{First: 0, End: 1}}
	for i := range res.Text {
		res.Text[i] = text
	}
	b.Results = []schema.Result{res}
	b.Detections = make([]schema.Detection, 1)
	table := schema.Results() // 41 texts in a row
	builder := NewRecordBuilder(memory.NewGoAllocator(), table)
	defer builder.Release()
	if err := builder.Append(b, 0, 1); !errors.Is(err, ErrRecordTooLarge) {
		t.Errorf("one row over 2 GiB: %v", err)
	}

	table.Columns = table.Columns[:1]
	builder = NewRecordBuilder(memory.NewGoAllocator(), table)
	defer builder.Release()
	builder.maxBytes = 120 << 20
	for i := range 2 {
		if err := builder.Append(b, 0, 1); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
	}
	if err := builder.Append(b, 0, 1); !errors.Is(err, ErrRecordTooLarge) {
		t.Errorf("rows over the limit: %v", err)
	}
}

func TestArrowOptions(t *testing.T) {
	if _, err := New(Options{Compression: "snappy"}); err == nil || !strings.Contains(err.Error(), "zstd or none") {
		t.Errorf("snappy: %v", err)
	}
}

// compressions are the compressions of Arrow files.
var compressions = []string{"zstd", "none"}

// writeArrow writes batches to an Arrow file, each cut into calls by cut.
func writeArrow(t testing.TB, o Options, table *schema.Table, cut func(results int) int, batches ...*schema.Batch) []byte {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	start := func(w io.Writer) (*Encoder, error) { return f.NewEncoder(w, table) }
	return batchtest.Encode(t, start, cut, batches...)
}

// readArrow returns the record batches of an Arrow file. They hold their memory
// until the test's end.
func readArrow(t testing.TB, mem memory.Allocator, file []byte, table *schema.Table) []arrow.RecordBatch {
	t.Helper()
	r, err := ipc.NewFileReader(bytes.NewReader(file), ipc.WithAllocator(mem))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !r.Schema().Equal(Schema(table)) {
		t.Fatalf("schema is %v", r.Schema())
	}
	records := make([]arrow.RecordBatch, r.NumRecords())
	for i := range records {
		if records[i], err = r.RecordBatchAt(i); err != nil {
			t.Fatal(err)
		}
	}
	return records
}

func release(records []arrow.RecordBatch) {
	for _, r := range records {
		r.Release()
	}
}

func TestArrowFile(t *testing.T) {
	for _, table := range schema.Tables() {
		for _, compression := range compressions {
			t.Run(table.Name+"/"+compression, func(t *testing.T) {
				mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
				defer mem.AssertSize(t, 0)
				o := Options{Compression: compression, Allocator: mem}
				var batches []*schema.Batch
				var want [][]string
				for seed := range uint64(3) {
					b := batchtest.Random(seed, 30)
					batches = append(batches, b)
					want = append(want, wantRows(b, table)...)
				}
				file := writeArrow(t, o, table, nil, batches...)
				records := readArrow(t, mem, file, table)
				defer release(records)
				checkRows(t, records, want)

				// How rows are cut into calls and batches leaves no trace.
				rng := rand.New(rand.NewPCG(1, 2))
				cuts := func(left int) int { return rng.IntN(left + 1) }
				if !bytes.Equal(file, writeArrow(t, o, table, cuts, batches...)) {
					t.Error("other calls, other bytes")
				}
			})
		}
	}
}

func TestArrowEmptyFile(t *testing.T) {
	for _, table := range schema.Tables() {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		file := writeArrow(t, Options{Allocator: mem}, table, nil)
		if records := readArrow(t, mem, file, table); len(records) != 0 {
			t.Errorf("%s: %d record batches", table.Name, len(records))
		}
		mem.AssertSize(t, 0)
	}
}

// identical returns a batch with one result that has one detection with that
// many lines, the object's key being size bytes long.
func identical(size, locations int) *schema.Batch {
	b := schema.NewBatch()
	key := schema.Span{Off: uint32(len(b.Buf)), Len: uint32(size)}
	b.Buf = append(b.Buf, bytes.Repeat([]byte("k"), size)...)
	b.Lines = make([]schema.Position, locations)
	for i := range b.Lines {
		b.Lines[i] = schema.Position{Start: int64(i), Set: schema.HasStart}
	}
	det := schema.Detection{}
	det.Locations[schema.LineKind].End = uint32(locations)
	b.Detections = []schema.Detection{det}
	res := schema.Result{Detections: schema.Range{End: 1}}
	res.Text[schema.ObjectKey] = key
	b.Results = []schema.Result{res}
	return b
}

func TestArrowRecordBatches(t *testing.T) {
	for _, test := range []struct {
		name           string
		size, n        int
		batches, first int64 // rows of the first record batch; 0 is not checked
	}{
		{"fits", 1, batchRows, 1, batchRows},
		{"rows", 1, batchRows + 1, 2, batchRows},
		{"bytes", 1 << 20, 20, 2, 15},
		{"large rows", batchBytes, 2, 2, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			table := schema.Occurrences()
			b := identical(test.size, test.n)
			records := readArrow(t, mem, writeArrow(t, Options{Allocator: mem}, table, nil, b), table)
			defer release(records)
			if int64(len(records)) != test.batches || records[0].NumRows() != test.first {
				t.Errorf("%d record batches, the first with %d rows", len(records), records[0].NumRows())
			}
			checkRows(t, records, wantRows(b, table))
		})
	}
}

// But for its footer, a file has the bytes that arrow-go's own writer gives.
func TestArrowFileWriter(t *testing.T) {
	for _, table := range schema.Tables() {
		for _, compression := range compressions {
			b := batchtest.Random(11, 30)
			file := writeArrow(t, Options{Compression: compression}, table, nil, b)
			var buf bytes.Buffer
			options := []ipc.Option{ipc.WithSchema(Schema(table))}
			if compression == "zstd" {
				options = append(options, ipc.WithZstd())
			}
			w, err := ipc.NewFileWriter(&buf, options...)
			if err != nil {
				t.Fatal(err)
			}
			records := readArrow(t, memory.NewGoAllocator(), file, table)
			for _, record := range records {
				if err := w.Write(record); err != nil {
					t.Fatal(err)
				}
			}
			body := buf.Len() + eosSize
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if len(file) < body || !bytes.Equal(file[:body], buf.Bytes()[:body]) {
				t.Errorf("%s, %s: other bytes than ipc.FileWriter's", table.Name, compression)
			}
		}
	}
}

func TestArrowFlush(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	f, err := New(Options{Allocator: mem})
	if err != nil {
		t.Fatal(err)
	}
	table := schema.Occurrences()
	var buf bytes.Buffer
	e, err := f.NewEncoder(&buf, table)
	if err != nil {
		t.Fatal(err)
	}
	b := identical(10, 7)
	for range 2 {
		if err := e.Flush(); err != nil { // without rows: nothing
			t.Fatal(err)
		}
		if err := e.Write(b, 0, 1); err != nil {
			t.Fatal(err)
		}
		if e.Rows() != 7 || e.Buffered() < 7*10 {
			t.Errorf("%d rows in %d bytes", e.Rows(), e.Buffered())
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		if e.Rows() != 0 || e.Buffered() != 0 {
			t.Errorf("%d rows in %d bytes after Flush", e.Rows(), e.Buffered())
		}
		if e.Written() != int64(buf.Len()) {
			t.Errorf("Written is %d of %d", e.Written(), buf.Len())
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	records := readArrow(t, mem, buf.Bytes(), table)
	defer release(records)
	if len(records) != 2 {
		t.Errorf("%d record batches, want 2", len(records))
	}
}

// The number of cores must not show in the bytes.
func TestArrowCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	table := schema.Occurrences()
	b := batchtest.Cells(100) // columns over 128 KiB, one block of zstd
	want := writeArrow(t, Options{}, table, nil, b)
	for _, n := range []int{2, 5} {
		runtime.GOMAXPROCS(n)
		if !bytes.Equal(want, writeArrow(t, Options{}, table, nil, b)) {
			t.Errorf("other bytes on %d cores", n)
		}
	}
}

func TestArrowWriteError(t *testing.T) {
	table := schema.Detections()
	b := batchtest.Random(3, 30)
	size := len(writeArrow(t, Options{}, table, nil, b))
	for n := 0; n < size; n += 1 + size/50 {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		f, err := New(Options{Allocator: mem})
		if err != nil {
			t.Fatal(err)
		}
		e, err := f.NewEncoder(&batchtest.FailingWriter{N: n}, table)
		if err == nil {
			if err := e.Write(b, 0, len(b.Results)); err != nil {
				t.Fatal(err) // one record batch: nothing is written before Close
			}
			err = e.Close()
		}
		if !errors.Is(err, batchtest.ErrDiskFull) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		mem.AssertSize(t, 0)
	}
}
