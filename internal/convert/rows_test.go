package convert

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/pkg/schema"
)

var update = flag.Bool("update", false, "write the samples and golden rows in testdata anew")

// samplesDir holds the samples and their golden rows.
const samplesDir = "../../testdata"

// goldenSamples are the samples in testdata.
func goldenSamples() []gen.Options {
	return []gen.Options{
		{Dir: filepath.Join(samplesDir, "mixed"), Seed: 1, Size: 80_000, Profile: "mixed", Encoding: gen.EncodingMixed},
		{Dir: filepath.Join(samplesDir, "archives"), Seed: 1, Size: 60_000, Profile: "archives", Encoding: gen.EncodingMixed},
	}
}

// row is a table's row: values by column, nulls left out.
type row map[string]any

// readTable returns the rows of a table of a dataset, file by file in the order
// of their names, and checks the files' columns against the definition. Each row
// has its file's directory as `(partition)`.
func readTable(t testing.TB, out string, table *schema.Table) []row {
	t.Helper()
	// Not a checked allocator: arrow-go's decoder of DELTA_BINARY_PACKED keeps its
	// last buffer.
	mem := memory.NewGoAllocator()
	var rows []row
	for _, name := range files(t, filepath.Join(out, table.Name)) {
		data, err := os.ReadFile(filepath.Join(out, table.Name, name))
		if err != nil {
			t.Fatal(err)
		}
		var records []arrow.RecordBatch
		if strings.HasSuffix(name, ".arrow") {
			records, err = arrowRecords(mem, data)
		} else {
			records, err = parquetRecords(mem, data)
		}
		if err != nil {
			t.Fatalf("%s/%s: %v", table.Name, name, err)
		}
		for _, record := range records {
			for i, f := range record.Schema().Fields() {
				if c := table.Columns[i]; f.Name != c.Name || !f.Nullable || len(record.Schema().Fields()) != len(table.Columns) {
					t.Fatalf("%s/%s: column %d is %v, want %s", table.Name, name, i, f, c.Name)
				}
			}
			for i := range int(record.NumRows()) {
				r := row{"(partition)": path.Dir(name)}
				for j, c := range table.Columns {
					if v := value(t, record.Column(j), i); v != nil {
						r[c.Name] = v
					}
				}
				rows = append(rows, r)
			}
			record.Release()
		}
	}
	return rows
}

func parquetRecords(mem memory.Allocator, data []byte) ([]arrow.RecordBatch, error) {
	f, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, mem)
	if err != nil {
		return nil, err
	}
	table, err := r.ReadTable(context.Background())
	if err != nil {
		return nil, err
	}
	defer table.Release()
	tr := array.NewTableReader(table, 0)
	defer tr.Release()
	var records []arrow.RecordBatch
	for tr.Next() {
		record := tr.RecordBatch()
		record.Retain()
		records = append(records, record)
	}
	return records, tr.Err()
}

func arrowRecords(mem memory.Allocator, data []byte) ([]arrow.RecordBatch, error) {
	r, err := ipc.NewFileReader(bytes.NewReader(data), ipc.WithAllocator(mem))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var records []arrow.RecordBatch
	for i := range r.NumRecords() {
		record, err := r.RecordBatch(i)
		if err != nil {
			return nil, err
		}
		record.Retain()
		records = append(records, record)
	}
	return records, nil
}

// value is a column's value in a row: nil, a string, an int64, a bool, a map, or
// a time as text.
func value(t testing.TB, column arrow.Array, i int) any {
	t.Helper()
	if column.IsNull(i) {
		return nil
	}
	switch c := column.(type) {
	case *array.String:
		return strings.Clone(c.Value(i))
	case *array.Dictionary:
		return value(t, c.Dictionary(), c.GetValueIndex(i))
	case *array.Int64:
		return c.Value(i)
	case *array.Int32:
		return int64(c.Value(i))
	case *array.Boolean:
		return c.Value(i)
	case *array.Timestamp:
		if typ := c.DataType().(*arrow.TimestampType); typ.Unit != arrow.Microsecond || typ.TimeZone != "UTC" {
			t.Fatalf("times are %v", typ)
		}
		return time.UnixMicro(int64(c.Value(i))).UTC().Format("2006-01-02T15:04:05.000000Z")
	case *array.Map:
		first, end := c.ValueOffsets(i)
		m := map[string]any{}
		for k := first; k < end; k++ {
			m[c.Keys().(*array.String).Value(int(k))] = value(t, c.Items(), int(k))
		}
		return m
	}
	t.Fatalf("no values of %v", column.DataType())
	return nil
}

// shownRows are all rows of a dataset as JSON Lines, with sources relative to
// dir.
func shownRows(t testing.TB, out, dir string) []byte {
	t.Helper()
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	for _, table := range schema.Tables() {
		for _, r := range readTable(t, out, table) {
			r["(table)"] = table.Name
			number, digest, ok := strings.Cut(r["run_id"].(string), "-") // the digest depends on where the sources lie
			if !ok || len(number) != 6 || len(digest) != 8 {
				t.Errorf("run_id is %v", r["run_id"])
			}
			r["run_id"] = number
			r["source_uri"] = strings.TrimPrefix(r["source_uri"].(string), real+"/")
			if err := enc.Encode(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	return text.Bytes()
}

// The samples in testdata give the rows that are written beside them, in every
// column, by way of Parquet and of Arrow. Look at what changed before -update.
func TestGoldenRows(t *testing.T) {
	for _, s := range goldenSamples() {
		name := filepath.Base(s.Dir)
		t.Run(name, func(t *testing.T) {
			if *update {
				for _, err := range []error{os.RemoveAll(s.Dir), os.RemoveAll(s.Dir + ".expected.json")} {
					if err != nil {
						t.Fatal(err)
					}
				}
				if _, err := gen.Run(context.Background(), s); err != nil {
					t.Fatal(err)
				}
			}
			var want gen.Expected
			readJSON(t, s.Dir+".expected.json", &want)
			// A checkout gives files times of its own, and they are in rows.
			contents := map[string][]byte{}
			for _, f := range files(t, s.Dir) {
				data, err := os.ReadFile(filepath.Join(s.Dir, f))
				if err != nil {
					t.Fatal(err)
				}
				contents[f] = data
			}
			dir := write(t, contents)
			o := testOptions(t, dir)
			checkExpected(t, want, convertAll(t, o))
			got := shownRows(t, o.Out.URI("."), dir)
			if n, rows := bytes.Count(got, []byte("\n")), want.Rows; int64(n) != rows.Results+rows.Detections+rows.Occurrences {
				t.Errorf("%d rows, want %+v", n, rows)
			}
			golden := s.Dir + ".rows.jsonl"
			if *update {
				if err := os.WriteFile(golden, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			rows, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			sameLines(t, "Parquet", got, rows)

			o.Out, o.TableFormat = newOut(t), "arrow"
			checkExpected(t, want, convertAll(t, o))
			sameLines(t, "Arrow", shownRows(t, o.Out.URI("."), dir), rows)
		})
	}
}

// sameLines fails with the first line that differs.
func sameLines(t *testing.T, what string, got, want []byte) {
	t.Helper()
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range max(len(g), len(w)) {
		var a, b []byte
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s: row %d is\n%s\nand was\n%s", what, i+1, a, b)
			return
		}
	}
}

// The golden rows show every column that there is, and every kind of location.
func TestGoldenRowsVariety(t *testing.T) {
	seen := map[string]map[string]bool{}
	for _, s := range goldenSamples() {
		data, err := os.ReadFile(s.Dir + ".rows.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			var r row
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatal(err)
			}
			table := r["(table)"].(string)
			for name, v := range r {
				if seen[table+"."+name] == nil {
					seen[table+"."+name] = map[string]bool{}
				}
				seen[table+"."+name][fmt.Sprint(v)] = true
			}
		}
	}
	for _, table := range schema.Tables() {
		for _, c := range table.Columns {
			if len(seen[table.Name+"."+c.Name]) == 0 {
				t.Errorf("%s.%s is always null", table.Name, c.Name)
			}
		}
	}
	for column, want := range map[string][]string{
		"occurrences.location_kind":     {"cell", "line", "offset", "page", "record"},
		"detections.identifier_kind":    {"managed", "custom"},
		"results.is_archive_member":     {"true", "false"},
		"results.status_code":           {"COMPLETE", "SKIPPED"},
		"results.object_tags":           {"map[]"},
		"results.sensitive_total_count": {"0"},
	} {
		for _, v := range want {
			if !seen[column][v] {
				t.Errorf("%s is never %s", column, v)
			}
		}
	}
}

// testdata is what the generator writes today.
func TestSamplesAreTheGenerators(t *testing.T) {
	for _, s := range goldenSamples() {
		fresh := s
		fresh.Dir = filepath.Join(t.TempDir(), filepath.Base(s.Dir))
		if _, err := gen.Run(context.Background(), fresh); err != nil {
			t.Fatal(err)
		}
		want, got := files(t, s.Dir), files(t, fresh.Dir)
		if !slices.Equal(want, got) {
			t.Errorf("%s: files %q, and the generator writes %q", s.Dir, want, got)
			continue
		}
		for _, name := range append(want, "../"+filepath.Base(s.Dir)+".expected.json") {
			a, errA := os.ReadFile(filepath.Join(s.Dir, name))
			b, errB := os.ReadFile(filepath.Join(fresh.Dir, name))
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%s/%s isn't what the generator writes: %v, %v", s.Dir, name, errA, errB)
			}
		}
	}
}

// realSamples holds files as Macie wrote them; see its README.
const realSamples = "../../../shared/samples"

// Files that Macie wrote give the rows that a person finds in them.
func TestRealSamples(t *testing.T) {
	if _, err := os.Stat(realSamples); err != nil {
		t.Skip("the real samples aren't here: ", err)
	}
	o := testOptions(t, realSamples)
	s := convertAll(t, o)
	if s.Sources.Converted != 3 || s.Sources.Rejected+s.Sources.Unreadable+s.Rejects.Lines != 0 || s.Sources.Skipped != 1 {
		t.Errorf("%+v", s)
	}
	tables := map[string]map[string][]row{} // by table and the beginning of the file's name
	for _, table := range schema.Tables() {
		tables[table.Name] = map[string][]row{}
		for _, r := range readTable(t, o.Out.URI("."), table) {
			name := filepath.Base(r["source_uri"].(string))[:8]
			tables[table.Name][name] = append(tables[table.Name][name], r)
		}
	}
	t.Run("avro", func(t *testing.T) {
		r := tables["results"]["4d632e11"]
		if len(r) != 1 {
			t.Fatalf("%d results", len(r))
		}
		has(t, r[0], row{"mime_type": "application/avro", "source_line": int64(1), "status_code": "COMPLETE", "is_archive_member": false})
		var cards []row
		for _, o := range tables["occurrences"]["4d632e11"] {
			if o["detection_type"] == "CREDIT_CARD_NUMBER" {
				cards = append(cards, o)
			}
		}
		if len(cards) != 30 {
			t.Fatalf("%d CREDIT_CARD_NUMBER locations, want 30", len(cards))
		}
		for i, c := range cards {
			has(t, c, row{"location_kind": "record", "record_index": int64(i), "json_path": "$.CCN", "occurrence_index": int64(i),
				"identifier_kind": "managed", "category": "FINANCIAL_INFORMATION", "source_line": int64(1)})
		}
		for _, d := range tables["detections"]["4d632e11"] {
			if d["detection_type"] == "CREDIT_CARD_NUMBER" {
				has(t, d, row{"occurrence_count": int64(30), "location_count": int64(30), "is_capped": false})
			}
		}
	})
	t.Run("json", func(t *testing.T) {
		found := false
		for _, o := range tables["occurrences"]["ac3e3364"] {
			if o["json_path"] == "$[0]['Card Number']" {
				found = true
				has(t, o, row{"location_kind": "record", "record_index": int64(0)})
			}
			if p, _ := o["json_path"].(string); strings.Contains(p, `\`) || strings.Contains(p, "u0027") {
				t.Errorf("an escaped path: %s", p)
			}
		}
		if !found {
			t.Error("no location at $[0]['Card Number']")
		}
	})
	t.Run("csv", func(t *testing.T) {
		d := tables["detections"]["bca1db4c"]
		if len(d) != 1 {
			t.Fatalf("%d detections, want the custom one", len(d))
		}
		has(t, d[0], row{"identifier_kind": "custom", "category": "CUSTOM_IDENTIFIER", "detection_type": "email check", "detection_index": int64(0)})
		if arn, _ := d[0]["custom_identifier_arn"].(string); arn == "" {
			t.Error("no ARN")
		}
		o := tables["occurrences"]["bca1db4c"]
		if int64(len(o)) != d[0]["location_count"] || len(o) == 0 {
			t.Fatalf("%d locations, the detection has %v", len(o), d[0]["location_count"])
		}
		has(t, o[0], row{"location_kind": "cell", "cell_row": int64(2), "cell_column": int64(12), "cell_column_name": "email",
			"detection_type": "email check", "custom_identifier_arn": d[0]["custom_identifier_arn"]})
		has(t, tables["results"]["bca1db4c"][0], row{"sensitive_total_count": int64(0), "type_count": int64(1), "location_count": int64(len(o))})
	})
	// Nothing of these files is new to this version.
	for _, r := range slices.Concat(tables["results"]["4d632e11"], tables["results"]["ac3e3364"], tables["results"]["bca1db4c"]) {
		if u, ok := r["unrecognized"]; ok {
			t.Errorf("unrecognized: %v", u)
		}
		for _, column := range []string{"result_id", "account_id", "region", "created_at", "bucket_name", "object_key", "object_size", "size_classified", "severity", "run_id"} {
			if r[column] == nil {
				t.Errorf("%s: %s is null", r["source_uri"], column)
			}
		}
	}
}

// has checks some columns of a row.
func has(t *testing.T, r, want row) {
	t.Helper()
	for column, v := range want {
		if r[column] != v {
			t.Errorf("%s is %v, want %v", column, r[column], v)
		}
	}
}
