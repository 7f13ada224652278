package rows_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/batchtest"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// recordOf is a batch's rows as the record builder makes them, which shares
// nothing with rows.Rows but the batch.
func recordOf(t testing.TB, table *schema.Table, b *schema.Batch) arrow.RecordBatch {
	t.Helper()
	builder := arrowio.NewRecordBuilder(memory.DefaultAllocator, table)
	defer builder.Release()
	if err := builder.Append(b, 0, len(b.Results)); err != nil {
		t.Fatal(err)
	}
	return builder.NewRecord()
}

// withDictionaries is a record batch whose text is in dictionaries, as Parquet
// files give it.
func withDictionaries(t testing.TB, record arrow.RecordBatch) arrow.RecordBatch {
	t.Helper()
	typ := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	var fields []arrow.Field
	var columns []arrow.Array
	for i, f := range record.Schema().Fields() {
		column := record.Column(i)
		if s, ok := column.(*array.String); ok {
			b := array.NewDictionaryBuilder(memory.DefaultAllocator, typ).(*array.BinaryDictionaryBuilder)
			for k := range s.Len() {
				if s.IsNull(k) {
					b.AppendNull()
				} else if err := b.AppendString(s.Value(k)); err != nil {
					t.Fatal(err)
				}
			}
			column = b.NewArray()
			f.Type = typ
		}
		fields, columns = append(fields, f), append(columns, column)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, record.NumRows())
}

// encodeAll encodes all rows in one go.
func encodeAll(e *rows.TextEncoder, r rows.Rows) string {
	e.Reset(r)
	out, _, more := e.Append(nil, 1<<40, rows.AllRows)
	if more {
		panic("there are more rows than all")
	}
	return string(e.Header(nil)) + string(out)
}

// encodeInPieces encodes rows in pieces of any size.
func encodeInPieces(t testing.TB, e *rows.TextEncoder, r rows.Rows, rng *rand.Rand) string {
	t.Helper()
	e.Reset(r)
	var out []byte
	for more := true; more; {
		var n int64
		most := 1 + rng.Int64N(50)
		before := len(out)
		out, n, more = e.Append(out, before+rng.IntN(20_000), most)
		if n > most {
			t.Fatalf("%d rows, not at most %d", n, most)
		}
	}
	return string(e.Header(nil)) + string(out)
}

// wantJSON is what a value is in JSON, for encoding/json.
func wantJSON(column arrow.Array, row int) any {
	if column.IsNull(row) {
		return nil
	}
	switch a := column.(type) {
	case *array.String:
		return strings.ToValidUTF8(a.Value(row), "\ufffd")
	case *array.Int64:
		return json.Number(fmt.Sprint(a.Value(row)))
	case *array.Int32:
		return json.Number(fmt.Sprint(a.Value(row)))
	case *array.Boolean:
		return a.Value(row)
	case *array.Timestamp:
		return time.UnixMicro(int64(a.Value(row))).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	case *array.Map:
		m := map[string]any{}
		keys, items := a.Keys().(*array.String), a.Items().(*array.String)
		first, end := a.ValueOffsets(row)
		for i := int(first); i < int(end); i++ {
			m[keys.Value(i)] = nil
			if items.IsValid(i) {
				m[keys.Value(i)] = items.Value(i)
			}
		}
		return m
	}
	panic(column.DataType())
}

// asJSON makes a comparable text of a value.
func asJSON(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// checkNDJSON compares lines of JSON with a record batch.
func checkNDJSON(t *testing.T, lines string, record arrow.RecordBatch) {
	t.Helper()
	for row := range int(record.NumRows()) {
		line, rest, ok := strings.Cut(lines, "\n")
		if !ok {
			t.Fatalf("row %d is missing", row)
		}
		lines = rest
		dec := json.NewDecoder(strings.NewReader(line))
		dec.UseNumber()
		if token, err := dec.Token(); err != nil || token != json.Delim('{') {
			t.Fatalf("row %d: %v, %v", row, token, err)
		}
		for i, f := range record.Schema().Fields() {
			name, err := dec.Token()
			if err != nil || name != f.Name {
				t.Fatalf("row %d: member %d is %v, %v, not %s", row, i, name, err, f.Name)
			}
			var v any
			if err := dec.Decode(&v); err != nil {
				t.Fatalf("row %d, %s: %v", row, f.Name, err)
			}
			if got, want := asJSON(v), asJSON(wantJSON(record.Column(i), row)); got != want {
				t.Fatalf("row %d, %s: %s, want %s", row, f.Name, got, want)
			}
		}
		if _, err := dec.Token(); err != nil {
			t.Fatalf("row %d: %v", row, err)
		}
		if _, err := dec.Token(); err != io.EOF {
			t.Fatalf("row %d: more than an object", row)
		}
	}
	if lines != "" {
		t.Fatalf("more than the rows: %.100q", lines)
	}
}

// checkCSV compares CSV with a record batch.
func checkCSV(t *testing.T, text string, record arrow.RecordBatch) {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range record.Schema().Fields() {
		if header[i] != f.Name {
			t.Fatalf("column %d is %s, not %s", i, header[i], f.Name)
		}
	}
	for row := range int(record.NumRows()) {
		cells, err := r.Read()
		if err != nil {
			t.Fatalf("row %d: %v", row, err)
		}
		for i, f := range record.Schema().Fields() {
			want := ""
			switch v := wantJSON(record.Column(i), row).(type) {
			case nil:
			case map[string]any:
				var got any
				if err := json.Unmarshal([]byte(cells[i]), &got); err != nil {
					t.Fatalf("row %d, %s: %v", row, f.Name, err)
				}
				if asJSON(got) != asJSON(v) {
					t.Fatalf("row %d, %s: %s, want %s", row, f.Name, asJSON(got), asJSON(v))
				}
				continue
			default:
				want = fmt.Sprint(v)
			}
			if cells[i] != want {
				t.Fatalf("row %d, %s: %q, want %q", row, f.Name, cells[i], want)
			}
		}
	}
	if _, err := r.Read(); err != io.EOF {
		t.Fatalf("more than the rows: %v", err)
	}
}

// What batches, Arrow records and Arrow records with dictionaries become is the
// same, in pieces of any size, and what other readers find in it is what the
// record builder makes of the batch.
func TestRowsAgree(t *testing.T) {
	for seed := range uint64(4) {
		b := batchtest.Random(seed, 25)
		rng := rand.New(rand.NewPCG(seed, 2))
		for _, table := range schema.Tables() {
			record := recordOf(t, table, b)
			for _, format := range []string{"ndjson", "csv"} {
				encoder := func() *rows.TextEncoder {
					if format == "csv" {
						return rows.NewCSV(table.Columns, rows.CSVOptions{Raw: true})
					}
					return rows.NewNDJSON(table.Columns)
				}
				batchRows := rows.NewBatch(table.Row, table.Columns)
				batchRows.Reset(b)
				want := encodeAll(encoder(), batchRows)
				if format == "csv" {
					checkCSV(t, want, record)
				} else {
					checkNDJSON(t, want, record)
				}
				batchRows.Reset(b)
				if got := encodeInPieces(t, encoder(), batchRows, rng); got != want {
					t.Fatalf("seed %d, %s, %s: other text in pieces", seed, table.Name, format)
				}
				for _, r := range []arrow.RecordBatch{record, withDictionaries(t, record), record.NewSlice(record.NumRows()/3, record.NumRows())} {
					arrowRows := arrowio.NewRows(table.Row, table.Columns)
					if err := arrowRows.Reset(r); err != nil {
						t.Fatal(err)
					}
					got := encodeAll(encoder(), arrowRows)
					if r.NumRows() == record.NumRows() && got != want {
						t.Fatalf("seed %d, %s, %s: other text from Arrow (%s)", seed, table.Name, format, r.Schema().Field(0).Type)
					} else if header := string(encoder().Header(nil)); !strings.HasSuffix(want, strings.TrimPrefix(got, header)) {
						t.Fatalf("seed %d, %s, %s: other text from a slice", seed, table.Name, format)
					}
				}
			}
			checkRecords(t, table, b, record, rng)
		}
	}
}

// checkRecords compares record batches of rows with one that the record builder
// made.
func checkRecords(t *testing.T, table *schema.Table, b *schema.Batch, want arrow.RecordBatch, rng *rand.Rand) {
	t.Helper()
	r := rows.NewBatch(table.Row, table.Columns)
	r.Reset(b)
	e := arrowio.NewRecordEncoder(table.Columns)
	e.Reset(r)
	first := int64(0)
	for more := true; more; {
		most, limit := 1+rng.Int64N(2000), 1+rng.Int64N(1<<20)
		var got arrow.RecordBatch
		var err error
		if got, more, err = e.Next(limit, most); err != nil {
			t.Fatal(err)
		}
		if got == nil {
			continue
		}
		if got.NumRows() > most {
			t.Fatalf("%d rows, not at most %d", got.NumRows(), most)
		}
		if part := want.NewSlice(first, first+got.NumRows()); !array.RecordEqual(got, part) {
			t.Fatalf("%s: rows from %d differ", table.Name, first)
		}
		first += got.NumRows()
	}
	if first != want.NumRows() {
		t.Fatalf("%s: %d rows, want %d", table.Name, first, want.NumRows())
	}
}

// Columns may be chosen, in any order, also without those that vary.
func TestRowsOfSomeColumns(t *testing.T) {
	b := batchtest.Random(3, 20)
	table := schema.Occurrences()
	for _, names := range [][]string{{"json_path", "result_id"}, {"result_id"}, {"cell_row"}, {"location_kind", "cell_row", "occurrence_index"}} {
		var columns []schema.Column
		for _, name := range names {
			c, _ := table.Column(name)
			columns = append(columns, c)
		}
		record := recordOf(t, &schema.Table{Name: "some", Row: table.Row, Columns: columns}, b)
		r := rows.NewBatch(table.Row, columns)
		r.Reset(b)
		checkNDJSON(t, encodeAll(rows.NewNDJSON(columns), r), record)
		r.Reset(b)
		checkCSV(t, encodeAll(rows.NewCSV(columns, rows.CSVOptions{Raw: true}), r), record)
	}
}

func TestArrowRowsRefuse(t *testing.T) {
	table := schema.Detections()
	record := recordOf(t, table, batchtest.Random(1, 3))
	if err := arrowio.NewRows(table.Row, table.Columns[1:]).Reset(record); err == nil {
		t.Error("took a record batch with another number of columns")
	}
	other := append([]schema.Column{}, table.Columns...)
	other[0].Type = schema.Int64
	if err := arrowio.NewRows(table.Row, other).Reset(record); err == nil {
		t.Error("took a column of another type")
	}
}

func TestJSONText(t *testing.T) {
	for in, want := range map[string]string{
		"": `""`, "abc": `"abc"`, `a"b\c`: `"a\"b\\c"`, "<a>&'": `"<a>&'"`, "é€𝄞": `"é€𝄞"`,
		"\n\r\t\x00\x1f":                     `"\n\r\t\u0000\u001f"`,
		"\x7f\u009b\u202e\u200b\ufeff\u2028": `"\u007f\u009b\u202e\u200b\ufeff\u2028"`,
		"\U000e0041":                         `"\udb40\udc41"`, "a\xffb": `"a\ufffdb"`, "\u3000": "\"\u3000\"", "❤\ufe0f": `"❤\ufe0f"`,
		"12345678\x1b[31m": `"12345678\u001b[31m"`,
	} {
		if got := string(rows.AppendJSONText(nil, []byte(in))); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// A row whose identity is huge is as far as an encoder goes past its limit.
func TestTextEncoderIsBounded(t *testing.T) {
	b := schema.NewBatch()
	key := strings.Repeat("k", 1<<20)
	cells := strings.Repeat(`{},`, 4999) + `{}`
	b.AppendLines(schema.Source{URI: "-"}, 1, 0, []byte(`{"id":"r","resourcesAffected":{"s3Object":{"key":"`+key+
		`"}},"classificationDetails":{"result":{"sensitiveData":[{"detections":[{"type":"T","occurrences":{"cells":[`+cells+`]}}]}]}}}`))
	schema.NewDecoder(schema.DecoderOptions{}).Decode(b)
	table := schema.Occurrences()
	if n := b.Rows(table.Row); n != 5000 {
		t.Fatalf("%d rows: %v", n, b.Rejects)
	}
	r := rows.NewBatch(table.Row, table.Columns)
	r.Reset(b)
	e := rows.NewNDJSON(table.Columns)
	e.Reset(r)
	out, n, more := e.Append(nil, 8<<20, rows.AllRows)
	if n != 8 || !more || len(out) > 10<<20 {
		t.Errorf("%d rows, %d bytes, more %v", n, len(out), more)
	}
	r.Reset(b)
	records := arrowio.NewRecordEncoder(table.Columns)
	records.Reset(r)
	record, more, err := records.Next(8<<20, rows.AllRows)
	if err != nil || record.NumRows() != 7 || !more {
		t.Errorf("%v, %v, more %v", record.NumRows(), err, more)
	}
}

func BenchmarkRowsNDJSON(b *testing.B) { benchmarkRows(b, rows.NewNDJSON) }

func BenchmarkRowsCSV(b *testing.B) {
	benchmarkRows(b, func(columns []schema.Column) *rows.TextEncoder { return rows.NewCSV(columns, rows.CSVOptions{}) })
}

// benchmarkRows encodes the occurrences of a batch; a byte is one of the output.
func benchmarkRows(b *testing.B, newEncoder func([]schema.Column) *rows.TextEncoder) {
	batch := batchtest.Random(7, 200)
	table := schema.Occurrences()
	r := rows.NewBatch(table.Row, table.Columns)
	e := newEncoder(table.Columns)
	r.Reset(batch)
	e.Reset(r)
	out, n, _ := e.Append(nil, 1<<40, rows.AllRows)
	b.SetBytes(int64(len(out)))
	b.ReportMetric(float64(n), "rows/op")
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(batch)
		e.Reset(r)
		again, m, _ := e.Append(out[:0], 1<<40, rows.AllRows)
		if m != n || len(again) != len(out) {
			b.Fatal("other rows")
		}
	}
}
