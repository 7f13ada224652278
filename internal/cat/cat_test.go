package cat

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// occurrences are lines with that many results, each of two types with cells
// and pages.
func occurrences(results int) string {
	var out strings.Builder
	for i := range results {
		cells, pages := make([]string, i%7), make([]string, i%3)
		for k := range cells {
			cells[k] = fmt.Sprintf(`{"row":%d,"column":%d}`, k, i%5)
		}
		for k := range pages {
			pages[k] = fmt.Sprintf(`{"pageNumber":%d}`, k)
		}
		fmt.Fprintf(&out, `{"id":"r%d","resourcesAffected":{"s3Bucket":{"name":"b%d","tags":[{"key":"n","value":"%d"}]}},`+
			`"classificationDetails":{"result":{"sensitiveData":[{"category":"C","detections":[`+
			`{"type":"A","count":%d,"occurrences":{"cells":[%s]}},{"type":"B","count":1,"occurrences":{"pages":[%s],"cells":[%[5]s]}}]}]}}}`+"\n",
			i, i%4, i%6, i, strings.Join(cells, ","), strings.Join(pages, ","))
	}
	return out.String()
}

// write returns what cat writes of lines of results.
func write(t testing.TB, lines, filter string, o Options, f Format) string {
	t.Helper()
	if o.Columns == nil {
		o.Columns = o.Table.Columns
	}
	if filter != "" {
		parsed, err := where.Parse(filter, Fields(o.Table))
		if err != nil {
			t.Fatal(err)
		}
		o.Filter = parsed
	}
	var out bytes.Buffer
	output := NewOutput(&out, f, o.Columns, text.Options{}, "test")
	_, err := New(o, output).AddResults(context.Background(), raw.Options{
		Inputs: []string{input.StdinName}, Origins: []input.Origin{input.NewStdin(strings.NewReader(lines))},
		Log: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		err = output.End()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A filter takes the rows of which it is true, each by itself; its columns need
// not be written.
func TestFilter(t *testing.T) {
	lines := occurrences(3000)
	for _, table := range schema.Tables() {
		all := strings.SplitAfter(write(t, lines, "", Options{Table: table, Limit: -1, Workers: 2}, NDJSON), "\n")
		for filter, match := range map[string]func(row string) bool{
			"bucket=b1":  func(s string) bool { return strings.Contains(s, `"bucket_name":"b1"`) },
			"type=B":     func(s string) bool { return strings.Contains(s, `"detection_type":"B"`) },
			"cell_row=3": func(s string) bool { return strings.Contains(s, `"cell_row":3,`) },
			"cell_row is null and bucket!=b0": func(s string) bool {
				return strings.Contains(s, `"cell_row":null,`) && !strings.Contains(s, `"bucket_name":"b0"`)
			},
			"cell_row in (1,3,4) or page_number=1": func(s string) bool {
				return strings.Contains(s, `"cell_row":1,`) || strings.Contains(s, `"cell_row":3,`) ||
					strings.Contains(s, `"cell_row":4,`) || strings.Contains(s, `"page_number":1,`)
			},
			"bucket_tag:n=5": func(s string) bool { return strings.Contains(s, `"bucket_tags":{"n":"5"}`) },
		} {
			if _, err := where.Parse(filter, Fields(table)); err != nil {
				continue // the table has no such column
			}
			var want strings.Builder
			for _, row := range all {
				if row != "" && match(row) {
					want.WriteString(row)
				}
			}
			if want.Len() == 0 {
				t.Fatalf("%s, %s: nothing to find", table.Name, filter)
			}
			if got := write(t, lines, filter, Options{Table: table, Limit: -1, Workers: 2}, NDJSON); got != want.String() {
				t.Errorf("%s, %s: other rows", table.Name, filter)
			}
			columns := table.Columns[:1]
			rows := strings.Count(write(t, lines, filter, Options{Table: table, Columns: columns, Limit: -1}, CSV), "\n") - 1
			if want := strings.Count(want.String(), "\n"); rows != want {
				t.Errorf("%s, %s: %d rows of a column, want %d", table.Name, filter, rows, want)
			}
		}
	}
}

// A limit is exact, wherever batches end.
func TestLimit(t *testing.T) {
	lines := occurrences(4000)
	table := schema.Occurrences()
	all := strings.SplitAfter(write(t, lines, "", Options{Table: table, Limit: -1, Workers: 2}, NDJSON), "\n")
	for _, limit := range []int{0, 1, 2, 1000, len(all) - 2, len(all) - 1, len(all), 1 << 40} {
		want := strings.Join(all[:min(limit, len(all)-1)], "")
		if got := write(t, lines, "", Options{Table: table, Limit: int64(limit), Workers: 2}, NDJSON); got != want {
			t.Errorf("limit %d: %d rows", limit, strings.Count(got, "\n"))
		}
		rows := int64(0)
		stream, err := ipc.NewReader(strings.NewReader(write(t, lines, "", Options{Table: table, Limit: int64(limit)}, Arrow)))
		if err != nil {
			t.Fatal(err)
		}
		for stream.Next() {
			rows += stream.RecordBatch().NumRows()
		}
		if want := min(limit, len(all)-1); rows != int64(want) || stream.Err() != nil {
			t.Errorf("limit %d: %d rows of Arrow, %v", limit, rows, stream.Err())
		}
	}
}

// endless gives lines of results without an end.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	const line = `{"id":"r"}` + "\n"
	n := copy(p, strings.Repeat(line, max(1, len(p)/len(line))))
	e.read += int64(n)
	return n, nil
}

// A limit ends the reading.
func TestLimitReadsNoFurther(t *testing.T) {
	in := &endless{}
	table := schema.Results()
	output := NewOutput(io.Discard, NDJSON, table.Columns, text.Options{}, "test")
	rows := New(Options{Table: table, Columns: table.Columns, Limit: 5, Workers: 2}, output)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := rows.AddResults(ctx, raw.Options{
		Inputs: []string{input.StdinName}, Origins: []input.Origin{input.NewStdin(in)}, Log: slog.New(slog.DiscardHandler),
	}); err != nil {
		t.Fatal(err)
	}
	if in.read > 32<<20 {
		t.Errorf("%d bytes were read for five rows", in.read)
	}
}

// A row of any size, and any number of rows of a line, take bounded memory at a
// time, and come out whole.
func TestExpandingLine(t *testing.T) {
	key := strings.Repeat("k", 1<<20)
	line := `{"id":"r","resourcesAffected":{"s3Object":{"key":"` + key + `"}},"classificationDetails":{"result":{"sensitiveData":` +
		`[{"detections":[{"type":"T","occurrences":{"cells":[` + strings.Repeat(`{},`, 39) + `{}]}}]}]}}}`
	table := schema.Occurrences()
	for _, limit := range []int64{-1, 20} {
		got := write(t, line, "", Options{Table: table, Limit: limit, Workers: 2}, NDJSON)
		want := 40
		if limit > 0 {
			want = int(limit)
		}
		if n := strings.Count(got, key); n != want || strings.Count(got, "\n") != want {
			t.Errorf("limit %d: %d rows", limit, n)
		}
	}
}

// Every short name is a column's somewhere.
func TestAliases(t *testing.T) {
	for name, column := range aliases {
		found := false
		for _, table := range schema.Tables() {
			_, ok := table.Column(column)
			found = found || ok
			if _, ok := table.Column(name); ok {
				t.Errorf("%s is a column of %s", name, table.Name)
			}
		}
		if !found {
			t.Errorf("%s: there is no column %s", name, column)
		}
	}
}

// Fields that are made of columns mean what they mean in summaries: the ID of a
// custom identifier, a member's own extension.
func TestMadeFields(t *testing.T) {
	line := func(id, created, key, member, arn string) string {
		return fmt.Sprintf(`{"id":%q,"createdAt":%q,"resourcesAffected":{"s3Bucket":{"name":"b"},"s3Object":{"key":%q,"extension":"zip"%s}},`+
			`"classificationDetails":{"result":{"customDataIdentifiers":{"detections":[{"name":"badge","arn":%q,"count":1}]}}}}`+"\n",
			id, created, key, member, arn)
	}
	lines := line("archive", "2026-01-31T23:00:00Z", "a.zip", "", "arn:aws:macie2:us-east-1:111122223333:custom-data-identifier/id-1") +
		line("member", "2026-01-31T23:00:00-02:00", "a.zip", `,"embeddedFileDetails":{"filePath":"x.csv","fileExtension":"csv"}`, "id-1") +
		line("other", "2026-02-02T00:00:00Z", "c.zip", "", "id-2")
	for _, test := range []struct{ table, filter, want string }{
		{"results", "extension=csv", "member"},
		{"results", "extension=zip", "archive other"},
		{"results", "object='s3://b/a.zip'", "archive member"},
		{"results", "month='2026-01'", "archive"},
		{"results", "date='2026-02-01'", "member"},
		{"results", "extension=csv or object~'c.zip$'", "member other"},
		{"detections", "identifier=id-1", "archive member"},
		{"detections", "identifier!=id-1", "other"},
		{"detections", "identifier in (id-2, id-3)", "other"},
		{"detections", "object='s3://b/c.zip' and date='2026-02-02'", "other"},
	} {
		var table *schema.Table
		for _, candidate := range schema.Tables() {
			if candidate.Name == test.table {
				table = candidate
			}
		}
		id, _ := table.Column("result_id")
		got := write(t, lines, test.filter, Options{Table: table, Columns: []schema.Column{id}, Limit: -1, Workers: 1}, CSV)
		if got := strings.Join(strings.Fields(got)[1:], " "); got != test.want {
			t.Errorf("%s where %s: %q, want %q", test.table, test.filter, got, test.want)
		}
	}
	// They are columns, too, beside those of the table that they are made of.
	for table, want := range map[*schema.Table]string{
		schema.Results():    "s3://b/a.zip,zip,2026-01,2026-01-31T23:00:00.000000Z,b s3://b/a.zip,csv,2026-02,2026-02-01T01:00:00.000000Z,b s3://b/c.zip,zip,2026-02,2026-02-02T00:00:00.000000Z,b",
		schema.Detections(): "s3://b/a.zip,id-1,2026-01,2026-01-31T23:00:00.000000Z,b s3://b/a.zip,id-1,2026-02,2026-02-01T01:00:00.000000Z,b s3://b/c.zip,id-2,2026-02,2026-02-02T00:00:00.000000Z,b",
	} {
		of := map[bool]string{true: "extension", false: "identifier"}[table.Row == schema.ResultLevel]
		var columns []schema.Column
		for _, name := range []string{"object", of, "month", "created_at", "bucket"} {
			c, ok := Column(table, name)
			if !ok {
				t.Fatalf("%s has no column %s", table.Name, name)
			}
			columns = append(columns, c)
		}
		for _, workers := range []int{1, 3} {
			got := write(t, lines, "bucket=b", Options{Table: table, Columns: columns, Limit: -1, Workers: workers}, CSV)
			if got := strings.Join(strings.Fields(got), " "); got != "object,"+of+",month,created_at,bucket_name "+want {
				t.Errorf("%s: %s", table.Name, got)
			}
		}
	}
	// Detections don't have the extension of a member, so they have no such field.
	if _, err := where.Parse("extension=csv", Fields(schema.Detections())); err == nil {
		t.Error("detections have an extension")
	}
}

// BenchmarkCat writes the occurrences of a sample on one core; a byte is one of
// the inflated input.
func BenchmarkCat(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "sample")
	expected, err := gen.Run(b.Context(), gen.Options{Dir: dir, Profile: "mixed", Size: 40_000_000, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	table := schema.Occurrences()
	for _, f := range Formats() {
		b.Run(string(f), func(b *testing.B) {
			b.SetBytes(expected.InflatedBytes)
			b.ReportAllocs()
			for b.Loop() {
				output := NewOutput(io.Discard, f, table.Columns, text.Options{}, "bench")
				rows := New(Options{Table: table, Columns: table.Columns, Limit: -1, Workers: 1}, output)
				tally, err := rows.AddResults(b.Context(), raw.Options{
					Inputs: []string{dir}, Origins: []input.Origin{input.Local{}}, Log: slog.New(slog.DiscardHandler),
				})
				if err != nil || tally.Lines != expected.Lines {
					b.Fatal(tally, err)
				}
				if err := output.End(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
